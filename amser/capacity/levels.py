"""What `amser capacity` is asked: service levels, and the range of values that are tried."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from amser.exits import UserError

LEVEL = re.compile(r"^\s*(\w+)\s*(<=|>=|<|>)\s*(.+?)\s*$")
QUANTITY = re.compile(r"^\s*(\d+(?:\.\d*)?(?:[eE][+-]?\d+)?)\s*(\D.*)?$")
# A capacity is known to this share of itself; counts are known exactly where that is finer.
PRECISION = 0.02


class Verdict(StrEnum):
    """What the replications of a value say about a service level."""

    MET = "met"
    MISSED = "missed"
    OPEN = "not decided"

    @classmethod
    def of_all(cls, verdicts: Iterable[Verdict]) -> Verdict:
        """Of several levels that must all hold."""
        found = set(verdicts)
        return cls.MISSED if cls.MISSED in found else cls.OPEN if cls.OPEN in found else cls.MET


@dataclass(frozen=True)
class Level:
    """A service level such as ``latency_p95_s < 500 ms``: ``limit`` is in SI units."""

    metric: str
    below: bool
    limit: float
    text: str

    @classmethod
    def parse(cls, text: str) -> Level:
        """Read a level; the limit has the metric's unit.  Raises ``UserError``."""
        from scenarios.quantities import DURATION, ENERGY, POWER, RATE, SIZE
        from sim.figures.metrics import unit_of

        match = LEVEL.match(text)
        if match is None:
            raise UserError(f"--slo {text!r}: write it as METRIC < LIMIT, such as 'latency_p95_s < 500 ms'")
        metric, sign, limit = match.groups()
        dimensions = {"s": DURATION, "J": ENERGY, "W": POWER, "byte": SIZE, "bit/s": RATE}
        try:
            value = dimensions[unit_of(metric)].parse(limit) if unit_of(metric) in dimensions else _plain(metric, limit)
        except ValueError as error:
            raise UserError(f"--slo {text!r}: {error}") from None
        return cls(metric, sign.startswith("<"), value, text)

    def holds(self, value: float) -> bool:
        """Whether a figure meets the level; one that does not exist (nothing was answered) does not."""
        return math.isfinite(value) and (value <= self.limit if self.below else value >= self.limit)

    def verdict(self, mean: float, low: float, high: float) -> Verdict:
        """What a figure with its interval says; ``nan`` and ``inf`` are ends that are not known.

        Both ends decide: an interval that holds the limit, be it because it reaches down to zero, bounds nothing.
        """
        if not math.isfinite(mean):
            return Verdict.MISSED
        better, worse = (low, high) if self.below else (high, low)
        if self.holds(worse):
            return Verdict.MET
        return Verdict.MISSED if math.isfinite(better) and not self.holds(better) else Verdict.OPEN


def _plain(metric: str, limit: str) -> float:
    """A limit without a dimension: a share in %, or a plain number.  Raises ``ValueError``."""
    from scenarios.quantities import PERCENT

    try:
        return PERCENT.parse(limit) if limit.endswith("%") else float(limit)
    except ValueError:
        raise ValueError(f"{metric} has no unit: write '5 %' or '0.05', not {limit!r}") from None


@dataclass(frozen=True)
class Range:
    """The values that may be tried, all in one unit; ``least`` looks for the smallest that suffices."""

    low: float
    high: float
    unit: str
    least: bool

    @classmethod
    def parse(cls, low: str, high: str, least: bool) -> Range:
        """Two counts, or two quantities of one unit.  Raises ``UserError``."""
        ends = [QUANTITY.match(text) for text in (low, high)]
        units = {(m.group(2) or "").strip() for m in ends if m}
        if None in ends or len(units) != 1:
            raise UserError(f"--between {low!r} {high!r}: give two numbers, or two quantities of one unit")
        first, last = (float(m.group(1)) for m in ends if m)
        if not 0 < first < last:
            raise UserError(f"--between {low!r} {high!r}: the first must be above zero and below the second")
        return cls(first, last, units.pop(), least)

    def text(self, value: float) -> str:
        """``value`` as it is written in a scenario."""
        return f"{value:.6g} {self.unit}" if self.unit else str(round(value))

    def harder(self, value: float) -> float | None:
        """Four times as hard, or the end of the range; None at that end.

        Starting at the easy end and growing keeps away from values that are far beyond capacity, where queues
        grow without bound and a run takes longest.
        """
        end = self.low if self.least else self.high
        if value == end:
            return None
        further = max(value / 4, end) if self.least else min(value * 4, end)
        return further if self.unit else float(round(further))

    def between(self, a: float, b: float) -> float | None:
        """The next value to try between two, or None when they are close enough."""
        low, high = min(a, b), max(a, b)
        if self.unit:
            return None if high <= low * (1 + PRECISION) else math.sqrt(low * high)
        low, high = round(low), round(high)
        close = high - low <= max(1, math.floor(PRECISION * low))
        return None if close else float(round(math.sqrt(low * high)) if high > 2 * low else (low + high) // 2)
