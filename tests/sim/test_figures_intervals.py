"""Intervals, quantiles and ratios against closed forms and by coverage."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from sim.figures.statistics import (
    Histogram,
    Interval,
    clustered_quantile,
    independent_difference,
    mean_interval,
    paired_difference,
    proportion_interval,
    replications_needed,
    within,
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


def mm1_runs(rng: np.random.Generator, load: float, runs: int, uploads: int) -> npt.NDArray[np.float64]:
    """Responses of M/M/1 with a mean service of 1, shape (runs, uploads); 300 before them settle the queue."""
    services = rng.exponential(1.0, (runs, uploads + 300))
    steps = services[:, :-1] - rng.exponential(1.0 / load, (runs, uploads + 299))
    walk = np.concatenate([np.zeros((runs, 1)), np.cumsum(steps, axis=1)], axis=1)
    return (walk - np.minimum.accumulate(walk, axis=1) + services)[:, 300:]


@pytest.mark.parametrize(("probability", "load", "uploads"), [(0.5, 0.7, 1500), (0.95, 0.7, 1500), (0.99, 0.5, 1500)])
def test_clustered_quantiles_cover_the_mm1_response(probability: float, load: float, uploads: int) -> None:
    """The response is exponential with mean 1 / (1 - load).  300 studies of ten runs, at least 92 % less two standard
    errors of 1.6 %, at most all but one: an interval that always holds says nothing."""
    rng, true = np.random.default_rng(5), -math.log(1 - probability) / (1 - load)
    hits = 0
    for _ in range(300):
        low, high = clustered_quantile([Histogram.of(r) for r in mm1_runs(rng, load, 10, uploads)], probability)[0][1:3]
        hits += low <= true and not high < true
    assert 0.89 <= hits / 300 <= 0.997


def test_a_clustered_quantile_by_hand() -> None:
    """Four replications of 100 values 1 to 100: their shares below the median agree, so that the variance is that of
    400 independent values: 0.5 +- 3.182 * 0.025, ranks 168 and 233 of 400 (each value four times)."""
    found = clustered_quantile([Histogram.of(np.arange(1.0, 101.0))] * 4, 0.5)
    assert found.interval == (50.5, 42.0, 59.0, 4) and found.needed == 400


def test_a_percentile_that_is_not_bounded_says_how_many_values_would() -> None:
    """Two replications: t is 12.7, so p99 of 2,000 values reaches 0.99 + 12.7 * 0.0022 > 1; (0.0283 / 0.01)^2 times as
    many would do."""
    found = clustered_quantile([Histogram.of(np.arange(1000.0))] * 2, 0.99)
    assert math.isnan(found.interval.high) and found.interval.low < 989.5
    assert found.needed == pytest.approx(2000 * (12.706 * math.sqrt(0.99 * 0.01 / 2000) / 0.01) ** 2, rel=1e-3)
    assert clustered_quantile([], 0.5).interval.n == 0
    assert math.isnan(clustered_quantile([Histogram.of([1.0, 2.0])], 0.5).interval.low)


@given(
    parts=st.lists(st.lists(st.floats(0.0, 1e6), min_size=1, max_size=30), min_size=2, max_size=6),
    probability=st.floats(0.01, 0.99),
)
def test_a_clustered_quantile_is_numpys_and_lies_within_its_bounds(
    parts: list[list[float]], probability: float
) -> None:
    low, high = (clustered_quantile([Histogram.of(p) for p in parts], probability).interval[i] for i in (1, 2))
    found = clustered_quantile([Histogram.of(p) for p in parts], probability).interval.mean
    assert found == pytest.approx(np.quantile(np.concatenate(parts), probability), rel=1e-9, abs=1e-9)
    assert not low > found and not high < found


def test_no_latency_is_negative() -> None:
    """Two runs of 0.1 and 1.9: t reaches -10.4; on the scale of logarithms it is 1 * exp(+-11.4)."""
    found = within(mean_interval([0.1, 1.9]))
    assert found.low == pytest.approx(math.exp(-12.7062 * 0.9), rel=1e-4) and found.low * found.high == pytest.approx(1)
    assert within(mean_interval([0.9, 1.0, 0.95]), most=1.0).high == 1.0
    assert within(mean_interval([1.0, 1.01])) == mean_interval([1.0, 1.01])


@pytest.mark.parametrize("probability", [0.0, 1.0, 95.0])
def test_quantile_probabilities_are_checked(probability: float) -> None:
    with pytest.raises(ValueError, match="between 0 and 1"):
        clustered_quantile([Histogram.of([1.0])], probability)


def test_independent_difference_by_hand() -> None:
    """10 (7 to 14) minus 4 (0 to 16): 6 - hypot(3, 12) to 6 + hypot(4, 4)."""
    found = independent_difference(Interval(10.0, 7.0, 14.0, 9), Interval(4.0, 0.0, 16.0, 5))
    assert found == (6.0, pytest.approx(6 - math.sqrt(153)), pytest.approx(6 + math.sqrt(32)), 5)
    bare = independent_difference(Interval(10.0, 7.0, 14.0, 9), Interval(4.0, math.nan, math.nan, 1))
    assert bare.mean == 6.0 and math.isnan(bare.low) and math.isnan(bare.high)


def test_independent_difference_covers() -> None:
    """4,000 pairs of 6 draws of deviation 1 and 9 of deviation 3: at least 95 %, less chance.

    Adding up squares of t intervals is a little wider than Welch's interval, never narrower than it by more than
    what a t of fewer degrees is: so there is a floor, and no ceiling but 97.5 %.
    """
    rng = np.random.default_rng(5)
    one, two = rng.normal(2.0, 1.0, (4_000, 6)), rng.normal(5.0, 3.0, (4_000, 9))
    found = [independent_difference(mean_interval(a), mean_interval(b)) for a, b in zip(one, two, strict=True)]
    covers = sum(i.low <= -3.0 <= i.high for i in found)
    assert stats.binom.interval(0.999, 4_000, 0.95)[0] <= covers <= 0.975 * 4_000
