"""Colours, symbols and dashes of codecs: one hue a family, distinguishable without colour vision too.

Hues follow Okabe and Ito, "Color Universal Design" (2008).  A family has its shape and dash; within it the shade
runs from dark to light and the shape's filling changes, so that a figure survives a grey printer.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

STAGE_COLOURS = {
    "encode": "#0072B2",
    "hold": "#B6A6D8",
    "wake": "#56B4E9",
    "access": "#999999",
    "transfer": "#D55E00",
    "backhaul": "#CC79A7",
    "queue": "#F0E442",
    "service": "#009E73",
    "reply": "#44403C",
}
COMPONENT_COLOURS = {"encode": "#0072B2", "wake": "#56B4E9", "transmit": "#D55E00", "tail": "#E69F00"}


class Style(NamedTuple):
    """How one series is drawn in every figure of the page."""

    colour: str
    symbol: str
    dash: str


class _Family(NamedTuple):
    dark: str
    light: str
    symbol: str
    dash: str


_FAMILIES: dict[str, _Family] = {
    "pcm": _Family("#1C1917", "#78716C", "square", "longdash"),
    "flac": _Family("#B07D00", "#E0A52E", "diamond", "dashdot"),
    "mu-law": _Family("#57534E", "#A8A29E", "hexagon", "dot"),
    "g722": _Family("#7C2D12", "#C2785A", "pentagon", "dot"),
    "mp3": _Family("#8B2F6B", "#D48BB8", "triangle-down", "dot"),
    "opus": _Family("#A33C00", "#F08A4B", "triangle-up", "dash"),
    "amr-nb": _Family("#6B4226", "#B98A63", "hourglass", "dashdot"),
    "codec2": _Family("#4A5D23", "#93A86A", "bowtie", "dot"),
    "lc3": _Family("#3B3B98", "#8C8CD9", "triangle-left", "dot"),
    "dsr": _Family("#0E6E75", "#5FB3BA", "triangle-right", "dashdot"),
    "mel-svd": _Family("#08457E", "#63B3E4", "circle", "solid"),
    "mel-klt": _Family("#00583F", "#3FBF95", "star", "solid"),
    "fixed": _Family("#5B4A9E", "#A79BD6", "x", "dash"),
    "local": _Family("#882255", "#C26B95", "cross", "dot"),
}
# Fillings of one shape, as plotly names them.
_FILLINGS = ("", "-open", "-dot", "-open-dot")
_OTHER = _Family("#4B5563", "#9CA3AF", "hexagon", "longdash")


def styles(names: Sequence[str], kinds: Mapping[str, str]) -> dict[str, Style]:
    """A style for each codec in ``names``; ``kinds`` tells the family of each."""
    result: dict[str, Style] = {}
    for kind in dict.fromkeys(kinds.get(name, "") for name in names):
        family = _FAMILIES.get(kind, _OTHER)
        members = [name for name in names if kinds.get(name, "") == kind]
        for i, name in enumerate(members):
            share = i / (len(members) - 1) if len(members) > 1 else 0.0
            symbol = family.symbol + _FILLINGS[i % len(_FILLINGS)]
            result[name] = Style(_between(family.dark, family.light, share), symbol, family.dash)
    return result


def sequence(names: Sequence[str]) -> dict[str, Style]:
    """Styles for series that are no codecs: dark blue to orange by rank, the shape repeats every six."""
    symbols = ("circle", "square", "diamond", "triangle-up", "star", "x")
    dashes = ("solid", "dash", "dot", "dashdot", "longdash", "longdashdot")
    last = max(len(names) - 1, 1)
    return {
        name: Style(_through(("#08306B", "#2A7DB8", "#B07D00", "#E36414"), i / last), symbols[i % 6], dashes[i % 6])
        for i, name in enumerate(names)
    }


def _through(stops: Sequence[str], share: float) -> str:
    position = share * (len(stops) - 1)
    index = min(int(position), len(stops) - 2)
    return _between(stops[index], stops[index + 1], position - index)


def _between(first: str, last: str, share: float) -> str:
    a, b = (tuple(int(c[i : i + 2], 16) for i in (1, 3, 5)) for c in (first, last))
    return "#" + "".join(f"{round(x + (y - x) * share):02X}" for x, y in zip(a, b, strict=True))
