"""Percentile intervals of M/M/1 by recursion, without the engine: ours beside Korn and Graubard's.

    python -m benchmarks.percentile_coverage --studies 300

A study is ten runs of a queue that starts empty, the first tenth cut.  Response times follow Lindley's recursion and
are exponential in the long run, so that every percentile is known.  Korn and Graubard (1998) take the beta
distribution's interval of the share at the effective number of values, corrected for the degrees of freedom.
"""

from __future__ import annotations

import argparse
import math
import sys
from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt
from scipy import stats

from sim.figures.statistics import Histogram, clustered_quantile

Floats = npt.NDArray[np.float64]
Ends = tuple[float, float]
RUNS = 10
CASES = ((0.5, 1_500), (0.7, 1_500), (0.7, 6_000), (0.85, 1_500))
PROBABILITIES = (0.5, 0.95, 0.99)


def responses(rng: np.random.Generator, chains: int, uploads: int, load: float) -> Floats:
    """Response times in mean services of each chain, shape (chains, uploads); the first tenth is left out."""
    waits, cut = np.zeros(chains), uploads // 10
    found = np.empty((chains, uploads - cut))
    for i in range(uploads):
        times = waits + rng.exponential(1.0, chains)
        if i >= cut:
            found[:, i - cut] = times
        waits = np.maximum(0.0, times - rng.exponential(1.0 / load, chains))
    return found


def ours(runs: Floats, probability: float) -> Ends:
    """As a study states it."""
    interval = clustered_quantile([Histogram.of(run) for run in runs], probability).interval
    return interval.low, interval.high


def korn_graubard(runs: Floats, probability: float) -> Ends:
    """The interval of the share from the beta distribution, read off the order statistics."""
    values, clusters = np.sort(runs.ravel()), len(runs)
    n = len(values)
    excess = (runs <= np.quantile(values, probability)).sum(axis=1) - probability * runs.shape[1]
    variance = clusters / (clusters - 1) * np.square(excess - excess.mean()).sum() / n**2
    variance = max(variance, probability * (1.0 - probability) / n)
    freedom = stats.norm.ppf(0.975) / stats.t.ppf(0.975, clusters - 1)
    effective = probability * (1.0 - probability) / variance * freedom**2
    hits = probability * effective
    low, high = stats.beta.ppf(0.025, hits, effective - hits + 1), stats.beta.ppf(0.975, hits + 1, effective - hits)
    first, last = math.floor(low * n), math.ceil(high * n)
    return (float(values[first - 1]) if first >= 1 else math.nan), (float(values[last]) if last < n else math.nan)


METHODS: tuple[tuple[str, Callable[[Floats, float], Ends]], ...] = (("ours", ours), ("Korn-Graubard", korn_graubard))


def main(arguments: Sequence[str] | None = None) -> None:
    """Print one line a case, percentile and method."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--studies", type=int, default=300)
    parser.add_argument("--seed", type=int, default=1)
    chosen = parser.parse_args(arguments)
    sys.stdout.write("| load, uploads | figure | method | contained | above the truth | below it | no upper end |\n")
    for load, uploads in CASES:
        rng = np.random.default_rng([chosen.seed, int(load * 100), uploads])
        studies = responses(rng, chosen.studies * RUNS, uploads, load).reshape(chosen.studies, RUNS, -1)
        for probability in PROBABILITIES:
            truth = -math.log(1.0 - probability) / (1.0 - load)
            for name, method in METHODS:
                low, high = np.array([method(runs, probability) for runs in studies]).T
                above, below, unbounded = np.mean(~(low <= truth)), np.mean(high < truth), np.mean(np.isnan(high))
                shares = f"{1 - above - below:.1%} | {above:.1%} | {below:.1%} | {unbounded:.0%}"
                sys.stdout.write(f"| {load}, {uploads:,} | p{probability * 100:g} | {name} | {shares} |\n")


if __name__ == "__main__":
    main()
