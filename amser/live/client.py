"""An HTTP client that knows when each thing happened, and gives up as a simulated phone does."""

from __future__ import annotations

import json
import socket
import ssl
import struct
import time
from contextlib import suppress
from dataclasses import dataclass
from http.client import HTTPException, HTTPResponse
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from amser.live import clock
from amser.live.errors import LiveError

_OUTSTANDING = 0x5411  # SIOCOUTQ: bytes that the peer has not acknowledged (linux/sockios.h, TIOCOUTQ)
OPEN_S = 10.0
LOOK_S = 0.01
_LINGER_0 = struct.pack("ii", 1, 0)


@dataclass(frozen=True)
class Address:
    """Where the server is, and what it wants to see."""

    host: str
    port: int
    token: str | None = None
    tls: ssl.SSLContext | None = None
    """Whom to trust; None: the connection is not encrypted."""

    @classmethod
    def of(cls, url: str, token: str | None = None, ca: Path | None = None) -> Address:
        """From a URL such as ``http://10.0.0.2:8765``; ``ca`` is a file of certificates to trust instead of the
        system's.  Raises ``LiveError``.
        """
        try:
            parts = urlsplit(url)
            if parts.scheme not in ("http", "https") or not parts.hostname or parts.path.strip("/"):
                raise ValueError("not such a URL")
            port = parts.port or (443 if parts.scheme == "https" else 80)
        except ValueError as error:
            raise LiveError(f"--server {url}: {error}; write http://HOST:PORT") from None
        secure = parts.scheme == "https"
        if ca is not None and not secure:
            raise LiveError(f"--ca {ca}: {url} is not encrypted; write https://HOST:PORT, or leave out --ca")
        return cls(parts.hostname, port, token, _trusting(ca) if secure else None)


def _trusting(ca: Path | None) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cafile=ca)
    except OSError as error:  # ssl's own are such too
        raise LiveError(f"--ca {ca}: not a file of certificates ({error.strerror or error})") from None


@dataclass(frozen=True)
class Reply:
    """What came back, and when; seconds of ``clock.now``."""

    status: int
    content: dict[str, Any]
    begun_s: float
    connected_s: float
    """When the connection stood: ``begun_s`` where it stood already."""
    written_s: float
    """When the last byte was handed to the kernel."""
    replied_s: float


class TimedOut(LiveError):
    """The payload had not arrived in time."""


class Connection:
    """One connection, opened when it is first needed and again when the server has closed it."""

    def __init__(self, address: Address) -> None:
        self.address = address
        self._socket: socket.socket | None = None

    def open(self) -> None:
        """Open it before it is needed; what fails will fail again when it is."""
        with suppress(OSError):
            self._connected(OPEN_S)

    def close(self, *, abort: bool = False) -> None:
        """Close it; ``abort``: by a reset, so that the kernel sends nothing of a payload given up."""
        if self._socket is None:
            return
        if abort:
            with suppress(OSError):
                self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER_0)
        self._socket.close()
        self._socket = None

    def post(self, path: str, body: bytes, *, timeout_s: float | None, answer_s: float) -> Reply:
        """Send ``body`` and wait for the answer.

        Raises ``TimedOut`` where the payload has not arrived within ``timeout_s``, or its answer not within
        ``answer_s``; ``LiveError`` where the connection fails.  A connection that the server closed while it was idle
        is opened once more.
        """
        fresh = self._socket is None
        try:
            return self._post(path, body, timeout_s, answer_s)
        except (OSError, HTTPException) as error:
            self.close(abort=True)
            if fresh or isinstance(error, TimeoutError):
                raise _failed(error, self.address) from None
        try:
            return self._post(path, body, timeout_s, answer_s)
        except (OSError, HTTPException) as error:
            self.close(abort=True)
            raise _failed(error, self.address) from None

    def get(self, path: str) -> dict[str, Any]:
        """The JSON object of a page.  Raises ``LiveError``."""
        try:
            sock = self._connected(OPEN_S)
            sock.sendall(self._head("GET", path, 0))
            status, content = self._answer(sock)
        except (OSError, HTTPException) as error:
            self.close()
            raise _failed(error, self.address) from None
        if status != 200:
            raise LiveError(
                f"{self.address.host} port {self.address.port} answers {status}: {content.get('error', '')}"
            )
        return content

    def request_bytes(self, path: str, size: int) -> int:
        """Bytes of a request with a body of ``size``, its head included."""
        return len(self._head("POST", path, size)) + size

    def _post(self, path: str, body: bytes, timeout_s: float | None, answer_s: float) -> Reply:
        begun_s = clock.now()
        sock = self._connected(timeout_s or answer_s)
        connected_s = clock.now()
        sock.sendall(self._head("POST", path, len(body)) + body)
        written_s = clock.now()
        if timeout_s is not None:
            self._wait_for_arrival(sock, begun_s + timeout_s)
        sock.settimeout(max(0.001, begun_s + answer_s - clock.now()))
        status, content = self._answer(sock)
        return Reply(status, content, begun_s, connected_s, written_s, clock.now())

    def _wait_for_arrival(self, sock: socket.socket, give_up_s: float) -> None:
        """Until something comes back or time is up; then the payload must have been acknowledged to the last byte."""
        import select

        if self.address.tls is None:
            left_s = max(0.0, give_up_s - clock.now())
            if select.select([sock], [], [], left_s)[0]:
                return
        else:  # what comes back first are session tickets, which say nothing of the payload
            while _outstanding(sock) and clock.now() < give_up_s:
                time.sleep(LOOK_S)
        if outstanding := _outstanding(sock):
            raise TimeoutError(f"{outstanding} bytes had not arrived")

    def _connected(self, within_s: float) -> socket.socket:
        if self._socket is None:
            address = self.address
            sock = socket.create_connection((address.host, address.port), within_s)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if address.tls is not None:
                sock = address.tls.wrap_socket(sock, server_hostname=address.host)
            self._socket = sock
        self._socket.settimeout(within_s)
        return self._socket

    def _head(self, method: str, path: str, size: int) -> bytes:
        token = f"Authorization: Bearer {self.address.token}\r\n" if self.address.token else ""
        length = f"Content-Length: {size}\r\n" if size else ""
        return f"{method} {path} HTTP/1.1\r\nHost: {self.address.host}\r\n{token}{length}\r\n".encode("ascii")

    def _answer(self, sock: socket.socket) -> tuple[int, dict[str, Any]]:
        response = HTTPResponse(sock)
        response.begin()
        text = response.read()
        if response.will_close:
            self.close()
        try:
            content = json.loads(text)
        except ValueError:
            content = {"error": text[:200].decode("utf-8", "replace")}
        return response.status, content if isinstance(content, dict) else {"error": "not an answer of this server"}


def _outstanding(sock: socket.socket) -> int:
    """Bytes that the kernel has taken and the peer has not acknowledged."""
    import fcntl

    return int(struct.unpack("i", fcntl.ioctl(sock, _OUTSTANDING, bytes(4)))[0])


def _failed(error: Exception, address: Address) -> LiveError:
    if isinstance(error, TimeoutError):
        return TimedOut(str(error))
    where = f"{address.host} port {address.port}"
    if isinstance(error, ssl.SSLCertVerificationError):
        return LiveError(f"{where}: {error.verify_message}; --ca FILE names the certificate to trust")
    if isinstance(error, ssl.SSLError):
        return LiveError(f"{where}: no TLS there ({error.reason or error}); does the server speak http://?")
    return LiveError(f"{where}: {error or type(error).__name__}")
