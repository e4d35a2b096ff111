"""Steady state: where the warm-up ends, batch means of one long run, and warnings."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy import stats

from sim.figures.statistics.intervals import Interval, Numbers, mean_interval
from sim.figures.statistics.quantiles import needed_samples


class WarmUp(NamedTuple):
    """Where a series' start-up transient ends by MSER."""

    drop: int
    """Observations to leave out at the start."""
    converged: bool
    """False where the minimum lies in the second half: the run is too short to tell."""


def mser(series: Numbers, group: int = 5) -> WarmUp:
    """White's MSER-5: the truncation that makes the mean's (marginal) standard error least.

    ``series`` is in order of time.  It is averaged in groups of ``group``; with the first d of k group means
    dropped, MSER(d) = sum of squared deviations of the rest / (k - d)^2 (White 1997; White, Cobb and Spratt
    2000).  The minimum is looked for in the first half; one at its edge means the run is too short.
    """
    values = np.asarray(series, dtype=np.float64).ravel()
    groups = values.size // group
    if groups < 4:
        return WarmUp(0, False)
    means = values[: groups * group].reshape(groups, group).mean(axis=1)
    means = means - means.mean()  # so that the sums below do not cancel
    left = groups - np.arange(groups)
    sums = np.cumsum(means[::-1])[::-1]
    squares = np.cumsum(np.square(means)[::-1])[::-1]
    scores = np.maximum(squares - sums**2 / left, 0.0) / left**2.0
    half = groups // 2
    best = int(np.argmin(scores[: half + 1]))
    return WarmUp(best * group, best < half)


class BatchMeans(NamedTuple):
    """Interval of a steady-state mean from one long run."""

    interval: Interval
    batches: int
    lag_one: float
    """Correlation of neighbouring batch means; near 0 when batches are long enough."""
    independent: bool
    """Whether von Neumann's test finds no correlation left at 5 %."""


def batch_means(series: Numbers, batches: int = 20, confidence: float = 0.95) -> BatchMeans:
    """Non-overlapping batch means of a series whose warm-up is removed (Law, Simulation Modeling, 9.5).

    The first values that do not fill a batch are left out.  The interval is Student's t over the batches.
    """
    values = np.asarray(series, dtype=np.float64).ravel()
    if batches < 2:
        raise ValueError(f"batch means need at least 2 batches, found {batches}")
    size = values.size // batches
    if size == 0:
        mean = float(values.mean()) if values.size else math.nan
        return BatchMeans(Interval(mean, math.nan, math.nan, int(values.size)), 0, math.nan, False)
    means = values[values.size - size * batches :].reshape(batches, size).mean(axis=1)
    lag_one, independent = _von_neumann(means)
    return BatchMeans(mean_interval(means, confidence), batches, lag_one, independent)


def _von_neumann(means: npt.NDArray[np.float64]) -> tuple[float, bool]:
    """Lag-one correlation with von Neumann's end correction, and the one-sided test at 5 %.

    Under independence the statistic is normal with mean 0 and variance (k - 2) / (k^2 - 1)
    (Fishman and Yarberry, LABATCH, 1997).
    """
    k, centred = means.size, means - means.mean()
    total = float(centred @ centred)
    if total == 0.0 or k < 3:
        return 0.0, True
    ends = float(centred[0] ** 2 + centred[-1] ** 2)
    correlation = (float(centred[1:] @ centred[:-1]) + ends / 2.0) / total
    limit = float(stats.norm.ppf(0.95)) * math.sqrt((k - 2) / (k * k - 1))
    return correlation, correlation <= limit


def percentile_warning(name: str, probability: float, samples: int, confidence: float = 0.95) -> str | None:
    """A sentence where ``samples`` are too few for the percentile's interval, else ``None``."""
    needed = needed_samples(probability, confidence)
    if samples >= needed:
        return None
    return (
        f"{name} rests on {samples} samples; an interval of the {100 * probability:g}th percentile takes at "
        f"least {needed} independent ones: run longer, or add replications"
    )


def growth(came: int, left: int) -> float:
    """How many came to a station for each that left it; 1 where chance explains what stayed.

    A queue whose load is below 1 loses, in the long run, as many as it gains.  Growth counts from three standard
    deviations of Poisson arrivals on.  For first-come-first-served the ratio is the load; where uploads share a
    link it is more, because all that are under way have had a part of the capacity.
    """
    if came - left <= 3.0 * math.sqrt(came):
        return 1.0
    return came / max(left, 1)


def growth_warning(name: str, ratio: float) -> str | None:
    """A sentence where the queue of a link or server grows (``growth`` above 1), else ``None``."""
    if ratio <= 1.0:
        return None
    return (
        f"{name} is unstable (load above 1): {ratio:.3g} uploads came for each that left in the second half of the "
        "run, so its queue grows as long as the run lasts, and its latencies depend on the run's length"
    )
