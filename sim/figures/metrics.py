"""The figures of one replication, gathered from the upload log chunk by chunk."""

from __future__ import annotations

from collections.abc import Mapping
from copy import copy
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from sim.figures.accuracy import recognized, values
from sim.figures.parts import PERCENTILES, QUANTILES, Parts
from sim.figures.tally import KEPT_LATENCIES, Tally
from sim.outcomes import BATTERY_DEAD, DELIVERED, LATE, OUTCOMES
from sim.upload_log import COMPONENTS, STAGES, Columns, Counted
from sim.utterances import Tables

Floats = npt.NDArray[np.float64]

UNITS: dict[str, str] = {
    "uploads": "1",
    "delivered_fraction": "1",
    "uplink_utilisation": "1",
    "server_utilisation": "1",
    "batch_mean": "1",
    "batch_seen_mean": "1",
    "payload_mean_bytes": "byte",
    "wire_mean_bytes": "byte",
    "payload_bitrate_bps": "bit/s",
    "events_per_upload": "1",
    "handovers_per_upload": "1",
}


DRIFT = "latency_drift"
OF_GROUP = "_j of group "
"""Stands in the name of a component's sum over one device group, such as ``tail_j of group 0``."""
SHARES = ("_fraction", "_utilisation")
"""Ends of the names of what lies between 0 and 1."""


def unit_of(metric: str) -> str:
    """The unit of a metric, from the table or from the end of its name."""
    if metric in UNITS:
        return UNITS[metric]
    for ending, unit in (("_s", "s"), ("_j", "J"), ("_w", "W"), ("_bytes", "byte"), ("_bps", "bit/s")):
        if metric.endswith(ending):
            return unit
    return "1"


