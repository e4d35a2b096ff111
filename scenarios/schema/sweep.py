"""Which points a scenario runs, and how often."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from scenarios.faults import KeyPath
from scenarios.quantities import Share
from scenarios.schema.base import Spec

_END = re.compile(r"^\s*([+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?)\s*(\S.*?)\s*$")


SweptKey = Annotated[str, Field(max_length=500)]


class PrecisionSpec(Spec):
    """Replicate each point until the confidence interval of a metric is tight enough.

    Stopping as soon as it is favours spreads that happen to be small, so that the last interval holds the truth less
    often than `confidence` says (docs/results/coverage.md).
    """

    metric: Annotated[str, Field(pattern=r"^[a-z0-9_-]+$")] = "latency_mean_s"
    """Which figure must be precise, as it is called in the summary."""
    relative: Annotated[Share, Field(gt=0)] = 0.05
    """Half the width of the interval over the mean."""
    confidence: Annotated[Share, Field(gt=0, lt=1)] = 0.95
    """Confidence of the interval."""
    most: Annotated[int, Field(ge=2, le=10_000)] = 100
    """Replications of a point at most; a point that is not precise then is named in the warnings."""


class RangeSpec(Spec):
    """From where to where a key is moved."""

    low: int | float | str
    """Smallest value: a number, or a quantity with its unit."""
    high: int | float | str
    """Largest value, in the same unit; two whole numbers give whole numbers."""
    scale: Literal["linear", "log"] = "linear"
    """Spread the values evenly, or their logarithms (for ranges over several decades)."""

    @property
    def ends(self) -> tuple[tuple[float, str], tuple[float, str]]:
        """Both ends as a number and its unit."""
        return _end(self.low), _end(self.high)

    @property
    def whole(self) -> bool:
        """Whether the values are whole numbers."""
        return isinstance(self.low, int) and isinstance(self.high, int)

    @model_validator(mode="after")
    def _a_range(self) -> RangeSpec:
        (low, unit), (high, other) = self.ends
        if unit != other:
            raise ValueError(f"low and high need one unit, found {self.low!r} and {self.high!r}")
        if not low < high:
            raise ValueError(f"low must be below high, found {self.low!r} and {self.high!r}")
        if self.scale == "log" and low <= 0.0:
            raise ValueError(f"a range with `scale: log` must start above 0, found {self.low!r}")
        return self


def _end(value: float | str) -> tuple[float, str]:
    if not isinstance(value, str):
        return float(value), ""
    match = _END.match(value)
    if match is None:
        raise ValueError(f"expected a number or a quantity with its unit, found {value!r}")
    return float(match.group(1)), match.group(2)


class LhsSpec(Spec):
    """A Latin hypercube: few points that fill a space of many dimensions evenly."""

    points: Annotated[int, Field(ge=2, le=10_000)]
    """How many points; ten for each key are a common start."""
    ranges: Annotated[Mapping[SweptKey, RangeSpec], Field(min_length=1)]
    """Dotted key to its range."""
    seed: Annotated[int, Field(ge=0, lt=2**63)] = 0
    """Seed of the design; another one gives other points. It is apart from the scenario's seed."""


class SweepSpec(Spec):
    """Which points to run: every combination of `grid` with each point of `zip` and of `lhs`, each several times."""

    grid: Mapping[SweptKey, Annotated[list[Any], Field(min_length=1)]] = Field(default_factory=dict)
    """Dotted key to its values; every combination of all keys is a point.

    `{label: NAME, value: ...}` in the place of a value names it in tables and figures.
    """
    zip: Mapping[SweptKey, Annotated[list[Any], Field(min_length=1)]] = Field(default_factory=dict)
    """Dotted key to its values, with labels as in `grid`; the n-th values of all keys go together."""
    lhs: LhsSpec | None = None
    """Points of a Latin hypercube over ranges of many keys."""
    replications: Annotated[int, Field(ge=1, le=10_000)] = 1
    """Runs of each point with independent random numbers; intervals need at least 2."""
    precision: PrecisionSpec | None = None
    """Add replications until a metric is known so well; `replications` are then the first ones."""

    def swept(self) -> Iterator[tuple[KeyPath, str]]:
        """Each swept key with the place of its values below `sweep`."""
        for section in ("grid", "zip"):
            for key in getattr(self, section):
                yield (section, key), key
        for key in self.lhs.ranges if self.lhs else ():
            yield ("lhs", "ranges", key), key
