"""Intervals of whole studies hold the true value: a small edition of ``benchmarks/interval_coverage.py``."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from benchmarks.interval_coverage import SYSTEMS, System, mean_study, paired_study, true_difference

STUDIES = 12
# An honest 95 % interval misses more often than this in one of 10,000 sets of studies.
MISSES_ALLOWED = int(stats.binom.isf(1e-4, STUDIES, 0.05))


def squared_half_width(system: System, uploads: float, replications: int) -> float:
    """Mean square of the half width of a 95 % t-interval for M/M/1's mean response, asymptotically.

    The number present is the same birth-death process under FIFO and processor sharing.  With services of mean 1 its
    integral over t varies by 2 rho (1 + rho) / (1 - rho)^4 t (Whitt, Management Science 35(11), 1989), the number of
    arrivals N by rho t, and their covariance is lambda times the derivative of the mean, rho / (1 - rho)^2 t.  The mean
    response is the integral over N; to first order it varies by the sum below over N.
    """
    free = 1.0 - system.load
    variance = 2.0 * (1.0 + system.load) / free**4 + 1.0 / free**2 - 2.0 / free**3
    factor = float(stats.t.ppf(0.975, replications - 1))
    return factor**2 * system.work_s**2 * variance / uploads / replications


@pytest.mark.slow
@pytest.mark.parametrize("name", list(SYSTEMS))
def test_intervals_hold_the_true_mean(name: str) -> None:
    system, uploads, replications = SYSTEMS[name], 800, 5
    found = [mean_study(system, replications, uploads, seed) for seed in range(1, STUDIES + 1)]
    assert sum(not i.low <= system.true_s <= i.high for i in found) <= MISSES_ALLOWED
    # And they are as wide as theory says: the squares of normal means add up to a chi-square.  Constant services vary
    # less than exponential ones.  A tenth of the uploads is warm-up.
    ratio = np.mean([i.half_width**2 for i in found]) / squared_half_width(system, 0.9 * uploads, replications)
    freedom = STUDIES * (replications - 1)
    assert ratio < stats.chi2.isf(1e-4, freedom) / freedom
    assert ratio > stats.chi2.ppf(1e-4, freedom) / freedom or name == "M/D/1"


@pytest.mark.slow
def test_paired_intervals_hold_a_known_difference() -> None:
    found = [paired_study(5, 800, seed) for seed in range(1, STUDIES + 1)]
    truth = true_difference()
    assert sum(not i.low <= truth <= i.high for i, _ in found) <= MISSES_ALLOWED
    assert sorted(reduction for _, reduction in found)[STUDIES // 2] > 1.5
