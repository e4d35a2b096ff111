"""Capacities that repeat: traces and daily profiles."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Sequence

from channel.links.errors import LinkError
from channel.links.stretches import Stretches, WrittenCapacity


class PeriodicCapacity(WrittenCapacity):
    """Stretches of constant rate that repeat for ever.

    ``starts_s`` are the starts of the stretches (the first is 0, strictly increasing), ``rates_bps`` their
    rates, ``period_s`` the end of the last one, at which the first begins again; ``offset_s`` is where in
    the period the simulation's time 0 lies.
    """

    __slots__ = ("period_s",)

    def __init__(
        self, starts_s: Sequence[float], rates_bps: Sequence[float], period_s: float, offset_s: float = 0.0
    ) -> None:
        _check_stretches(starts_s, rates_bps, period_s)
        self.period_s = float(period_s)
        # Written down from time 0 on and not from the period's start: an integral from midnight, of 10^12 bits by the
        # evening, has no digits left for a nanosecond of a slow link.
        super().__init__(Stretches([0.0], [0.0], [], self.period_s))
        for rate, end_s in _turned(starts_s, rates_bps, self.period_s, math.fmod(offset_s, self.period_s)):
            self._add(rate, end_s)
        self._written = self._written._replace(period_bits=self._written.bits[-1])

    @property
    def mean_rate_bps(self) -> float:
        """Bits of one period over its length."""
        return self._written.period_bits / self.period_s

    def _write(self) -> None:
        raise AssertionError("a period is written down as a whole")


def _turned(starts: Sequence[float], rates: Sequence[float], period: float, offset: float) -> list[tuple[float, float]]:
    """(Rate, end) of the stretches of one period that begins at ``offset``."""
    first = bisect_right(starts, offset) - 1
    ends = [float(s) for s in (*starts[1:], period)]
    turned = [(float(rates[i]), ends[i] - offset) for i in range(first, len(ends))]
    turned += [(float(rates[i]), ends[i] + period - offset) for i in range(first)]
    if offset > starts[first]:
        turned.append((float(rates[first]), period))
    turned[-1] = turned[-1][0], period  # exactly
    return turned


def _check_stretches(starts: Sequence[float], rates: Sequence[float], period: float) -> None:
    if not starts or len(starts) != len(rates):
        raise LinkError("a capacity over time needs as many rates as starting times, and at least one")
    if starts[0] != 0.0:
        raise LinkError(f"a capacity over time must start at 0 s, found {starts[0]!r}")
    ends = [*starts[1:], period]
    for start, end, rate in zip(starts, ends, rates, strict=True):
        if not (end > start and math.isfinite(end)):
            raise LinkError(f"times of a capacity must increase: {end!r} s follows {start!r} s")
        if not (rate >= 0.0 and math.isfinite(rate)):
            raise LinkError(f"a rate must be at least 0 bit/s and finite, found {rate!r} at {start!r} s")
    if not any(rate > 0.0 for rate in rates):
        raise LinkError("a capacity that is always 0 bit/s can carry nothing")
