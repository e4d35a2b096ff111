"""Replicate until precise: more runs of a point until an interval is as tight as was asked."""

from __future__ import annotations

import math

from sim.figures.accuracy import ACCURACY
from sim.figures.statistics import mean_interval, replications_needed
from sim.study.points import Study

AT_LEAST = 5  # an estimate of a variance from fewer runs says too little about how many more it takes
AT_ONCE = 2.0  # at most so many times the replications there are, for the same reason


def ask_for_more(study: Study) -> bool:
    """Add replications to every point that is not precise enough; False when there is nothing to add.

    How many a point needs is estimated from the variance of those it has (Law, Simulation Modeling and Analysis,
    9.4.1: (t s / (relative mean))^2), in rounds, so the count depends on the figures alone and never on how many
    workers there were.  A point stops at ``most``, and a warning then says how far it got.
    """
    asked = study.experiment.points[0].scenario.sweep.precision
    if asked is None:
        return False
    study.imprecise = []
    added = False
    planned, finished = study.planned(), study.runs()
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
        values = [run[asked.metric] for run in runs if asked.metric in run]
        interval = mean_interval(values, asked.confidence)
        half = (interval.high - interval.low) / 2.0
        if have >= min(AT_LEAST, asked.most) and half <= asked.relative * abs(interval.mean):
            continue
        if math.isnan(interval.mean):
            study.imprecise.append(f"{label}: {asked.metric} has no values, so it cannot become precise")
            continue
        if have >= asked.most:
            reached = f"{half / abs(interval.mean):.1%}" if interval.mean else "nothing"
            study.imprecise.append(
                f"{label}: {asked.metric} is known to {reached} after {have} replications, not to "
                f"{asked.relative:.1%}; raise sweep.precision.most or the duration"
            )
            continue
        wanted = AT_LEAST if have < AT_LEAST else _needed(values, asked.relative, asked.confidence, have)
        for replication in range(have, min(wanted, asked.most)):
            study.add(point, replication)
            added = True
    return added


def _needed(values: list[float], relative: float, confidence: float, have: int) -> int:
    limit = math.ceil(have * AT_ONCE)
    try:
        return min(max(have + 1, replications_needed(values, relative, confidence)), limit)
    except OverflowError:  # a mean of 0
        return limit
