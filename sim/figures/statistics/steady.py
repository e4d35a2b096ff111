"""Steady state: batch means of one long run, and warnings."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy import stats

from sim.figures.statistics.intervals import Interval, Numbers, mean_interval


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


def percentile_warning(name: str, samples: int, needed: int) -> str | None:
    """A sentence where ``samples`` do not bound the percentile from above (``ClusteredQuantile``), else ``None``."""
    if samples >= needed:
        return None
    shown = int(float(f"{needed:.2g}"))
    return (
        f"{name} has no upper end to its interval: {samples:,} latencies do not bound it, about {shown:,} would; run "
        "longer, or add replications"
    )


def drift_warning(drift: Interval) -> str | None:
    """A sentence where the latency moves while it is counted, by more than chance and 1 % of it, else ``None``.

    ``drift`` is the interval of half the difference between the second and the first half of the counted time, over
    the mean: where a start from empty fades out over a longer time than the warm-up, about what it leaves in the mean.
    """
    if (not drift.low > 0.0 and not drift.high < 0.0) or abs(drift.mean) < 0.01:
        return None
    return (
        f"the mean latency moves while it is counted: it may be off by {drift.mean:+.1%} "
        f"({drift.low:+.1%} to {drift.high:+.1%}) of itself from the start alone; raise the warm-up or the duration, "
        "unless the load itself changes"
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
