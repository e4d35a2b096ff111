"""Uploads over real TCP connections between two namespaces: a server that waits for them, a client that sends them."""

from __future__ import annotations

import json
import os
import selectors
import signal
import socket
import struct
import time
from contextlib import suppress
from dataclasses import dataclass

from amser.live.netns import SERVER_IP, Network, fork

PORT = 5005
_HEADER = struct.Struct("!II")  # number of the upload, its bytes (this header included)


@dataclass
class Timing:
    """One real upload: instants on the machine's monotonic clock, in seconds."""

    start_s: float
    connected_s: float
    arrived_s: float

    @property
    def duration_s(self) -> float:
        """From the call of connect to the last byte in the server's hands."""
        return self.arrived_s - self.start_s


def upload(
    network: Network, starts_s: list[float], sizes_bytes: list[int], congestion: str, limit_s: float
) -> list[Timing | None]:
    """Send uploads, each over a connection of its own, and time them; None for one that did not end in time."""
    arrived_read, arrived_write = os.pipe()
    sent_read, sent_write = os.pipe()
    ready_read, ready_write = os.pipe()
    server = fork(network.server, lambda: _serve(len(starts_s), limit_s + 2.0, ready_write, arrived_write))
    os.close(ready_write)
    os.close(arrived_write)
    os.read(ready_read, 1)
    client = fork(network.client, lambda: _send(starts_s, sizes_bytes, congestion, limit_s, sent_write))
    os.close(sent_write)
    try:
        sent = {int(k): v for k, v in json.loads(_all(sent_read) or b"{}").items()}
        os.waitpid(client, 0)
        client = 0
        arrived = {int(k): v for k, v in json.loads(_all(arrived_read) or b"{}").items()}
    finally:
        for child in (client, server):
            if child:
                with suppress(ProcessLookupError):
                    if child == client:
                        os.kill(child, signal.SIGKILL)
                    os.waitpid(child, 0)
        for handle in (arrived_read, sent_read, ready_read):
            os.close(handle)
    return [
        Timing(sent[i][0], sent[i][1], arrived[i]) if i in sent and i in arrived else None for i in range(len(starts_s))
    ]


def _all(handle: int) -> bytes:
    parts = []
    while part := os.read(handle, 65536):
        parts.append(part)
    return b"".join(parts)


def _serve(uploads: int, limit_s: float, ready: int, out: int) -> None:
    listener = socket.create_server((SERVER_IP, PORT), backlog=1024)
    listener.setblocking(False)
    pick = selectors.DefaultSelector()
    pick.register(listener, selectors.EVENT_READ)
    os.write(ready, b".")
    os.close(ready)
    got: dict[socket.socket, bytearray] = {}
    arrived: dict[int, float] = {}
    until = time.monotonic() + limit_s
    while len(arrived) < uploads and time.monotonic() < until:
        for key, _ in pick.select(0.5):
            if key.fileobj is listener:
                fresh, _ = listener.accept()
                fresh.setblocking(False)
                got[fresh] = bytearray()
                pick.register(fresh, selectors.EVENT_READ)
                continue
            connection = key.fileobj
            assert isinstance(connection, socket.socket)
            with suppress(BlockingIOError):
                part = connection.recv(1 << 20)
                now = time.monotonic()
                got[connection] += part
                data = got[connection]
                done = len(data) >= 8 and len(data) >= _HEADER.unpack_from(data)[1]
                if done:
                    arrived[_HEADER.unpack_from(data)[0]] = now
                if done or not part:
                    pick.unregister(connection)
                    del got[connection]
                    connection.close()
    with os.fdopen(out, "w") as file:
        json.dump(arrived, file)


def _send(starts: list[float], sizes: list[int], congestion: str, limit_s: float, out: int) -> None:
    order = sorted(range(len(starts)), key=lambda i: starts[i])
    pick = selectors.DefaultSelector()
    begin = time.monotonic() + 0.02
    times: dict[int, list[float]] = {}
    left: dict[int, memoryview] = {}
    until = begin + limit_s
    place = 0
    while (place < len(order) or pick.get_map()) and time.monotonic() < until:
        while place < len(order) and begin + starts[order[place]] <= time.monotonic():
            i = order[place]
            place += 1
            left[i] = memoryview(_HEADER.pack(i, sizes[i]) + bytes(sizes[i] - _HEADER.size))
            times[i] = [time.monotonic(), 0.0]
            pick.register(_connect(congestion), selectors.EVENT_WRITE, i)
        wait = begin + starts[order[place]] - time.monotonic() if place < len(order) else 0.5
        for key, _ in pick.select(max(0.0, wait)):
            _progress(pick, key, times, left)
    with os.fdopen(out, "w") as file:
        json.dump(times, file)


def _connect(congestion: str) -> socket.socket:
    sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    sock.setblocking(False)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_CONGESTION, congestion.encode())
    with suppress(BlockingIOError):
        sock.connect((SERVER_IP, PORT))
    return sock


def _progress(
    pick: selectors.BaseSelector,
    key: selectors.SelectorKey,
    times: dict[int, list[float]],
    left: dict[int, memoryview],
) -> None:
    """Send what the socket takes; then wait for the server to close."""
    sock, i = key.fileobj, key.data
    assert isinstance(sock, socket.socket)
    if key.events == selectors.EVENT_READ:
        with suppress(OSError):
            sock.recv(16)
        pick.unregister(sock)
        sock.close()
        return
    if times[i][1] == 0.0:
        times[i][1] = time.monotonic()
    with suppress(BlockingIOError):
        left[i] = left[i][sock.send(left[i]) :]
    if not left[i]:
        pick.modify(sock, selectors.EVENT_READ, i)
