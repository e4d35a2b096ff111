"""How much a situation bears: the most devices, or the least bandwidth, that meets a service level.

For every other point of the sweep (each codec, say) one key of the scenario is moved by bisection.  Each value
is a study of its own with the scenario's replications, so the answer has an interval: the value up to which the
whole interval of the metric meets the level, the value of the mean, and the value from which none of it does.  The
interval of words and emotions is that of the corpus's utterances; ``Capacity.basis`` says of how many.
All values meet the same arrivals and the same channel (common random numbers), so the metric moves smoothly.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from amser.exits import UserError
from amser.summary import Estimate, Summary

if TYPE_CHECKING:
    from scenarios import Experiment, Point

LEVEL = re.compile(r"^\s*(\w+)\s*(<=|>=|<|>)\s*(.+?)\s*$")
QUANTITY = re.compile(r"^\s*(\d+(?:\.\d*)?(?:[eE][+-]?\d+)?)\s*(\D.*)?$")
# A capacity is known to this share of itself; counts are known exactly where that is finer.
PRECISION = 0.02


@dataclass(frozen=True)
class Level:
    """A service level such as ``latency_p95_s < 500 ms``: ``limit`` is in SI units."""

    metric: str
    below: bool
    limit: float
    text: str

    @classmethod
    def parse(cls, text: str) -> Level:
        """Read a level; the limit has the metric's unit.  Raises ``UserError``."""
        from scenarios.quantities import DURATION, ENERGY, POWER, RATE, SIZE
        from sim.figures.metrics import unit_of

        match = LEVEL.match(text)
        if match is None:
            raise UserError(f"--slo {text!r}: write it as METRIC < LIMIT, such as 'latency_p95_s < 500 ms'")
        metric, sign, limit = match.groups()
        dimensions = {"s": DURATION, "J": ENERGY, "W": POWER, "byte": SIZE, "bit/s": RATE}
        try:
            value = dimensions[unit_of(metric)].parse(limit) if unit_of(metric) in dimensions else _plain(metric, limit)
        except ValueError as error:
            raise UserError(f"--slo {text!r}: {error}") from None
        return cls(metric, sign.startswith("<"), value, text)

    def met(self, value: float) -> bool:
        """Whether a figure meets the level; one that does not exist (nothing was answered) does not."""
        return math.isfinite(value) and (value <= self.limit if self.below else value >= self.limit)

    def ends(self, estimate: Estimate | None) -> tuple[float, float, float]:
        """The estimate's worst end, mean and best end, seen from this level."""
        if estimate is None:
            return math.nan, math.nan, math.nan
        low = estimate.low if math.isfinite(estimate.low) else estimate.mean
        high = estimate.high if math.isfinite(estimate.high) else estimate.mean
        return (high, estimate.mean, low) if self.below else (low, estimate.mean, high)


def _plain(metric: str, limit: str) -> float:
    """A limit without a dimension: a share in %, or a plain number.  Raises ``ValueError``."""
    from scenarios.quantities import PERCENT

    try:
        return PERCENT.parse(limit) if limit.endswith("%") else float(limit)
    except ValueError:
        raise ValueError(f"{metric} has no unit: write '5 %' or '0.05', not {limit!r}") from None


