"""Confidence intervals of means across replications, of paired differences, and of proportions."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy import stats

Numbers = npt.ArrayLike


class Interval(NamedTuple):
    """A figure with its confidence interval; ``low`` and ``high`` are NaN where none can be given."""

    mean: float
    low: float
    high: float
    n: int
    """Independent observations (replications, batches, samples) behind it."""

    @property
    def half_width(self) -> float:
        """Half the interval's width, in the figure's unit."""
        return (self.high - self.low) / 2.0

    @property
    def relative(self) -> float:
        """Half width over the figure's magnitude; NaN without an interval, infinite for a figure of 0."""
        if math.isnan(self.half_width):
            return math.nan
        return self.half_width / abs(self.mean) if self.mean else math.inf


def finite(values: Numbers) -> npt.NDArray[np.float64]:
    """``values`` as a flat float array without NaN."""
    array = np.asarray(values, dtype=np.float64).ravel()
    return array[~np.isnan(array)]


def mean_interval(values: Numbers, confidence: float = 0.95) -> Interval:
    """Student's t interval of the mean of independent ``values``, one for each replication.

    NaN are left out (a replication may lack a metric).  One value has no interval.
    """
    array = finite(values)
    n = array.size
    if n == 0:
        return Interval(math.nan, math.nan, math.nan, 0)
    mean = float(array.mean())
    if n == 1:
        return Interval(mean, math.nan, math.nan, 1)
    half = t_quantile(confidence, n - 1) * float(array.std(ddof=1)) / math.sqrt(n)
    return Interval(mean, mean - half, mean + half, n)


def within(interval: Interval, most: float = math.inf) -> Interval:
    """The interval of a figure that lies in [0, ``most``].

    Where Student's t would reach below 0, which no latency does, the interval is the logarithm's (delta method):
    mean * exp(+- half width / mean).  Shares end at 1.
    """
    mean, low, high, n = interval
    if low < 0.0 < mean:
        factor = math.exp(min((mean - low) / mean, 700.0))
        low, high = mean / factor, mean * factor
    return Interval(mean, max(low, 0.0), min(high, most), n)


def t_quantile(confidence: float, degrees: float) -> float:
    """Two-sided quantile of Student's t for ``confidence`` in (0, 1)."""
    if not 0.0 < confidence < 1.0:
        raise ValueError(f"confidence must be between 0 and 1, found {confidence!r}")
    return float(stats.t.ppf(0.5 + confidence / 2.0, degrees))


def replications_needed(values: Numbers, relative: float, confidence: float = 0.95) -> int:
    """How many replications in all would make the mean's interval as tight as ``relative`` of the mean.

    ``values`` are those at hand, at least 2.  The smallest n with t(n - 1) s / sqrt(n) <= relative |mean|,
    taking s and mean as found (Law, Simulation Modeling, section 9.4.1); never below the number at hand
    when that is tight enough.  A mean of 0 that varies can never be relatively precise: ``OverflowError``.
    """
    if not relative > 0.0:
        raise ValueError(f"a relative precision must be above 0, found {relative!r}")
    array = finite(values)
    if array.size < 2:
        raise ValueError(f"the spread takes at least 2 replications, found {array.size}")
    deviation, mean = float(array.std(ddof=1)), abs(float(array.mean()))
    if deviation <= 1e-12 * mean or deviation == 0.0:
        return int(array.size)
    if mean == 0.0:
        raise OverflowError("a mean of 0 cannot reach a relative precision; ask for an absolute one")
    aim = relative * mean / deviation
    # The normal quantile is below every t quantile, so its answer is a lower bound a few steps away.
    n = max(int(array.size), math.floor((float(stats.norm.ppf(0.5 + confidence / 2.0)) / aim) ** 2))
    while t_quantile(confidence, n - 1) / math.sqrt(n) > aim:
        n += 1
    return n


class Paired(NamedTuple):
    """A difference first - second under common random numbers."""

    difference: Interval
    variance_reduction: float
    """Variance of the difference with independent runs, over its variance with common random numbers."""
    correlation: float
    """Of the pairs; NaN where either does not vary."""


def paired_difference(first: Numbers, second: Numbers, confidence: float = 0.95) -> Paired:
    """Interval of the mean of ``first - second``, pair by pair, and what common random numbers earned.

    The two hold one value for each replication, in the same order of seeds.  Independent runs would have
    the variance ``var(first) + var(second)``; the ratio to the paired variance is the factor by which
    fewer replications suffice.  Pairs with a NaN are left out.
    """
    one, two = (np.asarray(values, dtype=np.float64).ravel() for values in (first, second))
    if one.shape != two.shape:
        raise ValueError(f"pairs need equal counts, found {one.size} and {two.size}")
    whole = ~(np.isnan(one) | np.isnan(two))
    one, two = one[whole], two[whole]
    difference = mean_interval(one - two, confidence)
    if one.size < 2:
        return Paired(difference, math.nan, math.nan)
    apart = float(one.var(ddof=1) + two.var(ddof=1))
    together = float((one - two).var(ddof=1))
    reduction = apart / together if together > 0.0 else (math.inf if apart > 0.0 else math.nan)
    spread = float(one.std() * two.std())
    covariance = float(((one - one.mean()) * (two - two.mean())).mean())
    return Paired(difference, reduction, covariance / spread if spread > 0.0 else math.nan)


def independent_difference(first: Interval, second: Interval) -> Interval:
    """``first - second`` of two estimates that share no draw, from their own intervals, which may be lopsided.

    The variance that an end of an interval stands for is recovered from its distance to the estimate (MOVER: Zou and
    Donner, Statistics in Medicine 2008).  Without both intervals there is none; ``n`` is the smaller count.
    """
    mean = first.mean - second.mean
    below = math.hypot(first.mean - first.low, second.high - second.mean)
    above = math.hypot(first.high - first.mean, second.mean - second.low)
    if not math.isfinite(below + above):
        below = above = math.nan
    return Interval(mean, mean - below, mean + above, min(first.n, second.n))


def proportion_interval(hits: int, trials: int, confidence: float = 0.95) -> Interval:
    """Wilson's score interval of a proportion of independent trials (Wilson 1927)."""
    if not 0 <= hits <= trials:
        raise ValueError(f"hits must be between 0 and trials, found {hits} of {trials}")
    if trials == 0:
        return Interval(math.nan, math.nan, math.nan, 0)
    z = float(stats.norm.ppf(0.5 + confidence / 2.0))
    share = hits / trials
    centre = (share + z * z / (2 * trials)) / (1 + z * z / trials)
    half = z * math.sqrt(share * (1 - share) / trials + z * z / (4 * trials**2)) / (1 + z * z / trials)
    return Interval(share, max(centre - half, 0.0), min(centre + half, 1.0), trials)
