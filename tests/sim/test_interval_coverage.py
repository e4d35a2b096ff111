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
    # And they say something: five runs of 800 uploads know the mean to a third.
    assert all(i.half_width < system.true_s / 3 for i in found)


@pytest.mark.slow
def test_paired_intervals_hold_a_known_difference() -> None:
    found = [paired_study(5, 800, seed) for seed in range(1, STUDIES + 1)]
    truth = true_difference()
    assert sum(not i.low <= truth <= i.high for i, _ in found) <= MISSES_ALLOWED
    assert sorted(reduction for _, reduction in found)[STUDIES // 2] > 1.5
