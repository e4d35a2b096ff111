"""Rounds of a congestion window as scalar functions, for the transports and, compiled, for the fleet engine."""

from __future__ import annotations

import math

INFINITY = math.inf
RTO_MIN_S = 0.2  # Linux TCP_RTO_MIN; RFC 6298 has 1 s
COLD, RESUMED, WARM = -1.0, -2.0, 0.0  # states of a connection; above 0: how often its window has halved
MOST_HALVINGS = 16


def connection_state(idle_s: float, rtt_s: float, new_connection: bool, keep_alive_s: float, restart: bool) -> float:
    """The state of a device's connection ``idle_s`` after its last transfer (inf: it has none yet; 0: under way)."""
    if idle_s == INFINITY:
        return COLD
    if new_connection or idle_s > keep_alive_s:
        return RESUMED
    if restart and idle_s > 0.0:
        # Linux: RTO = SRTT + max(RTO_MIN, 4 RTTVAR); the window halves for each that passed.
        return float(min(math.floor(idle_s / (RTO_MIN_S + rtt_s)), MOST_HALVINGS))
    return WARM


def packets_of(stream_bytes: float, packet_bytes: float) -> int:
    """Packets that carry a stream; an empty one needs one too."""
    return max(1, math.ceil(stream_bytes / packet_bytes))


def records_bytes(payload_bytes: float, limit_bytes: float, overhead_bytes: float) -> float:
    """Bytes that encryption adds: so many for each record of up to ``limit_bytes``."""
    return max(1, math.ceil(payload_bytes / limit_bytes)) * overhead_bytes


def window_after(packets: int, initial: int, halvings: float) -> int:
    """Window that a connection has left: it is taken to have carried an upload of so many packets before."""
    window, sent = initial, 0
    while sent + window < packets:
        sent += window
        window *= 2
    return max(initial, int(math.ldexp(window, -int(halvings))))


def ramp_s(packets: int, window: int, packet_bits: float, rate_bps: float, rtt_s: float) -> float:
    """Link time left unused in the rounds before the last one whose window does not fill the path."""
    packet_s = packet_bits / rate_bps if rate_bps > 0.0 else INFINITY
    round_s = rtt_s + packet_s  # the first acknowledgement of a round comes back after this
    ramp, left = 0.0, packets
    while left > window:
        busy = window * packet_s
        if busy >= round_s:
            break
        ramp += round_s - busy
        left -= window
        window *= 2
    return ramp
