"""Cells: what a scenario file can say about the shared uplink in front of an edge server.

A cell has a capacity over time, a discipline that shares it, a transport, an access procedure and its
troubles.  Most parts have a short form: ``capacity: 10 Mbit/s``, ``sharing: equal``, ``transport: tcp``.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from scenarios.quantities import Duration, Rate, Share, Size
from scenarios.schema.base import Spec

# ---------------------------------------------------------------- capacity over time


class ConstantCapacitySpec(Spec):
    """A capacity that never changes.  Short form: the rate itself, ``capacity: 10 Mbit/s``."""

    kind: Literal["constant"] = "constant"
    rate: Rate
    """Capacity of the cell's uplink."""


class MahimahiCapacitySpec(Spec):
    """A Mahimahi packet-delivery trace: one integer per line, the millisecond at which 1500 bytes may
    leave.
    """

    kind: Literal["mahimahi"]
    file: str
    """Trace file, relative to the scenario file, to the folder in AMSER_TRACES, or one of the library's
    own.
    """
    start: Duration | Literal["random"] = 0.0
    """Where in the trace the simulation begins; `random` draws the place anew for each replication."""
    mean_rate: Rate | None = None
    """Scale the trace so that its mean is this rate; without it the trace is taken as recorded."""


class CsvCapacitySpec(Spec):
    """A CSV file of time and rate with a header such as ``time_s,rate_bps``; each rate holds until the
    next row.
    """

    kind: Literal["csv"]
    file: str
    """Trace file, relative to the scenario file, to the folder in AMSER_TRACES, or one of the library's
    own.
    """
    start: Duration | Literal["random"] = 0.0
    """Where in the trace the simulation begins; `random` draws the place anew for each replication."""
    mean_rate: Rate | None = None
    """Scale the trace so that its mean is this rate; without it the trace is taken as recorded."""


def _constant_short_form(value: Any) -> Any:
    return {"kind": "constant", "rate": value} if isinstance(value, (str, float)) else value


CapacitySpec = Annotated[
    Annotated[
        ConstantCapacitySpec | MahimahiCapacitySpec | CsvCapacitySpec,
        Field(discriminator="kind"),
    ],
    BeforeValidator(
        _constant_short_form,
        json_schema_input_type=Rate | ConstantCapacitySpec | MahimahiCapacitySpec | CsvCapacitySpec,
    ),
]

# ---------------------------------------------------------------- sharing


class FifoSharingSpec(Spec):
    """Uploads use the whole capacity one after the other, in order of arrival."""

    kind: Literal["fifo"] = "fifo"


class EqualSharingSpec(Spec):
    """All active uploads share the capacity equally at every moment (processor sharing)."""

    kind: Literal["equal"] = "equal"


class DedicatedSharingSpec(Spec):
    """Every upload has the whole capacity for itself; nobody waits for anybody."""

    kind: Literal["dedicated"] = "dedicated"


def _kind_short_form(value: Any) -> Any:
    return {"kind": value} if isinstance(value, str) else value


SharingSpec = Annotated[
    Annotated[FifoSharingSpec | EqualSharingSpec | DedicatedSharingSpec, Field(discriminator="kind")],
    BeforeValidator(
        _kind_short_form,
        json_schema_input_type=Literal["fifo", "equal", "dedicated"]
        | FifoSharingSpec
        | EqualSharingSpec
        | DedicatedSharingSpec,
    ),
]

# ---------------------------------------------------------------- transport


class UdpTransportSpec(Spec):
    """Datagrams without set-up, acknowledgement or retransmission."""

    kind: Literal["udp"] = "udp"


class TcpTransportSpec(Spec):
    """TCP with slow start; the rounds that the link does not limit are computed, not simulated."""

    kind: Literal["tcp"] = "tcp"
    tls: Literal["none", "1.2", "1.3"] = "1.3"
    """Encryption: none, TLS 1.2 (two more round trips at set-up) or TLS 1.3 (one more)."""
    connection: Literal["persistent", "new"] = "persistent"
    """`persistent` keeps the connection between uploads; `new` opens one for every upload."""
    keep_alive: Duration | None = None
    """A persistent connection that was idle for longer is gone and set up again; without it, never."""
    initial_window: Annotated[int, Field(ge=1, le=1000)] = 10
    """Initial congestion window in segments (RFC 6928: 10)."""
    idle_restart: bool = True
    """Shrink the window after idle time as RFC 5681, section 4.1 and Linux do."""


TransportSpec = Annotated[
    Annotated[UdpTransportSpec | TcpTransportSpec, Field(discriminator="kind")],
    BeforeValidator(
        _kind_short_form,
        json_schema_input_type=Literal["udp", "tcp"] | UdpTransportSpec | TcpTransportSpec,
    ),
]


class PacketSpec(Spec):
    """How payload is cut into packets and what each of them carries on top."""

    mtu: Annotated[Size, Field(ge=576, le=65535)] = 1500.0
    """Largest IP packet (Ethernet: 1500 B)."""
    ip: Literal["v4", "v6"] = "v4"
    """IP version: 20 or 40 header bytes."""
    link_header: Size = 0.0
    """Bytes that the link layer adds to each IP packet, where the capacity counts them too."""


# ---------------------------------------------------------------- access and trouble


class NoAccessSpec(Spec):
    """The channel is granted at once."""

    kind: Literal["none"] = "none"


class FixedAccessSpec(Spec):
    """A constant delay before the first byte may leave."""

    kind: Literal["fixed"]
    delay: Duration
    """The delay."""


AccessSpec = Annotated[
    Annotated[NoAccessSpec | FixedAccessSpec, Field(discriminator="kind")],
    BeforeValidator(
        _kind_short_form, json_schema_input_type=Literal["none"] | NoAccessSpec | FixedAccessSpec
    ),
]


class NoLossSpec(Spec):
    """Every payload arrives."""

    kind: Literal["none"] = "none"


class PayloadLossSpec(Spec):
    """A whole payload is lost with a given probability, whatever its size."""

    kind: Literal["payload"]
    probability: Share
    """Probability that an upload is lost."""


LossSpec = Annotated[
    Annotated[NoLossSpec | PayloadLossSpec, Field(discriminator="kind")],
    BeforeValidator(_kind_short_form, json_schema_input_type=Literal["none"] | NoLossSpec | PayloadLossSpec),
]


class CellSpec(Spec):
    """One shared uplink in front of an edge server."""

    capacity: CapacitySpec
    """Capacity over time."""
    sharing: SharingSpec = EqualSharingSpec()
    """How simultaneous uploads share it."""
    rtt: Duration = 0.0
    """Round-trip time between device and the cell's gateway with empty queues."""
    backhaul: Duration = 0.0
    """One-way delay between the gateway and the edge server."""
    transport: TransportSpec = TcpTransportSpec()
    """Transport protocol of the uploads."""
    packet: PacketSpec = PacketSpec()
    """Packet size and headers."""
    access: AccessSpec = NoAccessSpec()
    """Delay until a device may send."""
    loss: LossSpec = NoLossSpec()
    """Loss of payloads."""
