"""Parts of a cell: how it is shared, which transport it carries, how devices get access, and what goes wrong."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, model_validator

from scenarios.quantities import Duration, GainDb, PositiveDuration, Share, Size
from scenarios.schema.base import Spec, kind_short_form

# ---------------------------------------------------------------- sharing


class FifoSharingSpec(Spec):
    """Uploads use the whole capacity one after the other, in order of arrival."""

    kind: Literal["fifo"] = "fifo"
    """`fifo`: one after the other."""


class EqualSharingSpec(Spec):
    """All active uploads share the capacity equally at every moment: a base station or a fair queue, not a router's."""

    kind: Literal["equal"] = "equal"
    """`equal`: everybody gets the same."""


class DedicatedSharingSpec(Spec):
    """Every upload has the whole capacity for itself; nobody waits for anybody."""

    kind: Literal["dedicated"] = "dedicated"
    """`dedicated`: no sharing."""


class WeightedSharingSpec(Spec):
    """The capacity is shared in proportion to the `weight` of the device groups that the uploads come from."""

    kind: Literal["weighted"] = "weighted"
    """`weighted`: in proportion to the groups' weights."""


class MaxMinSharingSpec(Spec):
    """Equal sharing in which nobody gets more than the device's own rate; what is left goes to the others."""

    kind: Literal["max-min"] = "max-min"
    """`max-min`: equal up to each device's own rate."""


class AirTimeSharingSpec(Spec):
    """Equal time on the air, one device after the other: each makes of its time what its own rate allows."""

    kind: Literal["airtime"] = "airtime"
    """`airtime`: equal time, rates by each device's own rate."""


class WifiSharingSpec(Spec):
    """WiFi's distributed coordination: equal frames, so slow stations slow everybody; overhead after Bianchi.

    The cell's capacity is the physical rate of a station without a rate of its own.
    """

    kind: Literal["wifi"] = "wifi"
    """`wifi`: equal frames with contention."""
    standard: Literal["11a", "11n", "11ac", "11ax"] = "11ac"
    """Standard: preamble length and the default of `aggregation`."""
    aggregation: Annotated[int, Field(ge=1, le=256)] | None = None
    """Frames of 1500 bytes sent in one access (A-MPDU); by default 1, 16, 32 or 32 as the standard allows."""


class BlocksSharingSpec(Spec):
    """An LTE or NR uplink: several devices at a time, each on as many blocks as its power can use, in equal numbers."""

    kind: Literal["blocks"] = "blocks"
    """`blocks`: the band is shared out, block by block."""
    scheduler: Literal["proportional-fair", "round-robin"] = "proportional-fair"
    """`proportional-fair` serves devices when fading favours them; `round-robin` does not look at their channels."""
    snr: GainDb = 10.0
    """Mean signal-to-noise ratio of devices that are not placed, for what proportional fair gains."""


class ProportionalFairSharingSpec(Spec):
    """A base station that serves, under fading, one device at a time: the one whose channel is best for itself."""

    kind: Literal["proportional-fair"] = "proportional-fair"
    """`proportional-fair`: equal time at the best moments, the whole band to one device."""
    snr: GainDb = 10.0
    """Mean signal-to-noise ratio of devices that are not placed; it sets how much the choice of moments gains."""


class RouterSharingSpec(Spec):
    """One FIFO packet queue for all, as in home routers; senders with congestion windows fill it round by round."""

    kind: Literal["router"] = "router"
    """`router`: a packet queue shared by windows, round by round."""
    buffer: Size | None = None
    """Room of the drop-tail queue; without it, it is never full."""
    congestion: Literal["cubic", "reno"] = "cubic"
    """Congestion control of the senders."""


