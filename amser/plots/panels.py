"""One panel of a figure: a metric against a swept key or another metric, a series for each value of the rest."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from amser.labels import Room, place_labels
from amser.metric_names import higher_is_better
from amser.plots.columns import Column
from amser.plots.look import FRONT, FRONT_NAME, INK, line_style
from amser.report.palette import Style, sequence
from amser.report.view import View
from amser.summary import Estimate, PointKey
from amser.units import significant

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def pareto_front(costs: Sequence[float], losses: Sequence[float]) -> list[int]:
    """Indices of the points on the front, by growing cost; both are better when smaller, NaN is on no front."""
    known = [i for i in range(len(costs)) if math.isfinite(costs[i]) and math.isfinite(losses[i])]
    front: list[int] = []
    least = math.inf
    for i in sorted(known, key=lambda i: (costs[i], losses[i])):
        if losses[i] < least:
            front.append(i)
            least = losses[i]
    return front


# An axis whose values span more than this is logarithmic, unless the user says otherwise: on a linear one the small
# values would lie on top of each other.
SPAN = 8.0


@dataclass(frozen=True)
class Series:
    """Points under one name."""

    name: str
    style: Style
    points: tuple[PointKey, ...]


def series_of(view: View, points: Sequence[PointKey], by: Sequence[Column]) -> list[Series]:
    """The points grouped by the values of ``by``, in their order."""
    members: dict[str, list[PointKey]] = {}
    for point in points:
        members.setdefault(", ".join(c.text(point) for c in by), []).append(point)
    codecs = len(by) == 1 and by[0].place == view.codec_axis
    styles = view.line_styles(list(members)) if codecs else sequence(list(members))
    return [Series(name, styles[name], tuple(found)) for name, found in members.items()]


def draw(axis: Axes, series: Sequence[Series], x: Column, y: Column, log: str, front: bool) -> None:
    """Draw every series with its intervals; ``log`` is ``auto`` or names the logarithmic axes, as in ``xy``."""
    names = None if x.is_metric or x.numbers else list(dict.fromkeys(x.text(p) for s in series for p in s.points))
    joined = names is None
    for i, one in enumerate(series):
        shift = 0.0 if names is None else (i - (len(series) - 1) / 2) * 0.7 / len(series)
        marks = [m for p in one.points if (m := _mark(p, x, y, names, shift)) is not None]
        if not marks:
            continue
        if x.place is not None and joined:
            marks.sort(key=lambda m: m[0].mean)
        ys, errors = [m[1].mean for m in marks], _bars([m[1] for m in marks])
        across = _bars([m[0] for m in marks])
        several = joined and len(marks) > 1
        axis.errorbar(
            [m[0].mean for m in marks], ys, yerr=errors, xerr=across, label=one.name or None,
            elinewidth=0.8, capsize=1.8, **line_style(one.style, several),
        )  # fmt: skip
    axis.set_xlabel(x.title)
    axis.set_ylabel(y.title)
    if front:
        _draw_front(axis, series, x, y)
    _scales(axis, series, x, y, log)
    if names is not None:
        axis.set_xticks(range(len(names)), names)
        if sum(map(len, names)) > 30:
            for label in axis.get_xticklabels():
                label.set(rotation=30, ha="right", rotation_mode="anchor")
        axis.grid(visible=False, axis="x")


def _mark(
    point: PointKey, x: Column, y: Column, names: Sequence[str] | None, shift: float
) -> tuple[Estimate, Estimate] | None:
    height = y.estimate(point)
    if names is not None:
        across: Estimate | None = Estimate(names.index(x.text(point)) + shift, math.nan, math.nan, 0, "")
    else:
        across = x.estimate(point)
    return None if across is None or height is None else (across, height)


def _bars(estimates: Sequence[Estimate]) -> list[list[float]] | None:
    """How far the intervals reach below and above; None where there is none.  None of our metrics is below zero."""
    known = [math.isfinite(e.high - e.low) for e in estimates]
    if not any(known):
        return None
    below = [max(e.mean - max(e.low, 0.0), 0.0) if k else 0.0 for e, k in zip(estimates, known, strict=True)]
    above = [max(e.high - e.mean, 0.0) if k else 0.0 for e, k in zip(estimates, known, strict=True)]
    return [below, above]


def _draw_front(axis: Axes, series: Sequence[Series], x: Column, y: Column) -> None:
    """A thin step through the points that no other beats in both."""
    marks = [m for s in series for p in s.points if (m := _mark(p, x, y, None, 0.0)) is not None]
    signs = [-1.0 if higher_is_better(c.name) else 1.0 for c in (x, y)]
    on = pareto_front([signs[0] * a.mean for a, _ in marks], [signs[1] * b.mean for _, b in marks])
    if len(on) > 1:
        xs, ys = [marks[i][0].mean for i in on], [marks[i][1].mean for i in on]
        axis.step(xs, ys, where="post", color=FRONT, linewidth=0.8, zorder=1.5, label=FRONT_NAME)


def _scales(axis: Axes, series: Sequence[Series], x: Column, y: Column, log: str) -> None:
    for letter, column in (("x", x), ("y", y)):
        found = [e.mean for s in series for p in s.points if (e := column.estimate(p)) is not None]
        if not found:
            continue
        wanted = letter in log if log != "auto" else min(found) > 0 and max(found) > SPAN * min(found)
        if wanted and min(found) <= 0:
            from amser.exits import UserError

            raise UserError(f"--log {log}: {column.name} has values of zero, which a logarithmic axis cannot show")
        if wanted:
            logarithmic(axis, letter, min(found), max(found))
        elif column.is_metric and not higher_is_better(column.name):
            (axis.set_xlim if letter == "x" else axis.set_ylim)(0.0, None)


def logarithmic(axis: Axes, letter: str, low: float, high: float) -> None:
    """Ticks at 1, 2, 5 of each decade as plain numbers: a reader of a paper need not raise ten to a power."""
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    (axis.set_xscale if letter == "x" else axis.set_yscale)("log")
    ticks = axis.xaxis if letter == "x" else axis.yaxis
    ticks.set_major_locator(LogLocator(10.0, (1.0, 2.0, 5.0) if high < 150 * low else (1.0,)))
    ticks.set_major_formatter(FuncFormatter(lambda value, _: significant(value, 1)))
    ticks.set_minor_formatter(NullFormatter())


class Name(NamedTuple):
    """Where a mark's name is written, in points from the panel's corner, and how it is aligned there."""

    text: str
    x: float
    y: float
    ha: str
    va: str
    clear: bool


def names_beside(axis: Axes, series: Sequence[Series], x: Column, y: Column) -> list[Name]:
    """A place beside each mark for its name.

    The layout must be settled: places are those of the figure as it will be saved.
    """
    box = axis.get_window_extent()
    points = 72.0 / axis.figure.dpi
    marks, bars, names = [], [], []
    for one in series:
        found = _mark(one.points[0], x, y, None, 0.0)
        if found is None:
            continue
        at = axis.transData.transform([(found[0].mean, v) for v in (found[1].mean, *found[1][1:3])])
        (px, py), (_, low), (_, high) = (((a - box.x0) * points, (b - box.y0) * points) for a, b in at)
        marks.append((px, py))
        bars.append((low, high))
        names.append(one.name)
    room = Room(box.width * points, box.height * points, glyph=4.0, line=7.5, mark=3.0, bar=2.0, above=1.0)
    labels = place_labels(marks, names, {"range": [0.0, room.width]}, {"range": [0.0, room.height]}, bars, room)
    found_names = []
    for name, (px, _), label in zip(names, marks, labels, strict=True):
        vertical, horizontal = label.position.split()
        dx = {"right": 1.0, "left": -1.0, "center": 0.0}[horizontal] * (4.5 if vertical == "middle" else 2.0)
        dy = {"top": 3.5, "bottom": -3.5, "middle": 0.0}[vertical]
        ha = {"right": "left", "left": "right", "center": "center"}[horizontal]
        va = {"top": "bottom", "bottom": "top", "middle": "center"}[vertical]
        found_names.append(Name(name, px + dx, label.y + dy, ha, va, label.clear))
    return found_names


def write_names(axis: Axes, names: Sequence[Name]) -> None:
    """Write every name where it has its place."""
    for one in names:
        text = axis.annotate(one.text, (one.x, one.y), xycoords="axes points", fontsize=6.5, color=INK)
        text.set(ha=one.ha, va=one.va, in_layout=False, annotation_clip=False)
