"""Two results folders side by side: what differs in their inputs, then in their figures."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from amser.summary import Estimate, PointKey, Summary

if TYPE_CHECKING:
    from sim.results import Results

# Facts of a manifest that say when and where, not what.
CIRCUMSTANCES = (
    "started",
    "finished",
    "command",
    "reused",
    "points",
    "complete",
    "partial",
    "scenario",
    "failures",
    "warnings",
)


@dataclass(frozen=True)
class Difference:
    """One metric of one point in both studies; ``apart`` where their intervals do not overlap."""

    point: PointKey
    metric: str
    first: Estimate
    second: Estimate

    @property
    def same(self) -> bool:
        """Equal to the last digit."""
        return self.first.mean == self.second.mean and self.first.n == self.second.n

    @property
    def apart(self) -> bool:
        """The intervals have no value in common (equal figures are not apart)."""
        a, b = _ends(self.first), _ends(self.second)
        return not self.same and (a[1] < b[0] or b[1] < a[0])

    @property
    def relative(self) -> float:
        """Change from the first to the second, as a share of the first; NaN from zero."""
        return (self.second.mean - self.first.mean) / abs(self.first.mean) if self.first.mean else math.nan


def _ends(e: Estimate) -> tuple[float, float]:
    return (e.low, e.high) if math.isfinite(e.low) and math.isfinite(e.high) else (e.mean, e.mean)


@dataclass(frozen=True)
class Comparison:
    """What ``compare`` found."""

    inputs: dict[str, tuple[Any, Any]]
    """Dotted keys of scenario and manifest whose values differ."""
    differences: tuple[Difference, ...]
    """Every metric of every point that both studies have."""
    only_first: tuple[PointKey, ...]
    only_second: tuple[PointKey, ...]

    @property
    def identical(self) -> bool:
        """Whether both have the same points and every figure is equal to the last digit."""
        return not self.only_first and not self.only_second and all(d.same for d in self.differences)


def compare(first: Results, second: Results) -> Comparison:
    """Compare two studies; points are matched by their swept values.  Raises ``ResultsError``."""
    one, two = (Summary(r.summary, r.parameters) for r in (first, second))
    by_label = {_label(two, p): p for p in two.points}
    differences = []
    for point in one.points:
        other = by_label.pop(_label(one, point), None)
        if other is None:
            continue
        for metric in one.metrics:
            a, b = one.get(point, metric), two.get(other, metric)
            if a is not None and b is not None:
                differences.append(Difference(point, metric, a, b))
    known = {_label(two, p) for p in two.points}
    missing = tuple(p for p in one.points if _label(one, p) not in known)
    return Comparison(_inputs(first, second), tuple(differences), missing, tuple(by_label.values()))


def _label(summary: Summary, point: PointKey) -> tuple[tuple[str, str], ...]:
    return tuple(sorted((name, str(value)) for name, value in zip(summary.parameters, point, strict=True)))


def _inputs(first: Results, second: Results) -> dict[str, tuple[Any, Any]]:
    sides = []
    for found in (first, second):
        manifest = {k: v for k, v in found.manifest.items() if k not in CIRCUMSTANCES}
        sides.append(dict(_flat(manifest)) | dict(_flat(found.resolved, "scenario")))
    keys = dict.fromkeys([*sides[0], *sides[1]])
    absent = "(absent)"
    return {k: (sides[0].get(k, absent), sides[1].get(k, absent)) for k in keys if sides[0].get(k) != sides[1].get(k)}


def _flat(node: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    if isinstance(node, Mapping):
        for key, value in node.items():
            yield from _flat(value, f"{path}.{key}" if path else str(key))
    else:
        yield path, node
