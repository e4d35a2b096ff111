"""A cell while it runs: its parts as compiled by ``channel.links``, and the uplink that carries its uploads."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from sim.uplink import Uplink
from sim.upload import INFINITE


class CellRun:
    """What the life of an upload asks of its cell, one attribute away."""

    def __init__(self, cell: Any, uplink: Uplink, rng: np.random.Generator) -> None:
        self.uplink = uplink
        self.join = uplink.join
        self.rng = rng
        self.link = cell.link
        self.plan = cell.transport.plan
        self.packets = cell.transport.packets
        # Datagrams need no window, so they need not know the rate either.
        self.fair_rate_bps: Callable[..., float] = (
            cell.link.fair_rate_bps if cell.transport.name != "udp" else lambda now, cap_bps=0.0, weight=1.0: 0.0
        )
        """What one more upload can expect of the link: (now, the device's own rate, its weight) to bit/s."""
        self.path_rtt_s: float = cell.path_rtt_s
        self.onward_s: float = cell.propagation_s + cell.backhaul_s
        """One way from device to server, and as much for the reply, seconds."""
        self.access_s: Callable[[], float] = _drawn(cell.access, rng)
        """Seconds until the next upload has its grant."""
        self.loss = cell.loss
        self.lossy: bool = not cell.loss.lossless or cell.loss.delays
        self.retry = cell.retry
        self.timeout_s: float = INFINITE if cell.retry is None else cell.retry.timeout_s
        self.deadline_s: float = INFINITE if cell.retry is None else cell.retry.deadline_s


def _drawn(access: Any, rng: np.random.Generator) -> Callable[[], float]:
    constant_s: float | None = access.constant_s
    if constant_s is not None:
        return lambda: constant_s
    return lambda: float(access.delay(rng))
