"""The server's HTTP interface: one upload in, its words and emotion out (docs/live.md has the fields)."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import math
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from amser.live import clock
from amser.live.accelerators import CRASHED, Accelerators, Ready
from amser.live.batcher import Batcher, Rule, Served
from amser.live.decoders import Decoders, Limits
from amser.live.errors import Refused
from amser.live.listening import Equipment, Heard, Job
from amser.live.metrics import Metrics
from scenarios.plugins import trust

Endpoint = Callable[[Request], Awaitable[Response]]
LINGER_S = 2.0
CLIENT_GONE = 499  # what proxies log for a client that hung up; nobody reads it


@dataclass(frozen=True)
class Service:
    """All that a server is started with; ``token`` None: whoever reaches it may use it."""

    equipment: Equipment
    rule: Rule
    limits: Limits = field(default_factory=Limits)
    token: str | None = None


class Application:
    """The interface over its accelerators.  ``ready`` and the queue are there once it has started."""

    def __init__(self, service: Service, accelerators: Accelerators | None = None) -> None:
        self.service, self.metrics = service, Metrics()
        rule, limits = service.rule, service.limits
        self._accelerators = accelerators or Accelerators(
            service.equipment, rule.accelerators, limits.batch_s, self.metrics.died.inc
        )
        self.batcher: Batcher[Job, Heard] = Batcher(rule, self._accelerators.serve, self.metrics.batch.observe)
        self.metrics.watch(self.batcher)  # type: ignore[arg-type]
        self._token = None if service.token is None else _digest(service.token)
        self.ready: Ready | None = None
        self.stopping = False
        self.app = Starlette(
            routes=[
                Route("/v1/recognise", self._guarded(self._recognise), methods=["POST"]),
                Route("/v1/about", self._guarded(self._about)),
                Route("/metrics", self._guarded(self._metrics)),
                Route("/healthz", self._healthz),
            ],
        )

    async def start(self) -> None:
        """Load what recognizes; raises what stands in the way."""
        if self.service.equipment.plugins is not None:
            trust(self.service.equipment.plugins)  # its codecs say here how long a payload claims to be
        self.ready = await self._accelerators.start()
        self._decoders = Decoders(self.ready.bands, self.service.equipment.codecs)

    async def stop(self) -> None:
        """End the accelerators' processes; every upload has its answer."""
        await self._accelerators.stop()

    def _guarded(self, endpoint: Endpoint) -> Endpoint:
        """Asks for the token, and turns what is refused into its status."""

        async def guarded(request: Request) -> Response:
            try:
                self._authorize(request)
                response = await endpoint(request)
            except Refused as error:
                response = JSONResponse({"error": error.reason}, error.status, _headers(error))
                if not getattr(request.state, "whole", False):
                    # Answering and closing at once would reset the connection, and the client miss the reason.
                    await _discard(request, self.service.limits.body_bytes)
                    response.headers["connection"] = "close"
            self.metrics.answers.labels(response.status_code).inc()
            return response

        return guarded

    def _authorize(self, request: Request) -> None:
        if self._token is None:
            return
        given = request.headers.get("authorization", "")
        # Digests have one length whatever is sent, so the time of the comparison tells nothing of the token.
        if not hmac.compare_digest(_digest(given.removeprefix("Bearer ")), self._token):
            raise Refused(401, "this server wants its token: Authorization: Bearer TOKEN")

    async def _healthz(self, _: Request) -> Response:
        if self.stopping:
            return JSONResponse({"status": "stopping"}, 503)
        return JSONResponse({"status": "ok"})

    async def _metrics(self, _: Request) -> Response:
        return Response(self.metrics.text(), media_type="text/plain; version=0.0.4")

    async def _about(self, _: Request) -> Response:
        assert self.ready is not None
        rule, limits = self.service.rule, self.service.limits
        return JSONResponse(
            {
                "recognizer": self.ready.recognizer,
                "emotion": self.ready.emotion,
                "bands": self.ready.bands,
                "codecs": self._decoders.names,
                "accelerators": rule.accelerators,
                "largest_batch": rule.largest,
                "longest_wait_s": rule.longest_wait_s,
                "queue_limit": rule.queue_limit,
                "most_bytes": limits.body_bytes,
                "most_speech_s": limits.speech_s,
                "clock": clock.identity(),
            }
        )

    async def _recognise(self, request: Request) -> Response:
        began_s, limits = clock.now(), self.service.limits
        try:
            data = await asyncio.wait_for(_body(request, limits.body_bytes), limits.body_s)
        except TimeoutError:
            raise Refused(408, f"the payload did not arrive within {limits.body_s:g} s") from None
        except ClientDisconnect:
            return Response(status_code=CLIENT_GONE)
        request.state.whole = True
        arrived_s = clock.now()
        key = self._decoders.key_of(request.query_params.get("codec"), data, limits)
        try:
            served = await asyncio.wait_for(self.batcher.recognize(Job(key, data)), limits.answer_s)
        except TimeoutError:
            raise Refused(504, f"not recognized within {limits.answer_s:g} s", 1) from None
        heard = served.answer
        if heard.refused is not None:
            raise Refused(500 if heard.refused == CRASHED else 422, heard.refused)
        self.metrics.recognized(key, len(data), heard.frames, arrived_s - began_s, served)  # type: ignore[arg-type]
        return JSONResponse(_answer(key, heard, began_s, served))


def _digest(text: str) -> bytes:
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).digest()


def _headers(refused: Refused) -> dict[str, str]:
    headers = {} if refused.retry_after_s is None else {"retry-after": str(refused.retry_after_s)}
    return headers | ({"www-authenticate": "Bearer"} if refused.status == 401 else {})


async def _discard(request: Request, most: int) -> None:
    """Read on for a moment what is not wanted."""

    async def rest() -> None:
        left = most
        while left > 0:
            message = await request.receive()
            if message["type"] == "http.disconnect" or not message.get("more_body", False):
                return
            left -= len(message.get("body", b""))

    with suppress(TimeoutError):
        await asyncio.wait_for(rest(), LINGER_S)


async def _body(request: Request, most: int) -> bytes:
    """The body, refused as soon as it is known to be too large: by its declared length before a byte is read."""
    declared = request.headers.get("content-length", "")
    if declared.isdigit() and int(declared) > most:
        raise Refused(413, f"a payload may have {most} bytes, this one has {declared}")
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > most:
            raise Refused(413, f"a payload may have {most} bytes, this one has more")
    return bytes(body)


def _answer(codec: str, heard: Heard, began_s: float, served: Served[Heard]) -> dict[str, Any]:
    return {
        "text": heard.text,
        "avg_logprob": _number(heard.avg_logprob),
        "no_speech_prob": _number(heard.no_speech_prob),
        "emotion": heard.emotion,
        "probabilities": dict(heard.probabilities),
        "codec": codec,
        "frames": heard.frames,
        "server": {
            "clock": clock.identity(),
            "began_s": began_s,
            "arrived_s": served.arrived_s,
            "started_s": served.started_s,
            "served_s": served.served_s,
            "batch": served.batch,
            "batch_number": served.number,
        },
    }


def _number(value: float) -> float | None:
    return None if math.isnan(value) else value
