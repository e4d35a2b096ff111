"""Figures by device group and codec, counted as uploads come: they are there where no log is kept."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd

from sim.figures.tally import KEPT_LATENCIES, Latencies

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
QUANTILES = (0.50, 0.95, 0.99)
PERCENTILES = {f"latency_p{round(q * 100)}_s": q for q in QUANTILES}
"""Metric of each."""

COLUMNS: dict[str, str] = {
    "group": "device group",
    "codec": "codec that the policy picked",
    "uploads": "uploads spoken after the warm-up",
    "delivered": "those that were answered in time",
    "sent": "those of which bytes were sent",
    "energy_per_upload_j": "the devices' energy for uploads, over those that were sent",
    "answered": "those with a reply, in time or late: their latency is counted",
    "latency_mean_s": "mean latency",
    "latency_p50_s": "median latency",
    "latency_p95_s": "latency that 95 % do not exceed",
    "latency_p99_s": "latency that 99 % do not exceed",
}
"""Columns of a replication's ``groups.parquet``, one row for each (group, codec) that was used."""


class Parts:
    """Uploads by (group, codec), shape (groups, codecs); latencies of all are kept one by one up to ``limit``.

    Beyond it those of every part go into a sketch of its own: the whole is no other stream, it is these together.
    """

    def __init__(self, groups: int, codecs: int, limit: int = KEPT_LATENCIES) -> None:
        self.limit = limit
        self.uploads, self.delivered, self.sent = (np.zeros((groups, codecs), np.int64) for _ in range(3))
        self.energy_j = np.zeros((groups, codecs))
        self._latencies: dict[tuple[int, int], Latencies] = {}

    def add(self, uploads: Ints, delivered: Ints, sent: Ints, energy_j: Floats) -> None:
        """Count a chunk of the log, each of shape (groups, codecs)."""
        self.uploads += uploads
        self.delivered += delivered
        self.sent += sent
        self.energy_j += energy_j

    def add_latencies(self, part: Ints, values: Floats) -> None:
        """Take in latencies in seconds; ``part`` is group * codecs + codec of each."""
        codecs = self.uploads.shape[1]
        numbers = np.flatnonzero(np.bincount(part)).tolist()
        for number in numbers:
            at = divmod(number, codecs)
            self._of(at).add(values if len(numbers) == 1 else values[part == number])
        self._pour_beyond_limit()

    def _of(self, at: tuple[int, int]) -> Latencies:
        # No limit of its own: which parts there are must not decide how many are kept.
        return self._latencies.setdefault(at, Latencies(limit=self.limit))

    def _pour_beyond_limit(self) -> None:
        kept = self._latencies.values()
        if any(not part.exact for part in kept) or sum(part.count for part in kept) > self.limit:
            for part in kept:
                part.pour()

    def merge(self, other: Parts) -> None:
        """Take in another site's, and the room for latencies that it brings."""
        self.limit += other.limit
        self.add(other.uploads, other.delivered, other.sent, other.energy_j)
        for at, latencies in other._latencies.items():
            part = self._of(at)
            part.limit = self.limit
            part.merge(latencies)
        self._pour_beyond_limit()

    def latencies(self) -> Latencies:
        """Of all uploads."""
        whole = Latencies(limit=self.limit)
        for at in sorted(self._latencies):
            whole.merge(self._latencies[at])
        return whole

    def table(self, groups: Sequence[str], codecs: Sequence[str]) -> pd.DataFrame:
        """The table of ``COLUMNS``."""
        rows = []
        for g, c in zip(*(axis.tolist() for axis in np.nonzero(self.uploads)), strict=True):
            latencies, sent = self._of((g, c)), int(self.sent[g, c])
            energy_j = float(self.energy_j[g, c]) / sent if sent else float("nan")
            counts = int(self.uploads[g, c]), int(self.delivered[g, c]), sent, energy_j, latencies.count
            rows.append((groups[g], codecs[c], *counts, latencies.mean(), *latencies.quantiles(QUANTILES)))
        return pd.DataFrame(rows, columns=list(COLUMNS))
