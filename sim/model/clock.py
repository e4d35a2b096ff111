"""SimPy's environment with events at absolute times."""

from __future__ import annotations

from math import inf, nextafter

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

    def until(self, time_s: float) -> simpy.Timeout:
        """An event at exactly ``time_s``, now or later.

        ``now + (time_s - now)`` is not always ``time_s`` in floating point.  Equal instants must stay equal however one
        comes to them, or the order of what happens at once would hang on rounding; so the delay is moved by a bit
        where that is needed.
        """
        self.events += 1
        delay = time_s - self.now
        while self.now + delay < time_s:
            delay = nextafter(delay, inf)
        while self.now + delay > time_s:
            delay = nextafter(delay, 0.0)
        return self.timeout(delay)
