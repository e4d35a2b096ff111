"""Ratios of sums, such as word errors over words, and measures of classification."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from sim.statistics.intervals import Interval, Numbers, t_quantile


def ratio_interval(numerators: Numbers, denominators: Numbers, confidence: float = 0.95) -> Interval:
    """Sum of ``numerators`` over sum of ``denominators`` with its interval by the delta method.

    Word errors are summed before they are divided.  The pairs are independent (one for each utterance, or
    for each replication); the variance is that of the residuals ``y - R x`` (Cochran, Sampling Techniques,
    section 6.3), with Student's t of n - 1 degrees.  Pairs with a NaN are left out.
    """
    over, under = _pairs(numerators, denominators)
    n, total = over.size, float(under.sum())
    if n == 0 or total == 0.0:
        return Interval(math.nan, math.nan, math.nan, n)
    ratio = float(over.sum()) / total
    if n == 1:
        return Interval(ratio, math.nan, math.nan, 1)
    residuals = over - ratio * under
    error = math.sqrt(float(residuals @ residuals) / (n - 1) * n) / abs(total)
    half = t_quantile(confidence, n - 1) * error
    return Interval(ratio, ratio - half, ratio + half, n)


def bootstrap_ratio(
    numerators: Numbers,
    denominators: Numbers,
    rng: np.random.Generator,
    confidence: float = 0.95,
    resamples: int = 2000,
) -> Interval:
    """Sum over sum with the percentile bootstrap interval, pairs drawn with replacement.

    For word error rates: Bisani and Ney, Bootstrap estimates for confidence intervals in ASR, 2004.
    """
    over, under = _pairs(numerators, denominators)
    n, total = over.size, float(under.sum())
    if n == 0 or total == 0.0:
        return Interval(math.nan, math.nan, math.nan, n)
    ratios = np.empty(resamples)
    step = max(1, 4_000_000 // n)  # draws held in memory at once
    for start in range(0, resamples, step):
        drawn = rng.integers(0, n, (min(step, resamples - start), n))
        below = under[drawn].sum(axis=1)
        with np.errstate(divide="ignore", invalid="ignore"):
            ratios[start : start + step] = over[drawn].sum(axis=1) / below
    tail = (1.0 - confidence) / 2.0
    low, high = np.nanquantile(ratios, [tail, 1.0 - tail])
    return Interval(float(over.sum()) / total, float(low), float(high), n)


def _pairs(numerators: Numbers, denominators: Numbers) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    over, under = (np.asarray(values, dtype=np.float64).ravel() for values in (numerators, denominators))
    if over.shape != under.shape:
        raise ValueError(f"a ratio needs equal counts, found {over.size} and {under.size}")
    whole = ~(np.isnan(over) | np.isnan(under))
    return over[whole], under[whole]


@dataclass(frozen=True)
class Confusion:
    """Counts of (true, predicted) classes; shape (classes, classes), rows are the truth."""

    labels: tuple[str, ...]
    counts: npt.NDArray[np.float64]

    @classmethod
    def of(cls, true: Sequence[str], predicted: Sequence[str], weights: npt.ArrayLike | None = None) -> Confusion:
        """Counts of the pairs, each by its weight (1, or how often the utterance was uploaded)."""
        if len(true) != len(predicted):
            raise ValueError(f"pairs need equal counts, found {len(true)} and {len(predicted)}")
        labels = tuple(sorted(set(true) | set(predicted)))
        place = {label: position for position, label in enumerate(labels)}
        counts = np.zeros((len(labels), len(labels)))
        rows = np.array([place[label] for label in true], dtype=np.intp)
        columns = np.array([place[label] for label in predicted], dtype=np.intp)
        np.add.at(counts, (rows, columns), 1.0 if weights is None else np.asarray(weights, dtype=np.float64))
        return cls(labels, counts)

    @property
    def accuracy(self) -> float:
        """Share of correct predictions (weighted accuracy, WA)."""
        return _over(float(np.trace(self.counts)), float(self.counts.sum()))

    @property
    def unweighted_accuracy(self) -> float:
        """Mean recall of the classes that occur (UA)."""
        true = self.counts.sum(axis=1)
        if not true.any():
            return math.nan
        return float((np.diag(self.counts)[true > 0] / true[true > 0]).mean())

    @property
    def f1(self) -> npt.NDArray[np.float64]:
        """F1 of each class; 0 for one that is never found."""
        both = self.counts.sum(axis=0) + self.counts.sum(axis=1)
        right = 2.0 * np.diag(self.counts)
        found: npt.NDArray[np.float64] = np.divide(right, both, out=np.zeros_like(both), where=both > 0)
        return found

    @property
    def f1_weighted(self) -> float:
        """Mean F1 weighted by how often each class is true."""
        true = self.counts.sum(axis=1)
        return _over(float(self.f1 @ true), float(true.sum()))

    @property
    def f1_macro(self) -> float:
        """Mean F1 of the classes that are true or predicted at least once."""
        return float(self.f1.mean()) if self.labels else math.nan


def _over(part: float, whole: float) -> float:
    return part / whole if whole > 0.0 else math.nan
