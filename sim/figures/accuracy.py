"""How right the words and emotions of uploads are: scores of the corpus, weighted by what was really drawn.

The figure of a point is taken over its recognized uploads, of all replications together, errors summed before they are
divided; a lost or rejected upload was understood by nobody and counts in ``delivered_fraction`` alone.  Its interval
is the corpus's (``recognizers.scores``): utterances are drawn, each with its uploads under each codec.  An interval
over replications would shrink with every upload, although the same few utterances were only said again.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import pandas as pd

from recognizers.scores import (
    CLASS_METRICS,
    Counts,
    Score,
    class_counts,
    class_scores,
    differences,
    labels_of,
    ratio_counts,
    scores,
    word_scores,
)

if TYPE_CHECKING:
    from recognizers.scores.bootstrap import Scorer
    from sim.utterances import Tables

COLUMNS: Mapping[str, str] = {
    "utterance": "name of the utterance in its corpus",
    "speaker": "who speaks",
    "codec": "name of the codec in the scenario",
    "uploads": "how often it was recognized after the warm-up",
    "word_errors": "substitutions, deletions and insertions of one of these uploads",
    "reference_words": "words of the normalised reference",
    "emotion": "true emotion",
    "emotion_predicted": "emotion that the network found",
}
"""Columns of a replication's ``recognized.parquet``, one row for each (utterance, codec) that was recognized."""
NUMBERS = ("uploads", "word_errors", "reference_words")

ACCURACY = ("wer", *(f"ser_{name}" for name in CLASS_METRICS))
"""Metrics whose intervals are the corpus's; the others vary from replication to replication."""


def recognized(tables: Tables, counts: npt.NDArray[np.int64] | None) -> pd.DataFrame:
    """The table of ``COLUMNS``; ``counts`` (codec, utterance) says how often each was recognized."""
    codec, utterance = np.nonzero(counts) if counts is not None else (np.empty(0, np.intp), np.empty(0, np.intp))

    def named(numbers: npt.NDArray[np.int64]) -> list[str | None]:
        return [tables.labels[i] if i >= 0 else None for i in numbers.tolist()]

    return pd.DataFrame(
        {
            "utterance": [tables.utterances[i] for i in utterance],
            "speaker": [tables.speakers[i] or None for i in utterance],
            "codec": [tables.codecs[i] for i in codec],
            "uploads": np.zeros(0, np.int64) if counts is None else counts[codec, utterance],
            "word_errors": tables.word_errors[codec, utterance],
            "reference_words": tables.reference_words[codec, utterance],
            "emotion": named(tables.emotion[utterance]),
            "emotion_predicted": named(tables.emotion_heard[codec, utterance]),
        },
        columns=list(COLUMNS),
    ).astype({name: "object" for name in COLUMNS if name not in NUMBERS})


def accuracies(table: pd.DataFrame) -> dict[str, Score]:
    """Every metric of ``ACCURACY`` with its interval; NaN where nothing is known.  ``table`` has ``COLUMNS``."""
    labels = labels_of(table)
    return _by_metric(lambda counts, scorer: scores(counts(table, labels), scorer))


def values(table: pd.DataFrame) -> dict[str, float]:
    """``accuracies`` without intervals, for one replication."""
    labels = labels_of(table)

    def alone(counts: _Count, scorer: Scorer) -> dict[str, Score]:
        whole = counts(table, labels)
        found = scorer(whole.values.sum(axis=0)[None])
        return {name: Score(float(v[0]), np.nan, np.nan, len(whole.utterances), "") for name, v in found.items()}

    return {metric: score.value for metric, score in _by_metric(alone).items()}


def accuracy_differences(first: pd.DataFrame, second: pd.DataFrame) -> dict[str, Score]:
    """Every metric of ``ACCURACY`` in ``first`` minus that in ``second``, paired by utterance."""
    labels = labels_of(first, second)
    return _by_metric(lambda counts, scorer: differences(counts(first, labels), counts(second, labels), scorer))


_Count = Callable[[pd.DataFrame, Sequence[str]], Counts]


def _by_metric(score: Callable[[_Count, Scorer], dict[str, Score]]) -> dict[str, Score]:
    words, felt = score(_words, word_scores), score(_emotions, class_scores)
    return words | {f"ser_{name}": found for name, found in felt.items()}


def _words(table: pd.DataFrame, labels: Sequence[str]) -> Counts:
    errors, words = (table[name].to_numpy(dtype=np.float64) for name in ("word_errors", "reference_words"))
    return ratio_counts(table, errors, words, table["uploads"].to_numpy())


def _emotions(table: pd.DataFrame, labels: Sequence[str]) -> Counts:
    return class_counts(table, labels, table["uploads"].to_numpy())
