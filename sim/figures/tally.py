"""Counts, sums and latencies of uploads: what a replication keeps of its log, mergeable in any fixed order."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from sim.figures.statistics import Histogram, QuantileSketch
from sim.outcomes import OUTCOMES

Floats = npt.NDArray[np.float64]
Counts = npt.NDArray[np.int64]
KEPT_LATENCIES = 4_000_000  # 32 MB; beyond it a sketch of a few kilobytes
SKETCH_ERROR = 0.001
FEW_LATENCIES = 20_000  # that a replication writes one by one: 160 kB


class Latencies:
    """Latencies for mean and quantiles: all of them up to ``limit``, then a sketch.

    Up to there quantiles are exact; beyond, they lie within ``SKETCH_ERROR`` of their value (DDSketch), and the
    mean stays exact.
    """

    def __init__(self, limit: int = KEPT_LATENCIES) -> None:
        self.limit = limit
        self.count = 0
        self._parts: list[Floats] = []
        self._sketch: QuantileSketch | None = None

    @property
    def exact(self) -> bool:
        """Whether every latency is still there."""
        return self._sketch is None

    def add(self, values: Floats) -> None:
        """Take in a chunk of latencies in seconds."""
        self.count += len(values)
        if self._sketch is not None:
            self._sketch.add(values)
            return
        self._parts.append(values)
        if self.count > self.limit:
            self.pour()

    def pour(self) -> QuantileSketch:
        """Keep a sketch from now on."""
        if self._sketch is None:
            self._sketch = QuantileSketch(SKETCH_ERROR)
            for part in self._parts:
                self._sketch.add(part)
            self._parts = []
        return self._sketch

    def merge(self, other: Latencies) -> None:
        """Take in another collection."""
        if other._sketch is not None:
            self.pour().merge(other._sketch)
            self.count += other.count
            return
        for part in other._parts:
            self.add(part)

    def mean(self) -> float:
        """Mean in seconds; NaN of none."""
        if self._sketch is not None:
            return self._sketch.mean
        return float(self._values().mean()) if self.count else float("nan")

    def histogram(self) -> Histogram:
        """All latencies while they are few, else in buckets within ``SKETCH_ERROR``: what a replication keeps."""
        if self._sketch is None and self.count <= FEW_LATENCIES:
            return Histogram.of(self._values())
        if self._sketch is not None:
            return self._sketch.histogram()
        sketch = QuantileSketch(SKETCH_ERROR)
        sketch.add(self._values())
        return sketch.histogram()

    def quantiles(self, probabilities: tuple[float, ...]) -> list[float]:
        """Quantiles in seconds; NaN of none."""
        if self._sketch is not None:
            return [self._sketch.quantile(p) for p in probabilities]
        if not self.count:
            return [float("nan")] * len(probabilities)
        found: list[float] = np.quantile(self._values(), probabilities).tolist()
        return found

    def _values(self) -> Floats:
        """All that are kept, as one array from now on."""
        self._parts = [np.concatenate([np.zeros(0), *self._parts])]
        return self._parts[0]


@dataclass
class Tally:
    """What is counted of a stretch of uploads."""

    outcomes: Counts = field(default_factory=lambda: np.zeros(len(OUTCOMES), np.int64))
    sums: dict[str, float] = field(default_factory=dict)
    understood: Counts | None = None
    """How often the server recognized each (codec, utterance)."""

    def add_sum(self, name: str, values: Floats) -> None:
        """Add up a column."""
        self.sums[name] = self.sums.get(name, 0.0) + float(values.sum())

    def add_understood(self, counts: Counts) -> None:
        """Count recognitions by (codec, utterance)."""
        self.understood = counts if self.understood is None else self.understood + counts

    def merge(self, other: Tally) -> None:
        """Take in another tally."""
        self.outcomes = self.outcomes + other.outcomes
        for name, value in other.sums.items():
            self.sums[name] = self.sums.get(name, 0.0) + value
        if other.understood is not None:
            self.add_understood(other.understood)
