"""Intervals of whole studies hold the true value: a small edition of ``benchmarks/interval_coverage.py``."""

from __future__ import annotations

import pytest
from scipy import stats

from benchmarks.interval_coverage import SYSTEMS, mean_study, paired_study, true_difference

STUDIES = 12
# An honest 95 % interval misses more often than this in one of 10,000 sets of studies.
MISSES_ALLOWED = int(stats.binom.isf(1e-4, STUDIES, 0.05))


@pytest.mark.slow
@pytest.mark.parametrize("name", list(SYSTEMS))
def test_intervals_hold_the_true_mean(name: str) -> None:
    system = SYSTEMS[name]
    found = [mean_study(system, 5, 800, seed) for seed in range(1, STUDIES + 1)]
    assert sum(not i.low <= system.true_s <= i.high for i in found) <= MISSES_ALLOWED
    # And they say something: five runs of 800 uploads typically know the mean to a third.  Not each of them: a standard
    # deviation of five runs is often half or twice the true one, and so is the half width that it gives.
    assert sorted(i.half_width for i in found)[STUDIES // 2] < system.true_s / 3


@pytest.mark.slow
def test_paired_intervals_hold_a_known_difference() -> None:
    found = [paired_study(5, 800, seed) for seed in range(1, STUDIES + 1)]
    truth = true_difference()
    assert sum(not i.low <= truth <= i.high for i, _ in found) <= MISSES_ALLOWED
    assert sorted(reduction for _, reduction in found)[STUDIES // 2] > 1.5
