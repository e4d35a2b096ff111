"""Places for the names of marks such that names cover neither marks, bars nor one another."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

CLEAR = 0.27  # overlap that still reads well, as a share of one character's area
Box = tuple[float, float, float, float]


class Room(NamedTuple):
    """A panel and its type, all lengths in one unit (pixels of a page, points of a paper)."""

    width: float
    height: float
    glyph: float
    """Mean width of a character."""
    line: float
    """Height of a line of text."""
    mark: float
    """Half the width of a mark."""
    bar: float
    """Half the width of an error bar's caps."""
    above: float
    """How far names may stand above the panel."""


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
    bars: Sequence[tuple[float, float]],
    room: Room,
) -> list[Label]:
    """A place for each mark's name: a plotly text position, where it is attached, and whether it is clear.

    ``x_axis`` and ``y_axis`` have the ``range`` (and ``type``) that is drawn, ``bars`` the ends of each mark's
    interval (or nothing): a name above or below stands beyond its bar.  Greedy, in the order of the marks.
    """
    pixels = [(_pixel(x, x_axis, room.width), _pixel(y, y_axis, room.height)) for x, y in marks]
    taken: list[Box] = [(x - room.mark, y - room.mark, x + room.mark, y + room.mark) for x, y in pixels]
    # Nothing may leave the panel, where the axes have their ticks.
    width, height = room.width, room.height
    roof, far = height + room.above, 10.0 * (width + height)
    taken += [(-far, -far, 0.0, far), (width, -far, far, far), (-far, -far, far, 0.0), (-far, roof, far, far)]
    ends: list[tuple[float, float]] = [(y, y) for _, y in marks]
    for i, (low, high) in enumerate(bars):
        if math.isfinite(low) and math.isfinite(high):
            ends[i] = (max(low, y_axis["range"][0]), min(high, y_axis["range"][1]))
    spans = [(_pixel(low, y_axis, room.height), _pixel(high, y_axis, room.height)) for low, high in ends]
    taken += [(x - room.bar, low, x + room.bar, high) for (x, _), (low, high) in zip(pixels, spans, strict=True)]
    labels = []
    for i, name in enumerate(names):
        choices = _boxes(*pixels[i], *spans[i], room.glyph * len(name), room)
        cost = {c: sum(_overlap(box, other) for other in taken) for c, box in choices.items()}
        best = min(cost, key=lambda c: cost[c])
        taken.append(choices[best])
        attached = {"top": ends[i][1], "bottom": ends[i][0]}.get(best.split()[0], marks[i][1])
        labels.append(Label(best, attached, cost[best] < CLEAR * room.line * room.glyph))
    return labels


def _pixel(value: float, axis: Mapping[str, Any], size: float) -> float:
    """Where ``value`` lies on an axis of ``size`` pixels; 0 for a value that cannot be drawn."""
    low, high = axis["range"]
    if axis.get("type") == "log":
        value = math.log10(value) if value > 0 else math.nan
    return (value - low) / (high - low) * size if math.isfinite(value) else 0.0


def _boxes(x: float, y: float, low: float, high: float, width: float, room: Room) -> dict[str, Box]:
    """Label boxes around a mark and its bar, the preferred first; y grows upwards."""
    half, far, tall = width / 2, room.mark + 2, room.line
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
