"""The measurement table as a pandas frame, with its word errors."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from recognizers.measurement.fill_cache import Measuring
from recognizers.measurement.store import Store, digest
from recognizers.measurement.table_cells import Cell, is_scored

if TYPE_CHECKING:
    import pandas as pd

SCORED_VERSION = "scored-1"

COLUMNS: Mapping[str, str] = {
    "utterance": "name of the utterance in its corpus",
    "speaker": "who speaks",
    "codec": "name of the codec in the scenario",
    "duration_s": "length of the recording",
    "payload_bytes": "bytes of the payload, as long as it really is",
    "container_bytes": "those of them that are container (headers)",
    "encode_host_s": "CPU seconds to encode on the calibration host (from its calibration, not timed here)",
    "mel_snr_db": "signal-to-noise ratio of the decoded Mel; infinite where it is exact",
    "text": "reference transcript",
    "hypothesis": "what the recognizer understood",
    "reference_words": "words of the normalised reference",
    "substitutions": "words understood as others",
    "deletions": "words not understood",
    "insertions": "words that were never said",
    "avg_logprob": "mean log-probability of the recognizer's tokens",
    "no_speech_prob": "the recognizer's probability that nobody speaks",
    "emotion": "true emotion",
    "emotion_predicted": "emotion that the network found",
}
"""Columns of the table in order, with their meaning; unknown figures are NaN, unknown texts None."""


def score(store: Store, pairs: Sequence[tuple[str, str]]) -> dict[tuple[str, str], dict[str, int]]:
    """Word-error counts of (reference, hypothesis) pairs, from the cache where known."""
    from recognizers.scores.word_errors import word_errors

    keys = {pair: digest(SCORED_VERSION, *pair) for pair in dict.fromkeys(pairs)}
    known = store.get(keys.values(), is_scored)
    new: dict[str, dict[str, int]] = {}
    for (reference, hypothesis), key in keys.items():
        if key not in known:
            new[key] = asdict(word_errors(reference, hypothesis))
    store.put(new)
    known |= new
    return {pair: known[key] for pair, key in keys.items()}


def frame(measuring: Measuring, cells: Sequence[tuple[str, Cell]], encode_s: Mapping[str, Any]) -> pd.DataFrame:
    """Table of the named ``cells``; ``encode_s`` gives, by codec name, seconds from a duration."""
    import pandas as pd

    rows = [_row(measuring, name, cell, encode_s[name]) for name, cell in cells]
    table = pd.DataFrame(rows, columns=list(COLUMNS))
    return table.astype(dict.fromkeys(_FLOATS, "float64"))


_FLOATS = (
    "duration_s",
    "encode_host_s",
    "mel_snr_db",
    "reference_words",
    "substitutions",
    "deletions",
    "insertions",
    "avg_logprob",
    "no_speech_prob",
)


def _row(measuring: Measuring, name: str, cell: Cell, encode_s: Any) -> dict[str, Any]:
    utterance, coded = cell.utterance, measuring.known.coded[cell.key]
    row: dict[str, Any] = {
        "utterance": utterance.id,
        "speaker": utterance.speaker or None,
        "codec": name,
        "duration_s": utterance.duration_s,
        "payload_bytes": coded["payload_bytes"],
        "container_bytes": coded["container_bytes"],
        "encode_host_s": encode_s(utterance.duration_s),
        "mel_snr_db": coded.get("mel_snr_db", math.nan),
        "text": utterance.text or None,
        "emotion": utterance.emotion,
    }
    return row | _understood(measuring, coded.get("mel"))


def _understood(measuring: Measuring, mel: str | None) -> dict[str, Any]:
    found: dict[str, Any] = {"hypothesis": None, "emotion_predicted": None}
    if mel is None:
        return found
    if measuring.recognizer is not None:
        said = measuring.recognized(mel)
        found |= {
            "hypothesis": said["text"],
            "avg_logprob": said["avg_logprob"],
            "no_speech_prob": said["no_speech_prob"],
        }
    if measuring.emotion is not None:
        found["emotion_predicted"] = measuring.felt(mel)["label"]
    return found


def add_errors(table: pd.DataFrame, store: Store) -> pd.DataFrame:
    """``table`` with its word-error counts; NaN where reference or hypothesis is unknown."""
    scorable = table["text"].notna() & table["hypothesis"].notna()
    pairs = list(zip(table.loc[scorable, "text"], table.loc[scorable, "hypothesis"], strict=True))
    if not pairs:
        return table
    counts = score(store, pairs)
    for name in ("reference_words", "substitutions", "deletions", "insertions"):
        table.loc[scorable, name] = [float(counts[pair][name]) for pair in pairs]
    return table
