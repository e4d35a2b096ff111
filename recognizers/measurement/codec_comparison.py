"""The comparison of codecs: words, emotions and Mel fidelity against bit rate, over a corpus.

Every codec is measured on every utterance (``recognizers.measurement.measure``; finished cells are recalled from
its cache), and each figure comes with the interval of ``recognizers.scores``: a bootstrap over utterances, or over
speakers where there are enough.  Word errors and payload bits are summed before they are divided.  Differences
between codecs are paired by utterance.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from channel.codecs import Codec, build_codec
from recognizers.corpora.types import Corpus
from recognizers.measurement.measure import DEFAULT_BANDS, measure
from recognizers.measurement.protocols import EmotionRecognizer, Recognizer
from recognizers.scores import (
    Score,
    class_counts,
    class_scores,
    differences,
    labels_of,
    ratio_counts,
    scores,
    word_counts,
    word_scores,
)
from recognizers.scores.doubt import flagged

if TYPE_CHECKING:
    import pandas as pd

RATES_KBPS = (2, 3, 4, 6, 8, 12, 16, 24, 32)
DEFAULT_CODECS = (
    "raw",
    "flac",
    "g722",
    *(f"mp3-{rate}" for rate in (8, 16, 24, 32, 48, 64)),
    *(f"opus-{rate}" for rate in (6, 8, 9, 12, 16, 24, 32)),
    "opus-6-wb",
    "opus-8-wb",
    *(f"amr-{rate}" for rate in ("4.75", "7.4", "12.2")),
    "dsr-4.8",
    *(f"amser-{share}-{number}" for number in ("fp16", "int8") for share in ("12.5", "18.75", "25", "50")),
    *(f"klt-{rate}" for rate in RATES_KBPS),
)
"""Codecs that are compared unless others are named."""

COLUMNS: Mapping[str, str] = {
    "codec": "name of the codec",
    "family": "curve that the codec is a point of: kind, and the numbers' type of mel-svd",
    "rate_kbps": "bits of all payloads over the duration of all speech, in kbit/s",
    "rate_low_kbps": "lower end of its interval",
    "rate_high_kbps": "upper end of its interval",
    "metric": "wer, wer_loss, flagged (the recognizer doubts its words), emotion_accuracy, mel_snr or container_share",
    "unit": "of value, low and high",
    "value": "the figure over the whole corpus",
    "low": "lower end of its bootstrap interval",
    "high": "upper end of its bootstrap interval",
    "n": "utterances that the figure is taken from",
    "over": "what the interval is over: utterances or speakers",
}
"""Columns of the study's frame, with their meaning."""

EQUAL_COLUMNS: Mapping[str, str] = {
    "codec": "the other codec",
    "rate_kbps": "its rate, in kbit/s",
    "wer": "its WER, in %",
    "ours": "the codec that it is compared with: the finest of the family that sends no more bytes over the corpus",
    "ours_rate_kbps": "rate of that one, in kbit/s",
    "ours_wer": "WER of that one, in %",
    "difference": "WER of that one less that of the other codec, in points",
    "low": "lower end of the difference's paired bootstrap interval",
    "high": "upper end of the difference's paired bootstrap interval",
    "n": "utterances",
    "over": "what the interval is over: utterances or speakers",
}
"""Columns of ``at_equal_bytes``, with their meaning."""

Floats = npt.NDArray[np.float64]
_REFERENCE = "raw"


def study_codecs(
    corpus: Corpus,
    codecs: Iterable[str] | Mapping[str, Codec] = DEFAULT_CODECS,
    recognizer: Recognizer | None = None,
    emotion: EmotionRecognizer | None = None,
    *,
    cache_dir: Path | None = None,
    progress: bool = False,
) -> pd.DataFrame:
    """Compare ``codecs`` (names of standard ones, or codecs by name) over ``corpus``.

    Returns a tidy frame with the columns of ``COLUMNS``: one row for each codec and metric.  ``wer_loss`` is
    the paired difference of WER to the codec ``raw``, if that is among them.  Metrics that nothing is known
    about (no recognizer, no emotion labels) are left out.  ``attrs["measurements"]`` holds the measured table,
    ``attrs["equal_bytes"]`` what ``at_equal_bytes`` makes of it.
    """
    bands = recognizer.bands if recognizer is not None else DEFAULT_BANDS
    built = codecs if isinstance(codecs, Mapping) else {name: build_codec(name, bands=bands) for name in codecs}
    table = measure(corpus, built, recognizer, emotion, cache_dir=cache_dir, progress=progress)
    families = {name: codec.family for name, codec in built.items()}
    frame = summarise(table, families)
    equal = at_equal_bytes(table, families)
    frame.attrs = {**table.attrs, "measurements": table, "equal_bytes": equal}
    return frame


