"""Replicate until precise: more runs of a point until an interval is as tight as was asked."""

from __future__ import annotations

import math

from scenarios.schema.sweep import PrecisionSpec
from sim.figures.accuracy import ACCURACY
from sim.figures.statistics import Interval, replications_needed
from sim.study.conclusion import interval_of
from sim.study.points import Study

AT_LEAST = 5  # an estimate of a variance from fewer runs says too little about how many more it takes
AT_ONCE = 2.0  # at most so many times the replications there are, for the same reason


def ask_for_more(study: Study) -> bool:
    """Add replications to every point that is not precise enough; False when there is nothing to add.

    In rounds, so the count depends on the figures alone and never on how many workers there were.  A point stops at
    ``most``, and a warning then says how far it got.
    """
    asked = study.experiment.points[0].scenario.sweep.precision
    if asked is None:
        return False
    study.imprecise = []
    added = False
    planned, finished, folders = study.planned(), study.runs(), study.folders()
    for point, entry in enumerate(study.experiment.points):
        runs, have = finished[point], planned[point]
        if len(runs) < have:
            continue  # some have failed; more would too
        label = ", ".join(f"{k}={v}" for k, v in entry.parameters.items()) or "the run"
        if asked.metric in ACCURACY:
            study.imprecise.append(
                f"{label}: {asked.metric} is as precise as its corpus; no replication adds to that, utterances would"
            )
            continue
        interval = interval_of(asked.metric, runs, folders[point], asked.confidence)
        if math.isnan(interval.mean):
            study.imprecise.append(f"{label}: {asked.metric} has no values, so it cannot become precise")
            continue
        values = [run[asked.metric] for run in runs if asked.metric in run]
        wanted = wanted_replications(interval, values, asked)
        if wanted is None:
            reached = f"{interval.relative:.1%}" if math.isfinite(interval.relative) else "nothing"
            study.imprecise.append(
                f"{label}: {asked.metric} is known to {reached} after {have} replications, not to "
                f"{asked.relative:.1%}; raise sweep.precision.most or the duration"
            )
            continue
        for replication in range(have, wanted):
            study.add(point, replication)
            added = True
    return added


def wanted_replications(interval: Interval, values: list[float], asked: PrecisionSpec) -> int | None:
    """How many replications to have next, by what ``values`` and their interval say; None where no more are allowed.

    How many a point needs is estimated from the variance of those it has (Law, Simulation Modeling and Analysis,
    9.4.1).  Stopping when the interval happens to be narrow favours samples that happen to vary little, so that the
    last interval holds the truth less often than it says: docs/results/coverage.md has by how much.
    """
    have = len(values)
    if have >= min(AT_LEAST, asked.most) and interval.half_width <= asked.relative * abs(interval.mean):
        return have
    if have >= asked.most:
        return None
    if have < AT_LEAST:
        return min(AT_LEAST, asked.most)
    limit = math.ceil(have * AT_ONCE)
    try:
        needed = replications_needed(values, asked.relative, asked.confidence)
    except OverflowError:  # a mean of 0
        needed = limit
    return min(max(have + 1, needed), limit, asked.most)
