"""Swept values as numbers of one unit, for axes and for sorting."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple


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
    factors = _factors(set(units))
    if factors is None:
        return None
    chosen = max(dict.fromkeys(units), key=units.count)
    return Numbers([number * factors[unit] / factors[chosen] for number, unit in found], chosen)


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


def _factors(units: set[str]) -> Mapping[str, float] | None:
    """The units of the dimension that has all of ``units``, with their factors to SI."""
    from scenarios import quantities as q

    dimensions = (q.RATE, q.DURATION, q.SIZE, q.POWER, q.ENERGY, q.EVENT_RATE, q.FREQUENCY, q.DISTANCE)
    return next((d.units for d in dimensions if units <= d.units.keys()), None)
