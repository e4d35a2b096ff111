"""Two results folders side by side: what differs in their inputs, then in their figures."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from amser.summary import Estimate, PointKey, Summary

if TYPE_CHECKING:
    from sim.study.results import Results

Label = tuple[tuple[str, str], ...]
"""The swept values of a point, by name."""

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
    """One metric of one point in both studies."""

    point: PointKey
    metric: str
    first: Estimate
    second: Estimate
    gap: Estimate | None
    """Second minus first where both heard an utterance; None for costs, and where the folders keep no such pairs."""

    @property
    def same(self) -> bool:
        """Equal to the last digit."""
        return self.first.mean == self.second.mean and self.first.n == self.second.n

    @property
    def apart(self) -> bool:
        """The interval of the paired difference leaves out 0, else the two intervals have no value in common."""
        if self.gap is not None and math.isfinite(self.gap.low):
            return self.gap.low > 0 or self.gap.high < 0
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
    folders = [_folders(r) for r in (first, second)]
    for point in one.points:
        other = by_label.pop(_label(one, point), None)
        if other is None:
            continue
        gaps = _gaps(folders[0].get(_label(one, point), ()), folders[1].get(_label(two, other), ()))
        for metric in one.metrics:
            a, b = one.get(point, metric), two.get(other, metric)
            if a is not None and b is not None:
                differences.append(Difference(point, metric, a, b, gaps.get(metric)))
    known = {_label(two, p) for p in two.points}
    missing = tuple(p for p in one.points if _label(one, p) not in known)
    return Comparison(_inputs(first, second), tuple(differences), missing, tuple(by_label.values()))


def _gaps(first: tuple[Path, ...], second: tuple[Path, ...]) -> dict[str, Estimate]:
    """Second minus first of words and emotions, paired by utterance; empty where one side recognized nothing."""
    from sim.study.recognized import differences_of

    return {k: Estimate(*score) for k, score in differences_of(second, first).items()} if first and second else {}


def _folders(results: Results) -> dict[Label, tuple[Path, ...]]:
    """By point, its replications that say what was recognized."""
    from sim.study.recognized import FILE

    found = {}
    for entry in results.manifest["points"]:
        label = tuple(sorted((name, str(value)) for name, value in entry["parameters"].items()))
        files = sorted((results.folder / "points").glob(f"{entry['key']}-s*/{FILE}"))
        found[label] = tuple(file.parent.absolute() for file in files)
    return found


def _label(summary: Summary, point: PointKey) -> Label:
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
