"""Intervals, quantiles and ratios against closed forms and by coverage."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from sim.figures.statistics import (
    mean_interval,
    needed_samples,
    paired_difference,
    proportion_interval,
    quantile_interval,
    replications_needed,
)


def test_mean_interval_by_hand() -> None:
    """1, 2, 3: mean 2, s = 1, t(0.975, 2) = 4.302653, so the half width is 4.302653 / sqrt(3)."""
    interval = mean_interval([1.0, 2.0, 3.0])
    assert interval.mean == 2.0 and interval.n == 3
    assert interval.half_width == pytest.approx(4.302652730 / math.sqrt(3), rel=1e-9)
    assert interval.relative == pytest.approx(interval.half_width / 2)


def test_mean_interval_of_too_little() -> None:
    one, none = mean_interval([5.0]), mean_interval([math.nan])
    assert one.mean == 5.0 and math.isnan(one.low) and one.n == 1 and math.isnan(one.relative)
    assert math.isnan(none.mean) and none.n == 0
    assert mean_interval([1.0, math.nan, 3.0]).n == 2
    with pytest.raises(ValueError, match="confidence"):
        mean_interval([1.0, 2.0], confidence=95.0)


def test_replications_needed_by_hand() -> None:
    """Mean 10, s = 1 from two pairs; half width 0.5 takes t s / sqrt(n) <= 0.5: n = 18 (t(17) = 2.110)."""
    values = 10.0 + np.array([-1.0, 1.0, -1.0, 1.0]) * math.sqrt(3.0 / 4.0)
    n = replications_needed(values, 0.05)
    assert stats.t.ppf(0.975, n - 1) / math.sqrt(n) <= 0.5
    assert n == 18
    assert replications_needed([10.0, 10.0, 10.0], 0.05) == 3
    assert replications_needed([9.99, 10.0, 10.01], 0.5) == 3
    with pytest.raises(ValueError, match="at least 2"):
        replications_needed([1.0], 0.05)
    with pytest.raises(ValueError, match="above 0"):
        replications_needed([1.0, 2.0], 0.0)
    with pytest.raises(OverflowError, match="mean of 0"):
        replications_needed([-1.0, 1.0], 0.1)


def _covered(covers: int, trials: int) -> bool:
    """Whether a coverage is compatible with 95 % (binomial, 99.9 % two-sided)."""
    low, high = stats.binom.interval(0.999, trials, 0.95)
    return bool(low <= covers <= high)


def test_mean_interval_covers_a_normal_mean_in_95_percent() -> None:
    samples = np.random.default_rng(11).normal(3.0, 2.0, (2000, 5))
    hits = sum(low <= 3.0 <= high for _, low, high, _ in map(mean_interval, samples))
    assert _covered(hits, 2000)


def test_paired_difference_of_a_known_model() -> None:
    """x = c + a, y = c + b with var(c) = 9 and var(a) = var(b) = 1: apart 20, paired 2."""
    rng = np.random.default_rng(2)
    common = rng.normal(0, 3, 20_000)
    first, second = common + rng.normal(1, 1, 20_000), common + rng.normal(0, 1, 20_000)
    paired = paired_difference(first, second)
    assert paired.difference.low <= 1.0 <= paired.difference.high
    # Ratios of variances of 20,000 samples have a relative standard error of about 1 %.
    assert paired.variance_reduction == pytest.approx(10.0, rel=0.05)
    assert paired.correlation == pytest.approx(0.9, abs=0.01)


def test_paired_difference_covers_in_95_percent() -> None:
    rng = np.random.default_rng(3)
    hits = 0
    for _ in range(2000):
        common = rng.exponential(1.0, 6)
        paired = paired_difference(common + rng.normal(0.5, 0.1, 6), common + rng.normal(0, 0.1, 6))
        hits += paired.difference.low <= 0.5 <= paired.difference.high
    assert _covered(hits, 2000)


def test_paired_difference_edges() -> None:
    assert paired_difference([1.0, 2.0], [0.0, 1.0]).variance_reduction == math.inf
    assert paired_difference([1.0, math.nan, 3.0], [0.0, 1.0, 1.0]).difference.n == 2
    assert math.isnan(paired_difference([1.0], [2.0]).variance_reduction)
    with pytest.raises(ValueError, match="equal counts"):
        paired_difference([1.0], [1.0, 2.0])


def test_wilson_by_hand() -> None:
    """8 of 10 at 95 %: 0.490 to 0.943 (Wilson's formula; statsmodels' proportion_confint gives the same)."""
    interval = proportion_interval(8, 10)
    assert interval.low == pytest.approx(0.4901625, abs=1e-6)
    assert interval.high == pytest.approx(0.9433178, abs=1e-6)
    assert proportion_interval(0, 10).low == 0.0
    assert math.isnan(proportion_interval(0, 0).mean)
    with pytest.raises(ValueError, match="between 0 and trials"):
        proportion_interval(3, 2)


def test_quantile_ranks_of_the_median() -> None:
    """Median of 20: ranks 6 and 15, with coverage 95.9 % (tables of the sign test)."""
    interval = quantile_interval(np.arange(1.0, 21.0), 0.5)
    assert (interval.low, interval.high) == (6.0, 15.0)


@given(
    n=st.integers(1, 400),
    probability=st.floats(0.02, 0.98),
    confidence=st.sampled_from([0.8, 0.9, 0.95, 0.99]),
)
def test_quantile_bounds_hold_their_tails(n: int, probability: float, confidence: float) -> None:
    """P(B < low) and P(B >= high) stay within half the error each, and no tighter rank would do."""
    interval = quantile_interval(np.arange(1.0, n + 1.0), probability, confidence)
    tail = (1 - confidence) / 2 * (1 + 1e-9)
    if not math.isnan(interval.low):
        assert stats.binom.cdf(interval.low - 1, n, probability) <= tail
        assert stats.binom.cdf(interval.low, n, probability) > tail * (1 - 1e-6)
    else:
        assert stats.binom.pmf(0, n, probability) > tail * (1 - 1e-6)
    if not math.isnan(interval.high):
        assert stats.binom.sf(interval.high - 1, n, probability) <= tail
    else:
        assert stats.binom.pmf(n, n, probability) > tail * (1 - 1e-6)


def test_quantile_interval_covers_an_exponential_p95() -> None:
    true = -math.log(0.05)
    samples = np.random.default_rng(4).exponential(1.0, (1000, 300))
    hits = sum(low <= true <= high for _, low, high, _ in (quantile_interval(row, 0.95) for row in samples))
    # Conservative by design (ranks are whole numbers): at least 95 %, less three standard errors of 0.7 %.
    assert hits / 1000 >= 0.93


def test_needed_samples() -> None:
    """0.95^n <= 0.025 from n = 72; 0.99^n from 368; the median needs 6 (2 * 0.5^6 = 0.031)."""
    assert [needed_samples(p) for p in (0.95, 0.99, 0.5)] == [72, 368, 6]
    few, enough = np.arange(71.0), np.arange(72.0)
    assert math.isnan(quantile_interval(few, 0.95).high)
    assert not math.isnan(quantile_interval(enough, 0.95).high)


@pytest.mark.parametrize("probability", [0.0, 1.0, 95.0])
def test_quantile_probabilities_are_checked(probability: float) -> None:
    with pytest.raises(ValueError, match="between 0 and 1"):
        quantile_interval([1.0], probability)
