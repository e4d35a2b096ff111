"""The trade-off figure: what recognition costs under each codec, and how good it is."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import plotly.graph_objects as go
from plotly.subplots import make_subplots

from amser.labels import Label, Room, place_labels
from amser.metric_names import METRIC_TITLES
from amser.report.axes import cost_axis
from amser.report.look import INK, MOST_SLICES, axis_title, bars, legend_below, styled, with_slices
from amser.report.view import Series, Slice, View

COSTS = ("payload_bitrate_bps", "energy_per_upload_j", "latency_mean_s", "payload_mean_bytes")
QUALITIES = ("wer", "ser_accuracy")
# A panel and its labels in pixels at a laptop's width; only relative room matters.
ROOM = Room(470.0, 300.0, glyph=6.6, line=14.0, mark=7.0, bar=5.0, above=40.0)


@dataclass(frozen=True)
class _Panel:
    """One quality of one slice: its marks, and their names as a trace of their own."""

    view: View
    slice: int
    part: Slice
    metric: str

    def xs(self, cost: str) -> list[float]:
        """Cost of each mark, as drawn."""
        return [_scaled_mean(self.view, s, cost) for s in self.part.series]

    def ys(self) -> list[float]:
        """Quality of each mark, as drawn."""
        return [_scaled_mean(self.view, s, self.metric) for s in self.part.series]

    def labels(self, cost: str) -> list[Label]:
        """Where the names stand when ``cost`` is drawn."""
        marks = list(zip(self.xs(cost), self.ys(), strict=True))
        bars = [_interval(self.view, s, self.metric) for s in self.part.series]
        names = [s.name for s in self.part.series]
        axes = cost_axis(_scaled(self.view, cost)), _quality_axis(self.view, self.metric)
        return place_labels(marks, names, *axes, bars, ROOM)

    def traces(self, cost: str, legend: bool) -> list[go.Scatter]:
        """A trace for each mark, and one for the names that are clear of everything else."""
        shown = {"visible": self.slice == 0}
        marks = [
            _mark(self.view, series, x, y, cost, self.metric).update(showlegend=legend, **shown)
            for series, x, y in zip(self.part.series, self.xs(cost), self.ys(), strict=True)
        ]
        names = go.Scatter(
            mode="markers+text",
            marker={"size": 13, "opacity": 0.0},  # keeps the text at a mark's distance
            hoverinfo="skip",
            showlegend=False,
            cliponaxis=False,
            textfont={"size": 11, "color": INK},
            **shown,
            **self.names(cost),
        )
        return [*marks, names]

    def names(self, cost: str) -> dict[str, Any]:
        """Data of the trace of names."""
        labels = self.labels(cost)
        names = [s.name if label.clear else "" for s, label in zip(self.part.series, labels, strict=True)]
        positions = [label.position for label in labels]
        return {"x": self.xs(cost), "y": [label.y for label in labels], "text": names, "textposition": positions}

    def restyled(self, cost: str) -> dict[str, list[Any]]:
        """What changes in each of its traces when ``cost`` is chosen."""
        names = self.names(cost)
        changed = {"x": [[x] for x in self.xs(cost)], "y": [[y] for y in self.ys()]}
        count = len(self.part.series)
        return {
            "x": [*changed["x"], names["x"]],
            "y": [*changed["y"], names["y"]],
            "text": [*([None] * count), names["text"]],
            "textposition": [*(["middle right"] * count), names["textposition"]],
        }


def trade_off(view: View) -> go.Figure | None:
    """Accuracy against cost, one mark a codec with its interval; the cost is chosen by buttons."""
    qualities = [m for m in QUALITIES if view.summary.has(m)]
    costs = [m for m in COSTS if view.summary.has(m)]
    # A sweep that leaves the payloads alone trades nothing.
    if len({round(v, 6) for v in view.summary.values(["payload_mean_bytes"])}) < 2 and view.codec_axis is None:
        return None
    if not qualities or not costs:
        return None
    figure = make_subplots(rows=1, cols=len(qualities), horizontal_spacing=0.09)
    panels, owners = [], []
    for index, part in enumerate(view.slices[:MOST_SLICES]):
        for column, metric in enumerate(qualities, start=1):
            panel = _Panel(view, index, part, metric)
            panels.append(panel)
            for trace in panel.traces(costs[0], legend=column == 1):
                figure.add_trace(trace, row=1, col=column)
                owners.append(index)
    for column, metric in enumerate(qualities, start=1):
        title = axis_title(metric, view.summary.scale(metric))
        figure.update_yaxes(title=title, **_quality_axis(view, metric), row=1, col=column)
    figure.update_xaxes(title=axis_title(costs[0], view.summary.scale(costs[0])), **cost_axis(_scaled(view, costs[0])))
    styled(figure, 440)
    legend_below(figure, [s.name for s in view.slices[0].series])
    menus = [_cost_menu(view, costs, panels, len(qualities))] if len(costs) > 1 else []
    return with_slices(figure, [part.title for part in view.slices], owners, menus)


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
    """Room for every mark and interval within 0 to 100 %; errors start at zero, accuracies need not."""
    shown = [s for part in view.slices for s in part.series]
    ends = [e for s in shown for e in _interval(view, s, metric) if math.isfinite(e)]
    values = [*_scaled(view, metric), *ends]
    if metric == "wer":
        # A word error rate may pass 100 %, its interval as well; what is above twice the worst mean is cut.
        return {"range": [0.0, max(1.1 * min(max(values), 2.0 * max(_scaled(view, metric))), 1.0)]}
    middle, half = (max(values) + min(values)) / 2, max((max(values) - min(values)) * 0.6, 5.0)
    return {"range": [max(0.0, middle - half), min(102.0, middle + half)]}


def _mark(view: View, series: Series, x: float, y: float, cost: str, metric: str) -> go.Scatter:
    estimate = view.summary.get(series.point, metric)
    sx, sy = view.summary.scale(cost), view.summary.scale(metric)
    basis = f" of {estimate.basis}" if estimate is not None and estimate.of_corpus else ""
    open_symbol = "-open" in series.style.symbol
    return go.Scatter(
        x=[x],
        y=[y],
        error_y=bars([estimate[:3]] if estimate is not None else [], sy.factor, thickness=1.5, width=4),
        mode="markers",
        cliponaxis=False,
        name=series.name,
        legendgroup=series.name,
        marker={
            "color": series.style.colour,
            "symbol": series.style.symbol,
            "size": 12,
            "line": {"width": 2} if open_symbol else {"color": "white", "width": 1},
        },
        hovertemplate=f"<b>{series.name}</b><br>%{{x:.4~g}} {sx.unit}<br>%{{y:.4~g}} {sy.unit}{basis}<extra></extra>",
    )


def _cost_menu(view: View, costs: Sequence[str], panels: Sequence[_Panel], columns: int) -> dict[str, Any]:
    buttons = []
    for cost in costs:
        data: dict[str, list[Any]] = {}
        for panel in panels:
            for key, values in panel.restyled(cost).items():
                data.setdefault(key, []).extend(values)
        layout: dict[str, Any] = {}
        for column in range(1, columns + 1):
            name = "xaxis" if column == 1 else f"xaxis{column}"
            layout |= {f"{name}.{key}": value for key, value in cost_axis(_scaled(view, cost)).items()}
            layout[f"{name}.title.text"] = axis_title(cost, view.summary.scale(cost))
        buttons.append({"label": METRIC_TITLES[cost], "method": "update", "args": [data, layout]})
    return {"buttons": buttons, "type": "buttons", "direction": "right", "x": 0.0, "xanchor": "left"}
