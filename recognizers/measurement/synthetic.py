"""A corpus of durations without audio, for codecs of kind ``fixed`` and studies without recognition."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from recognizers.measurement.fill_cache import MeasurementError
from recognizers.measurement.store import digest
from scenarios.schema.corpus import SyntheticCorpusSpec


@dataclass(frozen=True, slots=True)
class SilentUtterance:
    """An utterance that is a duration and nothing else."""

    id: str
    duration_s: float
    path: Path | None = None
    text: str = ""
    emotion: str | None = None
    speaker: str = ""


@dataclass(frozen=True)
class SyntheticCorpus:
    """Utterances of given durations; loading their audio is an error."""

    name: str
    utterances: tuple[SilentUtterance, ...]

    @property
    def digest(self) -> str:
        """Digest of the durations."""
        return digest(*(repr(utterance.duration_s) for utterance in self.utterances))

    def load_audio(self, utterance: SilentUtterance) -> npt.NDArray[np.float32]:
        """Raises ``MeasurementError``: there is no audio."""
        raise MeasurementError(f"utterance '{utterance.id}' of corpus '{self.name}' is a duration only")


def synthetic_corpus(spec: SyntheticCorpusSpec) -> SyntheticCorpus:
    """Log-normal durations at evenly spaced probabilities: no randomness, so every run has the same ones.

    Durations are in whole milliseconds, between ``shortest`` and ``longest``.
    """
    from scipy.special import ndtri

    probabilities = (np.arange(spec.utterances) + 0.5) / spec.utterances
    normal = np.asarray(ndtri(probabilities), dtype=np.float64)
    durations_s = np.round(np.clip(spec.median * np.exp(spec.spread * normal), spec.shortest, spec.longest), 3)
    width = len(str(spec.utterances - 1))
    return SyntheticCorpus(
        "synthetic",
        tuple(SilentUtterance(f"u{i:0{width}d}", float(duration)) for i, duration in enumerate(durations_s)),
    )
