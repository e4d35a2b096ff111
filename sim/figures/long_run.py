"""Intervals of a point that was run once: batches of its uploads stand for replications.

The uploads after the warm-up, in the order in which they were spoken, are cut into ``BATCHES`` equal batches (Law,
Simulation Modeling and Analysis, 9.5).  A mean has Student's t interval over the batch means.  A percentile has that of
``clustered_quantile``, with the batches as clusters.  Where von Neumann's test
finds neighbouring batches correlated, the run is too short for an honest interval and none is given.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow.parquet as pq

from sim.figures.parts import QUANTILES
from sim.figures.statistics import Histogram, Interval, batch_means, clustered_quantile, within

BATCHES = 20

Floats = npt.NDArray[np.float64]


@cache
def long_run_intervals(log: Path, warmup_s: float) -> dict[str, Interval]:
    """Intervals by metric from a complete upload log (Parquet); metrics without an honest one are left out."""
    columns = pq.read_table(log, columns=["speech_end_s", "latency_s", "energy_j"])
    spoken_s, latency_s, energy_j = (np.asarray(column, dtype=np.float64) for column in columns)
    order = np.argsort(spoken_s, kind="stable")
    order = order[spoken_s[order] >= warmup_s]
    return batched_intervals(latency_s[order], energy_j[order])


def batched_intervals(latency_s: Floats, energy_j: Floats) -> dict[str, Interval]:
    """Intervals of successive uploads; NaN is the latency of an upload without a reply."""
    replied = latency_s[~np.isnan(latency_s)]
    found = {"latency_mean_s": _mean(replied), "energy_per_upload_j": _mean(energy_j)}
    for probability in QUANTILES:
        found[f"latency_p{round(probability * 100)}_s"] = _quantile(replied, probability)
    return {metric: interval for metric, interval in found.items() if interval is not None}


def _mean(values: Floats) -> Interval | None:
    found = batch_means(values, BATCHES)
    return within(found.interval) if found.batches and found.independent else None


def _quantile(values: Floats, probability: float) -> Interval | None:
    size = values.size // BATCHES
    if not size:
        return None
    rows = values[values.size - size * BATCHES :].reshape(BATCHES, size)
    above = (rows > np.quantile(values, probability)).mean(axis=1)
    if not batch_means(above, BATCHES).independent:
        return None
    interval = clustered_quantile([Histogram.of(row) for row in rows], probability).interval
    return interval._replace(mean=float(np.quantile(values, probability)))
