"""Capacity over time as its cumulative integral, so that a change of rate costs no event.

Every capacity answers two questions: how many bits pass between two instants, and when has a number of
bits passed.  The second is the first one's inverse.  Time is in seconds from the start of the simulation,
rates in bit/s.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Iterator

from channel.links.errors import LinkError

INFINITY = math.inf


class Capacity(ABC):
    """A rate over time, known through its integral K(t) = bits that can pass in [0, t]."""

    __slots__ = ()

    constant_bps: float | None = None
    """The rate when it never changes, else None; disciplines take a shorter way where it is set."""

    @property
    @abstractmethod
    def mean_rate_bps(self) -> float:
        """Long-run mean rate in bit/s."""

    @abstractmethod
    def cumulative(self, t: float) -> float:
        """K(t): bits that can pass from 0 to ``t`` seconds, ``t`` >= 0."""

    @abstractmethod
    def time_of(self, bits: float) -> float:
        """Return the earliest t with K(t) >= ``bits``; inf when that never happens."""

    @abstractmethod
    def rate_at(self, t: float) -> float:
        """Rate in bit/s right after ``t``."""

    @abstractmethod
    def segments(self, t: float) -> Iterator[tuple[float, float]]:
        """Yield (rate_bps, end_s) of each stretch of constant rate from ``t`` on, without end."""

    def bits_between(self, t0: float, t1: float) -> float:
        """Bits that can pass from ``t0`` to ``t1`` seconds."""
        return self.cumulative(t1) - self.cumulative(t0)

    def time_to_send(self, t0: float, bits: float) -> float:
        """Return the instant at which ``bits`` have passed when they start at ``t0``.

        Bits that pass in no time finish at ``t0``; the result is never before ``t0``.
        """
        if bits <= 0.0:
            return t0
        t1 = self.time_of(self.cumulative(t0) + bits)
        return t1 if t1 > t0 else t0

    def time_to_send_capped(self, t0: float, bits: float, cap_bps: float) -> float:
        """Like `time_to_send` for a sender that uses at most ``cap_bps``: rate min(capacity, cap)."""
        if cap_bps == INFINITY:
            return self.time_to_send(t0, bits)
        if cap_bps <= 0.0:
            return INFINITY if bits > 0.0 else t0
        if bits <= 0.0:
            return t0
        t, left = t0, bits
        for rate, end in self.segments(t0):
            rate = min(rate, cap_bps)
            if rate > 0.0 and left <= rate * (end - t):
                return t + left / rate
            if end == INFINITY:
                break
            left -= rate * (end - t)
            t = end
        return INFINITY


class ConstantCapacity(Capacity):
    """The same rate for ever."""

    __slots__ = ("constant_bps", "rate_bps")

    def __init__(self, rate_bps: float) -> None:
        if not (rate_bps > 0.0 and math.isfinite(rate_bps)):
            raise LinkError(f"a constant capacity must be above 0 bit/s and finite, found {rate_bps!r}")
        self.rate_bps = self.constant_bps = float(rate_bps)

    @property
    def mean_rate_bps(self) -> float:
        """The rate."""
        return self.rate_bps

    def cumulative(self, t: float) -> float:
        """Rate times time."""
        return self.rate_bps * t

    def time_of(self, bits: float) -> float:
        """Bits over rate."""
        return bits / self.rate_bps

    def bits_between(self, t0: float, t1: float) -> float:
        """Rate times duration."""
        return self.rate_bps * (t1 - t0)

    def time_to_send(self, t0: float, bits: float) -> float:
        """``t0`` plus bits over rate."""
        return t0 + bits / self.rate_bps

    def rate_at(self, t: float) -> float:
        """The rate."""
        return self.rate_bps

    def segments(self, t: float) -> Iterator[tuple[float, float]]:
        """One stretch without end."""
        yield self.rate_bps, INFINITY
