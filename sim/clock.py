"""SimPy's environment with absolute times."""

from __future__ import annotations

from collections.abc import Callable
from heapq import heappop, heappush
from typing import Any

import simpy

NORMAL: Any = 1  # simpy's priority of ordinary events


class Clock(simpy.Environment):
    """A SimPy environment that can schedule an event *at* a time.

    ``schedule`` takes a delay, and ``now + (time - now)`` is not always ``time`` in floating point: a link's
    timer could ring one rounding error before the transfer is done.  ``at`` has no such gap.
    """

    def __init__(self) -> None:
        super().__init__()
        queue, number, push = self._queue, self._eid.__next__, heappush

        def at(time_s: float, event: Any) -> None:
            push(queue, (time_s, NORMAL, number(), event))

        # A closure, because every stage of every upload passes here and attribute look-ups are a third of its cost.
        self.at: Callable[[float, Any], None] = at
        """Schedule an event for an absolute time in seconds, not before now."""

    def run_to(self, end_s: float) -> None:
        """Process every event up to and including ``end_s`` and set the clock to it.

        The same order and semantics as ``step`` in a loop, without a call and two exception frames an event.
        """
        queue = self._queue
        while queue and queue[0][0] <= end_s:
            self._now, _, _, event = heappop(queue)
            callbacks = event.callbacks
            event.callbacks = None  # type: ignore[assignment]  # SimPy's mark of a processed event
            for callback in callbacks:
                callback(event)
            if not event._ok and not event.defused:
                raise event._value
        self._now = max(self._now, end_s)

    @property
    def scheduled(self) -> int:
        """Number of events scheduled so far (asking takes one number from SimPy's counter, which is harmless)."""
        return next(self._eid)


class Moment(simpy.Event):
    """A bare event that calls ``callbacks`` when its time comes; cheaper than ``simpy.Timeout``."""

    _ok = True
    _value: Any = None

    def __init__(self, callbacks: Any) -> None:
        self.callbacks = callbacks
