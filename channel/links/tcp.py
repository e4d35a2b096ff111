"""TCP: set-up, slow start, idle restart.

The model follows Cardwell, Savage and Anderson (INFOCOM 2000): a short transfer is a sequence of rounds, each
one window of segments, until a window fills the path; from there on the link alone sets the pace.  Two things
differ.  The window grows by one segment for each segment acknowledged (Linux counts acknowledged segments, so
delayed acknowledgements do not slow it), hence it doubles.  And a round that does not fill the path delays
the upload by the link time it leaves unused, while all bits go over the shared link: the upload's duration is
the same, and the link's load is complete.
"""

from __future__ import annotations

import math

from channel.links.transport import (
    CACHE_LIMIT,
    TCP_HEADER_BYTES,
    TLS_RECORD_BYTES,
    TLS_RECORD_LIMIT_BYTES,
    Packets,
    Plan,
    Transport,
)

INFINITY = math.inf
RTO_MIN_S = 0.2  # Linux TCP_RTO_MIN; RFC 6298 has 1 s
GROWTH = 2.0
# Round trips before the first payload byte: 1 for TCP (RFC 9293), 2 more for TLS 1.2 (RFC 5246), 1 for 1.3
# (RFC 8446).
SETUP_ROUNDS = {"none": 1, "1.2": 3, "1.3": 2}
# Bytes the device sends meanwhile without their packets' headers: a ClientHello of about 517 bytes (padded as
# browsers do) and Finished 58 to 74, for TLS 1.2 also the key exchange; remembered, unverified.
SETUP_BYTES = {"none": 0.0, "1.2": 517.0 + 126.0, "1.3": 517.0 + 74.0}
SETUP_PACKETS = {
    "none": 2,
    "1.2": 5,
    "1.3": 4,
}  # SYN and ACK; ClientHello, ACK of the server's flight, Finished

_Prepared = tuple[int, int, int, float, float, Plan]  # segments, window, set-up rounds, bits, bytes, plan


class TcpTransport(Transport):
    """TCP, alone or under TLS, on a new connection for every upload or on one that persists.

    ``initial_window`` in segments; ``keep_alive_s``: a connection idle for longer is set up again;
    ``idle_restart``: after an idle time the window halves for each retransmission timeout that passed, down
    to the initial window (RFC 5681, section 4.1; Linux tcp_slow_start_after_idle).
    """

    __slots__ = (
        "_cache", "_header", "_ip_header", "_mss", "_setup_rounds", "_setup_wire", "_tls", "idle_restart",
        "initial_window", "keep_alive_s", "new_connection",
    )  # fmt: skip
    name = "tcp"
    source = "Cardwell, Savage, Anderson, INFOCOM 2000; RFC 6928 (IW10); RFC 5681; RFC 8446"

    def __init__(
        self,
        packets: Packets | None = None,
        *,
        tls: str = "1.3",
        new_connection: bool = False,
        keep_alive_s: float = INFINITY,
        initial_window: int = 10,
        idle_restart: bool = True,
    ) -> None:
        packets = packets or Packets()
        self._header = packets.ip_header_bytes + TCP_HEADER_BYTES + packets.link_header_bytes
        self._mss = packets.mtu_bytes - packets.ip_header_bytes - TCP_HEADER_BYTES
        self._tls = tls != "none"
        self._setup_rounds = SETUP_ROUNDS[tls]
        self._setup_wire = SETUP_BYTES[tls] + SETUP_PACKETS[tls] * self._header
        self.new_connection = new_connection
        self.keep_alive_s = keep_alive_s
        self.initial_window = initial_window
        self.idle_restart = idle_restart
        self._cache: dict[tuple[float, float], _Prepared] = {}

    def stream_bytes(self, payload_bytes: float) -> float:
        """Bytes of the payload in the TCP stream: TLS adds 22 to each record of up to 16 KiB."""
        if not self._tls:
            return payload_bytes
        return payload_bytes + max(1, math.ceil(payload_bytes / TLS_RECORD_LIMIT_BYTES)) * TLS_RECORD_BYTES

    def packets(self, payload_bytes: float) -> int:
        """Segments that carry the payload, TLS records included."""
        return max(1, math.ceil(self.stream_bytes(payload_bytes) / self._mss))

    def plan(
        self, now: float, payload_bytes: float, idle_s: float, fair_rate_bps: float, rtt_s: float
    ) -> Plan:
        """See `Transport.plan`."""
        if idle_s > self.keep_alive_s or idle_s == INFINITY or self.new_connection:
            halvings = -1.0  # no connection: set it up
        elif self.idle_restart:
            halvings = idle_s // (RTO_MIN_S + rtt_s)  # Linux: RTO = SRTT + max(RTO_MIN, 4 RTTVAR)
            if halvings > 16.0:
                halvings = 16.0
        else:
            halvings = 0.0
        key = (payload_bytes, halvings)
        known = self._cache.get(key)
        if known is None:
            known = self._prepare(payload_bytes, halvings)
        segments, window, rounds, bits, wire, plain = known
        if segments <= window and plain.setup_s == rounds * rtt_s:
            return plain
        ramp = self._ramp_s(segments, window, fair_rate_bps, rtt_s)
        return Plan(rounds * rtt_s, ramp, bits, wire, 0.0)

    def _prepare(self, payload_bytes: float, halvings: float) -> _Prepared:
        """Everything about a payload that depends on neither rate nor round-trip time, kept for the next
        time.
        """
        stream = self.stream_bytes(payload_bytes)
        segments = max(1, math.ceil(stream / self._mss))
        wire = stream + segments * self._header
        window, rounds, extra = self.initial_window, self._setup_rounds, self._setup_wire
        if halvings >= 0.0:
            window, rounds, extra = self._window_after(segments, halvings), 0, 0.0
        if len(self._cache) >= CACHE_LIMIT:
            self._cache.clear()
        plain = Plan(0.0, 0.0, wire * 8.0, wire + extra, 0.0)
        known = (segments, window, rounds, wire * 8.0, wire + extra, plain)
        self._cache[payload_bytes, halvings] = known
        return known

    def _window_after(self, segments: int, halvings: float) -> int:
        """Window that a connection has left: it is taken to have carried an upload of this size before."""
        window = self.initial_window
        sent = 0
        while sent + window < segments:
            sent += window
            window *= 2
        return max(self.initial_window, int(window / GROWTH**halvings))

    def _ramp_s(self, segments: int, window: int, rate_bps: float, rtt_s: float) -> float:
        """Link time left unused in the rounds before the last one whose window does not fill the path."""
        segment_s = (self._mss + self._header) * 8.0 / rate_bps if rate_bps > 0.0 else INFINITY
        round_s = rtt_s + segment_s  # the first acknowledgement of a round comes back after this
        ramp = 0.0
        left = segments
        while left > window:
            busy = window * segment_s
            if busy >= round_s:
                break
            ramp += round_s - busy
            left -= window
            window *= 2
        return ramp
