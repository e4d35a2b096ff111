"""One point minus another: costs replication by replication, words and emotions utterance by utterance."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

from sim.figures.accuracy import ACCURACY
from sim.figures.parts import PERCENTILES
from sim.figures.statistics import paired_difference
from sim.study.percentiles import percentile_differences
from sim.study.recognized import FILE, differences_of


@dataclass(frozen=True)
class Runs:
    """The finished replications of a point."""

    seed: int
    metrics: Mapping[int, Mapping[str, float]]
    """By number of the replication."""
    folders: Mapping[int, Path]

    @cached_property
    def recognized(self) -> tuple[Path, ...]:
        """Folders that say what was recognized, by number of the replication."""
        return tuple(f for _, f in sorted(self.folders.items()) if (f / FILE).is_file())


class Difference(NamedTuple):
    """A metric of one point minus that of another, in the metric's unit, with its 95 % interval."""

    difference: float
    low: float
    high: float
    n: int
    over: str
    variance_reduction: float = math.nan
    """What the common random numbers earned: the variance of independent runs over that of the pairs."""


def paired(one: Runs, base: Runs) -> dict[str, Difference]:
    """``one`` minus ``base`` by metric.  Raises ``ResultsError`` for damaged files.

    Costs are there only where both have a seed and at least two replications in common, words and emotions only where
    they recognized an utterance in common.
    """
    found = _costs(one, base)
    if one.recognized and base.recognized:
        scores = differences_of(one.recognized, base.recognized)
        found |= {metric: Difference(*score) for metric, score in scores.items() if score.n}
    return found


def _costs(one: Runs, base: Runs) -> dict[str, Difference]:
    """Both met the same arrivals and channel in the replication of the same number, where their seeds are equal."""
    shared = sorted(one.metrics.keys() & base.metrics.keys())
    if one.seed != base.seed or len(shared) < 2:
        return {}
    pairs = [(one.metrics[r], base.metrics[r]) for r in shared]
    names = [m for m in pairs[0][0] if m in pairs[0][1] and m not in ACCURACY]
    first, second = ([side.folders[r] for r in shared] for side in (one, base))
    apart = {m: [a[m] - b[m] for a, b in pairs] for m in names if m in PERCENTILES}
    of_percentiles = percentile_differences(first, second, apart) if apart else {}
    found = {}
    for metric in names:
        # A warm-up that was chosen for itself may leave a replication without the metric.
        ones, twos = ([side.get(metric, math.nan) for side in sides] for sides in zip(*pairs, strict=True))
        told = paired_difference(ones, twos)
        mean, low, high, n = of_percentiles.get(metric, told.difference)
        found[metric] = Difference(mean, low, high, n, "replications", told.variance_reduction)
    return found
