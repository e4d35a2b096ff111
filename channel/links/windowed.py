"""Transports with a congestion window: set-up rounds, slow start, idle restart.

The model follows Cardwell, Savage and Anderson (INFOCOM 2000): a short transfer is a sequence of rounds, each
one window of packets, until a window fills the path; from there on the link alone sets the pace.  Two things
differ.  The window grows by one packet for each packet acknowledged (Linux counts acknowledged segments, so
delayed acknowledgements do not slow it), hence it doubles.  And a round that does not fill the path delays
the upload by the link time it leaves unused, while all bits, those of the set-up included, go over the shared
link after it: the duration of an upload that is alone is the same, and the link's load is complete.
"""

from __future__ import annotations

import math
from typing import NamedTuple

from channel.links.rounds import COLD, connection_state, packets_of, ramp_s, window_after
from channel.links.sharing import Start
from channel.links.transport import CACHE_LIMIT, Plan, Transport

INFINITY = math.inf
RATES_LIMIT = 64  # plans of one payload kept before they are forgotten


class Setup(NamedTuple):
    """What a connection costs before the first payload byte: round trips, and bytes the device sends in them."""

    rounds: int
    wire_bytes: float


class _Prepared(NamedTuple):
    """Everything about a payload that depends on neither rate nor round-trip time."""

    packets: int
    window: int
    rounds: int
    bits: float
    wire_bytes: float
    at_once: Plan | None  # the plan itself where it depends on nothing else
    by_rate: dict[float, Plan]  # plans made before, by the link's rate


class WindowedTransport(Transport):
    """What TCP and QUIC have in common.

    ``payload_bytes`` and ``header_bytes`` of a full packet, ``request_bytes`` before each payload, set-up of a first
    and of a resumed connection; ``initial_window`` in packets; ``keep_alive_s``: a connection idle for longer is set
    up again; ``idle_restart``: after an idle time the window halves for each retransmission timeout that passed, down
    to the initial window (RFC 5681, section 4.1; Linux tcp_slow_start_after_idle).  ``in_link``: the link plays set-up
    and rounds itself, so the plan has no delays but a `Start`.
    """

    __slots__ = (
        "_cache",
        "_in_link",
        "cold",
        "idle_restart",
        "initial_window",
        "keep_alive_s",
        "new_connection",
        "packet_header_bytes",
        "packet_payload_bytes",
        "request_bytes",
        "resumed",
    )  # fmt: skip

    def __init__(
        self,
        payload_bytes: float,
        header_bytes: float,
        cold: Setup,
        resumed: Setup,
        *,
        request_bytes: float = 0.0,
        new_connection: bool = False,
        keep_alive_s: float = INFINITY,
        initial_window: int = 10,
        idle_restart: bool = True,
        in_link: bool = False,
    ) -> None:
        self.request_bytes = request_bytes
        self.packet_payload_bytes, self.packet_header_bytes = payload_bytes, header_bytes
        self.cold, self.resumed = cold, resumed
        self.new_connection = new_connection
        self.keep_alive_s = keep_alive_s
        self.initial_window = initial_window
        self.idle_restart = idle_restart
        self._in_link = in_link
        self._cache: dict[tuple[float, float, float], _Prepared] = {}

    @property
    def packet_bits(self) -> float:
        """Bits of a full packet on the wire."""
        return (self.packet_payload_bytes + self.packet_header_bytes) * 8.0

    def stream_bytes(self, payload_bytes: float) -> float:
        """Bytes of an upload in the transport's stream: what comes before the payload and encryption's records too."""
        return payload_bytes + self.request_bytes

    def packets(self, payload_bytes: float) -> int:
        """Packets that carry the payload."""
        return packets_of(self.stream_bytes(payload_bytes), self.packet_payload_bytes)

    def wire_bytes(self, payload_bytes: float) -> float:
        """See `Transport.wire_bytes`."""
        return self.stream_bytes(payload_bytes) + self.packets(payload_bytes) * self.packet_header_bytes

    def plan(self, now: float, payload_bytes: float, idle_s: float, fair_rate_bps: float, rtt_s: float) -> Plan:
        """See `Transport.plan`."""
        state = connection_state(idle_s, rtt_s, self.new_connection, self.keep_alive_s, self.idle_restart)
        known = self._cache.get((payload_bytes, state, rtt_s))
        if known is None:
            known = self._prepare(payload_bytes, state, rtt_s)
        packets, window, rounds, bits, wire, at_once, by_rate = known
        if at_once is not None:
            return at_once
        # A constant capacity among n uploads gives few rates; a varying one gives a new rate nearly every time.
        plan = by_rate.get(fair_rate_bps)
        if plan is None:
            ramp = 0.0 if packets <= window else ramp_s(packets, window, self.packet_bits, fair_rate_bps, rtt_s)
            plan = Plan(rounds * rtt_s, ramp, bits, wire, 0.0)
            if len(by_rate) >= RATES_LIMIT:
                by_rate.clear()
            by_rate[fair_rate_bps] = plan
        return plan

    def _prepare(self, payload_bytes: float, state: float, rtt_s: float) -> _Prepared:
        packets, wire = self.packets(payload_bytes), self.wire_bytes(payload_bytes)
        window, setup = self.initial_window, Setup(0, 0.0)
        if state >= 0.0:
            window = window_after(packets, self.initial_window, state)
        else:
            setup = self.cold if state == COLD else self.resumed
        total = wire + setup.wire_bytes
        at_once: Plan | None = None
        if self._in_link:
            per_round = setup.wire_bytes * 8.0 / setup.rounds if setup.rounds else 0.0
            at_once = Plan(0.0, 0.0, wire * 8.0, total, 0.0, Start(setup.rounds, per_round, window * self.packet_bits))
        elif not setup.rounds and packets <= window:
            at_once = Plan(0.0, 0.0, total * 8.0, total, 0.0)
        if len(self._cache) >= CACHE_LIMIT:
            self._cache.clear()
        known = _Prepared(packets, window, setup.rounds, total * 8.0, total, at_once, {})
        self._cache[payload_bytes, state, rtt_s] = known
        return known
