"""A cell while it runs: its uplink, and what it says to an upload of one device."""

from __future__ import annotations

from math import inf

from channel.links import Cell
from sim.model.clock import Clock
from sim.model.uplink import Uplink
from sim.site import Server


class RunningCell:
    """The parts of a ``channel.links.Cell`` with the uplink in simulated time."""

    def __init__(self, clock: Clock, cell: Cell, server: Server) -> None:
        self.uplink = Uplink(clock, cell.link)
        self.transport, self.access, self.loss, self.retry = cell.transport, cell.access, cell.loss, cell.retry
        self.mean_rate_bps = cell.link.capacity.mean_rate_bps
        self.path_rtt_s = cell.path_rtt_s
        self.onward_s, self.back_s = server.onward_s(cell), server.back_s(cell)
        """From the link's end to the queue, and from the batch's end to the device, seconds."""
        self.unanswered = 0
        """Uploads that have left and have no reply."""
        self.timeout_s = inf if cell.retry is None else cell.retry.timeout_s
        self.deadline_s = inf if cell.retry is None else cell.retry.deadline_s