_AnySharing = (
    FifoSharingSpec
    | EqualSharingSpec
    | DedicatedSharingSpec
    | WeightedSharingSpec
    | MaxMinSharingSpec
    | AirTimeSharingSpec
    | WifiSharingSpec
    | BlocksSharingSpec
    | ProportionalFairSharingSpec
    | RouterSharingSpec
)
_SharingName = Literal[
    "fifo", "equal", "dedicated", "weighted", "max-min", "airtime", "wifi", "blocks", "proportional-fair", "router"
]
SharingSpec = Annotated[
    Annotated[_AnySharing, Field(discriminator="kind")],
    BeforeValidator(kind_short_form, json_schema_input_type=_SharingName | _AnySharing),
]

# ---------------------------------------------------------------- transport


class UdpTransportSpec(Spec):
    """Datagrams without set-up, acknowledgement or retransmission."""

    kind: Literal["udp"] = "udp"
    """`udp`: datagrams."""


class _ConnectionSpec(Spec):
    connection: Literal["persistent", "new"] = "persistent"
    """`persistent` keeps the connection between uploads; `new` opens one for every upload."""
    keep_alive: Duration | None = None
    """A persistent connection that was idle for longer is gone and set up again; without it, never."""
    initial_window: Annotated[int, Field(ge=1, le=1000)] = 10
    """Initial congestion window in packets (RFC 6928 and RFC 9002: 10)."""
    idle_restart: bool = True
    """Shrink the window after idle time as RFC 5681, section 4.1 and Linux do."""


class TcpTransportSpec(_ConnectionSpec):
    """TCP with slow start; the rounds that the link does not limit are computed, not simulated."""

    kind: Literal["tcp"] = "tcp"
    """`tcp`: TCP, alone or under TLS."""
    tls: Literal["none", "1.2", "1.3"] = "1.3"
    """Encryption: none, TLS 1.2 (two more round trips at set-up) or TLS 1.3 (one more)."""


class QuicTransportSpec(_ConnectionSpec):
    """QUIC: encrypted, set up in one round trip."""

    kind: Literal["quic"] = "quic"
    """`quic`: QUIC."""
    zero_rtt: bool = False
    """A device that was connected before sends its payload with the first packet (0-RTT)."""


_AnyTransport = UdpTransportSpec | TcpTransportSpec | QuicTransportSpec
TransportSpec = Annotated[
    Annotated[_AnyTransport, Field(discriminator="kind")],
    BeforeValidator(kind_short_form, json_schema_input_type=Literal["udp", "tcp", "quic"] | _AnyTransport),
]


class PacketSpec(Spec):
    """How payload is cut into packets and what each of them carries on top."""

    mtu: Annotated[Size, Field(ge=576, le=65535)] = 1500.0
    """Largest IP packet (Ethernet: 1500 B)."""
    ip: Literal["v4", "v6"] = "v4"
    """IP version: 20 or 40 header bytes."""
    link_header: Size | Literal["ethernet", "wifi", "lte"] = 0.0
    """Bytes that the link layer adds to each IP packet, where the capacity counts them too; or whose they are."""
    request: Size = 0.0
    """Bytes that each upload has before its payload, such as the head of an HTTP request."""


# ---------------------------------------------------------------- access


class NoAccessSpec(Spec):
    """The channel is granted at once."""

    kind: Literal["none"] = "none"
    """`none`: no delay."""


class FixedAccessSpec(Spec):
    """A constant delay before the first byte may leave."""

    kind: Literal["fixed"]
    """`fixed`: always the same."""
    delay: Duration
    """The delay."""


class LteAccessSpec(Spec):
    """LTE: wait for the next scheduling-request opportunity, ask, be granted, send, be decoded."""

    kind: Literal["lte"] = "lte"
    """`lte`: scheduling request and grant."""
    sr_period: PositiveDuration = 0.01
    """Period of the device's scheduling-request opportunities: 1, 2, 5, 10, 20, 40 or 80 ms."""
    buffer_report: bool = True
    """A second grant for the real size, after the buffer status report: about 8 ms more."""
    block_error: Annotated[Share, Field(lt=1.0)] = 0.1
    """Share of transport blocks that need a retransmission (HARQ), each 8 ms later."""


