"""Phones on their way through the cells of a site: which one serves them, when they change, and at what rate they send.

A phone measures all cells every so often and is handed over by event A3 of 3GPP TS 36.331 and TS 38.331, section
5.5.4.4: another cell has been stronger than its own by more than the hysteresis (with the event's offset in it) at
every measurement for the time to trigger.  Base stations are taken to send their pilots at one power, so that the
stronger cell is the one with the smaller path loss, shadowing and antenna gain included.  Then nothing passes for the
interruption, and the new cell takes over.  Phones without anything to send follow the same rule, which for them is cell
reselection.  It all depends on places alone, so that it is worked out as far as anybody asks and nothing waits for it.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from math import inf

import numpy as np

from channel.links.errors import LinkError
from channel.links.movement import Motion
from channel.links.terrain import Place, Terrain

AHEAD = 64
"""Measurements that are worked out together."""
LOOK_S = 1.0
"""An upload under way takes the rate of the place where its phone is so often."""


@dataclass(frozen=True)
class A3:
    """When a phone is handed over, and how long nothing passes then."""

    hysteresis_db: float
    time_to_trigger_s: float
    interruption_s: float
    measured_every_s: float

    def __post_init__(self) -> None:
        if not self.measured_every_s > 0.0:
            raise LinkError(f"measurements need a time between them, found {self.measured_every_s!r} s")


class _History:
    """The cells that have served a phone, as far as they are worked out."""

    __slots__ = ("cells", "entered_s", "looked", "since_s")

    def __init__(self, first: int, cells: int) -> None:
        self.since_s = [-inf]
        self.cells = [first]
        self.looked = 0  # number of the last measurement
        self.entered_s = [inf] * cells  # since when each cell has been stronger by enough


class Moving:
    """The phones of a group on their way; with a rule they are handed over between the cells of ``terrains``."""

    def __init__(
        self, motion: Motion, terrains: Sequence[Terrain], rule: A3 | None = None, look_s: float = LOOK_S
    ) -> None:
        self.motion, self.terrains, self.rule = motion, terrains, rule
        self._look_s = look_s
        self._known: dict[int, _History] = {}

    def rate_bps(self, device: int, now: float) -> float:
        """A phone's own rate where it is, in the cell that serves it there."""
        return self.terrains[self.serving(device, now)].rate_bps(self.motion.place(device, now))

    def serving(self, device: int, now: float) -> int:
        """The cell that serves a phone, as a number in ``terrains``."""
        if self.rule is None:
            return 0
        history = self._until(device, now, self.rule)
        return history.cells[bisect_right(history.since_s, now) - 1]

    def ready_s(self, device: int, now: float) -> float:
        """When a phone can send: now, or at the end of an interruption."""
        if self.rule is None:
            return now
        history = self._until(device, now, self.rule)
        last_s = history.since_s[bisect_right(history.since_s, now) - 1]
        return max(now, last_s + self.rule.interruption_s)

    def next_look_s(self, device: int, now: float) -> float:
        """When an upload that is under way has to look again: at the next handover, or after a while."""
        if self.rule is None:
            return now + self._look_s
        history = self._until(device, now + self._look_s, self.rule)
        i = bisect_right(history.since_s, now)
        return min(now + self._look_s, history.since_s[i] if i < len(history.since_s) else inf)

    def handovers(self, device: int, until_s: float) -> list[tuple[float, int]]:
        """Instants of a phone's handovers from 0 to ``until_s``, and the cells that they led to."""
        if self.rule is None:
            return []
        history = self._until(device, until_s, self.rule)
        return [(at, cell) for at, cell in zip(history.since_s, history.cells, strict=True) if 0.0 <= at <= until_s]

    def _losses_db(self, places: Sequence[Place]) -> list[list[float]]:
        x_m, y_m = np.array(places).T
        found: list[list[float]] = np.stack([t.path_loss_db(x_m, y_m) for t in self.terrains], axis=-1).tolist()
        return found

    def _until(self, device: int, now: float, rule: A3) -> _History:
        """A phone's history up to an instant at least."""
        history = self._known.get(device)
        if history is None:
            (losses,) = self._losses_db([self.motion.place(device, 0.0)])
            history = self._known[device] = _History(losses.index(min(losses)), len(losses))
        while history.looked * rule.measured_every_s <= now:
            numbers = range(history.looked + 1, history.looked + 1 + AHEAD)
            times_s = [number * rule.measured_every_s for number in numbers]
            for at, losses in zip(
                times_s, self._losses_db([self.motion.place(device, t) for t in times_s]), strict=True
            ):
                _measure(history, rule, at, losses)
            history.looked += AHEAD
        return history


def _measure(history: _History, rule: A3, now: float, losses_db: Sequence[float]) -> None:
    """One measurement of all cells, and the handover that it leads to."""
    if now < history.since_s[-1] + rule.interruption_s:
        return
    own_db = losses_db[history.cells[-1]]
    for cell, loss_db in enumerate(losses_db):
        if own_db - loss_db > rule.hysteresis_db:
            history.entered_s[cell] = min(history.entered_s[cell], now)
        else:
            history.entered_s[cell] = inf
    # A microsecond, so that a time to trigger of whole measurements does not wait for one more by rounding.
    ready = [c for c, since in enumerate(history.entered_s) if now - since >= rule.time_to_trigger_s - 1e-6]
    if ready:
        history.since_s.append(now)
        history.cells.append(min(ready, key=lambda cell: losses_db[cell]))
        history.entered_s = [inf] * len(losses_db)
