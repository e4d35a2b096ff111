"""A cell while it runs: its uplink, and what it says to an upload of one device."""

from __future__ import annotations

from math import inf

from channel.links import Cell
from sim.model.clock import Clock
from sim.model.uplink import Uplink


class RunningCell:
    """The parts of a ``channel.links.Cell`` with the uplink in simulated time."""

    def __init__(self, clock: Clock, cell: Cell) -> None:
        self.uplink = Uplink(clock, cell.link)
        self.transport, self.access, self.loss, self.retry = cell.transport, cell.access, cell.loss, cell.retry
        self.mean_rate_bps = cell.link.capacity.mean_rate_bps
        self.path_rtt_s = cell.path_rtt_s
        self.onward_s = cell.propagation_s + cell.backhaul_s
        """One way from device to server, and as much for the reply, seconds."""
        self.timeout_s = inf if cell.retry is None else cell.retry.timeout_s
        self.deadline_s = inf if cell.retry is None else cell.retry.deadline_s
