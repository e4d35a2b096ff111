"""The comparison of codecs: words, emotions and Mel fidelity against bit rate, over a corpus.

Every codec is measured on every utterance (``recognizers.measure``, so that finished cells are recalled from
its cache), and each figure comes with a bootstrap interval over utterances (Efron and Tibshirani 1993,
percentile method).  Word errors and payload bits are summed before they are divided.  The same resamples
serve all codecs, so that differences between codecs are paired.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from channel.codecs import Codec, build_codec
from recognizers.measure import DEFAULT_BANDS, measure
from recognizers.measurement.doubt import flagged
from recognizers.measurement.protocols import Corpus, EmotionRecogniser, Recogniser

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
    "metric": "wer, wer_loss, flagged (the recogniser doubts its words), emotion_accuracy, mel_snr or container_share",
    "unit": "of value, low and high",
    "value": "the figure over the whole corpus",
    "low": "lower end of its bootstrap interval",
    "high": "upper end of its bootstrap interval",
    "n": "utterances that the figure is taken from",
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
}
"""Columns of ``at_equal_bytes``, with their meaning."""

Floats = npt.NDArray[np.float64]
_REFERENCE = "raw"


def study_codecs(
    corpus: Corpus,
    codecs: Iterable[str] | Mapping[str, Codec] = DEFAULT_CODECS,
    recogniser: Recogniser | None = None,
    emotion: EmotionRecogniser | None = None,
    *,
    cache_dir: Path | None = None,
    progress: bool = False,
    resamples: int = 2000,
    level: float = 0.95,
    seed: int = 1,
) -> pd.DataFrame:
    """Compare ``codecs`` (names of standard ones, or codecs by name) over ``corpus``.

    Returns a tidy frame with the columns of ``COLUMNS``: one row for each codec and metric.  ``wer_loss`` is
    the paired difference of WER to the codec ``raw``, if that is among them.  Metrics that nothing is known
    about (no recogniser, no emotion labels) are left out.  ``attrs["measurements"]`` holds the measured table,
    ``attrs["equal_bytes"]`` what ``at_equal_bytes`` makes of it.
    """
    bands = recogniser.bands if recogniser is not None else DEFAULT_BANDS
    built = codecs if isinstance(codecs, Mapping) else {name: build_codec(name, bands=bands) for name in codecs}
    table = measure(corpus, built, recogniser, emotion, cache_dir=cache_dir, progress=progress)
    families = {name: family_of(codec) for name, codec in built.items()}
    frame = summarise(table, families, resamples=resamples, level=level, seed=seed)
    equal = at_equal_bytes(table, families, resamples=resamples, level=level, seed=seed)
    frame.attrs = {**table.attrs, "measurements": table, "equal_bytes": equal}
    return frame


def family_of(codec: Codec) -> str:
    """The curve a codec belongs to: class, basis, blocks and number type, without what sets the rate."""
    names = {"Pcm": "pcm", "Flac": "flac", "Mp3": "mp3", "MuLaw": "mu-law", "G722": "g722", "AmrNb": "amr-nb"}
    parameters = codec.parameters()
    match type(codec).__name__:
        case "MelSvd":
            return f"mel-svd {parameters['factors']}"
        case "MelKlt":
            basis = "" if parameters["basis"] == "trained" else f" {parameters['basis']}"
            block = "" if parameters["block_s"] is None else f" blocks of {parameters['block_s']:g} s"
            return f"mel-klt{basis}{block}"
        case "Opus":
            frame_ms = float(str(parameters["frame_s"])) * 1e3
            frames = "" if frame_ms == 20 else f" frames of {frame_ms:g} ms"
            band = f" {parameters['band']} band" if "band" in parameters else ""
            return f"opus{band}{frames}" + (" in Ogg" if parameters["container"] == "ogg" else "")
        case other:
            return names.get(other, codec.name)


def summarise(
    table: pd.DataFrame,
    families: Mapping[str, str],
    *,
    resamples: int = 2000,
    level: float = 0.95,
    seed: int = 1,
) -> pd.DataFrame:
    """The study's frame from a measured table; see ``study_codecs``."""
    import pandas as pd

    names = list(dict.fromkeys(table["codec"]))
    count = int((table["codec"] == names[0]).sum())
    draws = np.random.default_rng(seed).integers(0, count, size=(resamples, count))
    reference = table[table["codec"] == _REFERENCE] if _REFERENCE in names else None
    rows: list[dict[str, Any]] = []
    for name in names:
        part = table[table["codec"] == name]
        bits, seconds = _column(part, "payload_bytes") * 8.0, _column(part, "duration_s")
        rate, low, high = _ratio(bits, seconds, draws, level)
        head = {
            "codec": name,
            "family": families.get(name, name),
            "rate_kbps": rate / 1e3,
            "rate_low_kbps": low / 1e3,
            "rate_high_kbps": high / 1e3,
        }
        for metric, unit, figures, n in _metrics(part, reference, draws, level):
            rows.append(
                head
                | {
                    "metric": metric,
                    "unit": unit,
                    **dict(zip(("value", "low", "high"), figures, strict=True)),
                }
                | {"n": n}
            )
    return pd.DataFrame(rows, columns=list(COLUMNS))


