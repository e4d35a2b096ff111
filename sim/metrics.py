"""The figures of one replication, gathered from the upload log chunk by chunk."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from sim.recorder import COMPONENTS, STAGES, Columns
from sim.tables import Tables
from sim.upload import DELIVERED, LATE, OUTCOMES

QUANTILES = (0.50, 0.95, 0.99)

UNITS: dict[str, str] = {
    "uploads": "1",
    "wer": "1",
    "ser_accuracy": "1",
    "ser_f1_weighted": "1",
    "delivered_fraction": "1",
    "uplink_utilisation": "1",
    "server_utilisation": "1",
    "batch_mean": "1",
    "payload_mean_bytes": "byte",
    "wire_mean_bytes": "byte",
    "payload_bitrate_bps": "bit/s",
    "idle_power_w": "W",
    "events_per_upload": "1",
}


def unit_of(metric: str) -> str:
    """The unit of a metric, from the table or from the end of its name."""
    if metric in UNITS:
        return UNITS[metric]
    for ending, unit in (("_s", "s"), ("_j", "J"), ("_w", "W"), ("_bytes", "byte"), ("_bps", "bit/s")):
        if metric.endswith(ending):
            return unit
    return "1"


@dataclass
class Accumulator:
    """Sums over the uploads spoken in [``warmup_s``, ``duration_s``); latencies are kept for quantiles."""

    tables: Tables
    warmup_s: float
    outcomes: npt.NDArray[np.int64] = field(default_factory=lambda: np.zeros(len(OUTCOMES), np.int64))
    sums: dict[str, float] = field(default_factory=dict)
    latencies: list[npt.NDArray[np.float64]] = field(default_factory=list)
    understood: npt.NDArray[np.int64] | None = None
    """How often the server recognised each (codec, utterance)."""
    seen: int = 0
    """Uploads in all, those of the warm-up included."""

    def add(self, columns: Columns) -> None:
        """Count one chunk of the log."""
        self.seen += len(columns["upload"])
        keep = np.asarray(columns["speech_end_s"], dtype=float) >= self.warmup_s
        if not keep.all():
            columns = {name: values[keep] for name, values in columns.items()}
        outcome = np.asarray(columns["outcome"])
        self.outcomes += np.bincount(outcome, minlength=len(OUTCOMES))
        replied = (outcome == DELIVERED) | (outcome == LATE)
        if not replied.all():
            self._add_all(columns)
            columns = {name: values[replied] for name, values in columns.items()}
        else:
            self._add_all(columns)
        self._add_replied(columns)

    def _add_all(self, columns: Columns) -> None:
        for name in (*(f"{c}_j" for c in COMPONENTS), "energy_j", "server_j", "payload_bytes", "wire_bytes"):
            self._sum(name, np.asarray(columns[name], dtype=float))
        self._sum("audio_s", self.tables.audio_s[np.asarray(columns["utterance"])])

    def _add_replied(self, columns: Columns) -> None:
        latency = np.asarray(columns["latency_s"], dtype=float)
        self.latencies.append(latency)
        for name in STAGES:
            self._sum(f"{name}_s", np.asarray(columns[f"{name}_s"], dtype=float))
        self._sum("batch", np.asarray(columns["batch"], dtype=float))
        shape = self.tables.payload_bytes.shape
        flat = np.asarray(columns["codec"]).astype(np.int64) * shape[1] + np.asarray(columns["utterance"])
        counts = np.bincount(flat, minlength=shape[0] * shape[1]).reshape(shape)
        self.understood = counts if self.understood is None else self.understood + counts

    def _sum(self, name: str, values: npt.NDArray[np.float64]) -> None:
        self.sums[name] = self.sums.get(name, 0.0) + float(values.sum())

    def metrics(self, extra: Mapping[str, float]) -> dict[str, float]:
        """All figures; those without data are NaN."""
        n, replied = int(self.outcomes.sum()), int(self.outcomes[DELIVERED] + self.outcomes[LATE])
        result: dict[str, float] = {
            "uploads": float(n),
            "delivered_fraction": _ratio(float(self.outcomes[DELIVERED]), n),
        }
        result.update(
            {f"{name}_fraction": _ratio(float(k), n) for name, k in zip(OUTCOMES, self.outcomes, strict=True)}
        )
        latency = np.concatenate(self.latencies) if self.latencies else np.zeros(0)
        result["latency_mean_s"] = float(latency.mean()) if replied else float("nan")
        quantiles = np.quantile(latency, QUANTILES) if replied else np.full(len(QUANTILES), np.nan)
        result.update({f"latency_p{round(q * 100)}_s": float(v) for q, v in zip(QUANTILES, quantiles, strict=True)})
        result.update({f"stage_{name}_mean_s": _ratio(self.sums.get(f"{name}_s", 0.0), replied) for name in STAGES})
        result["energy_per_upload_j"] = _ratio(self.sums.get("energy_j", 0.0), n)
        result.update(
            {f"energy_{name}_j": _ratio(self.sums.get(f"{name}_j", 0.0), n) for name in (*COMPONENTS, "server")}
        )
        payload = self.sums.get("payload_bytes", 0.0)
        result["payload_mean_bytes"] = _ratio(payload, n)
        result["wire_mean_bytes"] = _ratio(self.sums.get("wire_bytes", 0.0), n)
        result["payload_bitrate_bps"] = _ratio(payload * 8.0, self.sums.get("audio_s", 0.0))
        result["batch_mean"] = _ratio(self.sums.get("batch", 0.0), replied)
        result.update(understanding(self.tables, self.understood))
        result.update(extra)
        return result


def understanding(tables: Tables, counts: npt.NDArray[np.int64] | None) -> dict[str, float]:
    """Word error rate, emotion accuracy and weighted F1 of recognised uploads.

    ``counts`` (codec, utterance) says how often each was recognised.  Errors are summed before they are divided.
    """
    if counts is None or not counts.any():
        return {"wer": float("nan"), "ser_accuracy": float("nan"), "ser_f1_weighted": float("nan")}
    heard = ~np.isnan(tables.word_errors)
    words = float((counts * np.where(heard, tables.reference_words, 0.0)).sum())
    errors = float((counts * np.where(heard, tables.word_errors, 0.0)).sum())
    confusion = _confusion(tables, counts)
    return {"wer": _ratio(errors, words), **_emotion_scores(confusion)}


def _confusion(tables: Tables, counts: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
    """Counts by (true, predicted) emotion of utterances where both are known."""
    size = len(tables.labels)
    true = np.broadcast_to(tables.emotion, counts.shape)
    known = (true >= 0) & (tables.emotion_heard >= 0)
    matrix = np.zeros((size, size))
    np.add.at(matrix, (true[known], tables.emotion_heard[known]), counts[known])
    return matrix


def _emotion_scores(confusion: npt.NDArray[np.float64]) -> dict[str, float]:
    total = float(confusion.sum())
    if not total:
        return {"ser_accuracy": float("nan"), "ser_f1_weighted": float("nan")}
    hits, support, guessed = np.diag(confusion), confusion.sum(axis=1), confusion.sum(axis=0)
    f1 = np.divide(2.0 * hits, support + guessed, out=np.zeros_like(hits), where=(support + guessed) > 0)
    return {"ser_accuracy": float(hits.sum()) / total, "ser_f1_weighted": float((f1 * support).sum()) / total}


def _ratio(numerator: float, denominator: float) -> float:
    return numerator / denominator if denominator else float("nan")


def as_json(metrics: Mapping[str, float]) -> dict[str, Any]:
    """Metrics with NaN as null, for strict JSON."""
    return {name: (None if value != value else value) for name, value in metrics.items()}
