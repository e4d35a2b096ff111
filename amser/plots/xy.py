"""Metrics over a metric or a swept key, one panel each."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from amser.plots.columns import Column
from amser.plots.look import FRONT_NAME, legend_below, new_figure
from amser.plots.panels import draw, names_beside, series_of, write_names
from amser.report.material import Study
from amser.summary import PointKey

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def xy_figure(
    study: Study,
    points: Sequence[PointKey],
    x: Column,
    ys: Sequence[Column],
    by: Sequence[Column],
    width: str,
    log: str,
    fronts: Sequence[bool],
) -> Figure:
    """A panel for each of ``ys`` over ``x``; ``fronts`` says which show their Pareto front."""
    series = series_of(study.view, points, by)
    figure, axes = new_figure(width, len(ys), 2.5)
    for axis, y, front in zip(axes, ys, fronts, strict=True):
        draw(axis, series, x, y, log, front)
    named = any(s.name for s in series)
    if x.is_metric and all(len(s.points) == 1 for s in series) and named:
        for axis in axes:
            axis.margins(y=0.1)
        figure.draw_without_rendering()
        names = [names_beside(axis, series, x, y) for axis, y in zip(axes, ys, strict=True)]
        if all(name.clear for panel in names for name in panel):
            for axis, panel, front in zip(axes, names, fronts, strict=True):
                write_names(axis, panel)
                if front:
                    axis.legend([axis.lines[-1]], [FRONT_NAME], loc="lower left")
            figure.set_layout_engine("none")  # the names' places are those of this layout
            return figure
    if named:
        titles = ", ".join(c.title for c in by if c.place != study.view.codec_axis)
        legend_below(figure, axes[0], width, titles)
    return figure
