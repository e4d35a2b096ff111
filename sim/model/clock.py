"""SimPy's environment with events at absolute times."""

from __future__ import annotations

from collections.abc import Callable

import simpy


class Clock(simpy.Environment):
    """Can wait until an instant instead of for a while; ``events`` counts these waits."""

    def __init__(self) -> None:
        super().__init__()
        self.events = 0

    def run_to(self, time_s: float) -> None:
        """Let everything happen before an instant, unless that is now."""
        if time_s > self.now:
            self.run(until=time_s)

    def until(self, time_s: float) -> simpy.Event:
        """An event at exactly ``time_s``, now or later.

        ``now + (time_s - now)`` is not always ``time_s`` in floating point, and sometimes no delay leads there.  Equal
        instants must stay equal however one comes to them, or the order of what happens at once would hang on
        rounding.  From halfway the difference is exact (Sterbenz), so that such a wait is cut in two.
        """
        self.events += 1
        delay = time_s - self.now
        if self.now + delay == time_s:
            return self.timeout(delay)
        arrived = self.event()

        def arrive(_: simpy.Event) -> None:
            arrived.succeed()

        def go_on(_: simpy.Event) -> None:
            _then(self.timeout(time_s - self.now), arrive)

        _then(self.timeout(delay / 2.0), go_on)
        return arrived


def _then(event: simpy.Event, action: Callable[[simpy.Event], None]) -> None:
    assert event.callbacks is not None
    event.callbacks.append(action)
