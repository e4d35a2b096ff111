"""Word errors, counted by jiwer after Whisper's English normaliser, and rates from summed counts."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np

__all__ = ["WordErrors", "bootstrap_wer", "corpus_errors", "normalise", "word_errors"]


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


def corpus_errors(references: Iterable[str], hypotheses: Iterable[str]) -> WordErrors:
    """Summed word errors of a corpus; ValueError if the two have different lengths."""
    total = WordErrors()
    for reference, hypothesis in zip(references, hypotheses, strict=True):
        total = total + word_errors(reference, hypothesis)
    return total


def bootstrap_wer(
    utterances: Sequence[WordErrors], rng: np.random.Generator, level: float = 0.95, resamples: int = 2000
) -> tuple[float, float]:
    """Percentile bootstrap interval of the corpus WER, resampling utterances (Bisani and Ney, ICASSP 2004).

    Returns (low, high) as fractions, NaN without any reference word.
    """
    errors = np.array([u.errors for u in utterances], dtype=float)
    words = np.array([u.reference_words for u in utterances], dtype=float)
    if words.sum() == 0:
        return math.nan, math.nan
    picks = rng.integers(0, errors.size, (resamples, errors.size))
    rates = errors[picks].sum(axis=1) / np.maximum(words[picks].sum(axis=1), 1)
    low, high = np.quantile(rates, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)
