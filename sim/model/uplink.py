"""The shared uplink of a cell: any ``channel.links.SharedLink``, with a timer at its next finish."""

from __future__ import annotations

from collections.abc import Callable
from math import inf
from typing import TypeVar

import simpy

from channel.links import Capacity, SharedLink, Start
from sim.model.clock import Clock

_T = TypeVar("_T")


class Uplink:
    """Carries transfers; whoever looks at the link first sees every transfer end that is due."""

    def __init__(self, clock: Clock, link: SharedLink) -> None:
        self.clock, self._link = clock, link
        self._transfers: dict[int, simpy.Event] = {}
        self._number = 0
        self._timer_s = inf  # the earliest instant at which a timer will look; later joins only push finishes back

    @property
    def link(self) -> SharedLink:
        """The link as it is now."""
        self._end_finished()
        return self._link

    def carry(
        self,
        bits: float,
        weight: float,
        cap_bps: float,
        start: Start | None,
        give_up_s: float,
        own: Capacity | None = None,
    ) -> simpy.Event:
        """An event when the last bit has left, or at ``give_up_s``; its value is the bits that have not left."""
        link, end = self.link, self.clock.event()
        self._number += 1
        self._transfers[self._number] = end
        link.join(self.clock.now, self._number, bits, weight, cap_bps, start, own)
        if give_up_s < inf:
            self._at(give_up_s, self._give_up, self._number)
        self._set_timer()
        return end

    def utilisation(self) -> float:
        """Share of the capacity that was used from 0 to now."""
        used = self.link.utilisation(self.clock.now)
        self._set_timer()  # settling the accounts works the next finish out anew: it may come a bit earlier
        return used

    def _at(self, time_s: float, what: Callable[[_T], None], which: _T) -> None:
        callbacks = self.clock.until(time_s).callbacks
        assert callbacks is not None
        callbacks.append(lambda _: what(which))

    def _set_timer(self) -> None:
        next_s = max(self._link.next_finish(), self.clock.now)
        if next_s < self._timer_s:
            self._timer_s = next_s
            self._at(next_s, self._rung, next_s)

    def _rung(self, due_s: float) -> None:
        if due_s == self._timer_s:
            self._timer_s = inf
            self._end_finished()
            self._set_timer()

    def _end_finished(self) -> None:
        for number in self._link.pop_finished(self.clock.now):
            self._transfers.pop(number).succeed(0.0)

    def _give_up(self, number: int) -> None:
        self._end_finished()
        end = self._transfers.pop(number, None)
        if end is not None:
            end.succeed(self._link.leave(self.clock.now, number))
            self._set_timer()
