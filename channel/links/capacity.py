"""Capacity over time as its cumulative integral, so that a change of rate costs no event.

Every capacity answers two questions: how many bits pass between two instants, and when has a number of
bits passed.  The second is the first one's inverse.  Time is in seconds from the start of the simulation,
rates in bit/s.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from itertools import accumulate

from channel.links.errors import LinkError

INFINITY = math.inf


class Capacity(ABC):
    """A rate over time, known through its integral K(t) = bits that can pass in [0, t]."""

    __slots__ = ()

    constant_bps: float | None = None
    """The rate when it never changes, else None; disciplines take a shorter way where it is set."""

    @property
    @abstractmethod
    def mean_rate_bps(self) -> float:
        """Long-run mean rate in bit/s."""

    @abstractmethod
    def cumulative(self, t: float) -> float:
        """K(t): bits that can pass from 0 to ``t`` seconds, ``t`` >= 0."""

    @abstractmethod
    def time_of(self, bits: float) -> float:
        """Return the earliest t with K(t) >= ``bits``; inf when that never happens."""

    @abstractmethod
    def rate_at(self, t: float) -> float:
        """Rate in bit/s right after ``t``."""

    @abstractmethod
    def segments(self, t: float) -> Iterator[tuple[float, float]]:
        """Yield (rate_bps, end_s) of each stretch of constant rate from ``t`` on, without end."""

    def bits_between(self, t0: float, t1: float) -> float:
        """Bits that can pass from ``t0`` to ``t1`` seconds."""
        return self.cumulative(t1) - self.cumulative(t0)

    def time_to_send(self, t0: float, bits: float) -> float:
        """Return the instant at which ``bits`` have passed when they start at ``t0``.

        Bits that pass in no time finish at ``t0``; the result is never before ``t0``.
        """
        if bits <= 0.0:
            return t0
        t1 = self.time_of(self.cumulative(t0) + bits)
        return t1 if t1 > t0 else t0

    def time_to_send_capped(self, t0: float, bits: float, cap_bps: float) -> float:
        """Like `time_to_send` for a sender that uses at most ``cap_bps``: rate min(capacity, cap)."""
        if cap_bps == INFINITY:
            return self.time_to_send(t0, bits)
        if cap_bps <= 0.0:
            return INFINITY if bits > 0.0 else t0
        if bits <= 0.0:
            return t0
        t, left = t0, bits
        for rate, end in self.segments(t0):
            rate = min(rate, cap_bps)
            if rate > 0.0 and left <= rate * (end - t):
                return t + left / rate
            if end == INFINITY:
                break
            left -= rate * (end - t)
            t = end
        return INFINITY


class ConstantCapacity(Capacity):
    """The same rate for ever."""

    __slots__ = ("constant_bps", "rate_bps")

    def __init__(self, rate_bps: float) -> None:
        if not (rate_bps > 0.0 and math.isfinite(rate_bps)):
            raise LinkError(f"a constant capacity must be above 0 bit/s and finite, found {rate_bps!r}")
        self.rate_bps = self.constant_bps = float(rate_bps)

    @property
    def mean_rate_bps(self) -> float:
        """The rate."""
        return self.rate_bps

    def cumulative(self, t: float) -> float:
        """Rate times time."""
        return self.rate_bps * t

    def time_of(self, bits: float) -> float:
        """Bits over rate."""
        return bits / self.rate_bps

    def bits_between(self, t0: float, t1: float) -> float:
        """Rate times duration."""
        return self.rate_bps * (t1 - t0)

    def time_to_send(self, t0: float, bits: float) -> float:
        """``t0`` plus bits over rate."""
        return t0 + bits / self.rate_bps

    def rate_at(self, t: float) -> float:
        """The rate."""
        return self.rate_bps

    def segments(self, t: float) -> Iterator[tuple[float, float]]:
        """One stretch without end."""
        yield self.rate_bps, INFINITY


class PeriodicCapacity(Capacity):
    """Stretches of constant rate that repeat for ever: traces and daily profiles.

    ``starts_s`` are the starts of the stretches (the first is 0, strictly increasing), ``rates_bps`` their
    rates, ``period_s`` the end of the last one, at which the first begins again; ``offset_s`` is where in
    the period the simulation's time 0 lies.
    """

    __slots__ = ("_base", "_cum", "_offset", "_rates", "_starts", "_total", "period_s")

    def __init__(
        self, starts_s: Sequence[float], rates_bps: Sequence[float], period_s: float, offset_s: float = 0.0
    ) -> None:
        _check_stretches(starts_s, rates_bps, period_s)
        self._starts = [float(s) for s in starts_s]
        self._rates = [float(r) for r in rates_bps]
        ends = [*self._starts[1:], float(period_s)]
        parts = (r * (e - s) for s, e, r in zip(self._starts, ends, self._rates, strict=True))
        self._cum = list(accumulate(parts, initial=0.0))  # bits at each start, and at the period's end
        self._total = self._cum[-1]
        self.period_s = float(period_s)
        self._offset = math.fmod(offset_s, self.period_s)
        self._base = self._within(self._offset)

    @property
    def mean_rate_bps(self) -> float:
        """Bits of one period over its length."""
        return self._total / self.period_s

    def _within(self, t: float) -> float:
        i = bisect_right(self._starts, t) - 1
        return self._cum[i] + self._rates[i] * (t - self._starts[i])

    def cumulative(self, t: float) -> float:
        """Whole periods plus the part of the last one (bisection)."""
        cycles, rest = divmod(t + self._offset, self.period_s)
        i = bisect_right(self._starts, rest) - 1
        within = self._cum[i] + self._rates[i] * (rest - self._starts[i])
        return cycles * self._total + within - self._base

    def time_of(self, bits: float) -> float:
        """Whole periods of bits, then bisection in the cumulative sums; stretches of rate 0 are skipped."""
        cycles, rest = divmod(bits + self._base, self._total)
        if rest == 0.0 and bits > 0.0:  # the earliest instant is the end of the period before
            cycles, rest = cycles - 1.0, self._total
        # The first index whose sum reaches `rest`: the stretch before it holds the instant, and its rate is
        # above 0 because its sum rises.
        i = bisect_left(self._cum, rest) - 1
        if i < 0:
            return cycles * self.period_s - self._offset
        return cycles * self.period_s + self._starts[i] + (rest - self._cum[i]) / self._rates[i] - self._offset

    def rate_at(self, t: float) -> float:
        """Rate of the stretch that holds ``t``."""
        return self._rates[bisect_right(self._starts, (t + self._offset) % self.period_s) - 1]

    def segments(self, t: float) -> Iterator[tuple[float, float]]:
        """Stretches from the one that holds ``t``, period after period."""
        cycles, rest = divmod(t + self._offset, self.period_s)
        i = bisect_right(self._starts, rest) - 1
        ends = [*self._starts[1:], self.period_s]
        while True:
            base = cycles * self.period_s - self._offset
            for k in range(i, len(ends)):
                yield self._rates[k], base + ends[k]
            i, cycles = 0, cycles + 1.0


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
