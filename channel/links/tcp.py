"""TCP, alone or under TLS."""

from __future__ import annotations

from channel.links.rounds import records_bytes
from channel.links.transport import (
    TCP_HEADER_BYTES,
    TLS_RECORD_BYTES,
    TLS_RECORD_LIMIT_BYTES,
    Packets,
)
from channel.links.windowed import INFINITY, Setup, WindowedTransport

# Round trips before the first payload byte: 1 for TCP (RFC 9293); 2 more for TLS 1.2 (RFC 5246), 1 more for TLS 1.3
# (RFC 8446).
SETUP_ROUNDS = {"none": 1, "1.2": 3, "1.3": 2}
# Bytes the device sends meanwhile without their packets' headers: a ClientHello of about 517 bytes (padded as
# browsers do) and Finished of about 74, for TLS 1.2 also the key exchange; remembered, unverified.
SETUP_BYTES = {"none": 8.0, "1.2": 8.0 + 517.0 + 126.0, "1.3": 8.0 + 517.0 + 74.0}  # 8: SYN has more options
SETUP_PACKETS = {"none": 2, "1.2": 5, "1.3": 4}  # SYN, ACK; ClientHello, ACK of the server's flight, Finished


class TcpTransport(WindowedTransport):
    """TCP under TLS ``1.2``, ``1.3`` or ``none``; for the other parameters see `WindowedTransport`.

    A connection is new for every upload or persists.  Uploads on a new connection set up TLS in full.
    """

    __slots__ = ("encrypted",)
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
        in_link: bool = False,
    ) -> None:
        packets = packets or Packets()
        header = packets.ip_header_bytes + TCP_HEADER_BYTES + packets.link_header_bytes
        setup = Setup(SETUP_ROUNDS[tls], SETUP_BYTES[tls] + SETUP_PACKETS[tls] * header)
        self.encrypted = tls != "none"
        super().__init__(
            packets.mtu_bytes - packets.ip_header_bytes - TCP_HEADER_BYTES,
            header,
            setup,
            setup,
            request_bytes=packets.request_bytes,
            new_connection=new_connection,
            keep_alive_s=keep_alive_s,
            initial_window=initial_window,
            idle_restart=idle_restart,
            in_link=in_link,
        )

    def stream_bytes(self, payload_bytes: float) -> float:
        """Bytes of an upload in the TCP stream: TLS adds 22 to each record of up to 16 KiB."""
        whole = payload_bytes + self.request_bytes
        if not self.encrypted:
            return whole
        return whole + records_bytes(whole, TLS_RECORD_LIMIT_BYTES, TLS_RECORD_BYTES)
