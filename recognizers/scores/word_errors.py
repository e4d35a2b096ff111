"""Word errors, counted by jiwer after Whisper's English normaliser, and rates from summed counts."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt


@dataclass(frozen=True)
class WordErrors:
    """Counts of one utterance, or summed over many: `a + b` adds them."""

    substitutions: int = 0
    deletions: int = 0
    insertions: int = 0
    reference_words: int = 0

    def __add__(self, other: WordErrors) -> WordErrors:
        return WordErrors(
            self.substitutions + other.substitutions,
            self.deletions + other.deletions,
            self.insertions + other.insertions,
            self.reference_words + other.reference_words,
        )

    @property
    def errors(self) -> int:
        """Substitutions, deletions and insertions together."""
        return self.substitutions + self.deletions + self.insertions

    @property
    def rate(self) -> float:
        """Word error rate as a fraction (may exceed 1); NaN without any reference word."""
        return self.errors / self.reference_words if self.reference_words else math.nan


@lru_cache(maxsize=65_536)
def normalise(text: str) -> str:
    """Whisper's English normaliser: case, punctuation, numbers, contractions, British spelling, fillers."""
    return str(_normaliser()(text)).strip()


@lru_cache(maxsize=1)
def _normaliser() -> Any:  # whisper ships no type hints
    from whisper.normalizers import EnglishTextNormalizer

    return EnglishTextNormalizer()


def word_errors(reference: str, hypothesis: str) -> WordErrors:
    """Count the word errors of one utterance. An empty reference makes every word heard an insertion."""
    import jiwer

    said, heard = normalise(reference), normalise(hypothesis)
    if not said:
        return WordErrors(insertions=len(heard.split()))
    if not heard:
        words = len(said.split())
        return WordErrors(deletions=words, reference_words=words)
    counts = jiwer.process_words(said, heard)
    return WordErrors(counts.substitutions, counts.deletions, counts.insertions, len(said.split()))


def word_scores(sums: npt.NDArray[np.float64]) -> dict[str, npt.NDArray[np.float64]]:
    """``wer`` of summed word errors and reference words, shape (..., 2); NaN without any reference word."""
    with np.errstate(invalid="ignore", divide="ignore"):
        return {"wer": np.where(sums[..., 1] > 0, sums[..., 0] / sums[..., 1], np.nan)}
