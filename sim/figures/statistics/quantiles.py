"""Quantiles of a sample with their intervals from order statistics."""

from __future__ import annotations

import math

import numpy as np
from scipy import stats

from sim.figures.statistics.intervals import Interval, Numbers, finite


def quantile_interval(values: Numbers, probability: float, confidence: float = 0.95) -> Interval:
    """The ``probability`` quantile of independent ``values`` and its distribution-free interval.

    The number of samples below the true quantile is binomial(n, p), so two order statistics contain it
    with known probability (David and Nagaraja, Order Statistics, section 7.1).  A bound is NaN where the
    sample is too small to have one at this confidence; ``needed_samples`` says how many it takes.
    Successive latencies of one run are not independent: use replications or batches for those.
    """
    _check(probability, confidence)
    array = finite(values)
    n = array.size
    if n == 0:
        return Interval(math.nan, math.nan, math.nan, 0)
    low, high = _ranks(n, probability, confidence)
    wanted = [rank for rank in (low, high) if 1 <= rank <= n]
    ordered = np.partition(array, [rank - 1 for rank in wanted]) if wanted else array
    return Interval(
        float(np.quantile(array, probability)),
        float(ordered[low - 1]) if low >= 1 else math.nan,
        float(ordered[high - 1]) if high <= n else math.nan,
        n,
    )


def _ranks(n: int, probability: float, confidence: float) -> tuple[int, int]:
    """1-based ranks of the bounds; 0 and n + 1 where the sample has none.

    Each tail gets half of the error: the largest ``low`` with P(B < low) <= tail and the smallest ``high``
    with P(B >= high) <= tail for B binomial(n, p).
    """
    tail = (1.0 - confidence) / 2.0
    low = int(stats.binom.ppf(tail, n, probability))
    while low > 0 and stats.binom.cdf(low - 1, n, probability) > tail:
        low -= 1
    high = int(stats.binom.isf(tail, n, probability)) + 1
    while high <= n and stats.binom.sf(high - 1, n, probability) > tail:
        high += 1
    return low, high


def needed_samples(probability: float, confidence: float = 0.95) -> int:
    """Fewest independent samples whose order statistics bound the quantile from both sides.

    The extremes must contain it: ``p^n`` and ``(1 - p)^n`` each at most ``(1 - confidence) / 2``.
    """
    _check(probability, confidence)
    tail = (1.0 - confidence) / 2.0
    return math.ceil(math.log(tail) / math.log(max(probability, 1.0 - probability)))


def _check(probability: float, confidence: float) -> None:
    if not 0.0 < probability < 1.0:
        raise ValueError(f"a quantile's probability must be between 0 and 1, found {probability!r}")
    if not 0.0 < confidence < 1.0:
        raise ValueError(f"confidence must be between 0 and 1, found {confidence!r}")
