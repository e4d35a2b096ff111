"""Designs of experiments that are drawn rather than listed: the Latin hypercube of a sweep."""

from __future__ import annotations

import math
from zlib import crc32

import numpy as np

from scenarios.schema.sweep import LhsSpec, RangeSpec

DIGITS = 6  # of drawn quantities, so that they read well in tables; far finer than any design


def latin_hypercube(spec: LhsSpec) -> dict[str, list[int | float | str]]:
    """``spec.points`` values for each key; the n-th values of all keys are a point.

    Each range is cut into as many equal parts as there are points, and each part has one value at random (McKay,
    Beckman and Conover, Technometrics 1979).  A key's values depend on its name and the design's seed alone, so a
    further key leaves those of the others as they were.
    """
    design = {}
    for key, span in spec.ranges.items():
        rng = np.random.Generator(np.random.PCG64(np.random.SeedSequence([spec.seed, crc32(key.encode())])))
        shares = (rng.permutation(spec.points) + rng.random(spec.points)) / spec.points
        design[key] = [_value(span, share) for share in shares.tolist()]
    return design


def _value(span: RangeSpec, share: float) -> int | float | str:
    """The value at ``share`` in [0, 1) of a range, as it would be written in a scenario."""
    (low, unit), (high, _) = span.ends
    if span.whole:
        high += 1.0  # each whole number has a part of its own
    drawn = low * math.exp(share * math.log(high / low)) if span.scale == "log" else low + share * (high - low)
    if span.whole:
        return min(math.floor(drawn), int(high) - 1)
    text = f"{drawn:.{DIGITS}g}"
    return f"{text} {unit}" if unit else float(text)
