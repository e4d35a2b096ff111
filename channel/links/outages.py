"""Outages: a capacity that is cut to zero at times, as one more integral."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence

import numpy as np

from channel.links.capacity import INFINITY, Capacity
from channel.links.errors import LinkError

_CHUNK = 256  # outages drawn at once


class OutageCapacity(Capacity):
    """Another capacity with outages, given as ``windows`` (start s, length s) in order, or drawn.

    With ``rng``, up and down times are exponential with means ``mean_up_s`` and ``mean_down_s``; the process starts up
    or down by its stationary shares.
    """

    __slots__ = ("_cum", "_downs", "_inner", "_mean_down", "_mean_up", "_rng", "_ups")

    def __init__(
        self,
        inner: Capacity,
        windows: Sequence[tuple[float, float]] = (),
        *,
        mean_up_s: float = INFINITY,
        mean_down_s: float = 0.0,
        rng: np.random.Generator | None = None,
    ) -> None:
        self._inner = inner
        self._rng = rng
        self._mean_up, self._mean_down = mean_up_s, mean_down_s
        # Up-time i runs from _ups[i] to _downs[i]; _cum[i] bits have passed before it.
        self._ups: list[float] = []
        self._downs: list[float] = []
        self._cum: list[float] = [0.0]
        if rng is None:
            self._given(windows)
        else:
            if not (0.0 < mean_up_s < INFINITY and 0.0 < mean_down_s < INFINITY):
                raise LinkError("random outages need mean up and down times above 0 s")
            down = rng.random() < mean_down_s / (mean_up_s + mean_down_s)
            self._ups.append(float(rng.exponential(mean_down_s)) if down else 0.0)

    def _given(self, windows: Sequence[tuple[float, float]]) -> None:
        t = 0.0
        for start, length in windows:
            if start < t or length <= 0.0:
                raise LinkError(f"outages must be in order and longer than 0 s, found {length!r} s at {start!r} s")
            if start > t:
                self._add_up_time(t, start)
            t = start + length
        self._ups.append(t)
        self._downs.append(INFINITY)

    def _add_up_time(self, start: float, end: float) -> None:
        if len(self._ups) == len(self._downs):
            self._ups.append(start)
        self._downs.append(end)
        self._cum.append(self._cum[-1] + self._inner.bits_between(start, end))

    def _write(self) -> None:
        assert self._rng is not None
        for up, down in zip(
            self._rng.exponential(self._mean_up, _CHUNK).tolist(),
            self._rng.exponential(self._mean_down, _CHUNK).tolist(),
            strict=True,
        ):
            end = self._ups[-1] + up
            self._add_up_time(self._ups[-1], end)
            self._ups.append(end + down)

    def _known_until(self) -> float:
        return INFINITY if self._rng is None else self._ups[-1]

    @property
    def mean_rate_bps(self) -> float:
        """Mean of the inner capacity times the share of time it is up (given windows count as exceptions)."""
        if self._rng is None:
            return self._inner.mean_rate_bps
        return self._inner.mean_rate_bps * self._mean_up / (self._mean_up + self._mean_down)

    def _before(self, t: float) -> int:
        """Index of the last up-time that starts at ``t`` or before; -1 when there is none."""
        while self._known_until() <= t:
            self._write()
        return bisect_right(self._ups, t) - 1

    def cumulative(self, t: float) -> float:
        """Bits of the up-times before ``t``."""
        i = self._before(t)
        if i < 0:
            return 0.0
        return self._cum[i] + self._inner.bits_between(self._ups[i], min(t, self._downs[i]))

    def time_of(self, bits: float) -> float:
        """Earliest instant with so many bits."""
        while self._rng is not None and self._cum[-1] < bits:
            self._write()
        if bits <= 0.0:
            return 0.0
        i = bisect_left(self._cum, bits) - 1
        end = self._inner.time_to_send(self._ups[i], bits - self._cum[i])
        return min(end, self._downs[i])  # rounding never moves a finish into the outage

    def rate_at(self, t: float) -> float:
        """The inner rate, or 0 during an outage."""
        i = self._before(t)
        return self._inner.rate_at(t) if i >= 0 and t < self._downs[i] else 0.0

    def segments(self, t: float) -> Iterator[tuple[float, float]]:
        """Stretches of the inner capacity, cut at the outages."""
        i = self._before(t)
        while True:
            if i < 0 or t >= self._downs[i]:
                i += 1
                while i >= len(self._ups):
                    self._write()
                yield 0.0, self._ups[i]
                t = self._ups[i]
            while i >= len(self._downs):
                self._write()
            for rate, end in self._inner.segments(t):
                t = min(end, self._downs[i])
                yield rate, t
                if t == INFINITY:
                    return
                if end >= self._downs[i]:
                    break
