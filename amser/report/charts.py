"""The figures of the report, as plotly figures; each takes a ``View`` and says None when it has nothing."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import plotly.graph_objects as go

from amser.report.axes import FLATTENS, log_axis
from amser.report.look import INK, MOST_SLICES, bars, legend_below, styled, with_slices
from amser.report.palette import COMPONENT_COLOURS, STAGE_COLOURS
from amser.report.view import View
from amser.summary import Estimate, PointKey
from amser.units import Scale, scale_for

STAGE = re.compile(r"stage_\w+_mean_s")
# Quantiles that draw a distribution: enough for its 99.9th percentile, few enough for a small page.
CURVE_POINTS = 400


def distribution(view: View, latencies: Mapping[PointKey, npt.NDArray[np.float64]]) -> go.Figure | None:
    """Latency's empirical distribution, one curve a series, through quantiles of all delivered uploads."""
    drawn = [values for values in latencies.values() if len(values)]
    if not drawn:
        return None
    figure = go.Figure()
    owners: list[int] = []
    medians = [float(np.median(values)) for values in drawn]
    scale = Scale(1e3, "ms") if np.median(medians) < 2.0 else Scale(1.0, "s")
    for index, part in enumerate(view.slices[:MOST_SLICES]):
        for series in part.series:
            values = latencies.get(series.point)
            if values is None or not len(values):
                continue
            share = np.unique(
                np.concatenate([np.linspace(0, 0.99, CURVE_POINTS), np.linspace(0.99, 1.0, CURVE_POINTS // 8)])
            )
            figure.add_trace(
                go.Scatter(
                    x=_short(np.quantile(values, share) * scale.factor),
                    y=_short(share * 100),
                    mode="lines+markers",
                    name=series.name,
                    line={"color": series.style.colour, "dash": series.style.dash, "width": 2.0, "simplify": False},
                    # A dozen marks along each curve tell its codec without colour.
                    marker={"symbol": series.style.symbol, "size": 7, "color": series.style.colour, "maxdisplayed": 12},
                    visible=index == 0,
                    hovertemplate=f"{series.name}<br>%{{y:.1f}} % in %{{x:.4~g}} {scale.unit}<extra></extra>",
                )
            )
            owners.append(index)
    longest = max(len(part.series) for part in view.slices[:MOST_SLICES])
    styled(figure, max(430, 130 + 21 * longest))
    figure.update_xaxes(
        title=f"latency from the end of speech to the reply [{scale.unit}]",
        **_latency_axis(drawn, scale.factor),
    )
    figure.update_yaxes(title="uploads answered within [%]", range=[0, 101])
    figure.update_layout(legend_title_text=view.legend)
    return with_slices(figure, [part.title for part in view.slices], owners)


def _latency_axis(drawn: Sequence[npt.NDArray[np.float64]], factor: float) -> dict[str, Any]:
    """From the fastest to the slowest thousandth; logarithmic where that spans much."""
    low = max(min(float(np.quantile(v, 0.001)) for v in drawn) * factor, 1e-6)
    high = max(float(np.quantile(v, 0.999)) for v in drawn) * factor
    return log_axis([low, high], 1.1, 1.1) if high > 6 * low else {"range": [0.0, 1.05 * high]}


def _short(values: npt.NDArray[np.float64]) -> list[float]:
    """Five significant digits: what a pixel can show, at a third of the bytes."""
    return [float(f"{v:.5g}") for v in values]


def breakdown(
    view: View, metrics: Mapping[str, str], colours: Mapping[str, str], title: str, total: str
) -> go.Figure | None:
    """Stacked bars of means that add up: ``metrics`` maps each part's name to its metric.

    ``total`` is the metric of the sum, whose interval stands at the bar's end.
    """
    parts = {part: metric for part, metric in metrics.items() if any(view.summary.values([metric]))}
    if not parts:
        return None
    scale = scale_for(view.summary.unit(total), view.summary.values([total]))
    figure = go.Figure()
    owners: list[int] = []
    for index, piece in enumerate(view.slices[:MOST_SLICES]):
        names = [s.name for s in piece.series]
        for part, metric in parts.items():
            means = [e.mean * scale.factor if (e := view.summary.get(s.point, metric)) else 0.0 for s in piece.series]
            figure.add_trace(
                go.Bar(
                    y=names,
                    x=means,
                    name=part,
                    orientation="h",
                    visible=index == 0,
                    marker={"color": colours.get(part, "#A8A29E"), "line": {"color": "white", "width": 0.5}},
                    hovertemplate=f"<b>{part}</b> %{{x:.4~g}} {scale.unit}<br>%{{y}}<extra></extra>",
                )
            )
            owners.append(index)
        whole = [view.summary.get(s.point, total) for s in piece.series]
        figure.add_trace(_whole(names, whole, scale).update(visible=index == 0))
        owners.append(index)
    rows = max(len(piece.series) for piece in view.slices[:MOST_SLICES])
    styled(figure, 120 + 34 * rows)
    figure.update_layout(barmode="stack", bargap=0.3, legend_traceorder="normal")
    legend_below(figure, [*parts, "total and its interval"])
    figure.update_yaxes(title=view.legend, autorange="reversed", automargin=True, showgrid=False, type="category")
    figure.update_xaxes(title=f"{title} [{scale.unit}]", rangemode="tozero")
    _cut(figure, [v * scale.factor for v in view.summary.values([total])])
    return with_slices(figure, [part.title for part in view.slices], owners)


def _cut(figure: go.Figure, totals: Sequence[float]) -> None:
    """End the axis where one bar would flatten the rest; parts that add up have no logarithmic axis."""
    known = sorted(totals)
    middle = known[len(known) // 2] if known else 0.0
    if middle <= 0 or known[-1] <= FLATTENS * middle:
        return
    end = 1.25 * max(v for v in known if v <= FLATTENS * middle)
    figure.update_xaxes(range=[0.0, end])
    text = f"bars that end at the edge go on, to {known[-1]:,.3g} at most".replace(",", " ")
    figure.add_annotation(text=text, xref="paper", yref="paper", x=1.0, y=1.0, xanchor="right", yanchor="bottom",
                          showarrow=False, font={"size": 12, "color": INK})  # fmt: skip


def batteries(view: View) -> go.Figure | None:
    """How long a full battery lasts, a bar a series; None where no device has one."""
    found = view.summary.estimates("battery_lifetime_s")
    if not found:
        return None
    longest = max(e.mean for e in found)
    scale = Scale(1 / 3600, "h") if longest < 5 * 86_400 else Scale(1 / 86_400, "days")
    figure = go.Figure()
    for index, piece in enumerate(view.slices[:MOST_SLICES]):
        ends = [view.summary.get(s.point, "battery_lifetime_s") for s in piece.series]
        figure.add_trace(
            go.Bar(
                y=[s.name for s in piece.series],
                x=[0.0 if e is None else e.mean * scale.factor for e in ends],
                error_x=bars([(0.0, 0.0, 0.0) if e is None else e[:3] for e in ends], scale.factor, color=INK),
                orientation="h",
                visible=index == 0,
                showlegend=False,
                marker={"color": [s.style.colour for s in piece.series]},
                hovertemplate=f"<b>%{{y}}</b> %{{x:.4~g}} {scale.unit}<extra></extra>",
            )
        )
    styled(figure, 110 + 30 * max(len(piece.series) for piece in view.slices[:MOST_SLICES]))
    figure.update_yaxes(title=view.legend, autorange="reversed", automargin=True, showgrid=False, type="category")
    figure.update_xaxes(title=f"time a full battery lasts [{scale.unit}]", rangemode="tozero")
    return with_slices(figure, [part.title for part in view.slices], range(len(view.slices[:MOST_SLICES])))


def _whole(names: Sequence[str], totals: Sequence[Estimate | None], scale: Scale) -> go.Scatter:
    """The ends of the bars, with the intervals of the totals."""
    ends = bars([(0.0, 0.0, 0.0) if e is None else e[:3] for e in totals], scale.factor, width=4, color=INK)
    return go.Scatter(
        y=list(names),
        x=[None if e is None else e.mean * scale.factor for e in totals],
        error_x=ends,
        mode="markers",
        name="total and its interval" if ends["visible"] else "total",
        marker={"symbol": "line-ns", "size": 12, "color": INK, "line": {"color": INK, "width": 1.5}},
        hovertemplate=f"<b>total</b> %{{x:.4~g}} {scale.unit}<br>%{{y}}<extra></extra>",
    )


def stages(view: View) -> go.Figure | None:
    """Where the time of an upload goes, in the order of its life."""
    metrics = {m[len("stage_") : -len("_mean_s")]: m for m in view.summary.metrics if STAGE.fullmatch(m)}
    return breakdown(view, metrics, STAGE_COLOURS, "mean time per answered upload", "latency_mean_s")


def energies(view: View) -> go.Figure | None:
    """Where the device's energy for an upload goes; the server's is no part of it."""
    metrics = {part: f"energy_{part}_j" for part in COMPONENT_COLOURS}
    return breakdown(view, metrics, COMPONENT_COLOURS, "device energy per upload", "energy_per_upload_j")
