"""Counts of a measured table, each row as often as it was uploaded: what the scores of a codec are taken from.

A table has a row for each (utterance, codec) with ``utterance`` and ``speaker`` (None where unknown).  ``weights``
says how often each row counts, by default once; rows of weight 0 are left out.  The rows of one utterance under several
codecs are added up, so that a policy that chooses between codecs is scored by what it chose.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from recognizers.scores.bootstrap import Counts, Floats

if TYPE_CHECKING:
    import pandas as pd

Bools = npt.NDArray[np.bool_]


def word_counts(table: pd.DataFrame, weights: npt.ArrayLike = 1.0) -> Counts:
    """Word errors and reference words, shape (utterances, 2), of the rows where they are known."""
    errors = _column(table, "substitutions") + _column(table, "deletions") + _column(table, "insertions")
    return ratio_counts(table, errors, _column(table, "reference_words"), weights)


def ratio_counts(table: pd.DataFrame, above: Floats, below: Floats, weights: npt.ArrayLike = 1.0) -> Counts:
    """Any two figures of each row, to be summed and then divided; rows where one is NaN are left out."""
    pairs = np.stack([above, below], axis=-1)
    return _counts(table, pairs, np.isfinite(above) & np.isfinite(below), weights)


def class_counts(table: pd.DataFrame, labels: Sequence[str], weights: npt.ArrayLike = 1.0) -> Counts:
    """Confusions by utterance, shape (utterances, labels, labels), of the rows where both emotions are known."""
    place = {label: number for number, label in enumerate(labels)}
    true, found = (
        np.array([place.get(label, -1) for label in table[name]], dtype=np.int64)
        for name in ("emotion", "emotion_predicted")
    )
    known = (true >= 0) & (found >= 0)
    cells = np.zeros((len(table), len(labels), len(labels)))
    cells[np.flatnonzero(known), true[known], found[known]] = 1.0
    return _counts(table, cells, known, weights)


def labels_of(*tables: pd.DataFrame) -> tuple[str, ...]:
    """All emotions that occur in the tables, true or found, sorted."""
    columns = (table[name] for table in tables for name in ("emotion", "emotion_predicted"))
    return tuple(sorted({str(label) for column in columns for label in column.dropna()}))


def _counts(table: pd.DataFrame, rows: Floats, known: Bools, weights: npt.ArrayLike) -> Counts:
    often = np.broadcast_to(np.asarray(weights, dtype=np.float64), (len(table),))
    kept = known & (often > 0)
    chosen = table[kept]
    weighted = rows[kept] * often[kept].reshape(-1, *(1,) * (rows.ndim - 1))
    speakers = chosen["speaker"].fillna("").astype(str).tolist()
    return Counts.of(chosen["utterance"].astype(str).tolist(), weighted, speakers)


def _column(table: pd.DataFrame, name: str) -> Floats:
    return np.asarray(table[name], dtype=np.float64)
