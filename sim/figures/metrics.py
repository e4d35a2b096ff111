"""The figures of one replication, gathered from the upload log chunk by chunk."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from copy import copy
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from sim.figures.accuracy import recognized, values
from sim.figures.statistics import mser
from sim.figures.tally import Tally
from sim.outcomes import BATTERY_DEAD, DELIVERED, LATE, OUTCOMES
from sim.upload_log import COMPONENTS, STAGES, Columns, Counted
from sim.utterances import Tables

Floats = npt.NDArray[np.float64]
QUANTILES = (0.50, 0.95, 0.99)
WINDOWS = 200  # the warm-up that is found ends after one of so many parts of the duration

UNITS: dict[str, str] = {
    "uploads": "1",
    "delivered_fraction": "1",
    "uplink_utilisation": "1",
    "server_utilisation": "1",
    "batch_mean": "1",
    "payload_mean_bytes": "byte",
    "wire_mean_bytes": "byte",
    "payload_bitrate_bps": "bit/s",
    "idle_power_w": "W",
    "events_per_upload": "1",
    "warmup_found": "1",
}


GROUP_J = "energy_j of group "
"""Begins the name of a sum of one device group."""


def unit_of(metric: str) -> str:
    """The unit of a metric, from the table or from the end of its name."""
    if metric in UNITS:
        return UNITS[metric]
    for ending, unit in (("_s", "s"), ("_j", "J"), ("_w", "W"), ("_bytes", "byte"), ("_bps", "bit/s")):
        if metric.endswith(ending):
            return unit
    return "1"


class Accumulator:
    """Tallies the uploads spoken in [warm-up, ``duration_s``).

    ``warmup_s`` None: MSER-5 finds where the warm-up ends, to one of ``WINDOWS`` parts of the duration.
    """

    def __init__(self, tables: Tables, warmup_s: float | None, duration_s: float = float("inf")) -> None:
        self.tables = tables
        self.warmup_s = warmup_s
        self.duration_s = duration_s
        self.seen = 0
        """Uploads in all, those of the warm-up included."""
        self._tallies = [Tally() for _ in range(1 if warmup_s is not None else WINDOWS)]
        self._series: list[tuple[Floats, Floats]] = []
        self._found: tuple[Tally, dict[str, float]] | None = None

    def add(self, columns: Columns) -> None:
        """Count one chunk of the log."""
        self._found = None
        self.seen += len(columns["upload"])
        spoken_s = np.asarray(columns["speech_end_s"], dtype=float)
        if self.warmup_s is not None:
            keep = spoken_s >= self.warmup_s
            _add(self._tallies[0], self.tables, columns if keep.all() else _rows(columns, keep))
            return
        self._series.append((spoken_s, np.asarray(columns["latency_s"], dtype=float)))
        window = np.minimum(spoken_s * (WINDOWS / self.duration_s), WINDOWS - 1).astype(np.int64)
        order = np.argsort(window, kind="stable")
        edges = np.flatnonzero(np.diff(window[order])) + 1
        for rows in np.split(order, edges):
            _add(self._tallies[int(window[rows[0]])], self.tables, _rows(columns, rows))

    def add_counted(self, counted: Counted) -> None:
        """Take in a chunk of the log that has been counted already; for a warm-up that is given."""
        self.seen += counted.rows
        tally = self._tallies[0]
        tally.outcomes += counted.outcomes
        for name, value in counted.sums.items():
            tally.sums[name] = tally.sums.get(name, 0.0) + value
        for number, energy_j in enumerate(counted.group_j.tolist()):
            name = f"{GROUP_J}{number}"
            tally.sums[name] = tally.sums.get(name, 0.0) + energy_j
        tally.latencies.add(counted.latencies_s)
        tally.add_understood(counted.understood)

    def merge(self, other: Accumulator) -> None:
        """Take in another site's uploads."""
        self._found = None
        self.seen += other.seen
        self._series += other._series
        for mine, theirs in zip(self._tallies, other._tallies, strict=True):
            mine.merge(theirs)

    def without_tables(self) -> Accumulator:
        """Itself, light enough to travel between processes; good for nothing but ``merge`` into another."""
        light = copy(self)
        light.tables = None  # type: ignore[assignment]
        return light

    def _settled(self) -> tuple[Tally, dict[str, float]]:
        """The tally after the warm-up, and how long that was."""
        if self.warmup_s is not None:
            return self._tallies[0], {"warmup_s": self.warmup_s}
        if self._found is None:
            self._found = self._after_warmup()
        return self._found

    def _after_warmup(self) -> tuple[Tally, dict[str, float]]:
        first, settled = _first_window(self._series, self.duration_s)
        whole = Tally()
        for tally in self._tallies[first:]:
            whole.merge(tally)
        return whole, {"warmup_s": first * self.duration_s / WINDOWS, "warmup_found": float(settled)}

    def recognized(self) -> pd.DataFrame:
        """The utterances and codecs that were recognized after the warm-up, each with its uploads."""
        return recognized(self.tables, self._settled()[0].understood)

    def group_energies_j(self) -> dict[int, float]:
        """Joules that the uploads after the warm-up added, by the number of their device group."""
        sums = self._settled()[0].sums
        return {int(k.removeprefix(GROUP_J)): v for k, v in sums.items() if k.startswith(GROUP_J)}

    def metrics(self, extra: Mapping[str, float]) -> dict[str, float]:
        """All figures; those without data are NaN."""
        tally, found = self._settled()
        sums = tally.sums
        n, replied = int(tally.outcomes.sum()), int(tally.outcomes[DELIVERED] + tally.outcomes[LATE])
        result: dict[str, float] = {
            "uploads": float(n),
            "delivered_fraction": _ratio(float(tally.outcomes[DELIVERED]), n),
        }
        result.update(
            {f"{name}_fraction": _ratio(float(k), n) for name, k in zip(OUTCOMES, tally.outcomes, strict=True)}
        )
        result["latency_mean_s"] = tally.latencies.mean()
        quantiles = tally.latencies.quantiles(QUANTILES)
        result.update({f"latency_p{round(q * 100)}_s": v for q, v in zip(QUANTILES, quantiles, strict=True)})
        result.update({f"stage_{name}_mean_s": _ratio(sums.get(f"{name}_s", 0.0), replied) for name in STAGES})
        begun = sums.get("begun", 0.0)
        result["energy_per_upload_j"] = _ratio(sums.get("energy_j", 0.0), begun)
        result.update(
            {f"energy_{name}_j": _ratio(sums.get(f"{name}_j", 0.0), begun) for name in (*COMPONENTS, "server")}
        )
        payload = sums.get("payload_bytes", 0.0)
        result["payload_mean_bytes"] = _ratio(payload, begun)
        result["wire_mean_bytes"] = _ratio(sums.get("wire_bytes", 0.0), begun)
        result["payload_bitrate_bps"] = _ratio(payload * 8.0, sums.get("audio_s", 0.0))
        result["batch_mean"] = _ratio(sums.get("batch", 0.0), replied)
        result.update(values(self.recognized()))
        result.update(found)
        result.update(extra)
        return result


