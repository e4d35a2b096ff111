"""Growth, then bisection, over values whose trials may end undecided."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from amser.capacity.levels import Range, Verdict


class Figure(NamedTuple):
    """A level's metric at one value: its mean, the interval that was judged, and what that rests on."""

    metric: str
    mean: float
    low: float
    high: float
    basis: str
    """Such as ``6 replications`` or ``90 utterances``."""


@dataclass(frozen=True)
class Trial:
    """One value of one point: the verdict of its intervals, that of the means alone, and the figures."""

    verdict: Verdict
    by_mean: bool
    figures: tuple[Figure, ...]


class Answer(NamedTuple):
    """What a point bears: the best value that is decided to meet the levels, by the means, and not decided to miss.

    None where no value of the range is of the kind.
    """

    sure: float | None
    value: float | None
    hopeful: float | None
    trials: dict[float, Trial]


Evaluate = Callable[[str, Sequence[int]], dict[int, Trial]]
SIDES: tuple[Callable[[Trial], bool], ...] = (
    lambda trial: trial.verdict is Verdict.MET,
    lambda trial: trial.by_mean,
    lambda trial: trial.verdict is not Verdict.MISSED,
)
"""What is good for ``sure``, ``value`` and ``hopeful``: where every trial is decided, all three are one search."""


def find_capacity(count: int, span: Range, evaluate: Evaluate) -> list[Answer]:
    """The answers of ``count`` points.  Points that need the same value are evaluated together."""
    known: list[dict[float, Trial]] = [{} for _ in range(count)]
    while asked := _asked(known, span):
        for value, points in asked.items():
            for point, trial in evaluate(span.text(value), points).items():
                known[point][value] = trial
    return [_answer(trials, span) for trials in known]


def _answer(trials: dict[float, Trial], span: Range) -> Answer:
    sure, value, hopeful = (_best(trials, span, good) for good in SIDES)
    return Answer(sure, value, hopeful, trials)


def _asked(known: Sequence[dict[float, Trial]], span: Range) -> dict[float, list[int]]:
    """The values to try next, and by which points: one for each point that has not ended."""
    asked: dict[float, list[int]] = {}
    for point, trials in enumerate(known):
        wanted = (_wanted(trials, span, good) for good in SIDES)
        if (value := next((v for v in wanted if v is not None), None)) is not None:
            asked.setdefault(value, []).append(point)
    return asked


def _best(trials: dict[float, Trial], span: Range, good: Callable[[Trial], bool]) -> float | None:
    found = [value for value, trial in trials.items() if good(trial)]
    return None if not found else min(found) if span.least else max(found)


def _wanted(trials: dict[float, Trial], span: Range, good: Callable[[Trial], bool]) -> float | None:
    """The next value that one side of a point needs, by what is known of all of them."""
    easy = span.high if span.least else span.low
    if easy not in trials:
        return easy
    best = _best(trials, span, good)
    if best is None:
        return None
    beyond = [v for v in trials if (v < best if span.least else v > best)]
    if not beyond:
        return span.harder(best)
    return span.between(best, max(beyond) if span.least else min(beyond))
