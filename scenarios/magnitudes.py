"""Swept values as numbers of one unit, for axes, for sorting and for columns of results."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from scenarios import quantities as q

DIMENSIONS = (q.RATE, q.DURATION, q.SIZE, q.POWER, q.ENERGY, q.EVENT_RATE, q.FREQUENCY, q.DISTANCE)


class Numbers(NamedTuple):
    """Values of one parameter as numbers, all in ``unit``; a plain number has none."""

    values: list[float]
    unit: str


def numbers(values: Sequence[Any]) -> Numbers | None:
    """``80``, ``"10 Mbit/s"`` or ``["500 kbit/s", "5 Mbit/s"]`` as numbers; None where the values are names.

    Quantities of several units are shown in the one that is written most often.
    """
    parts = [_parted(value) for value in values]
    found = [part for part in parts if part is not None]
    if not found or len(found) != len(parts):
        return None
    units = [unit for _, unit in found]
    if len(set(units)) == 1:
        return Numbers([number for number, _ in found], units[0])
    dimension = _dimension(set(units))
    if dimension is None:
        return None
    factors: Mapping[str, float] = dimension.units
    chosen = max(dict.fromkeys(units), key=units.count)
    return Numbers([number * factors[unit] / factors[chosen] for number, unit in found], chosen)


def in_si(values: Sequence[Any]) -> Numbers | None:
    """Quantities in the SI unit of their dimension; None for names, and for numbers that need no unit."""
    parts = [_parted(value) for value in values]
    found = [part for part in parts if part is not None]
    if not found or len(found) != len(parts):
        return None
    dimension = _dimension({unit for _, unit in found})
    if dimension is None:
        return None
    return Numbers([number * dimension.units[unit] for number, unit in found], dimension.si_unit)


def _parted(value: Any) -> tuple[float, str] | None:
    """Number and unit of one value; None for a name, a truth value or a mapping."""
    if isinstance(value, bool):
        return None
    first, _, unit = str(value).strip().partition(" ")
    try:
        number = float(first)
    except ValueError:
        return None
    return (number, unit.strip()) if math.isfinite(number) else None


def _dimension(units: set[str]) -> q.Dimension | None:
    """The dimension that has all of ``units``."""
    return next((d for d in DIMENSIONS if "" not in units and units <= d.units.keys()), None)
