"""Does the queue of a link or of the server grow as long as the run lasts?"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from sim.figures.statistics import growth
from sim.outcomes import BATTERY_DEAD, LOST, REJECTED
from sim.upload_log import Columns, Counted

Floats = npt.NDArray[np.float64]


class Growth:
    """Uploads that came to each station and that left it, in the second half of the run.

    Stations are the cells, in their order, and the edge server.
    """

    def __init__(self, cell_of_group: npt.NDArray[np.int64], cells: int, duration_s: float) -> None:
        self.cell_of_group, self.cells, self.duration_s = cell_of_group, cells, duration_s
        self._came = np.zeros(cells + 1, np.int64)
        self._left = np.zeros(cells + 1, np.int64)

    def add(self, columns: Columns) -> None:
        """Count one chunk of the log."""
        outcome = np.asarray(columns["outcome"])
        stays = (outcome != LOST) & (outcome != REJECTED) & (outcome != BATTERY_DEAD)  # these left unserved
        cell = self.cell_of_group[np.asarray(columns["group"])]
        # From the end of speech: what is held back, or waits for its grant, is on its way to the link.
        joined_s = np.asarray(columns["speech_end_s"], dtype=float)
        sent_s = joined_s + _seconds(columns, "encode", "hold", "wake", "access", "transfer")
        arrived_s = sent_s + _seconds(columns, "backhaul")
        served_s = arrived_s + _seconds(columns, "queue", "service")
        for count, at_cell, at_server in ((self._came, joined_s, arrived_s), (self._left, sent_s, served_s)):
            here, there = (stays & (t > self.duration_s / 2) & (t <= self.duration_s) for t in (at_cell, at_server))
            count[:-1] += np.bincount(cell[here], minlength=self.cells)
            count[-1] += there.sum()

    def add_counted(self, counted: Counted) -> None:
        """Take in a chunk of the log that has been counted already."""
        self._came += counted.came
        self._left += counted.left

    def merge(self, other: Growth) -> None:
        """Take in another site's counts."""
        self._came, self._left = self._came + other._came, self._left + other._left

    def ratios(self) -> list[float]:
        """``sim.figures.statistics.growth`` of each cell, then of the server."""
        return [growth(came, left) for came, left in zip(self._came.tolist(), self._left.tolist(), strict=True)]


def _seconds(columns: Columns, *stages: str) -> Floats:
    return sum((np.asarray(columns[f"{s}_s"], dtype=float) for s in stages), np.zeros(len(columns["outcome"])))
