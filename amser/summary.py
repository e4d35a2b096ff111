"""The tidy summary of a study, by point and metric: what the tables and the report's figures read."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from amser.tables import Table
from amser.units import Scale, scale_for, with_interval

if TYPE_CHECKING:
    import pandas as pd

PointKey = tuple[Any, ...]

# Metric, heading and whether the scale may be chosen: the table after a run, from left to right.
OVERVIEW: tuple[tuple[str, str], ...] = (
    ("payload_mean_bytes", "payload"),
    ("payload_bitrate_bps", "rate"),
    ("latency_mean_s", "latency"),
    ("latency_p95_s", "p95"),
    ("energy_per_upload_j", "energy"),
    ("wer", "WER"),
    ("ser_accuracy", "emotion"),
    ("delivered_fraction", "delivered"),
)

# Dimensionless metrics that read as a percentage; the others are counts.
SHARES = ("wer", "ser_accuracy", "ser_f1_weighted", "_fraction", "_utilisation")


class Estimate(NamedTuple):
    """A metric of one point over its replications: mean and the ends of its interval (NaN without one)."""

    mean: float
    low: float
    high: float
    n: int


class Summary:
    """Estimates of every metric at every point of a sweep.

    ``frame`` is the tidy table of ``summary.csv``: one column per swept parameter, then metric, unit, mean,
    low, high, n.  Points keep the order in which they first appear.
    """

    def __init__(self, frame: pd.DataFrame, parameters: Sequence[str]) -> None:
        self.frame = frame
        self.parameters = tuple(parameters)
        self._estimates: dict[tuple[PointKey, str], Estimate] = {}
        self._units: dict[str, str] = {}
        keys: dict[PointKey, None] = {}
        labels = [frame[p].tolist() for p in self.parameters]
        columns = (frame[c].tolist() for c in ("metric", "unit", "mean", "low", "high", "n"))
        for i, (metric, unit, mean, low, high, n) in enumerate(zip(*columns, strict=True)):
            key = tuple(column[i] for column in labels)
            keys[key] = None
            self._estimates[key, metric] = Estimate(_number(mean), _number(low), _number(high), int(n))
            self._units[metric] = "" if unit is None or unit != unit else str(unit)
        self.points: tuple[PointKey, ...] = tuple(keys)

    @property
    def metrics(self) -> tuple[str, ...]:
        """All metrics, in the order of the table."""
        return tuple(self._units)

    def unit(self, metric: str) -> str:
        """The SI unit of ``metric``; a dimensionless one is a share (``1``) or a plain number (``count``)."""
        unit = self._units.get(metric, "")
        if unit in ("", "1"):
            return "1" if metric.endswith(SHARES) else "count"
        return unit

    def get(self, point: PointKey, metric: str) -> Estimate | None:
        """The estimate, or None where the point has no such metric or it has no value."""
        found = self._estimates.get((point, metric))
        return found if found is not None and math.isfinite(found.mean) else None

    def has(self, metric: str) -> bool:
        """Whether any point has a value of ``metric``."""
        return any(self.get(point, metric) for point in self.points)

    def values(self, metrics: Iterable[str]) -> list[float]:
        """The means of ``metrics`` over all points, for choosing a common scale."""
        found = (self.get(point, metric) for metric in metrics for point in self.points)
        return [e.mean for e in found if e is not None]

    def scale(self, *metrics: str) -> Scale:
        """One scale on which all points of ``metrics`` (same unit) read well."""
        return scale_for(self.unit(metrics[0]), self.values(metrics))

    def label(self, point: PointKey) -> str:
        """The point's swept values as one short text."""
        return ", ".join(str(v) for v in point) if point else "all"

    def overview(self, metrics: Sequence[tuple[str, str]] = OVERVIEW) -> Table:
        """One row a point, one column a headline metric, with intervals where there are replications."""
        shown = [(metric, heading) for metric, heading in metrics if self.has(metric)]
        scales: Mapping[str, Scale] = {metric: self.scale(metric) for metric, _ in shown}
        names = short_names(self.parameters) or ["point"]
        headings = [f"{heading} [{scales[metric].unit}]" for metric, heading in shown]
        table = Table([*names, *headings], right=frozenset(range(len(names), len(names) + len(shown))))
        for point in self.points:
            cells = [str(v) for v in point] or ["the scenario"]
            for metric, _ in shown:
                e = self.get(point, metric)
                cells.append("–" if e is None else with_interval(scales[metric], e.mean, e.low, e.high))
            table.rows.append(cells)
        return table


def short_names(parameters: Sequence[str]) -> list[str]:
    """The last words of dotted keys, as many as it takes to tell them apart."""
    words = 1
    while True:
        names = [".".join(p.split(".")[-words:]) for p in parameters]
        if len(set(names)) == len(names) or words > max(len(p.split(".")) for p in parameters):
            return names
        words += 1


def _number(value: Any) -> float:
    return math.nan if value is None else float(value)
