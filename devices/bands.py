"""Bands: between which factors of its value the energy of a component is believed to lie.

A figure that is only remembered, or assumed, decides some energies.  Energy is linear in powers, so the band of a power
is that of its component's joules, and the ends of a sum follow from its components without another simulation.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

COMPONENTS = ("encode", "wake", "transmit", "tail", "receive", "idle")


class Band(NamedTuple):
    """Factors of the value; 1 and 1 for what was read or computed, or is the user's own."""

    low: float = 1.0
    high: float = 1.0


Bands = Mapping[str, Band]
"""By component; what is missing is exact."""
EXACT = Band()


def bands_of(entry: Mapping[str, Any]) -> dict[str, Band]:
    """The bands of an entry of the data files."""
    found: Mapping[str, Any] = entry.get("bands", {})
    return {name: Band(*map(float, found[name])) for name in COMPONENTS if name in found}


def why(entry: Mapping[str, Any]) -> str:
    """What an entry's bands rest on; empty where it has none."""
    return str(entry.get("bands", {}).get("why", ""))


# What a figure of the data files decides, by how it begins.
_DECIDES: dict[str, tuple[str, ...]] = {
    "tail": ("tail",),
    "promotion": ("wake",),
    "transmit": ("transmit",),
    "receive": ("receive",),
    "idle": ("idle",),
    "cpu_power_w": ("encode",),
    "encode_scale": ("encode",),
    "seven_zip_single": ("encode",),
    "unit": ("wake", "transmit", "tail", "receive", "idle"),
}


def unsure(entry: Mapping[str, Any]) -> frozenset[str]:
    """Components that rest on a remembered or assumed figure, and so need a band."""
    if entry["status"] in ("remembered", "assumed"):
        return frozenset(COMPONENTS) - {"encode"}
    found: set[str] = set()
    for figure in (*entry.get("remembered", ()), *entry.get("assumed", ())):
        found.update(_DECIDES[next(begin for begin in _DECIDES if figure.startswith(begin))])
    return frozenset(found)
