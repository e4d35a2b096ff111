"""Figures as people read them: one scale for each column, three significant digits, intervals."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import NamedTuple

# Thresholds from the largest down: (smallest magnitude in SI, factor from SI, unit as shown).
_SCALES: dict[str, tuple[tuple[float, float, str], ...]] = {
    "s": (
        (172_800.0, 1 / 86_400, "days"),
        (7200.0, 1 / 3600, "h"),
        (120.0, 1 / 60, "min"),
        (2.0, 1.0, "s"),
        (2e-4, 1e3, "ms"),
        (0.0, 1e6, "µs"),
    ),
    "J": ((2e3, 1e-3, "kJ"), (2.0, 1.0, "J"), (2e-3, 1e3, "mJ"), (0.0, 1e6, "µJ")),
    "byte": ((2e6, 1e-6, "MB"), (2e3, 1e-3, "kB"), (0.0, 1.0, "byte")),
    "bit/s": ((2e6, 1e-6, "Mbit/s"), (1e3, 1e-3, "kbit/s"), (0.0, 1.0, "bit/s")),
    "W": ((1.0, 1.0, "W"), (0.0, 1e3, "mW")),
    "1": ((0.0, 100.0, "%"),),
    "count": ((0.0, 1.0, ""),),
}
_SPELLINGS = {
    "bytes": "byte",
    "B": "byte",
    "bps": "bit/s",
    "": "1",
    "fraction": "1",
    "share": "1",
    "seconds": "s",
    "ratio": "1",
    "joule": "J",
    "J/upload": "J",
}


_COMPARED = {"payload": ("smaller", "larger"), "battery_lifetime": ("shorter", "longer")}
"""Words for less and more of a metric, by how its name begins."""


class Scale(NamedTuple):
    """How a quantity is shown: ``value * factor`` in ``unit``."""

    factor: float
    unit: str

    def text(self, value: float, digits: int = 3) -> str:
        """``value`` (SI) on this scale, without its unit; a dash for a value that does not exist."""
        return significant(value * self.factor, digits) if math.isfinite(value) else "–"


def scale_for(unit: str, values: Iterable[float]) -> Scale:
    """The scale on which the median of ``values`` (in SI ``unit``) reads best, for a whole column."""
    unit = _SPELLINGS.get(unit, unit)
    magnitudes = sorted(abs(v) for v in values if math.isfinite(v) and v != 0.0)
    typical = magnitudes[len(magnitudes) // 2] if magnitudes else 0.0
    for smallest, factor, shown in _SCALES.get(unit, ((0.0, 1.0, unit),)):
        if typical >= smallest:
            return Scale(factor, shown)
    raise AssertionError("every unit has a scale that starts at zero")


def significant(value: float, digits: int = 3) -> str:
    """``value`` with ``digits`` significant digits and no exponent for everyday magnitudes."""
    if not math.isfinite(value):
        return "–"
    if value == 0.0:
        return "0"
    exponent = math.floor(math.log10(abs(float(f"{value:.{digits - 1}e}"))))
    if exponent >= 7 or exponent < -5:
        return f"{value:.{digits - 1}e}"
    decimals = max(0, digits - 1 - exponent)
    return f"{round(value, digits - 1 - exponent):,.{decimals}f}".replace(",", " ")


def with_range(scale: Scale, mean: float, low: float, high: float) -> str:
    """``mean (low to high)`` on ``scale``, for intervals that are not symmetric; digits as in ``with_interval``.

    The mean stands alone where there is no interval.
    """
    half = (high - low) / 2 * scale.factor
    text = scale.text(mean)
    if not (math.isfinite(half) and math.isfinite(mean)) or "e" in text:
        return text
    decimals = len(text.partition(".")[2])
    if half > 0.0:
        decimals = min(decimals, max(0, 1 - math.floor(math.log10(half))))
    shown = [f"{value * scale.factor:,.{decimals}f}".replace(",", " ") for value in (mean, low, high)]
    return f"{shown[0]} ({shown[1]} to {shown[2]})"


def with_interval(scale: Scale, mean: float, low: float, high: float) -> str:
    """``mean ± half-width`` on ``scale``, both to the mean's digits, but to no more than two of the half-width.

    The mean stands alone where there is no interval (one replication) or it is narrower than the digits shown.
    """
    text = scale.text(mean)
    half = (high - low) / 2 * scale.factor
    if not (math.isfinite(half) and math.isfinite(mean)) or "e" in text:
        return text
    decimals = len(text.partition(".")[2])
    if half > 0.0 and (fewer := max(0, 1 - math.floor(math.log10(half)))) < decimals:
        decimals, text = fewer, f"{mean * scale.factor:,.{fewer}f}".replace(",", " ")
    # Without decimals the last digits of a large mean may be padding zeros; its half-width has two digits then.
    shown = significant(half, 2) if half >= 10 else f"{half:.{decimals}f}"
    return text if not float(shown.replace(" ", "")) else f"{text} ± {shown}"


def in_percent(value: float, low: float, high: float, sign: str = "") -> str:
    """A share in percent, or with a ``sign`` a difference in points, and its ends where it has some."""
    if not math.isfinite(value):
        return "–"
    ends = f" ({100 * low:{sign}.1f} to {100 * high:{sign}.1f})" if low == low else ""
    return f"{100 * value:{sign}.1f}{ends}"


def factor(metric: str, before: float, after: float) -> str:
    """How many times smaller or larger a cost became, such as ``5.6× smaller``; empty where one is zero.

    Below a tenth it is said in percent: ``1.0× lower`` would be neither lower nor the same.
    """
    if before <= 0 or after <= 0:
        return ""
    ratio = after / before
    if 0.995 <= ratio <= 1.005:
        return "the same"
    less, more = next((words for begin, words in _COMPARED.items() if metric.startswith(begin)), ("lower", "higher"))
    word = less if ratio < 1 else more
    if abs(ratio - 1) < 0.1:
        return f"{significant(100 * abs(ratio - 1), 1 if abs(ratio - 1) < 0.01 else 2)} % {word}"
    return f"{significant(max(ratio, 1 / ratio), 2)}× {word}"
