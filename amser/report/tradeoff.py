"""The trade-off figure: what recognition costs under each codec, and how good it is."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import plotly.graph_objects as go
from plotly.subplots import make_subplots

from amser.report.axes import cost_axis, place_labels
from amser.report.look import INK, METRIC_TITLES, MOST_SLICES, axis_title, styled, with_slices
from amser.report.view import Series, View

COSTS = ("payload_bitrate_bps", "energy_per_upload_j", "latency_mean_s", "payload_mean_bytes")


def trade_off(view: View) -> go.Figure | None:
    """Accuracy against cost, one mark a codec with its interval; the cost is chosen from a menu."""
    panels = [m for m in ("wer", "ser_accuracy") if view.summary.has(m)]
    costs = [
        m
        for m in ("payload_bitrate_bps", "energy_per_upload_j", "latency_mean_s", "payload_mean_bytes")
        if view.summary.has(m)
    ]
    if not panels or not costs or view.codec_axis is None:
        return None
    figure = make_subplots(rows=1, cols=len(panels), horizontal_spacing=0.09)
    owners: list[int] = []
    drawn: list[Series] = []
    axis = cost_axis(_scaled(view, costs[0]))
    for index, part in enumerate(view.slices[:MOST_SLICES]):
        for column, metric in enumerate(panels, start=1):
            marks = [(_scaled_mean(view, s, costs[0]), _scaled_mean(view, s, metric)) for s in part.series]
            names, bars = [s.name for s in part.series], [_interval(view, s, metric) for s in part.series]
            places = place_labels(marks, names, axis, _quality_axis(view, metric), bars)
            for series, mark, place in zip(part.series, marks, places, strict=True):
                trace = _mark(view, series, mark, costs[0], metric, place)
                figure.add_trace(trace.update(showlegend=column == 1, visible=index == 0), row=1, col=column)
                owners.append(index)
                drawn.append(series)
    for column, metric in enumerate(panels, start=1):
        figure.update_yaxes(
            title=axis_title(metric, view.summary.scale(metric)),
            **_quality_axis(view, metric),
            row=1,
            col=column,
        )
    figure.update_xaxes(title=axis_title(costs[0], view.summary.scale(costs[0])), **axis)
    styled(figure, 470)
    figure.update_layout(legend={"orientation": "h", "y": -0.2, "x": 0.5, "xanchor": "center"})
    menus = [_cost_menu(view, costs, drawn, len(panels))] if len(costs) > 1 else []
    return with_slices(figure, view, owners, menus)


def _scaled(view: View, metric: str) -> list[float]:
    return [v * view.summary.scale(metric).factor for v in view.summary.values([metric])]


def _scaled_mean(view: View, series: Series, metric: str) -> float:
    estimate = view.summary.get(series.point, metric)
    return math.nan if estimate is None else estimate.mean * view.summary.scale(metric).factor


def _interval(view: View, series: Series, metric: str) -> tuple[float, float]:
    estimate = view.summary.get(series.point, metric)
    factor = view.summary.scale(metric).factor
    return (math.nan, math.nan) if estimate is None else (estimate.low * factor, estimate.high * factor)


def _quality_axis(view: View, metric: str) -> dict[str, Any]:
    """Errors start at zero; accuracies show their own range, at least ten points wide."""
    values = _scaled(view, metric)
    if metric == "wer":
        return {"range": [0.0, max(1.2 * max(values), 1.0)]}
    middle, half = (max(values) + min(values)) / 2, max((max(values) - min(values)) * 0.7, 5.0)
    return {"range": [max(0.0, middle - half), min(100.0, middle + half)]}


def _mark(view: View, series: Series, mark: tuple[float, float], cost: str, metric: str, place: str) -> go.Scatter:
    y = view.summary.get(series.point, metric)
    sx, sy = view.summary.scale(cost), view.summary.scale(metric)
    error: dict[str, Any] = {
        "type": "data",
        "symmetric": False,
        "array": [0.0],
        "arrayminus": [0.0],
        "thickness": 1.5,
        "width": 4,
    }
    if y is not None and math.isfinite(y.high) and math.isfinite(y.low):
        error |= {"array": [(y.high - y.mean) * sy.factor], "arrayminus": [(y.mean - y.low) * sy.factor]}
    return go.Scatter(
        x=[mark[0]],
        y=[mark[1]],
        error_y=error,
        mode="markers+text",
        text=[series.name],
        textposition=place,
        textfont={"size": 11, "color": INK},
        cliponaxis=False,
        name=series.name,
        legendgroup=series.name,
        marker={
            "color": series.style.colour,
            "symbol": series.style.symbol,
            "size": 12,
            "line": {"color": "white", "width": 1},
        },
        hovertemplate=f"{series.name}<br>%{{x:.4~g}} {sx.unit}<br>%{{y:.4~g}} {sy.unit}<extra></extra>",
    )


def _cost_menu(view: View, costs: Sequence[str], series: Sequence[Series], panels: int) -> dict[str, Any]:
    buttons = []
    for cost in costs:
        scale = view.summary.scale(cost)
        xs = [[e.mean * scale.factor if (e := view.summary.get(s.point, cost)) else None] for s in series]
        layout: dict[str, Any] = {}
        for panel in range(1, panels + 1):
            name = "xaxis" if panel == 1 else f"xaxis{panel}"
            layout |= {f"{name}.{key}": value for key, value in cost_axis(_scaled(view, cost)).items()}
            layout[f"{name}.title.text"] = axis_title(cost, scale)
        buttons.append({"label": METRIC_TITLES[cost], "method": "update", "args": [{"x": xs}, layout]})
    return {"buttons": buttons, "type": "buttons", "direction": "right", "x": 0.0, "xanchor": "left"}
