"""The standard figures: what bytes buy, how long users wait, where the energy goes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from amser.exits import UserError
from amser.plots.columns import Column, find
from amser.plots.look import FRONT_NAME, INK, legend_below, line_style, new_figure
from amser.plots.panels import draw, names_beside, series_of, write_names
from amser.report.material import Study
from amser.report.palette import COMPONENT_COLOURS
from amser.summary import PointKey
from amser.units import scale_for

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


HATCHES = ("", "////", "....", "\\\\\\\\")
"""Of the parts of a bar: they distinguish them where colours do not."""
SPAN = 6.0  # a distribution whose ends differ by more is drawn over a logarithmic axis


def tradeoff(study: Study, points: Sequence[PointKey], width: str) -> Figure:
    """Word errors, emotion accuracy and energy against bytes, one mark a point; the fronts of accuracy are drawn."""
    summary = study.view.summary
    drawn = [m for m in ("wer", "ser_accuracy", "energy_per_upload_j") if any(summary.get(p, m) for p in points)]
    if not drawn or not any(summary.get(p, "payload_mean_bytes") for p in points):
        raise UserError(
            f"{study.folder}: no word errors, emotions or energies were measured; --x and --y draw other metrics"
        )
    ys = [find(study.view, m, "--y") for m in drawn]
    fronts = [m != "energy_per_upload_j" for m in drawn]
    return xy_figure(
        study, points, find(study.view, "payload_mean_bytes", "--x"), ys, _all_keys(study), width, "auto", fronts
    )


def latency(study: Study, points: Sequence[PointKey], width: str) -> Figure:
    """The distribution of latency over all answered uploads, one curve a point, as a share that waits longer.

    The share that waits longer, on a logarithmic axis, shows the slow tail that users notice; the usual curve of
    shares within a time presses it against 100 %.
    """
    found = study.latencies()
    points = [p for p in points if len(found.get(p, ()))]
    if not points:
        raise UserError(f"{study.folder}: no upload log is kept here; set `log: {{keep: all}}` in the scenario")
    scale = scale_for("s", [float(np.median(found[p])) for p in points])
    figure, (axis,) = new_figure(width, 1, 2.5)
    for one in series_of(study.view, points, _all_keys(study)):
        values = np.sort(found[one.points[0]]) * scale.factor
        # Quantiles, denser to the tail, to the last that ten uploads stand behind.
        least = max(10 / len(values), 1e-4)
        share = np.geomspace(1.0, least, 160)
        style = line_style(one.style, joined=True) | {"markevery": 20, "markersize": 3.5}
        axis.plot(np.quantile(values, 1.0 - share), share * 100.0, label=one.name or None, **style)
    low = min(float(np.quantile(found[p], 0.001)) for p in points)
    high = max(float(np.quantile(found[p], 0.99)) for p in points)
    if high > SPAN * low:
        from amser.plots.panels import logarithmic

        logarithmic(axis, "x", low * scale.factor, high * scale.factor)
    axis.set_yscale("log")
    axis.set_yticks([100, 10, 1, 0.1, 0.01], ["100", "10", "1", "0.1", "0.01"])
    axis.set_ylim(bottom=min(max(1000 / len(found[p]), 0.01) for p in points))
    axis.minorticks_off()
    axis.set_xlabel(f"latency from the end of speech to the reply [{scale.unit}]")
    axis.set_ylabel("uploads still waiting [%]")
    if len(points) > 1:
        legend_below(figure, axis, width)
    return figure


def energy(study: Study, points: Sequence[PointKey], width: str) -> Figure:
    """The device's energy for an upload by component, a bar a point, with the interval of the sum."""
    summary = study.view.summary
    points = [p for p in points if summary.get(p, "energy_per_upload_j")]
    parts = [
        part for part in COMPONENT_COLOURS if any(e.mean for p in points if (e := summary.get(p, f"energy_{part}_j")))
    ]
    if not parts:
        raise UserError(f"{study.folder}: no upload cost energy; --x and --y draw other metrics")
    scale = summary.scale("energy_per_upload_j")
    figure, (axis,) = new_figure(width, 1, 0.75 + 0.19 * len(points))
    names = [summary.label(p) for p in points]
    left = np.zeros(len(points))
    for part, hatch in zip(parts, HATCHES, strict=False):
        means = np.array([e.mean if (e := summary.get(p, f"energy_{part}_j")) else 0.0 for p in points]) * scale.factor
        axis.barh(
            range(len(points)), means, left=left, height=0.7, color=COMPONENT_COLOURS[part], hatch=hatch, label=part,
            edgecolor="white", linewidth=0.4,
        )  # fmt: skip
        left += means
    totals = [summary.get(p, "energy_per_upload_j") for p in points]
    half = [0.0 if e is None or not e.high - e.low > 0 else (e.high - e.low) / 2 * scale.factor for e in totals]
    axis.errorbar(left, range(len(points)), xerr=half, fmt="none", ecolor=INK, elinewidth=0.8, capsize=1.8)
    axis.set_yticks(range(len(points)), names)
    axis.invert_yaxis()
    axis.grid(visible=False, axis="y")
    axis.set_xlabel(f"device energy per upload [{scale.unit}]")
    legend_below(figure, axis, width)
    return figure


def _all_keys(study: Study) -> list[Column]:
    summary = study.view.summary
    several = [i for i in range(len(summary.parameters)) if len({str(p[i]) for p in summary.points}) > 1]
    return [Column(study.view, summary.parameters[i], i) for i in several]
