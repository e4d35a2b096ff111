"""Runs the server: sockets, time-outs before a request is whole, and a stop that answers what was taken."""

from __future__ import annotations

import asyncio
import ipaddress
import signal
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from amser.live.application import Application, Service
from amser.live.errors import LiveError

BACKLOG = 2048
KEEP_ALIVE_S = 75


@dataclass(frozen=True)
class Listening:
    """Where the server listens; with a certificate it speaks HTTPS."""

    host: str = "127.0.0.1"
    port: int = 8765
    certificate: Path | None = None
    key: Path | None = None

    @property
    def is_local(self) -> bool:
        """Whether only this machine can reach it."""
        if self.host == "localhost":
            return True
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return False


def run(service: Service, listening: Listening, started: Callable[[str, Application], None]) -> None:
    """Serve until SIGINT or SIGTERM, then answer what has been taken, and return.

    ``started`` is told the URL once uploads are taken.  Raises ``LiveError`` where it cannot listen, and whatever the
    recognizer raises when it is loaded.
    """
    _check_certificate(listening)
    if service.token is None and not listening.is_local:
        raise LiveError(f"a server on {listening.host} can be reached by others: give it a token, or use 127.0.0.1")
    with _listening(listening) as (sock, url):
        asyncio.run(_serve(service, listening, sock, lambda application: started(url, application)))


async def _serve(
    service: Service, listening: Listening, sock: socket.socket, started: Callable[[Application], None]
) -> None:
    application = Application(service)
    try:
        await application.start()
        await Server(application, listening, started).serve(sockets=[sock])
    finally:
        await application.stop()


class Server(uvicorn.Server):
    """uvicorn's, which says when it takes uploads and leaves the exit code to the command line."""

    def __init__(self, application: Application, listening: Listening, told: Callable[[Application], None]) -> None:
        limits = application.service.limits
        config = uvicorn.Config(
            application.app, lifespan="off", log_config=None, log_level="error", access_log=False, server_header=False,
            http=_protocol(limits.head_s), ws="none", loop="asyncio", backlog=BACKLOG,
            limit_concurrency=limits.connections, timeout_keep_alive=KEEP_ALIVE_S,
            timeout_graceful_shutdown=int(limits.body_s + limits.answer_s) + 1,
            ssl_certfile=listening.certificate, ssl_keyfile=listening.key,
        )  # fmt: skip
        super().__init__(config)
        self._application, self._told = application, told

    def stop(self) -> None:
        """Take nothing more and answer what was taken; ``serve`` then returns."""
        self._application.stopping = True
        self.should_exit = True

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Listen, and say so."""
        await super().startup(sockets)
        self._told(self._application)

    def handle_exit(self, sig: int, frame: Any) -> None:
        """The first signal stops taking; a second one does not wait for answers."""
        self._application.stopping = True
        super().handle_exit(sig, frame)

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """As uvicorn's, but a stop that was asked for is no failure: the signal is not raised again."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        numbers = (signal.SIGINT, signal.SIGTERM)
        before = {number: signal.signal(number, self.handle_exit) for number in numbers}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)


def _protocol(head_s: float) -> type[H11Protocol]:
    """HTTP/1.1 by h11 that closes a connection whose request's head does not come; uvicorn waits for ever."""

    class Impatient(H11Protocol):
        _patience: asyncio.TimerHandle | None = None

        def connection_made(self, transport: Any) -> None:
            super().connection_made(transport)
            self._patience = self.loop.call_later(head_s, self._give_up)

        def connection_lost(self, exc: Exception | None) -> None:
            self._calm()
            super().connection_lost(exc)

        def on_response_complete(self) -> None:
            # Between requests the keep-alive's time runs until the next byte; from there on a head has head_s.
            self._calm()
            super().on_response_complete()

        def _calm(self) -> None:
            if self._patience is not None:
                self._patience.cancel()
                self._patience = None

        def data_received(self, data: bytes) -> None:
            if self._patience is None and (self.cycle is None or self.cycle.response_complete):
                self._patience = self.loop.call_later(head_s, self._give_up)
            super().data_received(data)

        def _give_up(self) -> None:
            self._patience = None
            if (self.cycle is None or self.cycle.response_complete) and not self.transport.is_closing():
                self.transport.close()

    return Impatient


def _check_certificate(where: Listening) -> None:
    """Raise ``LiveError`` where the certificate cannot be used, before weights are loaded."""
    if where.certificate is None:
        return
    files = where.certificate if where.key is None else f"{where.certificate} with {where.key}"
    try:
        # A key under a passphrase would have the library ask for it on the terminal.
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(where.certificate, where.key, password=lambda: "")
    except (OSError, ValueError) as error:  # ssl's own are such too
        reason = getattr(error, "reason", None) or getattr(error, "strerror", None) or error
        raise LiveError(
            f"--tls-cert {files}: not a certificate with its key, both PEM and the key without a passphrase ({reason})"
        ) from None


@contextmanager
def _listening(where: Listening) -> Iterator[tuple[socket.socket, str]]:
    """A socket that is bound before weights are loaded, so that a port that is taken is known at once."""
    try:
        family = socket.getaddrinfo(where.host, where.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
        # With its number: asyncio turns off Nagle's algorithm for sockets that say TCP, and a reply's body would else
        # wait until its head is acknowledged, through the queue of the uplink.
        sock = socket.socket(family[0], socket.SOCK_STREAM, socket.IPPROTO_TCP)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind(family[4])
    except (OSError, OverflowError) as error:
        raise LiveError(f"cannot listen on {where.host} port {where.port}: {error}; choose another --port") from None
    host = f"[{where.host}]" if ":" in where.host else where.host
    with sock:
        yield sock, f"{'https' if where.certificate else 'http'}://{host}:{sock.getsockname()[1]}"