def _rows(columns: Columns, rows: npt.NDArray[np.generic]) -> Columns:
    return {name: values[rows] for name, values in columns.items()}


def _add(tally: Tally, tables: Tables, columns: Columns) -> None:
    outcome = np.asarray(columns["outcome"])
    tally.outcomes += np.bincount(outcome, minlength=len(OUTCOMES))
    for name in (*(f"{c}_j" for c in COMPONENTS), "energy_j", "server_j", "payload_bytes", "wire_bytes"):
        tally.add_sum(name, np.asarray(columns[name], dtype=float))
    group = np.asarray(columns["group"])
    for number in np.unique(group).tolist():
        tally.add_sum(f"{GROUP_J}{number}", np.asarray(columns["energy_j"])[group == number])
    # What was said to a dead device was never coded: as zeros it would make codecs and radios look thrifty.
    begun = (outcome != BATTERY_DEAD) | (np.asarray(columns["payload_bytes"], dtype=float) > 0.0)
    tally.add_sum("begun", begun.astype(float))
    tally.add_sum("audio_s", tables.audio_s[np.asarray(columns["utterance"])] * begun)
    replied = (outcome == DELIVERED) | (outcome == LATE)
    if not replied.all():
        columns = _rows(columns, replied)
    tally.latencies.add(np.asarray(columns["latency_s"], dtype=float))
    for name in STAGES:
        tally.add_sum(f"{name}_s", np.asarray(columns[f"{name}_s"], dtype=float))
    tally.add_sum("batch", np.asarray(columns["batch"], dtype=float))
    shape = tables.payload_bytes.shape
    flat = np.asarray(columns["codec"]).astype(np.int64) * shape[1] + np.asarray(columns["utterance"])
    tally.add_understood(np.bincount(flat, minlength=shape[0] * shape[1]).reshape(shape))


def _first_window(series: Sequence[tuple[Floats, Floats]], duration_s: float) -> tuple[int, bool]:
    """The first window after the warm-up, and whether MSER-5 is sure: the latencies in order of speech."""
    if not series:
        return 0, False
    spoken_s = np.concatenate([s for s, _ in series])
    latency_s = np.concatenate([x for _, x in series])
    replied = ~np.isnan(latency_s)
    order = np.argsort(spoken_s[replied], kind="stable")
    cut = mser(latency_s[replied][order])
    if not cut.drop:
        return 0, cut.converged
    begun_s = float(spoken_s[replied][order][cut.drop])
    return min(int(np.ceil(begun_s * WINDOWS / duration_s)), WINDOWS - 1), cut.converged


def _ratio(numerator: float, denominator: float) -> float:
    return numerator / denominator if denominator else float("nan")


def as_json(metrics: Mapping[str, float]) -> dict[str, Any]:
    """Metrics with NaN as null, for strict JSON."""
    return {name: (None if value != value else value) for name, value in metrics.items()}