def at_equal_bytes(
    table: pd.DataFrame,
    families: Mapping[str, str],
    family: str = "mel-klt",
    *,
    resamples: int = 2000,
    level: float = 0.95,
    seed: int = 1,
) -> pd.DataFrame:
    """WER of ``family`` against every codec of other families, at no more bytes than that one sends.

    A frame with the columns of ``EQUAL_COLUMNS``, in rising rate; empty where no word was recognised.  Bytes
    are those of whole payloads, container included.  Codecs that send less than the whole family are left out.
    """
    import pandas as pd

    parts = {str(name): part for name, part in table.groupby("codec", sort=False)}
    count = len(next(iter(parts.values())))
    draws = np.random.default_rng(seed).integers(0, count, size=(resamples, count))
    rate = {n: _column(p, "payload_bytes").sum() * 8e-3 / _column(p, "duration_s").sum() for n, p in parts.items()}
    ours = sorted((name for name in parts if families.get(name) == family), key=rate.__getitem__)
    rows = []
    for name in sorted(set(parts) - set(ours), key=rate.__getitem__):
        lean = [own for own in ours if rate[own] <= rate[name]]
        theirs = _errors(parts[name])
        if not lean:
            continue
        own, words = lean[-1], _column(parts[name], "reference_words")
        known = np.isfinite(words) & np.isfinite(theirs) & np.isfinite(_errors(parts[own]))
        if not known.any():
            continue
        words, theirs = np.where(known, words, 0.0), np.where(known, theirs, 0.0)
        mine = np.where(known, _errors(parts[own]), 0.0)
        figures = [100.0 * float(errors.sum() / words.sum()) for errors in (theirs, mine)]
        difference = _scaled(_ratio(mine - theirs, words, draws, level), 100.0)
        row = (name, rate[name], figures[0], own, rate[own], figures[1], *difference, int(known.sum()))
        rows.append(dict(zip(EQUAL_COLUMNS, row, strict=True)))
    return pd.DataFrame(rows, columns=list(EQUAL_COLUMNS))


def _metrics(
    part: pd.DataFrame, reference: pd.DataFrame | None, draws: npt.NDArray[np.int64], level: float
) -> Iterable[tuple[str, str, tuple[float, float, float], int]]:
    payload, container = _column(part, "payload_bytes"), _column(part, "container_bytes")
    yield "container_share", "%", _scaled(_ratio(container, payload, draws, level), 100.0), payload.size
    words, errors = _column(part, "reference_words"), _errors(part)
    known = np.isfinite(words) & np.isfinite(errors)
    if known.any():
        clean_errors, clean_words = np.where(known, errors, 0.0), np.where(known, words, 0.0)
        yield "wer", "%", _scaled(_ratio(clean_errors, clean_words, draws, level), 100.0), int(known.sum())
        if reference is not None:
            loss = np.where(known, errors - _errors(reference), 0.0)
            yield (
                "wer_loss",
                "points",
                _scaled(_ratio(loss, clean_words, draws, level), 100.0),
                int(known.sum()),
            )
    certain = part["avg_logprob"].notna().to_numpy(dtype=bool)
    if certain.any():
        doubted = flagged(part).to_numpy(dtype=bool) & certain
        share = _ratio(doubted.astype(np.float64), certain.astype(np.float64), draws, level)
        yield "flagged", "%", _scaled(share, 100.0), int(certain.sum())
    felt = (part["emotion"].notna() & part["emotion_predicted"].notna()).to_numpy(dtype=bool)
    if felt.any():
        right = (part["emotion"] == part["emotion_predicted"]).to_numpy(dtype=bool) & felt
        accuracy = _ratio(right.astype(np.float64), felt.astype(np.float64), draws, level)
        yield "emotion_accuracy", "%", _scaled(accuracy, 100.0), int(felt.sum())
    snr = _column(part, "mel_snr_db")
    heard = ~np.isnan(snr)
    if heard.any():
        if np.isinf(snr[heard]).any():
            yield "mel_snr", "dB", (np.inf, np.inf, np.inf), int(heard.sum())
        else:
            ratio = _ratio(np.where(heard, snr, 0.0), heard.astype(np.float64), draws, level)
            yield "mel_snr", "dB", ratio, int(heard.sum())


def _column(part: pd.DataFrame, name: str) -> Floats:
    return np.asarray(part[name].to_numpy(dtype=np.float64))


def _errors(part: pd.DataFrame) -> Floats:
    return _column(part, "substitutions") + _column(part, "deletions") + _column(part, "insertions")


def _scaled(figures: tuple[float, float, float], factor: float) -> tuple[float, float, float]:
    return figures[0] * factor, figures[1] * factor, figures[2] * factor


def _ratio(above: Floats, below: Floats, draws: npt.NDArray[np.int64], level: float) -> tuple[float, float, float]:
    """Sum of ``above`` over sum of ``below``, with the interval of the resamples that ``draws`` lists."""
    total = float(below.sum())
    if total == 0.0:
        return np.nan, np.nan, np.nan
    sums = below[draws].sum(axis=1)
    ratios = above[draws].sum(axis=1)[sums > 0] / sums[sums > 0]
    low, high = np.quantile(ratios, [(1.0 - level) / 2.0, (1.0 + level) / 2.0])
    return float(above.sum()) / total, float(low), float(high)