class NrAccessSpec(Spec):
    """NR: a dynamic grant, or a configured grant that needs no request."""

    kind: Literal["nr"] = "nr"
    """`nr`: 5G access."""
    grant: Literal["dynamic", "configured"] = "dynamic"
    """`dynamic` asks first; `configured` waits for the next occasion of its own."""
    period: PositiveDuration = 0.005
    """Period of scheduling requests or of the configured occasions."""
    slot: PositiveDuration = 0.0005
    """Length of a slot (30 kHz subcarriers: 0.5 ms)."""


class WifiAccessSpec(Spec):
    """WiFi: AIFS and a random backoff, longer when other stations contend."""

    kind: Literal["wifi"] = "wifi"
    """`wifi`: contention."""
    stations: Annotated[int, Field(ge=1, le=1000)] = 1
    """Stations that have something to send at the same time."""


_AnyAccess = NoAccessSpec | FixedAccessSpec | LteAccessSpec | NrAccessSpec | WifiAccessSpec
AccessSpec = Annotated[
    Annotated[_AnyAccess, Field(discriminator="kind")],
    BeforeValidator(kind_short_form, json_schema_input_type=Literal["none", "lte", "nr", "wifi"] | _AnyAccess),
]

# ---------------------------------------------------------------- trouble


class NoLossSpec(Spec):
    """Every payload arrives."""

    kind: Literal["none"] = "none"
    """`none`: nothing is lost."""


class PayloadLossSpec(Spec):
    """A whole payload is lost with a given probability, whatever its size."""

    kind: Literal["payload"]
    """`payload`: the same for every upload."""
    probability: Share
    """Probability that an upload is lost."""


class PacketLossSpec(Spec):
    """Packets are lost in bursts (Gilbert model): datagrams lose the payload, TCP and QUIC lose time."""

    kind: Literal["packet"]
    """`packet`: single packets are lost."""
    probability: Share
    """Share of packets that are lost."""
    mean_burst: Annotated[float, Field(ge=1.0, le=1e6)] = 1.0
    """Mean number of packets lost in a row; 1 is (nearly) independent loss."""

    @model_validator(mode="after")
    def _bursts_suffice(self) -> PacketLossSpec:
        if self.probability >= 1.0:
            raise ValueError("losing 100 % of the packets leaves nothing to send; give a smaller probability")
        shortest = self.probability / (1.0 - self.probability)
        if self.mean_burst < shortest:
            raise ValueError(
                f"losing {self.probability:.0%} of the packets needs bursts of at least {shortest:.2g} packets on "
                f"average, found {self.mean_burst:g}; raise `mean_burst`"
            )
        return self


_AnyLoss = NoLossSpec | PayloadLossSpec | PacketLossSpec
LossSpec = Annotated[
    Annotated[_AnyLoss, Field(discriminator="kind")],
    BeforeValidator(kind_short_form, json_schema_input_type=Literal["none"] | _AnyLoss),
]


class RetrySpec(Spec):
    """When an upload is given up or tried again."""

    deadline: PositiveDuration | None = None
    """A reply that comes later than this after the end of speech is late; without it, none is."""
    timeout: PositiveDuration | None = None
    """An attempt that has not arrived after this time is given up; without it, never."""
    attempts: Annotated[int, Field(ge=1, le=100)] = 1
    """Attempts in all; 1 never tries again."""
    backoff: Duration = 0.5
    """Wait before the second attempt."""
    factor: Annotated[float, Field(ge=1.0, le=10.0)] = 2.0
    """Each further wait is longer by this factor."""
    jitter: Share = 0.5
    """Share of each wait that is random, so that devices that failed together do not return together."""
    longest_wait: PositiveDuration = 60.0
    """No wait is longer."""

    @model_validator(mode="after")
    def _worth_it(self) -> RetrySpec:
        if self.timeout is not None and self.deadline is not None and self.timeout > self.deadline:
            raise ValueError("timeout must not be longer than the deadline")
        return self
