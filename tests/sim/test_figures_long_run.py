"""Intervals of one long run: coverage on series with known answers, silence where batches are correlated."""

import math

import numpy as np

from scenarios import loads
from sim.figures.long_run import batched_intervals
from sim.study.experiment import run
from tests.sim.small_study import TEXT


def test_intervals_contain_the_truth_as_often_as_they_say():
    # Independent exponential latencies of mean 1: the p quantile is -ln(1 - p). 200 intervals of 95 %: a binomial count
    # below 180 has probability 0.003. A batch's percentile is biased by about 1 / (2 n f), below its interval's width.
    rng = np.random.default_rng(1)
    truth = {"latency_mean_s": 1.0, "latency_p50_s": math.log(2), "latency_p95_s": -math.log(0.05)}
    hits = dict.fromkeys(truth, 0)
    given = dict.fromkeys(truth, 0)
    for _ in range(200):
        found = batched_intervals(rng.exponential(1.0, 20_000), np.ones(20_000))
        for metric, value in truth.items():
            if metric in found:
                given[metric] += 1
                hits[metric] += found[metric].low <= value <= found[metric].high
    for metric in truth:
        assert given[metric] >= 180  # the test for correlation is wrong in 5 % of cases
        assert hits[metric] >= 0.9 * given[metric]


def test_correlated_batches_give_no_interval():
    # A random walk: neighbouring batch means are nearly equal.
    walk = np.cumsum(np.random.default_rng(2).normal(size=20_000))
    assert "latency_mean_s" not in batched_intervals(walk, np.ones(20_000))


def test_a_percentile_that_the_run_does_not_bound_has_no_upper_end():
    # 40 of 4,000 lie above it: 0.99 + t(19) * sqrt(0.99 * 0.01 / 4000) is 0.993, but of 200 it is above 1.
    rng = np.random.default_rng(3)
    assert math.isfinite(batched_intervals(rng.exponential(1.0, 4_000), np.ones(4_000))["latency_p99_s"].high)
    assert math.isnan(batched_intervals(rng.exponential(1.0, 200), np.ones(200))["latency_p99_s"].high)


def test_one_replication_has_intervals_of_latency(tmp_path):
    text = TEXT.replace(", replications: 3", "").replace("duration: 5 min", "duration: 60 min")
    results = run(loads(text), results_root=tmp_path)
    frame = results.summary
    rows = frame[frame["metric"] == "latency_mean_s"]
    assert len(rows) == 2 and (rows["n"] == 20).all() and (rows["over"] == "batches").all()
    small = rows[rows["devices.phones.codec"] == "small"].iloc[0]
    assert small["low"] < small["mean"] < small["high"]
    assert frame[frame["metric"] == "payload_mean_bytes"]["low"].isna().all()