def summarise(table: pd.DataFrame, families: Mapping[str, str]) -> pd.DataFrame:
    """The study's frame from a measured table; see ``study_codecs``."""
    import pandas as pd

    parts = {str(name): part for name, part in table.groupby("codec", sort=False)}
    reference = parts.get(_REFERENCE)
    rows: list[dict[str, Any]] = []
    for name, part in parts.items():
        rate = _share(part, _column(part, "payload_bytes") * 8e-3, _column(part, "duration_s"))
        head: dict[str, Any] = {"codec": name, "family": families.get(name, name)}
        head |= {"rate_kbps": rate.value, "rate_low_kbps": rate.low, "rate_high_kbps": rate.high}
        for metric, unit, found in _metrics(part, reference):
            rows.append(head | {"metric": metric, "unit": unit} | found._asdict())
    return pd.DataFrame(rows, columns=list(COLUMNS))


def at_equal_bytes(table: pd.DataFrame, families: Mapping[str, str], family: str = "mel-klt") -> pd.DataFrame:
    """WER of ``family`` against every codec of other families, at no more bytes than that one sends.

    A frame with the columns of ``EQUAL_COLUMNS``, in rising rate; empty where no word was recognized.  Bytes
    are those of whole payloads, container included.  Codecs that send less than the whole family are left out.
    """
    import pandas as pd

    parts = {str(name): part for name, part in table.groupby("codec", sort=False)}
    rate = {n: _column(p, "payload_bytes").sum() * 8e-3 / _column(p, "duration_s").sum() for n, p in parts.items()}
    words = {name: word_counts(part) for name, part in parts.items()}
    ours = sorted((name for name in parts if families.get(name) == family), key=rate.__getitem__)
    rows = []
    for name in sorted(set(parts) - set(ours), key=rate.__getitem__):
        lean = [own for own in ours if rate[own] <= rate[name]]
        if not lean or not words[name].utterances or not words[lean[-1]].utterances:
            continue
        own = lean[-1]
        wers = [100.0 * float(word_scores(words[codec].values.sum(axis=0))["wer"]) for codec in (name, own)]
        found = _times(100.0, differences(words[own], words[name], word_scores)["wer"])
        row = (name, rate[name], wers[0], own, rate[own], wers[1], *found)
        rows.append(dict(zip(EQUAL_COLUMNS, row, strict=True)))
    return pd.DataFrame(rows, columns=list(EQUAL_COLUMNS))


def _metrics(part: pd.DataFrame, reference: pd.DataFrame | None) -> Iterator[tuple[str, str, Score]]:
    payload, container = _column(part, "payload_bytes"), _column(part, "container_bytes")
    yield "container_share", "%", _times(100.0, _share(part, container, payload))
    words = word_counts(part)
    if words.utterances:
        yield "wer", "%", _times(100.0, scores(words, word_scores)["wer"])
        if reference is not None:
            lost = differences(words, word_counts(reference), word_scores)["wer"]
            yield "wer_loss", "points", _times(100.0, lost)
    certain = part["avg_logprob"].notna().to_numpy(dtype=bool)
    if certain.any():
        doubted = flagged(part).to_numpy(dtype=np.float64)
        yield "flagged", "%", _times(100.0, _share(part, doubted, np.where(certain, 1.0, np.nan)))
    felt = class_counts(part, labels_of(part))
    if felt.utterances:
        yield "emotion_accuracy", "%", _times(100.0, scores(felt, class_scores)["accuracy"])
    snr = _column(part, "mel_snr_db")
    if np.isposinf(snr).any():
        exact = _share(part, np.zeros(len(part)), np.where(np.isnan(snr), np.nan, 1.0))
        yield "mel_snr", "dB", exact._replace(value=np.inf)
    elif np.isfinite(snr).any():
        yield "mel_snr", "dB", _share(part, snr, np.ones(len(part)))


def _column(part: pd.DataFrame, name: str) -> Floats:
    return np.asarray(part[name].to_numpy(dtype=np.float64))


def _share(part: pd.DataFrame, above: Floats, below: Floats) -> Score:
    """Sum of ``above`` over sum of ``below`` where both are known."""
    return scores(ratio_counts(part, above, below), lambda sums: {"": sums[..., 0] / sums[..., 1]})[""]


def _times(factor: float, found: Score) -> Score:
    return found._replace(value=found.value * factor, low=found.low * factor, high=found.high * factor)
