"""A two-ended network of Linux namespaces with a shaped uplink and a delay.

    client --veth-- router --(relay: rate, buffer, delay)-- server

The delay comes from a relay process between two TUN devices, because netem is not in every kernel; rate and
buffer from the same relay, or from the kernel's token bucket filter on the router.  Everything lives in
namespaces with names of its own and is removed at the end; needs root and iproute2.
"""

from __future__ import annotations

import ctypes
import fcntl
import os
import random
import select
import struct
import subprocess
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass

from amser.live.errors import LiveError

CLIENT_IP, SERVER_IP = "10.201.1.2", "10.201.2.2"
_TUNSETIFF, _IFF_TUN, _IFF_NO_PI = 0x400454CA, 0x0001, 0x1000
_CLONE_NEWNET = 0x40000000
_LONGEST_S = 1800.0  # no relay lives longer, whatever happens to its parent


class Unavailable(LiveError):
    """This machine does not allow a network of namespaces."""


def ip(*words: str) -> str:
    """Run `ip` and return what it prints."""
    return _command("ip", *words)


def _command(*words: str) -> str:
    try:
        return subprocess.run(words, check=True, capture_output=True, text=True, timeout=30).stdout
    except FileNotFoundError as error:
        raise Unavailable(f"{words[0]} is not installed (package iproute2)") from error
    except subprocess.CalledProcessError as error:
        raise Unavailable(f"{' '.join(words)}: {error.stderr.strip()}") from error


def enter(namespace: str) -> None:
    """Move this process into a named network namespace."""
    handle = os.open(f"/var/run/netns/{namespace}", os.O_RDONLY)
    try:
        if ctypes.CDLL(None, use_errno=True).setns(handle, _CLONE_NEWNET):
            raise Unavailable(os.strerror(ctypes.get_errno()))
    finally:
        os.close(handle)


def prompt() -> None:
    """Ask for prompt scheduling and fine timers, so that a busy machine disturbs the measurement little.

    Above what else is real-time: who starts a whole observation with ``chrt`` still has packets carried first.
    """
    with suppress(OSError, PermissionError):
        os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(2))
    ctypes.CDLL(None).prctl(29, 1000, 0, 0, 0)  # PR_SET_TIMERSLACK: 1 us


def _open_tun(name: str) -> int:
    handle = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
    fcntl.ioctl(handle, _TUNSETIFF, struct.pack("16sH22x", name.encode(), _IFF_TUN | _IFF_NO_PI))
    return handle


class _Pipe:
    """One direction of the relay: serialisation at a rate behind a drop-tail buffer, then a delay."""

    def __init__(self, out: int) -> None:
        self.out = out
        self.rate_bps, self.delay_s, self.buffer_bytes = 0.0, 0.0, 0.0  # rate 0: no limit
        self.loss = 0.0
        self._random = random.Random(1)
        self._free_at = 0.0
        self._queue: deque[tuple[float, bytes]] = deque()

    def due(self) -> float:
        """Instant at which the next packet leaves; inf when there is none."""
        return self._queue[0][0] if self._queue else float("inf")

    def push(self, now: float, packet: bytes) -> None:
        """Take a packet in, or drop it by chance or when the buffer is full."""
        if self.loss and self._random.random() < self.loss:
            return
        leaves = now
        if self.rate_bps:
            start = max(now, self._free_at)
            if (start - now) * self.rate_bps > 8.0 * self.buffer_bytes:
                return
            leaves = self._free_at = start + len(packet) * 8.0 / self.rate_bps
        self._queue.append((leaves + self.delay_s, packet))

    def flush(self, now: float) -> None:
        """Hand over what is due."""
        while self._queue and self._queue[0][0] <= now:
            with suppress(OSError):
                os.write(self.out, self._queue.popleft()[1])


_SETTING = struct.Struct("dddd")  # one-way delay s; uplink: rate bit/s (0: not limited here), buffer bytes, loss


def _relay(client: int, server: int, control: int) -> None:
    """Carry packets between two TUN devices as last set on ``control``; ends with its parent."""
    up, down = _Pipe(server), _Pipe(client)
    into = {client: up, server: down}
    clock = time.monotonic
    until = clock() + _LONGEST_S
    while clock() < until:
        wait = min(1.0, max(0.0, min(up.due(), down.due()) - clock()))
        ready, _, _ = select.select([client, server, control], [], [], wait)
        if control in ready:
            message = os.read(control, _SETTING.size)
            if len(message) < _SETTING.size:
                return
            up.delay_s, up.rate_bps, up.buffer_bytes, up.loss = _SETTING.unpack(message)
            down.delay_s = up.delay_s
        for end, pipe in into.items():
            if end in ready:
                with suppress(BlockingIOError):
                    for _ in range(64):
                        pipe.push(clock(), os.read(end, 65536))
        now = clock()
        up.flush(now)
        down.flush(now)


