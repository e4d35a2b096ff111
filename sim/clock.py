"""SimPy's environment with absolute times, bare calls as events, and a stream of arrivals beside the heap."""

from __future__ import annotations

from collections.abc import Callable
from heapq import heappop, heappush
from typing import Any

import simpy
from simpy.core import EmptySchedule

NORMAL: Any = 1  # simpy's priority of ordinary events
INFINITE = float("inf")


class Clock(simpy.Environment):
    """A SimPy environment that can also call a function *at* a time.

    Three things make it fast and exact, and processes, time-outs and resources of SimPy still work in it:

    * ``at`` takes the time itself: SimPy's ``schedule`` takes a delay, and ``now + (time - now)`` is not always
      ``time`` in floating point, so a link's timer could ring one rounding error before the transfer is done;
    * an entry of the heap is (time, priority, number, stage, thing) and happens as ``stage(thing)``: an event
      object with its list of callbacks is made only for those who ask SimPy for one;
    * arrivals are sorted already and never enter the heap: ``feed`` brings in the one that is due at
      ``arrival_s`` and returns the time of the next.  An event at the same instant goes first.
    """

    def __init__(self) -> None:
        super().__init__()
        queue: Any = self._queue
        number, push = self._eid.__next__, heappush

        def at(time_s: float, stage: Callable[[Any], None], thing: Any) -> None:
            push(queue, (time_s, NORMAL, number(), stage, thing))

        # A closure, because every stage of every upload passes here and attribute look-ups are a third of its cost.
        self.at: Callable[[float, Callable[[Any], None], Any], None] = at
        """Call ``stage(thing)`` at an absolute time in seconds, not before now."""
        self.arrival_s = INFINITE
        self.feed: Callable[[], float] = lambda: INFINITE

    def schedule(self, event: simpy.Event, priority: Any = NORMAL, delay: float = 0.0) -> None:
        """As SimPy's: an event object that happens ``delay`` seconds from now."""
        queue: Any = self._queue
        heappush(queue, (self._now + delay, priority, next(self._eid), _happen, event))

    def step(self) -> None:
        """As SimPy's: process the next event of the heap; ``EmptySchedule`` when there is none."""
        queue: Any = self._queue
        if not queue:
            raise EmptySchedule
        self._now, _, _, stage, thing = heappop(queue)
        stage(thing)

    def peek(self) -> float:
        """Time of the next event or arrival, inf when nothing more will happen."""
        return min(super().peek(), self.arrival_s)

    def run_to(self, end_s: float) -> None:
        """Process every event and arrival up to and including ``end_s`` and set the clock to it."""
        queue: Any = self._queue
        pop, feed = heappop, self.feed
        while True:
            arrival_s = self.arrival_s
            until_s = arrival_s if arrival_s < end_s else end_s
            while queue and queue[0][0] <= until_s:
                self._now, _, _, stage, thing = pop(queue)
                stage(thing)
            if arrival_s > end_s:
                break
            self._now = arrival_s
            self.arrival_s = feed()
        self._now = max(self._now, end_s)

    @property
    def scheduled(self) -> int:
        """Number of events scheduled so far (asking takes one number from SimPy's counter, which is harmless)."""
        return next(self._eid)


def _happen(event: simpy.Event) -> None:
    """Process one of SimPy's own events as its ``step`` does."""
    callbacks = event.callbacks
    event.callbacks = None  # type: ignore[assignment]  # SimPy's mark of a processed event
    for callback in callbacks:
        callback(event)
    if not event._ok and not event.defused:
        raise event._value
