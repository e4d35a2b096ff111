"""Transports: what a payload costs before, on and after the shared link.

`Transport.plan` turns a payload into set-up time, a start-up delay, bits for the shared link and a tail.
Rounds of slow start that the link does not limit are computed here, not simulated.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from typing import NamedTuple

from channel.links.rounds import packets_of
from channel.links.sharing import Start

INFINITY = math.inf

IPV4_HEADER_BYTES, IPV6_HEADER_BYTES = 20, 40  # RFC 791, RFC 8200
UDP_HEADER_BYTES = 8  # RFC 768
TCP_HEADER_BYTES = 32  # RFC 9293: 20, plus 12 for the timestamps option that Linux sends by default (RFC 7323)
# Bytes that link layers add to an IP packet; remembered, unverified.  Ethernet: header and check sequence, preamble and
# gap; WiFi: QoS header, check sequence, LLC/SNAP; LTE: PDCP, RLC and MAC.
LINK_HEADER_BYTES = {"ethernet": 14.0 + 4.0 + 20.0, "wifi": 26.0 + 4.0 + 8.0, "lte": 2.0 + 2.0 + 2.0}
TLS_RECORD_BYTES = 5 + 1 + 16  # TLS 1.3: record header, content type, AEAD tag (RFC 8446)
TLS_RECORD_LIMIT_BYTES = 16384  # RFC 8446, section 5.1
CACHE_LIMIT = 65536  # plans kept before the cache starts again


class Plan(NamedTuple):
    """One upload's way over the transport.

    The upload waits ``setup_s + ramp_s``, puts ``fluid_bits`` on the shared link, then needs ``tail_s`` and
    the propagation to arrive.  ``wire_bytes`` is everything the device sends, set-up included; ``fluid_bits`` is the
    same in bits, but for links that play the set-up themselves.
    """

    setup_s: float
    ramp_s: float
    fluid_bits: float
    wire_bytes: float
    tail_s: float
    start: Start | None = None


class Packets(NamedTuple):
    """How payload is cut: the largest IP packet, its IP header, what the link adds to each; what precedes a payload."""

    mtu_bytes: int = 1500
    ip_header_bytes: int = IPV4_HEADER_BYTES
    link_header_bytes: float = 0.0
    request_bytes: float = 0.0


class Transport(ABC):
    """How payload gets onto the link; see `Plan`."""

    __slots__ = ()

    name: str
    source: str
    """Where the model comes from."""
    request_bytes: float
    """What every upload has before its payload."""

    @abstractmethod
    def plan(self, now: float, payload_bytes: float, idle_s: float, fair_rate_bps: float, rtt_s: float) -> Plan:
        """Plan the upload of ``payload_bytes`` at ``now``.

        ``idle_s`` is the time since the device's last transfer ended (inf: it has no connection yet; 0 or less: one
        is under way or its reply is awaited),
        ``fair_rate_bps`` the rate that the link would give it, ``rtt_s`` the round-trip time with empty
        queues from the device to the server.
        """

    @abstractmethod
    def packets(self, payload_bytes: float) -> int:
        """Number of packets that carry the payload."""

    @abstractmethod
    def wire_bytes(self, payload_bytes: float) -> float:
        """Bytes of these packets on the wire, without a connection's set-up."""


class UdpTransport(Transport):
    """Datagrams: no set-up, no window, nothing sent twice."""

    __slots__ = ("_cache", "packet_header_bytes", "packet_payload_bytes", "request_bytes")
    name = "udp"
    source = "headers: RFC 768, RFC 791, RFC 8200"

    def __init__(self, packets: Packets | None = None) -> None:
        packets = packets or Packets()
        self.packet_header_bytes = packets.ip_header_bytes + UDP_HEADER_BYTES + packets.link_header_bytes
        self.packet_payload_bytes = packets.mtu_bytes - packets.ip_header_bytes - UDP_HEADER_BYTES
        self.request_bytes = packets.request_bytes
        self._cache: dict[float, Plan] = {}

    def packets(self, payload_bytes: float) -> int:
        """Datagrams that carry the payload; an empty one needs one too."""
        return packets_of(payload_bytes + self.request_bytes, self.packet_payload_bytes)

    def wire_bytes(self, payload_bytes: float) -> float:
        """See `Transport.wire_bytes`."""
        return payload_bytes + self.request_bytes + self.packets(payload_bytes) * self.packet_header_bytes

    def plan(self, now: float, payload_bytes: float, idle_s: float, fair_rate_bps: float, rtt_s: float) -> Plan:
        """See `Transport.plan`; only the size matters, so each size is computed once."""
        plan = self._cache.get(payload_bytes)
        if plan is None:
            if len(self._cache) >= CACHE_LIMIT:
                self._cache.clear()
            wire = self.wire_bytes(payload_bytes)
            plan = self._cache[payload_bytes] = Plan(0.0, 0.0, wire * 8.0, wire, 0.0)
        return plan
