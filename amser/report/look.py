"""The common look of the figures: paper, grid, type, axis titles, legends, and the menu of slices."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any

import plotly.graph_objects as go

from amser.metric_names import METRIC_TITLES
from amser.units import Scale

INK, GRID = "#292524", "#E7E5E4"
MOST_SLICES = 24
NARROW = 640  # pixels for which legends are laid out; templates/page.js lays out narrower windows


def styled(figure: go.Figure, height: int) -> go.Figure:
    """The common look: white paper, thin grid, legible type."""
    figure.update_layout(
        template=None,  # plotly's own would be a third of the page's data
        paper_bgcolor="rgba(0,0,0,0)",
        plot_bgcolor="rgba(0,0,0,0)",
        modebar={"bgcolor": "rgba(0,0,0,0)"},
        height=height,
        margin={"l": 70, "r": 20, "t": 40, "b": 60},
        font={"family": "system-ui, sans-serif", "size": 14, "color": INK},
        hoverlabel={"font": {"size": 13}},
        legend={"font": {"size": 13}, "itemsizing": "constant"},
    )
    figure.update_xaxes(
        gridcolor=GRID, zeroline=False, linecolor=INK, showline=True, ticks="outside", title_standoff=10
    )
    figure.update_yaxes(gridcolor=GRID, zeroline=False, linecolor=INK, showline=True, ticks="outside", title_standoff=8)
    figure.update_annotations(font_size=14)
    return figure


def bars(ends: Iterable[tuple[float, float, float]], factor: float = 1.0, **look: Any) -> dict[str, Any]:
    """Plotly's bars for intervals (mean, low, high), each times ``factor``; an end that is not known has none."""
    known = list(ends)
    above = [(high - mean) * factor if math.isfinite(high) else 0.0 for mean, _, high in known]
    below = [(mean - low) * factor if math.isfinite(low) else 0.0 for mean, low, _ in known]
    drawn = {"type": "data", "symmetric": False, "array": above, "arrayminus": below, "visible": any(above + below)}
    return {**drawn, "thickness": 1.3, "width": 3, **look}


def axis_title(metric: str, scale: Scale) -> str:
    """A metric's name with its unit."""
    return f"{METRIC_TITLES.get(metric, metric)} [{scale.unit}]"


def legend_below(figure: go.Figure, names: Sequence[str]) -> go.Figure:
    """The legend in rows under the axis titles, with room for them on a narrow page."""
    rows = math.ceil(sum(7.5 * len(name) + 46 for name in names) / NARROW)
    height, below = figure.layout.height, 62 + 25 * rows
    figure.update_layout(
        height=height + 25 * rows,
        margin={"b": below},
        legend={"orientation": "h", "yref": "container", "y": 0.0, "yanchor": "bottom", "x": 0.0, "xanchor": "left"},
    )
    return figure


def with_slices(
    figure: go.Figure, titles: Sequence[str], owners: Sequence[int], menus: Sequence[dict[str, Any]] = ()
) -> go.Figure:
    """Adds the menu that picks a slice of the other parameters, where there are several.

    ``titles`` names the slices; ``owners`` says for each trace to which of them it belongs.
    """
    shown = titles[:MOST_SLICES]
    every = list(menus)
    if len(shown) > 1:
        buttons = [
            {"label": title, "method": "restyle", "args": [{"visible": [owner == i for owner in owners]}]}
            for i, title in enumerate(shown)
        ]
        every.append({"buttons": buttons, "type": "dropdown", "x": 1.0, "xanchor": "right"})
    look = {
        "y": 1.0,
        "yanchor": "bottom",
        "pad": {"b": 10},
        "bgcolor": "white",
        "bordercolor": "#D6D3D1",
        "font": {"size": 12},
    }
    if every:
        figure.update_layout(updatemenus=[{**look, **menu} for menu in every])
        figure.update_layout(margin={"t": 84})
    return figure
