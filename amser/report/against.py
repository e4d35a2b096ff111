"""Headline metrics against one swept parameter: a line for each codec, a menu for the parameters that are left."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import plotly.graph_objects as go
from plotly.subplots import make_subplots

from amser.report.axes import height_axis, swept_axis
from amser.report.look import MOST_SLICES, axis_title, bars, legend_below, styled, with_slices
from amser.report.palette import Style
from amser.report.view import View
from amser.summary import PointKey, short_names
from scenarios.magnitudes import numbers

METRICS = (
    "latency_p50_s",
    "latency_p95_s",
    "energy_per_upload_j",
    "wer",
    "ser_accuracy",
    "delivered_fraction",
    "uplink_utilisation",
    "server_utilisation",
    "battery_lifetime_s",
)
ALONE = Style("#0072B2", "circle", "solid")
PANEL_HEIGHT, BETWEEN = 250, 85  # pixels


def against(view: View, axis: int) -> go.Figure | None:
    """Every metric of ``METRICS`` that takes more than one value, against the swept parameter ``axis``."""
    metrics = [m for m in METRICS if len({round(v, 12) for v in view.summary.values([m])}) > 1]
    if not metrics:
        return None
    lines = _Lines(view, axis)
    columns, rows = min(2, len(metrics)), -(-len(metrics) // 2)
    height = 100 + rows * PANEL_HEIGHT + (rows - 1) * BETWEEN
    figure = make_subplots(
        rows=rows, cols=columns, horizontal_spacing=0.1, vertical_spacing=BETWEEN / height if rows > 1 else 0.0
    )
    owners: list[int] = []
    for panel, metric in enumerate(metrics):
        row, column = panel // columns + 1, panel % columns + 1
        for (title, name), points in lines.members.items():
            index = lines.titles.index(title)
            shown = {"visible": index == 0, "showlegend": panel == 0 and lines.several}
            figure.add_trace(lines.trace(name, points, metric).update(**shown), row=row, col=column)
            owners.append(index)
        title = axis_title(metric, view.summary.scale(metric))
        scaled = [v * view.summary.scale(metric).factor for v in view.summary.values([metric])]
        figure.update_yaxes(title={"text": title, "font": {"size": 13}}, **height_axis(scaled), row=row, col=column)
    styled(figure, height)
    figure.update_xaxes(**lines.x_axis())
    figure.update_layout(scattermode="group" if lines.numbers is None else "overlay")
    if lines.several:
        legend_below(figure, lines.names)
        figure.update_layout(legend_title_text=lines.legend)
    return with_slices(figure, lines.titles, owners)


class _Lines:
    """The points of a study as lines along one parameter."""

    def __init__(self, view: View, axis: int) -> None:
        self.view, self.axis = view, axis
        others = [i for i in view.others if i != axis]
        # Without codecs the next parameter names the lines.
        self.by = view.codec_axis if view.codec_axis is not None else next(iter(others), None)
        rest = [i for i in others if i != self.by]
        short = short_names([view.summary.parameters[i] for i in rest])
        self.members: dict[tuple[str, str], list[PointKey]] = {}
        for point in view.summary.points:
            shown = view.summary.shown(point)
            title = ", ".join(f"{name} {shown[i]}" for name, i in zip(short, rest, strict=True))
            name = "" if self.by is None else shown[self.by]
            self.members.setdefault((title, name), []).append(point)
        self.titles = list(dict.fromkeys(title for title, _ in self.members))[:MOST_SLICES]
        self.members = {key: points for key, points in self.members.items() if key[0] in self.titles}
        self.names = list(dict.fromkeys(name for _, name in self.members))
        self.several = len(self.names) > 1
        self.styles = view.line_styles(self.names) if self.several else {self.names[0]: ALONE}
        named = view.codec_axis is None and self.by is not None
        self.legend = short_names([view.summary.parameters[self.by]])[0] if named and self.by is not None else ""
        self.numbers = numbers([p[axis] for p in view.summary.points])

    def x_axis(self) -> dict[str, Any]:
        """The parameter's axis: a scale where its values are numbers of one unit, else names."""
        name = self.view.summary.parameters[self.axis]
        if self.numbers is None:
            return {"title": name, "type": "category", "automargin": True}
        unit = self.numbers.unit
        return {"title": f"{name} [{unit}]" if unit else name, **swept_axis(self.numbers.values)}

    def trace(self, name: str, points: Sequence[PointKey], metric: str) -> go.Scatter:
        """One line; names are no scale, so their marks are not joined."""
        view, style, scale = self.view, self.styles[name], self.view.summary.scale(metric)
        found = [view.summary.get(p, metric) for p in points]
        # None of these metrics can be below zero, whatever Student's t says of few replications.
        ends = [(0.0, 0.0, 0.0) if e is None else (e.mean, max(e.low, 0.0), e.high) for e in found]
        places = {p: i for i, p in enumerate(view.summary.points)}
        at = None if self.numbers is None else [self.numbers.values[places[p]] for p in points]
        return go.Scatter(
            x=at if at is not None else [view.summary.shown(p)[self.axis] for p in points],
            y=[None if e is None else e.mean * scale.factor for e in found],
            error_y=bars(ends, scale.factor),
            mode="lines+markers" if at is not None else "markers",
            name=name,
            legendgroup=name,
            offsetgroup=name,
            line={"color": style.colour, "dash": style.dash, "width": 2},
            marker={"symbol": style.symbol, "size": 8, "color": style.colour},
            hovertemplate=f"<b>{name}</b><br>%{{x}}: %{{y:.4~g}} {scale.unit}<extra></extra>",
        )
