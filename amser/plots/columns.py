"""What can be drawn of a study: its swept keys and its metrics, by the names that a user gives."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from amser.exits import UserError
from amser.metric_names import METRIC_TITLES
from amser.report.view import View
from amser.summary import Estimate, PointKey, short_names
from scenarios.magnitudes import Numbers, numbers


@dataclass(frozen=True)
class Column:
    """A swept key (``place`` is its index in a point) or a metric (``place`` None)."""

    view: View
    name: str
    place: int | None

    @property
    def is_metric(self) -> bool:
        """Whether it is a figure of the summary rather than a swept key."""
        return self.place is None

    @cached_property
    def scale(self) -> float:
        """Factor from SI to the unit of ``title``."""
        return self.view.summary.scale(self.name).factor if self.is_metric else 1.0

    @cached_property
    def numbers(self) -> Numbers | None:
        """The key's values at all points of the study, where they are numbers of one dimension."""
        return None if self.place is None else numbers([p[self.place] for p in self.view.summary.points])

    @property
    def title(self) -> str:
        """Its name with its unit, for an axis."""
        if self.is_metric:
            name, unit = METRIC_TITLES.get(self.name, self.name), self.view.summary.scale(self.name).unit
        else:
            name = short_names(self.view.summary.parameters)[self.place or 0]
            unit = self.numbers.unit if self.numbers else ""
        return f"{name} [{unit}]" if unit else name

    def text(self, point: PointKey) -> str:
        """The key's value at ``point``, as it is shown."""
        return self.view.summary.shown(point)[self.place or 0]

    def estimate(self, point: PointKey) -> Estimate | None:
        """The metric at ``point`` in the unit of ``title``; of a swept key its number, which has no interval."""
        if self.place is None:
            e = self.view.summary.get(point, self.name)
            return (
                None
                if e is None
                else e._replace(mean=e.mean * self.scale, low=e.low * self.scale, high=e.high * self.scale)
            )
        if self.numbers is None:
            return None
        number = self.numbers.values[self.view.summary.points.index(point)]
        return Estimate(number, math.nan, math.nan, 0, "")


def find(view: View, name: str, option: str) -> Column:
    """The column ``name``: a metric, a swept key, or the end of one such as ``codec``.

    Raises ``UserError`` that names the columns.
    """
    summary = view.summary
    if name in summary.metrics:
        return Column(view, name, None)
    keys = [i for i, key in enumerate(summary.parameters) if key == name or key.endswith(f".{name}")]
    if len(keys) == 1:
        return Column(view, summary.parameters[keys[0]], keys[0])
    if keys:
        raise UserError(f"{option} {name}: could be {' or '.join(summary.parameters[i] for i in keys)}")
    from scenarios.validation import suggest

    metrics = [m for m in summary.metrics if summary.has(m)]
    close = suggest(name, [*short_names(summary.parameters), *summary.parameters, *metrics]).partition("; accepted")[0]
    swept = ", ".join(summary.parameters) or "nothing"
    raise UserError(f"{option}: there is no column '{name}'{close}; swept: {swept}; metrics: {', '.join(metrics)}")


def chosen(view: View, where: Sequence[str]) -> list[PointKey]:
    """The points that meet every ``KEY=VALUE`` of ``where``.  Raises ``UserError``."""
    points = list(view.summary.points)
    for text in where:
        name, sign, value = text.partition("=")
        if not sign:
            raise UserError(f"--where {text}: write it as KEY=VALUE")
        column = find(view, name.strip(), "--where")
        if column.is_metric:
            raise UserError(
                f"--where {text}: {name} is a metric; give a swept key: {', '.join(view.summary.parameters)}"
            )
        values = list(dict.fromkeys(column.text(p) for p in view.summary.points))
        kept = [p for p in points if value.strip() in (column.text(p), str(p[column.place or 0]))]
        if not kept:
            raise UserError(f"--where {text}: no such point; {column.name} takes {', '.join(values)}")
        points = kept
    return points


def require_told_apart(view: View, points: Sequence[PointKey], columns: Sequence[Column]) -> None:
    """Raise ``UserError`` where two points differ only in keys that none of ``columns`` shows.

    Drawn over each other they would look like noise.
    """
    shown = {c.place for c in columns if not c.is_metric}
    seen = {tuple(str(p[i]) for i in sorted(i for i in shown if i is not None)) for p in points}
    if len(seen) == len(points):
        return
    left = [i for i in range(len(view.summary.parameters)) if i not in shown and len({str(p[i]) for p in points}) > 1]
    told = "; ".join(
        f"{view.summary.parameters[i]} takes {', '.join(dict.fromkeys(view.summary.shown(p)[i] for p in points))}"
        for i in left
    )
    raise UserError(
        f"several points would stand over each other: {told}; pick one with --where KEY=VALUE or draw it with --by KEY"
    )
