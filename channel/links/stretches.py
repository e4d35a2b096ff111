"""Rates over time as stretches of constant rate: their integral and its inverse.

The arithmetic is written once, as scalar functions, for `WrittenCapacity` and, compiled, for the fleet engine.  Both
engines must come to the same instants to the last bit: what happens at once by construction (a transfer that ends at
the very time-out of the next, because two payloads have the same size) would otherwise be decided by rounding.
"""

from __future__ import annotations

import math
from abc import abstractmethod
from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from typing import NamedTuple

from channel.links.capacity import INFINITY, Capacity


def periods_in(x: float, period: float) -> float:
    """Whole periods in ``x`` >= 0; none where the period is inf."""
    if period == INFINITY:
        return 0.0
    return float(math.floor((x - x % period) / period + 0.5))


def beyond_periods(x: float, period: float) -> float:
    """What of ``x`` >= 0 lies beyond its whole periods, exactly: in [0, period)."""
    return x if period == INFINITY else x % period


def bits_within(t: float, start_s: float, rate_bps: float, bits_before: float) -> float:
    """Bits by ``t`` in a stretch that begins at ``start_s``, when so many have passed."""
    return bits_before + rate_bps * (t - start_s)


def instant_within(bits: float, start_s: float, rate_bps: float, bits_before: float) -> float:
    """When so many bits have passed, in a stretch as above."""
    return start_s + (bits - bits_before) / rate_bps


class Stretches(NamedTuple):
    """n stretches: starts (s) and bits passed by then, each with the last one's end behind it; rates (bit/s).

    They repeat after ``period_s``, in which ``period_bits`` pass; both are inf where nothing repeats.
    """

    starts_s: list[float]
    bits: list[float]
    rates_bps: list[float]
    period_s: float = INFINITY
    period_bits: float = INFINITY


class WrittenCapacity(Capacity):
    """A capacity whose stretches are written down as far as anybody looks, or for one period of many."""

    __slots__ = ("_written",)

    def __init__(self, written: Stretches) -> None:
        self._written = written

    @abstractmethod
    def _write(self) -> None:
        """Write down more stretches; never asked of those that repeat."""

    def _add(self, rate_bps: float, end_s: float) -> None:
        """Write down one stretch."""
        starts, bits, rates, _, _ = self._written
        bits.append(bits_within(end_s, starts[-1], rate_bps, bits[-1]) if rate_bps > 0.0 else bits[-1])
        starts.append(end_s)
        rates.append(rate_bps)

    def written(self, until_s: float) -> Stretches:
        """The stretches up to an instant at least, or those of the period."""
        starts = self._written.starts_s
        while self._written.period_s == INFINITY and starts[-1] <= until_s:
            self._write()
        return self._written

    def _at(self, rest_s: float) -> int:
        """Index of the stretch that holds an instant of the first period."""
        starts = self._written.starts_s
        while starts[-1] <= rest_s:
            self._write()
        return bisect_right(starts, rest_s) - 1

    def cumulative(self, t: float) -> float:
        """Whole periods, and the part of a stretch (bisection)."""
        starts, bits, rates, period_s, period_bits = self._written
        rest = beyond_periods(t, period_s)
        i = self._at(rest)
        within = bits_within(rest, starts[i], rates[i], bits[i])
        cycles = periods_in(t, period_s)
        return cycles * period_bits + within if cycles > 0.0 else within

    def time_of(self, bits: float) -> float:
        """Whole periods of bits, then bisection in the sums; stretches of rate 0 are skipped."""
        starts, sums, rates, period_s, period_bits = self._written
        cycles, rest = periods_in(bits, period_bits), beyond_periods(bits, period_bits)
        if rest == 0.0 and cycles > 0.0:  # the earliest instant is the end of the period before
            cycles, rest = cycles - 1.0, period_bits
        while sums[-1] < rest:
            if starts[-1] == INFINITY:
                return INFINITY
            self._write()
        # The first sum that reaches `rest`: the stretch before it holds the instant, and its rate is above 0 because
        # its sum rises.
        i = bisect_left(sums, rest) - 1
        within = instant_within(rest, starts[i], rates[i], sums[i]) if i >= 0 else 0.0
        return cycles * period_s + within if cycles > 0.0 else within

    def rate_at(self, t: float) -> float:
        """Rate of the stretch that holds ``t``."""
        return self._written.rates_bps[self._at(beyond_periods(t, self._written.period_s))]

    def segments(self, t: float) -> Iterator[tuple[float, float]]:
        """Stretches from the one that holds ``t``, period after period."""
        starts, _, rates, period_s, _ = self._written
        cycles, i = periods_in(t, period_s), self._at(beyond_periods(t, period_s))
        while starts[i] < INFINITY:
            if i == len(rates):
                if period_s < INFINITY:
                    cycles, i = cycles + 1.0, 0
                else:
                    self._write()
            yield rates[i], cycles * period_s + starts[i + 1] if cycles > 0.0 else starts[i + 1]
            i += 1
