"""Percentiles of latency: of all replications together, with intervals from how those differ."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

import numpy as np
import pandas as pd

from sim.figures.parts import PERCENTILES
from sim.figures.statistics import ClusteredQuantile, Histogram, Interval, clustered_quantile, t_quantile
from sim.study.results import ResultsError, read_table

FILE = "latencies.parquet"
"""Of a replication: ``latency_s``, increasing, and how many ``uploads`` after the warm-up had it."""


def write(folder: Path, latencies: Histogram) -> None:
    """Leave a replication's latencies in its folder."""
    frame = pd.DataFrame({"latency_s": latencies.values, "uploads": latencies.counts})
    frame.to_parquet(folder / FILE)


@lru_cache(maxsize=64)
def read(folder: Path) -> Histogram:
    """A replication's latencies.  Raises ``ResultsError``."""
    frame = read_table(folder / FILE, (), ("latency_s", "uploads"))
    latencies = Histogram(frame["latency_s"].to_numpy(np.float64), frame["uploads"].to_numpy(np.int64))
    if (latencies.counts < 1).any() or not np.isfinite(latencies.values).all():
        raise ResultsError(f"{folder / FILE}: damaged (counts and latencies); run the scenario again")
    return latencies


@lru_cache(maxsize=16_384)  # a study that goes on is summarised every few seconds
def percentiles_of(folders: tuple[Path, ...], confidence: float = 0.95) -> dict[str, ClusteredQuantile]:
    """By metric, the percentile over all replications; each replication is a cluster.  Raises ``ResultsError``."""
    parts = [read(folder) for folder in folders]
    return {metric: clustered_quantile(parts, q, confidence) for metric, q in PERCENTILES.items()}


def percentile_differences(
    first: Sequence[Path], second: Sequence[Path], apart: dict[str, list[float]]
) -> dict[str, Interval]:
    """By metric, the percentile of ``first`` minus that of ``second``, with the replications in the same order.

    The difference is that of the pooled percentiles; its interval is as wide as the differences ``apart`` of the single
    replications scatter around it (sectioning: Asmussen and Glynn, Stochastic Simulation, III.5), since their mean is
    biased.  A percentile that its uploads do not bound has a difference without an interval.
    """
    found = {}
    one, two = (percentiles_of(tuple(folders)) for folders in (first, second))
    for metric, single in apart.items():
        difference = one[metric].interval.mean - two[metric].interval.mean
        n, half = len(single), math.nan
        if n > 1 and all(math.isfinite(side[metric].interval.high) for side in (one, two)):
            scatter = math.sqrt(float(np.mean((np.array(single) - difference) ** 2)) / (n - 1))
            half = t_quantile(0.95, n - 1) * scatter
        found[metric] = Interval(difference, difference - half, difference + half, n)
    return found
