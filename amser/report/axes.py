"""Axes and labels: readable ticks on logarithmic axes, and labels that do not cover one another."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from amser.units import significant

# Rough sizes in pixels of a trade-off panel and its labels at a laptop's width; only relative room matters.
PANEL = (470.0, 300.0)
GLYPH_WIDTH, LABEL_HEIGHT, MARK, BAR = 6.6, 14.0, 7.0, 5.0

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


def place_labels(
    marks: Sequence[tuple[float, float]],
    names: Sequence[str],
    x_axis: Mapping[str, Any],
    y_axis: Mapping[str, Any],
    bars: Sequence[tuple[float, float]] = (),
) -> list[str]:
    """A plotly text position for each mark such that labels cover neither marks, bars nor one another.

    ``x_axis`` and ``y_axis`` have the ``range`` (and ``type``) that is drawn, ``bars`` the ends of each mark's
    interval.  Greedy, in the order of the marks.
    """
    pixels = [(_pixel(x, x_axis, PANEL[0]), _pixel(y, y_axis, PANEL[1])) for x, y in marks]
    taken: list[Box] = [(x - MARK, y - MARK, x + MARK, y + MARK) for x, y in pixels]
    for (x, _), ends in zip(pixels, bars, strict=False):
        low, high = (_pixel(end, y_axis, PANEL[1]) for end in ends)
        taken.append((x - BAR, low, x + BAR, high))
    positions = []
    for (x, y), name in zip(pixels, names, strict=True):
        choices = _boxes(x, y, GLYPH_WIDTH * len(name))
        best = min(choices, key=lambda c: sum(_overlap(choices[c], box) for box in taken))
        taken.append(choices[best])
        positions.append(best)
    return positions


def _pixel(value: float, axis: Mapping[str, Any], size: float) -> float:
    """Where ``value`` lies on an axis of ``size`` pixels; 0 for a value that cannot be drawn."""
    low, high = axis["range"]
    if axis.get("type") == "log":
        value = math.log10(value) if value > 0 else math.nan
    return (value - low) / (high - low) * size if math.isfinite(value) else 0.0


def _boxes(x: float, y: float, width: float) -> dict[str, Box]:
    """Label boxes around a mark, the preferred first; y grows upwards."""
    half, far = width / 2, MARK + 2
    return {
        "top center": (x - half, y + far, x + half, y + far + LABEL_HEIGHT),
        "bottom center": (x - half, y - far - LABEL_HEIGHT, x + half, y - far),
        "middle right": (x + far, y - LABEL_HEIGHT / 2, x + far + width, y + LABEL_HEIGHT / 2),
        "middle left": (x - far - width, y - LABEL_HEIGHT / 2, x - far, y + LABEL_HEIGHT / 2),
        "top right": (x + 2, y + far, x + 2 + width, y + far + LABEL_HEIGHT),
        "bottom left": (x - 2 - width, y - far - LABEL_HEIGHT, x - 2, y - far),
    }


def _overlap(a: Box, b: Box) -> float:
    return max(0.0, min(a[2], b[2]) - max(a[0], b[0])) * max(0.0, min(a[3], b[3]) - max(a[1], b[1]))
