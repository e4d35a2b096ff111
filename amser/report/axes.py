"""Axes of the report: readable ticks on logarithmic axes, and a scale that suits the values."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from amser.units import significant

FLATTENS = 10.0  # times the median: what makes one point flatten the rest


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


def height_axis(values: Sequence[float]) -> dict[str, Any]:
    """From zero; logarithmic where the largest would press the middle one into the lowest tenth of a linear axis."""
    known = sorted(v for v in values if math.isfinite(v))
    if known and known[0] > 0 and known[-1] > FLATTENS * known[len(known) // 2]:
        return log_axis(known, 1.5, 1.5)
    return {"rangemode": "tozero"}


def swept_axis(values: Sequence[float]) -> dict[str, Any]:
    """An axis with a tick at each swept value; logarithmic where they are above zero and span a factor of 20."""
    ticks = sorted(set(values))
    kind = "log" if ticks[0] > 0 and ticks[-1] >= 20 * ticks[0] else "linear"
    if len(ticks) > 12:
        return {"type": kind}
    return {"type": kind, "tickmode": "array", "tickvals": ticks, "ticktext": [f"{t:g}" for t in ticks]}