@dataclass(frozen=True)
class Range:
    """The values that may be tried, all in one unit; ``least`` looks for the smallest that suffices."""

    low: float
    high: float
    unit: str
    least: bool

    @classmethod
    def parse(cls, low: str, high: str, least: bool) -> Range:
        """Two counts, or two quantities of one unit.  Raises ``UserError``."""
        ends = [QUANTITY.match(text) for text in (low, high)]
        units = {(m.group(2) or "").strip() for m in ends if m}
        if None in ends or len(units) != 1:
            raise UserError(f"--between {low!r} {high!r}: give two numbers, or two quantities of one unit")
        first, last = (float(m.group(1)) for m in ends if m)
        if not 0 < first < last:
            raise UserError(f"--between {low!r} {high!r}: the first must be above zero and below the second")
        return cls(first, last, units.pop(), least)

    def text(self, value: float) -> str:
        """``value`` as it is written in a scenario."""
        return f"{value:.6g} {self.unit}" if self.unit else str(round(value))

    def harder(self, value: float) -> float | None:
        """Four times as hard, or the end of the range; None at that end.

        Starting at the easy end and growing keeps away from values that are far beyond capacity, where queues
        grow without bound and a run takes longest.
        """
        end = self.low if self.least else self.high
        if value == end:
            return None
        further = max(value / 4, end) if self.least else min(value * 4, end)
        return further if self.unit else float(round(further))

    def between(self, a: float, b: float) -> float | None:
        """The next value to try between two, or None when they are close enough."""
        low, high = min(a, b), max(a, b)
        if self.unit:
            return None if high <= low * (1 + PRECISION) else math.sqrt(low * high)
        low, high = round(low), round(high)
        close = high - low <= max(1, math.floor(PRECISION * low))
        return None if close else float(round(math.sqrt(low * high)) if high > 2 * low else (low + high) // 2)


@dataclass(frozen=True)
class Capacity:
    """What one point bears: ``value`` by the mean, ``sure`` by the whole interval, ``hopeful`` by its best end.

    None where no value of the range meets the level; ``bounded`` where the range's own end meets it.
    """

    parameters: dict[str, Any]
    value: float | None
    sure: float | None
    hopeful: float | None
    bounded: bool
    tried: int
    basis: dict[str, str]
    """What the interval of each level's metric rests on, such as ``90 utterances``; by metric."""


Evaluate = Callable[[str, Sequence[int]], dict[int, list[tuple[float, float, float]]]]


def find_capacity(
    count: int, span: Range, levels: Sequence[Level], evaluate: Evaluate
) -> list[tuple[float | None, float | None, float | None, int]]:
    """Capacity of ``count`` points, as (sure, value, hopeful, values tried) for each: growth, then bisection.

    ``evaluate(value, points)`` gives for each point its levels' (worst end, mean, best end).  Points that need
    the same value are evaluated together.
    """
    known: list[dict[float, list[tuple[float, float, float]]]] = [{} for _ in range(count)]
    easy = span.high if span.least else span.low

    def meets(point: int, value: float, side: int) -> bool:
        return all(level.met(ends[side]) for level, ends in zip(levels, known[point][value], strict=True))

    def best_of(point: int, side: int) -> float | None:
        good = [value for value in known[point] if meets(point, value, side)]
        return None if not good else min(good) if span.least else max(good)

    def wanted(point: int, side: int) -> float | None:
        """The next value that this side of this point needs, by what is known of all sides."""
        if easy not in known[point]:
            return easy
        best = best_of(point, side)
        if best is None:
            return None
        beyond = [v for v in known[point] if (v < best if span.least else v > best)]
        if not beyond:
            return span.harder(best)
        return span.between(best, max(beyond) if span.least else min(beyond))

    while True:
        asked: dict[float, list[int]] = {}
        for point in range(count):
            for side in range(3):
                value = wanted(point, side)
                if value is not None:
                    asked.setdefault(value, []).append(point)
                    break
        if not asked:
            break
        for value, points in asked.items():
            for point, ends in evaluate(span.text(value), points).items():
                known[point][value] = ends

    return [(best_of(point, 0), best_of(point, 1), best_of(point, 2), len(known[point])) for point in range(count)]


def capacity(
    scenario: str | Path,
    over: str,
    span: Range,
    levels: Sequence[Level],
    sets: Sequence[str] = (),
    *,
    jobs: int = 1,
    results_root: Path = Path("results"),
    progress: Callable[[float, str], None] | None = None,
) -> list[Capacity]:
    """The capacity of each point of ``scenario``'s sweep, moving the key ``over`` within ``span``.

    Raises ``ScenarioError`` where the key or a value does not fit the scenario, ``UserError`` for a metric
    that the scenario does not give.
    """
    import scenarios
    from sim.study.experiment import run

    first = scenarios.load(scenario, [*sets, f"{over}={span.text(span.low)}"])
    if any(over in point.parameters for point in first.points):
        raise UserError(f"{over} is swept in the scenario; take it out of the sweep to find its capacity")
    tried = 0
    bases: dict[str, str] = {}

    def evaluate(value: str, points: Sequence[int]) -> dict[int, list[tuple[float, float, float]]]:
        nonlocal tried
        tried += 1
        experiment = scenarios.load(scenario, [*sets, f"{over}={value}"])
        some = replace(experiment, points=tuple(experiment.points[i] for i in points))

        def tell(share: float, text: str) -> None:
            if progress is not None:
                progress(share, text if text == "measuring" else f"value {tried}: {value}")

        found = run(some, jobs=jobs, results_root=results_root, progress=tell if progress else None)
        summary = Summary(found.summary, found.parameters)
        bases.update({level.metric: e.basis for level in levels for e in summary.estimates(level.metric)[:1]})
        return dict(zip(points, _ends(some, summary, levels), strict=True))

    answers = find_capacity(len(first.points), span, levels, evaluate)
    hard = span.low if span.least else span.high
    return [
        Capacity(dict(point.parameters), value, sure, hopeful, sure == hard, n, bases)
        for point, (sure, value, hopeful, n) in zip(first.points, answers, strict=True)
    ]


def _ends(experiment: Experiment, summary: Summary, levels: Sequence[Level]) -> list[list[tuple[float, float, float]]]:
    for level in levels:
        if level.metric not in summary.metrics:
            from scenarios.validation import suggest

            raise UserError(f"--slo: there is no metric '{level.metric}'{suggest(level.metric, list(summary.metrics))}")
    rows = {tuple(map(str, key)): key for key in summary.points}
    return [
        [level.ends(_estimate(point, summary, rows, level.metric)) for level in levels] for point in experiment.points
    ]


def _estimate(point: Point, summary: Summary, rows: dict[tuple[str, ...], Any], metric: str) -> Estimate | None:
    key = rows.get(tuple(str(point.parameters[name]) for name in summary.parameters))
    return None if key is None else summary.get(key, metric)
