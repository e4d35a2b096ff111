"""Axes and labels: readable ticks on logarithmic axes, and labels that do not cover one another."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from amser.units import significant

# Rough sizes in pixels of a trade-off panel and its labels at a laptop's width; only relative room matters.
PANEL = (470.0, 300.0)
GLYPH_WIDTH, LABEL_HEIGHT, MARK, BAR = 6.6, 14.0, 7.0, 5.0
CLEAR = 25.0  # square pixels of overlap that still read well

Box = tuple[float, float, float, float]


def log_axis(values: Sequence[float], lower: float = 1.0, upper: float = 1.0) -> dict[str, Any]:
    """A logarithmic axis over positive ``values`` with ticks at 1, 2, 5 of each decade.

    ``lower`` and ``upper`` are the factors of room at both ends.
    """
    low, high = min(values) / lower, max(values) * upper
    decades = range(math.floor(math.log10(low)) - 1, math.ceil(math.log10(high)) + 1)
    ticks = [d * 10.0**e for e in decades for d in (1, 2, 5) if low <= d * 10.0**e <= high]
    if len(ticks) > 10:
        ticks = [t for t in ticks if f"{t:e}".startswith("1")]
    text = [significant(t, 1) for t in ticks]
    span = [math.log10(low), math.log10(high)]
    return {"type": "log", "range": span, "tickmode": "array", "tickvals": ticks, "ticktext": text}


def linear_axis(values: Sequence[float]) -> dict[str, Any]:
    """A linear axis from zero with room for labels at its end."""
    return {"type": "linear", "range": [0.0, 1.12 * max(values, default=1.0)], "tickmode": "auto"}


def cost_axis(values: Sequence[float]) -> dict[str, Any]:
    """Logarithmic where positive ``values`` span more than a factor of five, else linear from zero."""
    positive = [v for v in values if v > 0]
    if not positive or max(positive) < 5 * min(positive):
        return linear_axis(positive)
    return log_axis(positive, 1.7, 1.9)


def swept_axis(values: Sequence[float]) -> dict[str, Any]:
    """An axis with a tick at each swept value; logarithmic where they are above zero and span a factor of 20."""
    ticks = sorted(set(values))
    kind = "log" if ticks[0] > 0 and ticks[-1] >= 20 * ticks[0] else "linear"
    if len(ticks) > 12:
        return {"type": kind}
    return {"type": kind, "tickmode": "array", "tickvals": ticks, "ticktext": [f"{t:g}" for t in ticks]}


class Label(NamedTuple):
    """Where a mark's name stands: a plotly text position, and the height that it is attached to."""

    position: str
    y: float
    clear: bool
    """Whether it covers nothing else."""


def place_labels(
    marks: Sequence[tuple[float, float]],
    names: Sequence[str],
    x_axis: Mapping[str, Any],
    y_axis: Mapping[str, Any],
    bars: Sequence[tuple[float, float]] = (),
) -> list[Label]:
    """A place for each mark's name such that names cover neither marks, bars nor one another.

    ``x_axis`` and ``y_axis`` have the ``range`` (and ``type``) that is drawn, ``bars`` the ends of each mark's
    interval: a name above or below stands beyond its bar.  Greedy, in the order of the marks.
    """
    pixels = [(_pixel(x, x_axis, PANEL[0]), _pixel(y, y_axis, PANEL[1])) for x, y in marks]
    taken: list[Box] = [(x - MARK, y - MARK, x + MARK, y + MARK) for x, y in pixels]
    # Nothing may leave the panel, where the axes have their ticks.
    width, height = PANEL
    taken += [(-200.0, -50.0, 0.0, height), (width, -50.0, width + 200.0, height), (-200.0, -50.0, width + 200.0, 0.0)]
    ends: list[tuple[float, float]] = [(y, y) for _, y in marks]
    for i, (low, high) in enumerate(bars):
        if math.isfinite(low) and math.isfinite(high):
            ends[i] = (max(low, y_axis["range"][0]), min(high, y_axis["range"][1]))
    spans = [(_pixel(low, y_axis, PANEL[1]), _pixel(high, y_axis, PANEL[1])) for low, high in ends]
    taken += [(x - BAR, low, x + BAR, high) for (x, _), (low, high) in zip(pixels, spans, strict=True)]
    labels = []
    for i, name in enumerate(names):
        choices = _boxes(*pixels[i], *spans[i], GLYPH_WIDTH * len(name))
        cost = {c: sum(_overlap(box, other) for other in taken) for c, box in choices.items()}
        best = min(cost, key=lambda c: cost[c])
        taken.append(choices[best])
        attached = {"top": ends[i][1], "bottom": ends[i][0]}.get(best.split()[0], marks[i][1])
        labels.append(Label(best, attached, cost[best] < CLEAR))
    return labels


def _pixel(value: float, axis: Mapping[str, Any], size: float) -> float:
    """Where ``value`` lies on an axis of ``size`` pixels; 0 for a value that cannot be drawn."""
    low, high = axis["range"]
    if axis.get("type") == "log":
        value = math.log10(value) if value > 0 else math.nan
    return (value - low) / (high - low) * size if math.isfinite(value) else 0.0


def _boxes(x: float, y: float, low: float, high: float, width: float) -> dict[str, Box]:
    """Label boxes around a mark and its bar, the preferred first; y grows upwards."""
    half, far, tall = width / 2, MARK + 2, LABEL_HEIGHT
    return {
        "middle right": (x + far, y - tall / 2, x + far + width, y + tall / 2),
        "middle left": (x - far - width, y - tall / 2, x - far, y + tall / 2),
        "top center": (x - half, high + far, x + half, high + far + tall),
        "bottom center": (x - half, low - far - tall, x + half, low - far),
        "top right": (x + 2, high + far, x + 2 + width, high + far + tall),
        "bottom left": (x - 2 - width, low - far - tall, x - 2, low - far),
    }


def _overlap(a: Box, b: Box) -> float:
    return max(0.0, min(a[2], b[2]) - max(a[0], b[0])) * max(0.0, min(a[3], b[3]) - max(a[1], b[1]))
