"""QUIC: encryption and transport set up together, in one round trip or, resumed, in none."""

from __future__ import annotations

from channel.links.transport import UDP_HEADER_BYTES, Packets
from channel.links.windowed import INFINITY, Setup, WindowedTransport

# Short header (1), connection ID (8), packet number (2): RFC 9000, section 17.3.1, with the common lengths; AEAD tag
# 16 (RFC 9001); STREAM frame type, ID, offset and length 8 (section 19.8, typical).
QUIC_HEADER_BYTES = 1 + 8 + 2 + 16 + 8
INITIAL_DATAGRAM_BYTES = 1200  # RFC 9000, section 14.1: a client pads its Initial datagrams to this
FINISHED_BYTES = 100.0  # Handshake packet with Finished and acknowledgements; remembered, unverified


class QuicTransport(WindowedTransport):
    """QUIC with 1-RTT set-up; with ``zero_rtt`` a device that was connected before sends payload at once.

    For the other parameters see `WindowedTransport`; RFC 9002 has the same initial window and slow start as TCP.
    """

    __slots__ = ()
    name = "quic"
    source = "RFC 9000, RFC 9001, RFC 9002 (initial window 10, slow start)"

    def __init__(
        self,
        packets: Packets | None = None,
        *,
        zero_rtt: bool = False,
        new_connection: bool = False,
        keep_alive_s: float = INFINITY,
        initial_window: int = 10,
        idle_restart: bool = True,
        in_link: bool = False,
    ) -> None:
        packets = packets or Packets()
        below = packets.ip_header_bytes + UDP_HEADER_BYTES
        setup_bytes = INITIAL_DATAGRAM_BYTES + FINISHED_BYTES + 2 * (below + packets.link_header_bytes)
        cold = Setup(1, setup_bytes)
        super().__init__(
            packets.mtu_bytes - below - QUIC_HEADER_BYTES,
            below + QUIC_HEADER_BYTES + packets.link_header_bytes,
            cold,
            Setup(0, setup_bytes) if zero_rtt else cold,
            request_bytes=packets.request_bytes,
            new_connection=new_connection,
            keep_alive_s=keep_alive_s,
            initial_window=initial_window,
            idle_restart=idle_restart,
            in_link=in_link,
        )
