"""The tidy summary of a study, by point and metric: what the tables and the report's figures read."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from amser.console import Table
from amser.units import Scale, scale_for, with_interval, with_range

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
    ("battery_lifetime_s", "battery"),
    ("battery_day_share", "charge a day"),
)

# Dimensionless metrics that read as a percentage; the others are counts.
SHARES = ("wer", "_accuracy", "_f1_weighted", "_f1_macro", "_fraction", "_utilisation", "_share")
CORPUS = ("utterances", "speakers")
"""What an interval is over that belongs to the corpus."""


class Estimate(NamedTuple):
    """A metric of one point: mean and the ends of its interval (NaN without one)."""

    mean: float
    low: float
    high: float
    n: int
    """Replications or batches; utterances where ``of_corpus``."""
    over: str
    """What the interval is over: ``replications``, ``batches``, ``utterances`` or ``speakers``."""

    @property
    def of_corpus(self) -> bool:
        """Whether the interval is that of the corpus, which no number of uploads narrows."""
        return self.over in CORPUS

    @property
    def lopsided(self) -> bool:
        """Whether one side of the interval is more than half as wide again as the other."""
        return max(self.high - self.mean, self.mean - self.low) > 1.5 * min(self.high - self.mean, self.mean - self.low)

    @property
    def basis(self) -> str:
        """What the figure rests on, such as ``90 utterances``; ``by speaker`` where those are drawn."""
        unit = "utterances" if self.of_corpus else self.over
        counted = f"{self.n:,} {unit if self.n != 1 else unit.removesuffix('s')}".replace(",", " ")
        return f"{counted} by speaker" if self.over == "speakers" else counted

    def text(self, scale: Scale) -> str:
        """The figure with its interval on ``scale``: ``±`` of replications, both ends where it is lopsided."""
        if math.isfinite(self.low) and not math.isfinite(self.high):
            return f"{scale.text(self.mean)} (at least {scale.text(self.low)})"
        show = with_range if self.of_corpus or self.lopsided else with_interval
        return show(scale, self.mean, self.low, self.high)


class Summary:
    """Estimates of every metric at every point of a sweep.

    ``frame`` is the tidy table of ``summary.csv``: one column per swept parameter, then metric, unit, mean,
    low, high, n, over.  Points keep the order in which they first appear.
    """

    def __init__(self, frame: pd.DataFrame, parameters: Sequence[str]) -> None:
        self.frame = frame
        self.parameters = tuple(parameters)
        self._estimates: dict[tuple[PointKey, str], Estimate] = {}
        self._units: dict[str, str] = {}
        keys: dict[PointKey, None] = {}
        labels = [frame[p].tolist() for p in self.parameters]
        columns = (frame[c].tolist() for c in ("metric", "unit", "mean", "low", "high", "n", "over"))
        for i, (metric, unit, mean, low, high, n, over) in enumerate(zip(*columns, strict=True)):
            key = tuple(column[i] for column in labels)
            keys[key] = None
            self._estimates[key, metric] = Estimate(_number(mean), _number(low), _number(high), int(n), over)
            self._units[metric] = "" if unit is None or unit != unit else str(unit)
        self.points: tuple[PointKey, ...] = tuple(keys)
        self._shown = [short_values([point[i] for point in keys]) for i in range(len(self.parameters))]

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
        return bool(self.estimates(metric))

    def tells(self, metric: str) -> bool:
        """Whether ``metric`` belongs in a table of this study: a battery's life only where batteries are followed."""
        return metric != "battery_lifetime_s" or self.has("battery_day_share")

    def values(self, metrics: Iterable[str]) -> list[float]:
        """The means of ``metrics`` over all points, for choosing a common scale."""
        return [e.mean for metric in metrics for e in self.estimates(metric)]

    def scale(self, *metrics: str) -> Scale:
        """One scale on which all points of ``metrics`` (same unit) read well."""
        return scale_for(self.unit(metrics[0]), self.values(metrics))

    def label(self, point: PointKey) -> str:
        """The point's swept values as one short text."""
        return ", ".join(self.shown(point)) if point else "all"

    def shown(self, point: PointKey) -> list[str]:
        """The point's swept values as text; of a value that is a mapping only what tells it from the others."""
        return [names[str(value)] for names, value in zip(self._shown, point, strict=True)]

    def overview(self, metrics: Sequence[tuple[str, str]] = OVERVIEW) -> Table:
        """One row a point, one column a headline metric with its interval, and what words and emotions rest on."""
        shown = [(metric, heading) for metric, heading in metrics if self.has(metric) and self.tells(metric)]
        scales: Mapping[str, Scale] = {metric: self.scale(metric) for metric, _ in shown}
        names = short_names(self.parameters) or ["point"]
        headings = [f"{heading} [{scales[metric].unit}]" for metric, heading in shown]
        heard = [metric for metric, _ in shown if any(e.of_corpus for e in self.estimates(metric))]
        headings += ["utterances"] if heard else []
        table = Table([*names, *headings], right=frozenset(range(len(names), len(names) + len(headings))))
        for point in self.points:
            cells = self.shown(point) or ["the scenario"]
            for metric, _ in shown:
                e = self.get(point, metric)
                cells.append("–" if e is None else e.text(scales[metric]))
            counts = dict.fromkeys(str(e.n) for metric in heard if (e := self.get(point, metric)))
            table.rows.append([*cells, *([", ".join(counts) or "–"] if heard else [])])
        return table

    def estimates(self, metric: str) -> list[Estimate]:
        """The estimates of ``metric`` at all points that have one."""
        return [e for point in self.points if (e := self.get(point, metric))]


