"""Servers on loopback: accelerators that answer by rule, for all that is not recognition, or that decode in earnest."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

import pytest

from amser.live.accelerators import Ready
from amser.live.application import Application, Service
from amser.live.batcher import Rule
from amser.live.decoders import Limits
from amser.live.listening import Equipment, Heard, Job
from amser.live.serving import Listening, Server
from scenarios.schema.server import EmotionSpec, NoRecognizerSpec

NOTHING = Equipment(NoRecognizerSpec(kind="none"), EmotionSpec(kind="none"))


@dataclass
class Rote:
    """Accelerators that say the size of what they heard, after a while."""

    service_s: float = 0.0
    heard: list[list[Job]] = field(default_factory=list)

    async def start(self) -> Ready:
        return Ready("rote", "none", 80)

    async def serve(self, jobs: Sequence[Job]) -> list[Heard]:
        self.heard.append(list(jobs))
        await asyncio.sleep(self.service_s)
        return [Heard(text=str(len(job.data)), frames=100) for job in jobs]

    async def stop(self) -> None:
        pass

    @property
    def jobs(self) -> int:
        return sum(map(len, self.heard))


@dataclass
class Running:
    url: str
    port: int
    stop: Callable[[], None]
    application: Application
    ended: threading.Event


@contextmanager
def decoding() -> Iterator[Running]:
    """A server whose accelerator decodes what it gets, in a process of its own, and recognizes nothing."""
    with running(None, limits=Limits(head_s=0.3, body_s=0.3)) as server:  # half requests are many
        yield server


@contextmanager
def running(
    rote: Rote | None,
    rule: Rule | None = None,
    limits: Limits | None = None,
    token: str | None = None,
    listening: Listening | None = None,
) -> Iterator[Running]:
    service = Service(NOTHING, rule or Rule(), limits or Limits(), token)
    application = Application(service, rote)  # type: ignore[arg-type]
    ready, ended = threading.Event(), threading.Event()
    sock = socket.create_server(("127.0.0.1", 0))
    server = Server(application, listening or Listening(), lambda _: ready.set())

    async def serve() -> None:
        await application.start()
        await server.serve(sockets=[sock])
        await application.stop()
        ended.set()

    thread = threading.Thread(target=asyncio.run, args=(serve(),), daemon=True)
    thread.start()
    assert ready.wait(240.0)
    port = sock.getsockname()[1]
    try:
        yield Running(f"http://127.0.0.1:{port}", port, server.stop, application, ended)
    finally:
        server.stop()
        thread.join(30.0)
        assert not thread.is_alive(), "the server does not stop"


@pytest.fixture
def rote() -> Rote:
    return Rote()