class Accumulator:
    """Tallies the uploads spoken in [``warmup_s``, ``duration_s``).

    ``sites`` like this one share the room for latencies, or those of a city would fill the memory.
    """

    def __init__(self, tables: Tables, groups: int, warmup_s: float, duration_s: float, sites: int = 1) -> None:
        self.tables = tables
        self.warmup_s = warmup_s
        self.duration_s = duration_s
        self.seen = 0
        """Uploads in all, those of the warm-up included."""
        self.tally = Tally()
        self.parts = Parts(groups, len(tables.codecs), KEPT_LATENCIES // sites)

    def add(self, columns: Columns) -> None:
        """Count one chunk of the log."""
        self.seen += len(columns["upload"])
        keep = np.asarray(columns["speech_end_s"], dtype=float) >= self.warmup_s
        middle_s = middle(self.warmup_s, self.duration_s)
        _add(self.tally, self.parts, self.tables, columns if keep.all() else _rows(columns, keep), middle_s)

    def add_counted(self, counted: Counted) -> None:
        """Take in a chunk of the log that has been counted already."""
        self.seen += counted.rows
        tally = self.tally
        tally.outcomes += counted.outcomes
        for name, value in counted.sums.items():
            tally.sums[name] = tally.sums.get(name, 0.0) + value
        for number, energies_j in enumerate(counted.group_j.tolist()):
            for component, energy_j in zip(COMPONENTS, energies_j, strict=True):
                name = f"{component}{OF_GROUP}{number}"
                tally.sums[name] = tally.sums.get(name, 0.0) + energy_j
        self.parts.add(counted.uploads, counted.delivered, counted.sent, counted.energy_j)
        self.parts.add_latencies(counted.part, counted.latencies_s)
        tally.add_understood(counted.understood)

    def merge(self, other: Accumulator) -> None:
        """Take in another site's uploads."""
        self.seen += other.seen
        self.tally.merge(other.tally)
        self.parts.merge(other.parts)

    def without_tables(self) -> Accumulator:
        """Itself, light enough to travel between processes; good for nothing but ``merge`` into another."""
        light = copy(self)
        light.tables = None  # type: ignore[assignment]
        return light

    def recognized(self) -> pd.DataFrame:
        """The utterances and codecs that were recognized after the warm-up, each with its uploads."""
        return recognized(self.tables, self.tally.understood)

    def group_energies_j(self) -> dict[int, dict[str, float]]:
        """Joules that the uploads after the warm-up added, by the number of their device group and by component."""
        found: dict[int, dict[str, float]] = {}
        for name, energy_j in self.tally.sums.items():
            component, is_of_group, number = name.partition(OF_GROUP)
            if is_of_group:
                found.setdefault(int(number), {})[component] = energy_j
        return found

    def handed_over(self) -> dict[str, float]:
        """Handovers of an upload while it was on its way, and the time that they took; means over the uploads sent."""
        sums, sent = self.tally.sums, self.sent()
        return {
            "handovers_per_upload": _ratio(sums.get("handovers", 0.0), sent),
            "interrupted_mean_s": _ratio(sums.get("interrupted_s", 0.0), sent),
        }

    def sent(self) -> float:
        """Uploads after the warm-up of which a byte left."""
        return self.tally.sums.get("sent", 0.0)

    def metrics(self, extra: Mapping[str, float]) -> dict[str, float]:
        """All figures; those without data are NaN."""
        tally, sums = self.tally, self.tally.sums
        n, replied = int(tally.outcomes.sum()), int(tally.outcomes[DELIVERED] + tally.outcomes[LATE])
        result: dict[str, float] = {
            "uploads": float(n),
            "delivered_fraction": _ratio(float(tally.outcomes[DELIVERED]), n),
        }
        result.update(
            {f"{name}_fraction": _ratio(float(k), n) for name, k in zip(OUTCOMES, tally.outcomes, strict=True)}
        )
        latencies = self.parts.latencies()
        result["latency_mean_s"] = latencies.mean()
        result[DRIFT] = _drift(sums)
        result.update(zip(PERCENTILES, latencies.quantiles(QUANTILES), strict=True))
        result.update({f"stage_{name}_mean_s": _ratio(sums.get(f"{name}_s", 0.0), replied) for name in STAGES})
        begun, sent = sums.get("begun", 0.0), self.sent()
        result["energy_per_upload_j"] = _ratio(sums.get("energy_j", 0.0), sent)
        result.update(
            {f"energy_{name}_j": _ratio(sums.get(f"{name}_j", 0.0), sent) for name in (*COMPONENTS, "server")}
        )
        payload = sums.get("payload_bytes", 0.0)
        result["payload_mean_bytes"] = _ratio(payload, begun)
        result["wire_mean_bytes"] = _ratio(sums.get("wire_bytes", 0.0), sent)
        result["payload_bitrate_bps"] = _ratio(payload * 8.0, sums.get("audio_s", 0.0))
        # By batch, and as an upload sees it: large batches hold more uploads, so those see larger ones than there are.
        result["batch_mean"] = _ratio(replied, sums.get("batches", 0.0))
        result["batch_seen_mean"] = _ratio(sums.get("batch", 0.0), replied)
        result.update(values(self.recognized()))
        result["warmup_s"] = self.warmup_s
        result.update(extra)
        return result


def _rows(columns: Columns, rows: npt.NDArray[np.generic]) -> Columns:
    return {name: values[rows] for name, values in columns.items()}


def middle(warmup_s: float, duration_s: float) -> float:
    """The middle of the time that is counted, seconds; utterances spoken before it count as early ones."""
    return (warmup_s + duration_s) / 2.0


def _drift(sums: Mapping[str, float]) -> float:
    """Half of how much the later half's mean latency exceeds the earlier half's, over the mean of both.

    Where latencies settle, and the later half has settled, it is what the beginning takes from the mean.
    """
    early, late = (_ratio(sums.get(f"{half}_s", 0.0), sums.get(half, 0.0)) for half in ("early", "late"))
    return _ratio(late - early, late + early)


def _add(tally: Tally, parts: Parts, tables: Tables, columns: Columns, middle_s: float) -> None:
    outcome = np.asarray(columns["outcome"])
    tally.outcomes += np.bincount(outcome, minlength=len(OUTCOMES))
    for name in (*(f"{c}_j" for c in COMPONENTS), "energy_j", "server_j", "payload_bytes", "wire_bytes"):
        tally.add_sum(name, np.asarray(columns[name], dtype=float))
    # What was said to a dead device was never coded: as zeros it would make codecs and radios look thrifty.
    begun = (outcome != BATTERY_DEAD) | (np.asarray(columns["payload_bytes"], dtype=float) > 0.0)
    tally.add_sum("begun", begun.astype(float))
    for name in ("handovers", "interrupted_s") if np.any(columns["interrupted_s"]) else ():
        tally.add_sum(name, np.asarray(columns[name], dtype=float))
    sent = np.asarray(columns["wire_bytes"], dtype=float) > 0.0
    tally.add_sum("sent", sent.astype(float))
    group = np.asarray(columns["group"])
    for number in np.unique(group).tolist():
        for component in COMPONENTS:
            tally.add_sum(f"{component}{OF_GROUP}{number}", np.asarray(columns[f"{component}_j"])[group == number])
    tally.add_sum("audio_s", tables.audio_s[np.asarray(columns["utterance"])] * begun)
    replied = (outcome == DELIVERED) | (outcome == LATE)
    part = _add_parts(parts, columns, sent)[replied]
    if not replied.all():
        columns = _rows(columns, replied)
    latency_s = np.asarray(columns["latency_s"], dtype=float)
    parts.add_latencies(part, latency_s)
    late = np.asarray(columns["speech_end_s"], dtype=float) >= middle_s
    for half, chosen in (("early", ~late), ("late", late)):
        tally.add_sum(half, chosen.astype(float))
        tally.add_sum(f"{half}_s", latency_s[chosen])
    for name in STAGES:
        tally.add_sum(f"{name}_s", np.asarray(columns[f"{name}_s"], dtype=float))
    batch = np.asarray(columns["batch"], dtype=float)
    tally.add_sum("batch", batch)
    tally.add_sum("batches", 1.0 / batch)
    shape = tables.payload_bytes.shape
    flat = np.asarray(columns["codec"]).astype(np.int64) * shape[1] + np.asarray(columns["utterance"])
    tally.add_understood(np.bincount(flat, minlength=shape[0] * shape[1]).reshape(shape))


def _add_parts(parts: Parts, columns: Columns, sent: npt.NDArray[np.bool_]) -> npt.NDArray[np.int64]:
    """Count uploads by group and codec; the part of each."""
    shape = parts.uploads.shape
    part = np.asarray(columns["group"]).astype(np.int64) * shape[1] + np.asarray(columns["codec"])

    def counts(chosen: npt.NDArray[np.int64], weights: Floats | None = None) -> npt.NDArray[Any]:
        return np.bincount(chosen, weights, parts.uploads.size).reshape(shape)

    delivered = np.asarray(columns["outcome"]) == DELIVERED
    energy_j = counts(part, np.asarray(columns["energy_j"], dtype=float))
    parts.add(counts(part), counts(part[delivered]), counts(part[sent]), energy_j)
    return part


def _ratio(numerator: float, denominator: float) -> float:
    return numerator / denominator if denominator else float("nan")


def as_json(metrics: Mapping[str, float]) -> dict[str, Any]:
    """Metrics with NaN as null, for strict JSON."""
    return {name: (None if value != value else value) for name, value in metrics.items()}
