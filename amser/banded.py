"""How far figures that are only remembered or assumed decide how two energies compare."""

from __future__ import annotations

from itertools import product

from amser.summary import PointKey, Summary
from amser.units import factor

METRIC = "energy_per_upload_j"
COMPONENTS = ("encode", "wake", "transmit", "tail", "receive")


def ratio_ends(summary: Summary, before: PointKey, after: PointKey) -> tuple[float, float] | None:
    """The least and the largest ratio of energies, ``after`` over ``before``; None where both are exact.

    Both points have the same radio and device, so a power that is wrong is wrong in both: each component is taken
    at one of its ends in both, in every combination.  A ratio of two linear functions has its extremes there.
    """
    parts = []
    for name in COMPONENTS:
        ends = [_values(summary, name, end, before, after) for end in ("_low", "_high")]
        known = [pair for pair in ends if pair is not None]
        middle = _values(summary, name, "", before, after)
        parts.append(known or ([middle] if middle is not None else []))
    parts = [options for options in parts if options]
    if all(len(options) == 1 for options in parts):
        return None
    sums = [(sum(a for a, _ in chosen), sum(b for _, b in chosen)) for chosen in product(*parts)]
    ratios = [b / a for a, b in sums if a > 0.0]
    return (min(ratios), max(ratios)) if ratios else None


def band_text(summary: Summary, before: PointKey, after: PointKey) -> str:
    """The ends of how the energy changes, in words; empty where they are the same digits."""
    ends = ratio_ends(summary, before, after)
    if ends is None:
        return ""
    said = [factor(METRIC, 1.0, ratio) for ratio in reversed(ends)]
    if said[0] == said[1]:
        return ""
    return f"{said[0]} to {said[1]} over the bands of remembered and assumed figures"


def _values(summary: Summary, name: str, end: str, before: PointKey, after: PointKey) -> tuple[float, float] | None:
    a, b = (summary.get(point, f"energy_{name}{end}_j") for point in (before, after))
    return None if a is None or b is None else (a.mean, b.mean)
