"""Outages: a capacity that is cut to zero at times."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice

import numpy as np

from channel.links.capacity import INFINITY, Capacity
from channel.links.errors import LinkError
from channel.links.stretches import Stretches, WrittenCapacity

_CHUNK = 256  # outages drawn at once
_STRETCHES = 512  # written down at once

Windows = Iterator[tuple[float, float]]
"""(Start, end) of each outage, in order."""


class OutageCapacity(WrittenCapacity):
    """Another capacity with outages, given as ``windows`` (start s, length s) in order, or drawn.

    With ``rng``, up and down times are exponential with means ``mean_up_s`` and ``mean_down_s``; the process starts up
    or down by its stationary shares.
    """

    __slots__ = ("_mean_rate_bps", "_source")

    def __init__(
        self,
        inner: Capacity,
        windows: Sequence[tuple[float, float]] = (),
        *,
        mean_up_s: float = INFINITY,
        mean_down_s: float = 0.0,
        rng: np.random.Generator | None = None,
    ) -> None:
        super().__init__(Stretches([0.0], [0.0], []))
        self._mean_rate_bps = inner.mean_rate_bps
        if rng is None:
            outages = _given(windows)
        else:
            if not (0.0 < mean_up_s < INFINITY and 0.0 < mean_down_s < INFINITY):
                raise LinkError("random outages need mean up and down times above 0 s")
            self._mean_rate_bps *= mean_up_s / (mean_up_s + mean_down_s)
            outages = _drawn(mean_up_s, mean_down_s, rng)
        self._source = _cut(inner, outages)

    @property
    def mean_rate_bps(self) -> float:
        """Mean of the inner capacity times the share of time it is up (given windows count as exceptions)."""
        return self._mean_rate_bps

    def _write(self) -> None:
        for rate, end_s in islice(self._source, _STRETCHES):
            self._add(rate, end_s)


def _given(windows: Sequence[tuple[float, float]]) -> Windows:
    t = 0.0
    for start, length in windows:
        if start < t or length <= 0.0:
            raise LinkError(f"outages must be in order and longer than 0 s, found {length!r} s at {start!r} s")
        t = start + length
    return iter([(start, start + length) for start, length in windows])


def _drawn(mean_up_s: float, mean_down_s: float, rng: np.random.Generator) -> Windows:
    down = rng.random() < mean_down_s / (mean_up_s + mean_down_s)
    up_s = float(rng.exponential(mean_down_s)) if down else 0.0
    if down:
        yield 0.0, up_s
    while True:
        ups, downs = rng.exponential(mean_up_s, _CHUNK).tolist(), rng.exponential(mean_down_s, _CHUNK).tolist()
        for up, down_s in zip(ups, downs, strict=True):
            end_s = up_s + up
            up_s = end_s + down_s
            yield end_s, up_s


def _cut(inner: Capacity, outages: Windows) -> Iterator[tuple[float, float]]:
    """(Rate, end) of the stretches of the inner capacity, cut at the outages."""
    down_s, up_s = next(outages, (INFINITY, INFINITY))
    t = 0.0
    for rate, end_s in inner.segments(0.0):
        while t < end_s:
            if t < down_s:
                t = min(end_s, down_s)
                yield rate, t
            else:
                t = min(end_s, up_s)
                yield 0.0, t
            if t == up_s < INFINITY:
                down_s, up_s = next(outages, (INFINITY, INFINITY))
