"""Quantiles of correlated values with their intervals from order statistics."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from sim.figures.statistics.intervals import Interval, Numbers, finite, t_quantile


class Histogram(NamedTuple):
    """Values in increasing order and how often each was seen."""

    values: npt.NDArray[np.float64]
    counts: npt.NDArray[np.int64]

    @classmethod
    def of(cls, values: Numbers) -> Histogram:
        """Of single values; NaN are left out."""
        return cls(*np.unique(finite(values), return_counts=True))


class ClusteredQuantile(NamedTuple):
    """A quantile of correlated values and what its interval rests on."""

    interval: Interval
    """``n`` counts clusters; ``high`` is NaN where the values do not bound the quantile from above."""
    needed: int
    """About so many values in all would bound it from both sides; those at hand where they do."""


def clustered_quantile(parts: Sequence[Histogram], probability: float, confidence: float = 0.95) -> ClusteredQuantile:
    """The quantile of all values together; each part is a cluster that is independent of the others.

    Values of one replication are correlated, so the share of them below the quantile varies more than a binomial
    count.  Its variance is taken from the replications instead, Student's t gives an interval of the share, and the
    pooled order statistics at its ends bound the quantile (Woodruff 1952; clusters as in survey sampling).  Not a t
    interval over the replications' own quantiles: from 1,500 uploads of an M/M/1 at a load of 0.7 a p99 is biased, and
    such an interval held the truth in 80 % of cases.  Nor is an interval without an upper end left out: those that have
    one come from samples that saw few long waits, and hold the truth less often.
    """
    _check(probability, confidence)
    parts = [part for part in parts if len(part.values)]
    sizes = np.array([part.counts.sum() for part in parts])
    n, clusters = int(sizes.sum()), len(parts)
    if n == 0:
        return ClusteredQuantile(Interval(math.nan, math.nan, math.nan, 0), 0)
    values = np.concatenate([part.values for part in parts])
    order = np.argsort(values, kind="stable")
    values, below = values[order], np.cumsum(np.concatenate([part.counts for part in parts])[order])
    found = _between(values, below, probability * (n - 1))
    if clusters < 2:
        return ClusteredQuantile(Interval(found, math.nan, math.nan, clusters), n)
    passed = np.array([part.counts[part.values <= found].sum() for part in parts])
    excess = passed - probability * sizes
    variance = clusters / (clusters - 1) * float(np.square(excess - excess.mean()).sum()) / n**2
    # Never less than independent values would have: few clusters can agree by chance.
    variance = max(variance, probability * (1.0 - probability) / n)
    half = t_quantile(confidence, clusters - 1) * math.sqrt(variance)
    low, high = math.floor((probability - half) * n), math.ceil((probability + half) * n)
    interval = Interval(
        found,
        _ranked(values, below, low) if low >= 1 else math.nan,
        _ranked(values, below, high + 1) if high < n else math.nan,
        clusters,
    )
    room = min(probability, 1.0 - probability)
    return ClusteredQuantile(interval, n if half < room else math.ceil(n * (half / room) ** 2))


def _ranked(values: npt.NDArray[np.float64], below: npt.NDArray[np.int64], rank: int) -> float:
    """The order statistic of a rank, from 1, given how many values lie at or below each."""
    return float(values[int(np.searchsorted(below, rank))])


def _between(values: npt.NDArray[np.float64], below: npt.NDArray[np.int64], place: float) -> float:
    """What ``numpy.quantile`` gives: linear between the order statistics around ``place``, from 0."""
    first = math.floor(place)
    one, two = (_ranked(values, below, rank) for rank in (first + 1, min(first + 2, int(below[-1]))))
    return one + (place - first) * (two - one)


def _check(probability: float, confidence: float) -> None:
    if not 0.0 < probability < 1.0:
        raise ValueError(f"a quantile's probability must be between 0 and 1, found {probability!r}")
    if not 0.0 < confidence < 1.0:
        raise ValueError(f"confidence must be between 0 and 1, found {confidence!r}")
