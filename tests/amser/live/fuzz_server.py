"""A hostile client: mutated payloads, broken HTTP, cut connections; the server must go on serving.

    python -m tests.amser.live.fuzz_server --requests 100000            # a server of its own, which decodes all
    python -m tests.amser.live.fuzz_server --requests 1000 --url http://127.0.0.1:8765

Each request follows from the seed and its number.  After every ``CHECK`` requests the server must be healthy and must
answer a good upload; the answers by status are printed, and a process that payloads brought down is reported.
"""

from __future__ import annotations

import argparse
import random
import socket
import sys
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from urllib.parse import urlsplit

import numpy as np

from channel.codecs import CodecError, build_codec

CHECK = 200
PATIENCE_S = 20.0  # for an answer to what may be half a request
NAMES = (
    "raw",
    "mu-law",
    "flac",
    "mp3-24",
    "opus-24",
    "g722",
    "dsr-4.8",
    "amser-12.5",
    "amser-12.5-fp16",
    "amser-12.5-int8",
    "klt-4",
)
STRANGE = (
    "",
    "nonsense",
    "raw%00",
    "../../etc/passwd",
    "\udcff".encode("utf-8", "surrogateescape").decode("latin-1"),
    "a" * 5000,
)

Send = Callable[[random.Random, "Material"], bytes]


class Material:
    """Good payloads to spoil."""

    def __init__(self) -> None:
        speech = np.random.default_rng(0).normal(0.0, 0.1, 12_000).astype(np.float32)
        self.payloads: dict[str, bytes] = {}
        for name in NAMES:
            with suppress(CodecError):  # its package is missing
                self.payloads[name] = build_codec(name).encode(speech).data


def request(path: str, body: bytes, length: int | str | None = None, extra: str = "") -> bytes:
    size = len(body) if length is None else length
    return f"POST {path} HTTP/1.1\r\nHost: fuzz\r\n{extra}Content-Length: {size}\r\n\r\n".encode("latin-1") + body


def mutated(rng: random.Random, material: Material) -> bytes:
    name = rng.choice(list(material.payloads))
    data = bytearray(material.payloads[name])
    for _ in range(rng.randint(0, 6)):
        at = rng.randrange(min(len(data), rng.choice((16, 64, len(data)))))
        data[at] = rng.randrange(256)
    if rng.random() < 0.3:
        del data[rng.randrange(len(data)) :]
    if rng.random() < 0.1:
        data += rng.randbytes(rng.randrange(3000))
    codec = rng.choice((f"?codec={name}", "", f"?codec={rng.choice(NAMES)}"))
    return request(f"/v1/recognise{codec}", bytes(data))


def noise(rng: random.Random, material: Material) -> bytes:
    return request(f"/v1/recognise?codec={rng.choice(NAMES)}", rng.randbytes(rng.randrange(4000)))


def strange_query(rng: random.Random, material: Material) -> bytes:
    return request(f"/v1/recognise?codec={rng.choice(STRANGE)}&codec={rng.choice(NAMES)}", b"\x51\x00\x05\x01")


def lying_length(rng: random.Random, material: Material) -> bytes:
    length = rng.choice((0, 1, 10**12, 10**30, "-1", "x", "5, 6", 3))
    return request("/v1/recognise?codec=raw", rng.randbytes(8), length)


def broken_chunks(rng: random.Random, material: Material) -> bytes:
    head = b"POST /v1/recognise?codec=raw HTTP/1.1\r\nHost: fuzz\r\nTransfer-Encoding: chunked\r\n\r\n"
    return head + rng.choice(
        (b"5\r\nab", b"zz\r\n", b"fffffffffffffffff\r\n", b"0\r\n\r\n", b"4\r\nabcd\r\n0\r\nA: b\r\n\r\n")
    )


def no_http(rng: random.Random, material: Material) -> bytes:
    return rng.choice(
        (
            rng.randbytes(200),
            b"\x16\x03\x01\x02\x00\x01",
            b"GET\r\n\r\n",
            b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
            b"\r\n" * 100,
        )
    )


def great_head(rng: random.Random, material: Material) -> bytes:
    return request("/v1/recognise?codec=raw", b"", extra="X-A: " + "a" * rng.choice((1000, 70_000)) + "\r\n")


def other_pages(rng: random.Random, material: Material) -> bytes:
    method, path = (
        rng.choice(("GET", "PUT", "DELETE", "BREW")),
        rng.choice(("/", "/v1/recognise", "/v1/about", "/metrics/../healthz", "/%2e%2e/")),
    )
    return f"{method} {path} HTTP/1.1\r\nHost: fuzz\r\n\r\n".encode()


KINDS: Sequence[tuple[int, Send]] = (
    (10, mutated), (3, noise), (2, strange_query), (2, lying_length), (2, broken_chunks), (1, no_http),
    (1, great_head), (1, other_pages),
)  # fmt: skip


def attack(host: str, port: int, seed: int, number: int, material: Material) -> str:
    """Send request ``number``; the status line's code, or what happened instead."""
    rng = random.Random(f"{seed} {number}")
    (send,) = rng.choices([kind for _, kind in KINDS], [weight for weight, _ in KINDS])
    data = send(rng, material)
    with socket.create_connection((host, port), 30.0) as client:
        client.settimeout(PATIENCE_S)
        try:
            if rng.random() < 0.1:  # cut off in the middle
                client.sendall(data[: rng.randrange(len(data) + 1)])
                return "cut"
            client.sendall(data)
            answer = client.recv(65_536)
        except ConnectionError:
            return "reset"
        except TimeoutError:
            return "silent"
    return answer.split(b" ", 2)[1].decode("latin-1") if answer.startswith(b"HTTP/1.1 ") else "closed"


def healthy(host: str, port: int, material: Material) -> bool:
    """Whether a good upload is answered."""
    with socket.create_connection((host, port), 60.0) as client:
        client.settimeout(60.0)
        client.sendall(request("/v1/recognise?codec=raw", material.payloads["raw"]))
        return client.recv(65_536).startswith(b"HTTP/1.1 200")


def fuzz(host: str, port: int, seed: int, requests: int, first: int = 0, clients: int = 1) -> Counter[str]:
    """Attack so many times, ``clients`` at once.  Raises ``AssertionError`` where the server no longer serves."""
    material, found, end = Material(), Counter[str](), first + requests
    with ThreadPoolExecutor(clients) as pool:
        for begin in range(first, end, CHECK):
            numbers = range(begin, min(begin + CHECK, end))
            found.update(pool.map(lambda number: attack(host, port, seed, number, material), numbers))
            assert healthy(host, port, material), (
                f"after request {numbers[-1]} of seed {seed} the server does not serve"
            )
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--requests", type=int, default=100_000)
    parser.add_argument("--first", type=int, default=0, help="number of the first request: goes on where another ended")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--clients", type=int, default=32, help="at once: most of their time they wait")
    parser.add_argument("--url", help="a server that runs already; default: one of its own")
    options = parser.parse_args()
    if options.url:
        parts = urlsplit(options.url)
        assert parts.hostname and parts.port
        found = fuzz(parts.hostname, parts.port, options.seed, options.requests, options.first, options.clients)
    else:
        from tests.amser.live.conftest import decoding

        with decoding() as server:
            found = fuzz("127.0.0.1", server.port, options.seed, options.requests, options.first, options.clients)
            died = server.application.metrics.died._value.get()
            sys.stdout.write(f"accelerators started anew: {died:.0f}\n")
    sys.stdout.write(f"{sum(found.values())} requests: {dict(found.most_common())}\n")


if __name__ == "__main__":
    main()