@dataclass
class Network:
    """Namespaces ``client`` and ``server``; `shape` sets rate, delay and buffer."""

    client: str
    router: str
    server: str
    _control: int

    def shape(self, rate_bps: float, rtt_s: float, buffer_bytes: int, *, loss: float = 0.0, tbf: bool = False) -> None:
        """Set the uplink's rate, drop-tail buffer and random loss, and the round-trip time of the empty path.

        The relay serialises packets at the rate, or with ``tbf`` the kernel's token bucket does; the bucket of one
        packet that it needs lets the first packet after a pause pass at once.
        """
        device = ("ip", "netns", "exec", self.router, "tc", "qdisc")
        if tbf:
            _command(
                *device, "replace", "dev", "wan", "root", "tbf", "rate", f"{int(rate_bps)}bit",
                "burst", f"{max(1540, int(rate_bps / 8 * 5e-4))}b", "limit", f"{buffer_bytes}b",
            )  # fmt: skip
        else:
            _command(*device, "replace", "dev", "wan", "root", "pfifo", "limit", "20000")
        os.write(self._control, _SETTING.pack(rtt_s / 2.0, 0.0 if tbf else rate_bps, float(buffer_bytes), loss))
        time.sleep(0.05)


def fork(namespace: str | None, work: Callable[[], None]) -> int:
    """Run ``work`` in a child process inside a namespace; returns its process id."""
    child = os.fork()
    if child:
        return child
    status = 1
    try:
        if namespace is not None:
            enter(namespace)
        prompt()
        work()
        status = 0
    finally:
        os._exit(status)


@contextmanager
def network() -> Iterator[Network]:
    """Build the network, yield it, and take everything away again.  Raises `Unavailable`."""
    if os.geteuid() != 0:
        raise Unavailable("network namespaces need root")
    names = [f"amser{os.getpid()}{end}" for end in "crs"]
    client, router, server = names
    relay = 0
    read_end, write_end = os.pipe()
    try:
        for name in names:
            ip("netns", "add", name)
        ready_read, ready_write = os.pipe()

        def carry() -> None:
            os.close(write_end)
            enter(router)
            one = _open_tun("wan")
            enter(server)
            two = _open_tun("lan")
            os.write(ready_write, b".")
            _relay(one, two, read_end)

        relay = fork(None, carry)
        os.close(ready_write)
        if os.read(ready_read, 1) != b".":
            raise Unavailable("cannot create TUN devices")
        os.close(ready_read)
        _wire(client, router, server)
        yield Network(client, router, server, write_end)
    finally:
        os.close(write_end)
        os.close(read_end)
        if relay:
            os.waitpid(relay, 0)
        for name in names:
            with suppress(Unavailable):
                ip("netns", "del", name)


def _wire(client: str, router: str, server: str) -> None:
    ip("link", "add", "eth0", "netns", client, "type", "veth", "peer", "name", "dev0", "netns", router)
    for namespace, device, address in (
        (client, "eth0", f"{CLIENT_IP}/24"), (router, "dev0", "10.201.1.1/24"),
        (router, "wan", "10.201.2.1/24"), (server, "lan", f"{SERVER_IP}/24"),
    ):  # fmt: skip
        ip("-n", namespace, "addr", "add", address, "dev", device)
        ip("-n", namespace, "link", "set", device, "up", "mtu", "1500", "txqueuelen", "10000")
    for namespace, device in ((client, "eth0"), (router, "dev0")):
        # Whole segments only: a super-packet would pass the token bucket as one burst.
        ip("-n", namespace, "link", "set", device, "gso_max_segs", "1")
    ip("-n", client, "route", "add", "default", "via", "10.201.1.1")
    ip("-n", server, "route", "add", "default", "via", "10.201.2.1")
    sysctl(router, "net.ipv4.ip_forward", "1")
    for end in (client, server):
        sysctl(end, "net.ipv4.tcp_no_metrics_save", "1")  # no connection learns from the one before


def sysctl(namespace: str, key: str, value: str) -> None:
    """Set a kernel parameter of one namespace."""
    _command("ip", "netns", "exec", namespace, "sysctl", "-q", "-w", f"{key}={value}")
