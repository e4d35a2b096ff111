"""The figures of the report, as plotly figures; each takes a ``View`` and says None when it has nothing."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from amser.report.axes import log_axis
from amser.report.look import MOST_SLICES, axis_title, styled, with_slices
from amser.report.palette import COMPONENT_COLOURS, STAGE_COLOURS
from amser.report.view import View, numeric
from amser.summary import PointKey
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
                    mode="lines",
                    name=series.name,
                    line={"color": series.style.colour, "dash": series.style.dash, "width": 2.2},
                    visible=index == 0,
                    hovertemplate=f"{series.name}<br>%{{y:.1f}} % in %{{x:.4~g}} {scale.unit}<extra></extra>",
                )
            )
            owners.append(index)
    styled(figure, 430)
    figure.update_xaxes(
        title=f"latency from the end of speech to the reply [{scale.unit}]",
        **_latency_axis(drawn, scale.factor),
    )
    figure.update_yaxes(title="uploads answered within [%]", range=[0, 101])
    figure.update_layout(legend_title_text=view.legend)
    return with_slices(figure, view, owners)


def _latency_axis(drawn: Sequence[npt.NDArray[np.float64]], factor: float) -> dict[str, Any]:
    """From the fastest to the slowest thousandth; logarithmic where that spans much."""
    low = max(min(float(np.quantile(v, 0.001)) for v in drawn) * factor, 1e-6)
    high = max(float(np.quantile(v, 0.999)) for v in drawn) * factor
    return log_axis([low, high], 1.1, 1.1) if high > 6 * low else {"range": [0.0, 1.05 * high]}


def _short(values: npt.NDArray[np.float64]) -> list[float]:
    """Five significant digits: what a pixel can show, at a third of the bytes."""
    return [float(f"{v:.5g}") for v in values]


def breakdown(view: View, metrics: Mapping[str, str], colours: Mapping[str, str], title: str) -> go.Figure | None:
    """Stacked bars of means that add up: ``metrics`` maps each part's name to its metric."""
    parts = {part: metric for part, metric in metrics.items() if any(view.summary.values([metric]))}
    if not parts:
        return None
    totals = [sum(e.mean for m in parts.values() if (e := view.summary.get(p, m))) for p in view.summary.points]
    scale = scale_for(view.summary.unit(next(iter(parts.values()))), totals)
    figure = go.Figure()
    owners: list[int] = []
    for index, piece in enumerate(view.slices[:MOST_SLICES]):
        for part, metric in parts.items():
            means = [e.mean * scale.factor if (e := view.summary.get(s.point, metric)) else 0.0 for s in piece.series]
            figure.add_trace(
                go.Bar(
                    y=[s.name for s in piece.series],
                    x=means,
                    name=part,
                    orientation="h",
                    visible=index == 0,
                    marker={"color": colours.get(part, "#A8A29E"), "line": {"color": "white", "width": 0.5}},
                    hovertemplate=f"<b>{part}</b> %{{x:.4~g}} {scale.unit}<br>%{{y}}<extra></extra>",
                )
            )
            owners.append(index)
    rows = max(len(piece.series) for piece in view.slices[:MOST_SLICES])
    styled(figure, 150 + 34 * rows)
    figure.update_layout(
        barmode="stack",
        bargap=0.3,
        legend={"orientation": "h", "y": 1.02, "yanchor": "bottom", "traceorder": "normal"},
    )
    figure.update_yaxes(title=view.legend, autorange="reversed", automargin=True, showgrid=False, type="category")
    figure.update_xaxes(title=f"{title} [{scale.unit}]", rangemode="tozero")
    return with_slices(figure, view, owners)


def against(view: View, axis: int) -> go.Figure | None:
    """Headline metrics against one swept parameter, a line for each codec (and each other value)."""
    wanted = (
        "latency_p50_s",
        "latency_p95_s",
        "energy_per_upload_j",
        "wer",
        "ser_accuracy",
        "delivered_fraction",
        "uplink_utilisation",
        "server_utilisation",
    )
    metrics = [m for m in wanted if len({round(v, 12) for v in view.summary.values([m])}) > 1]
    if not metrics:
        return None
    lines: dict[str, list[PointKey]] = {}
    rest = [i for i in view.others if i != axis]
    for point in view.summary.points:
        name = ", ".join([view.series_name(point)] * (view.codec_axis is not None) + [str(point[i]) for i in rest])
        lines.setdefault(name or "all devices", []).append(point)
    columns = min(2, len(metrics))
    figure = make_subplots(
        rows=-(-len(metrics) // columns), cols=columns, horizontal_spacing=0.1, vertical_spacing=0.14
    )
    for panel, metric in enumerate(metrics):
        row, column = panel // columns + 1, panel % columns + 1
        for name, points in lines.items():
            figure.add_trace(_line(view, name, points, axis, metric, panel == 0, len(lines)), row=row, col=column)
        figure.update_yaxes(
            title=axis_title(metric, view.summary.scale(metric)), rangemode="tozero", row=row, col=column
        )
    values = numeric([p[axis] for p in view.summary.points])
    figure.update_xaxes(title=view.summary.parameters[axis], type=_axis_type(values))
    styled(figure, 110 + 330 * (-(-len(metrics) // columns)))
    figure.update_layout(legend={"orientation": "h", "y": 1.02, "yanchor": "bottom"})
    return figure


def _axis_type(values: list[float] | None) -> str:
    if values is None:
        return "category"
    return "log" if min(values) > 0 and max(values) >= 50 * min(values) else "linear"


def _line(
    view: View, name: str, points: Sequence[PointKey], axis: int, metric: str, legend: bool, many: int
) -> go.Scatter:
    style = view.styles[view.series_name(points[0])]
    colour = style.colour if many > 1 else "#0072B2"
    scale = view.summary.scale(metric)
    numbers = numeric([p[axis] for p in points])
    found = [view.summary.get(p, metric) for p in points]
    spread = [
        0.0 if e is None or not math.isfinite(e.high - e.low) else (e.high - e.low) / 2 * scale.factor for e in found
    ]
    return go.Scatter(
        x=numbers if numbers is not None else [str(p[axis]) for p in points],
        y=[None if e is None else e.mean * scale.factor for e in found],
        error_y={"type": "data", "array": spread, "thickness": 1.3, "width": 3, "visible": any(spread)},
        mode="lines+markers",
        name=name,
        legendgroup=name,
        showlegend=legend and many > 1,
        line={"color": colour, "dash": style.dash if many > 1 else "solid", "width": 2},
        marker={"symbol": style.symbol, "size": 8},
        hovertemplate=f"<b>{name}</b><br>%{{x}}: %{{y:.4~g}} {scale.unit}<extra></extra>",
    )


def stages(view: View) -> go.Figure | None:
    """Where the time of an upload goes, in the order of its life."""
    metrics = {m[len("stage_") : -len("_mean_s")]: m for m in view.summary.metrics if STAGE.fullmatch(m)}
    return breakdown(view, metrics, STAGE_COLOURS, "mean time per answered upload")


def energies(view: View) -> go.Figure | None:
    """Where the device's energy for an upload goes; the server's is no part of it."""
    metrics = {part: f"energy_{part}_j" for part in COMPONENT_COLOURS}
    return breakdown(view, metrics, COMPONENT_COLOURS, "device energy per upload")