def named_failures(manifest: Mapping[str, Any]) -> dict[str, str]:
    """Why runs failed, by the swept values and the replication instead of the point's key."""
    points = {p["key"]: p["parameters"] for p in manifest.get("points", ())}
    columns = {name: short_values([p[name] for p in points.values()]) for name in manifest.get("parameters", ())}
    named = {}
    for run, why in (manifest.get("failures") or {}).items():
        key, _, replication = run.rpartition("-s")
        values = [names[str(points[key][name])] for name, names in columns.items() if key in points]
        named[", ".join([*values, f"replication {replication}"])] = why
    return named


def gathered(warnings: Iterable[str]) -> Iterator[str]:
    """Warnings that differ only in their point, said once with the number of points."""
    points: dict[str, list[str]] = {}
    for warning in warnings:
        text = warning.partition(": ")[2] or warning
        points.setdefault(re.sub(r"\d+(?:\.\d+)?", "…", text), []).append(warning)
    for same in points.values():
        if len(same) <= 2:
            yield from same
        else:
            first, _, text = same[0].partition(": ")
            yield f"{text} (at {first}, and alike at {len(same) - 1} other points)"


def short_values(values: Sequence[Any]) -> dict[str, str]:
    """A short name for each swept value, by its text.

    A mapping such as ``{"kind": "csv", "file": "a.csv"}`` is named by its kind and by the entries in which the
    mappings among ``values`` differ; everything else by its text.
    """
    texts = list(dict.fromkeys(map(str, values)))
    parsed = {text: entries for text in texts if (entries := _entries(text))}
    every = list(parsed.values())
    different = [k for k in dict.fromkeys(k for e in every for k in e) if len({e.get(k) for e in every}) > 1]
    names = {}
    for text, entries in parsed.items():
        told = [_entry(k, entries[k]) for k in different if k != "kind" and k in entries]
        names[text] = " ".join([entries.get("kind", ""), *told]).strip()
    # Names that would not tell two values apart are no names.
    clear = len(set(names.values())) == len(names) and not set(names.values()) & (set(texts) - set(parsed))
    return {text: names[text] if clear and names.get(text) else text for text in texts}


def _entry(key: str, value: str) -> str:
    """An entry of a mapping as a name; of a file's path its last part without the ending."""
    if key == "file":
        return value.rsplit("/", 1)[-1].rsplit(".", 1)[0]
    return f"{key.split('.')[-1]} {value}"


def _entries(text: str) -> dict[str, str]:
    """The entries of a mapping in JSON by dotted key; empty for everything else."""
    if not text.startswith("{"):
        return {}
    try:
        pending: list[tuple[str, Any]] = list(json.loads(text).items())
    except (ValueError, RecursionError):
        return {}
    found: dict[str, str] = {}
    while pending:
        key, value = pending.pop(0)
        if isinstance(value, dict):
            pending = [(f"{key}.{inner}", v) for inner, v in value.items()] + pending
        else:
            found[key] = value if isinstance(value, str) else json.dumps(value)
    return found


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
