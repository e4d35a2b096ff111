"""Warm-up, batch means, warnings and the streaming quantiles."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim.figures.statistics import (
    Interval,
    QuantileSketch,
    batch_means,
    drift_warning,
    growth,
    growth_warning,
    mean_interval,
    paired_difference,
    percentile_warning,
)

Floats = npt.NDArray[np.float64]


def lindley(gaps: Floats, services: Floats) -> Floats:
    """Waiting times of a FIFO queue that starts empty: W(n+1) = max(0, W(n) + S(n) - A(n+1)), vectorised."""
    steps = np.concatenate([[0.0], np.cumsum(services[:-1] - gaps[1:])])
    return steps - np.minimum.accumulate(steps)


def test_batch_means_of_independent_values() -> None:
    values = np.random.default_rng(2).normal(5.0, 1.0, 20_000)
    found = batch_means(values)
    assert found.interval.low <= 5.0 <= found.interval.high and found.batches == 20
    # The standard error of 20,000 independent values is 1 / sqrt(20000); t(0.975, 19) = 2.093.
    assert found.interval.half_width == pytest.approx(2.093 / math.sqrt(20_000), rel=0.5)


def test_batch_means_tell_correlated_batches() -> None:
    walk = np.cumsum(np.random.default_rng(3).normal(0, 1, 10_000))
    found = batch_means(walk)
    assert not found.independent and found.lag_one > 0.4
    accepted = [batch_means(np.random.default_rng(s).normal(0, 1, 1000)).independent for s in range(300)]
    assert 0.91 <= np.mean(accepted) <= 0.98  # a test at 5 %, three standard errors of 1.3 %


def test_batch_means_edges() -> None:
    assert batch_means([1.0, 2.0], batches=20).batches == 0
    assert batch_means(np.ones(40)).interval.half_width == 0.0
    assert batch_means(np.r_[99.0, np.zeros(40)], batches=20).interval.mean == 0.0
    with pytest.raises(ValueError, match="at least 2"):
        batch_means([1.0], batches=1)


def test_batch_means_cover_the_mm1_wait() -> None:
    """M/M/1 at load 0.5 and service 1: mean wait rho / (1 - rho) = 1.  200 runs of 40,000 customers."""
    hits = 0
    for seed in range(200):
        rng = np.random.default_rng(seed)
        waits = lindley(rng.exponential(2.0, 40_000), rng.exponential(1.0, 40_000))
        interval = batch_means(waits[4_000:]).interval
        hits += interval.low <= 1.0 <= interval.high
    assert 0.90 <= hits / 200 <= 0.985


@pytest.mark.parametrize("service", ["M", "D"])
def test_replications_cover_the_exact_wait(service: str) -> None:
    """200 studies of 10 replications: M/M/1 waits 1, M/D/1 half of that (Pollaczek and Khinchine)."""
    rng = np.random.default_rng(17)
    hits = 0
    for _ in range(200):
        means = []
        for _ in range(10):
            services = rng.exponential(1.0, 6000) if service == "M" else np.ones(6000)
            means.append(lindley(rng.exponential(2.0, 6000), services)[1000:].mean())
        interval = mean_interval(means)
        hits += interval.low <= (1.0 if service == "M" else 0.5) <= interval.high
    assert 0.92 <= hits / 200 <= 0.98


def test_common_random_numbers_cover_a_known_difference() -> None:
    """Services of 1 and 0.8 (M/D/1, arrivals every 2): waits 0.5 and 0.8 * 0.4 / (2 * 0.6) = 0.2667."""
    rng = np.random.default_rng(18)
    true, hits, reductions = 0.5 - 0.8 * 0.4 / 1.2, 0, []
    for _ in range(500):
        gaps = rng.exponential(2.0, (10, 3000))
        slow = [lindley(row, np.full(3000, 1.0))[500:].mean() for row in gaps]
        fast = [lindley(row, np.full(3000, 0.8))[500:].mean() for row in gaps]
        paired = paired_difference(slow, fast)
        hits += paired.difference.low <= true <= paired.difference.high
        reductions.append(paired.variance_reduction)
    assert 0.92 <= hits / 500 <= 0.98
    assert np.median(reductions) > 2.0


def test_warnings() -> None:
    assert percentile_warning("latency_p99_s", 4_000, 4_000) is None
    told = percentile_warning("latency_p99_s", 1_500, 16_321)
    assert told is not None and "1,500 latencies" in told and "16,000 would" in told
    assert (
        drift_warning(Interval(0.05, -0.01, 0.11, 5)) is None
        and drift_warning(Interval(0.005, 0.004, 0.006, 5)) is None
    )
    moved = drift_warning(Interval(0.05, 0.02, 0.08, 5))
    assert moved is not None and "off by +5.0% (+2.0% to +8.0%)" in moved
    assert growth_warning("cell", 1.0) is None
    unstable = growth_warning("cell 'street'", 1.25)
    assert unstable is not None and "cell 'street' is unstable" in unstable and "1.25 uploads" in unstable


def test_growth_from_three_deviations_on() -> None:
    assert growth(0, 0) == growth(100, 130) == growth(100, 70) == 1.0
    assert growth(100, 69) == 100 / 69
    assert growth(400, 0) == 400.0


VALUES = st.lists(st.one_of(st.just(0.0), st.floats(1e-8, 1e6)), min_size=1, max_size=200)


@given(values=VALUES, probability=st.floats(0.0, 1.0), error=st.sampled_from([0.001, 0.01, 0.05]))
def test_sketch_keeps_its_relative_error(values: list[float], probability: float, error: float) -> None:
    sketch = QuantileSketch(error)
    sketch.add(values)
    true = sorted(values)[math.floor(probability * (len(values) - 1))]
    assert sketch.quantile(probability) == pytest.approx(true, rel=error * (1 + 1e-9), abs=1e-9)
    assert sketch.count == len(values) and sketch.mean == pytest.approx(np.mean(values))


@given(values=VALUES)
def test_sketch_as_a_histogram(values: list[float]) -> None:
    """Each value within the sketch's error of its bucket's, and none lost."""
    sketch = QuantileSketch(0.01)
    sketch.add(values)
    kept = sketch.histogram()
    assert kept.counts.sum() == len(values) and (np.diff(kept.values) > 0).all()
    again = np.repeat(kept.values, kept.counts)
    assert again == pytest.approx(np.sort(values), rel=0.01 * (1 + 1e-9), abs=1e-9)


@given(values=VALUES, cut=st.integers(0, 200))
def test_sketch_parts_merge_to_the_whole(values: list[float], cut: int) -> None:
    whole, left, right = QuantileSketch(), QuantileSketch(), QuantileSketch()
    whole.add(values)
    left.add(values[:cut])
    right.add(values[cut:])
    left.merge(right)
    for probability in (0.0, 0.3, 0.5, 0.95, 1.0):
        assert left.quantile(probability) == whole.quantile(probability)
    assert (left.count, left.lowest, left.highest) == (whole.count, whole.lowest, whole.highest)


def test_sketch_of_nothing_and_of_nonsense() -> None:
    sketch = QuantileSketch()
    assert math.isnan(sketch.quantile(0.5)) and math.isnan(sketch.mean)
    sketch.add([math.nan])
    assert sketch.count == 0
    with pytest.raises(ValueError, match="from 0 up"):
        sketch.add([-1.0])
    with pytest.raises(ValueError, match="equal relative_error"):
        sketch.merge(QuantileSketch(0.1))
    with pytest.raises(ValueError, match="probability"):
        sketch.quantile(95)
