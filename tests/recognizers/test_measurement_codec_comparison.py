"""The codec study: figures from hand-made tables, intervals against theory, one run without a recognizer."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from recognizers.measurement.codec_comparison import (
    COLUMNS,
    EQUAL_COLUMNS,
    at_equal_bytes,
    study_codecs,
    summarise,
)


def _table(errors: dict[str, list[float]], words: list[float]) -> pd.DataFrame:
    rows = []
    for codec, wrong in errors.items():
        for place, (error, count) in enumerate(zip(wrong, words, strict=True)):
            rows.append(
                {
                    "utterance": f"u{place}",
                    "codec": codec,
                    "speaker": None,
                    "duration_s": 2.0,
                    "payload_bytes": 64_000 if codec == "raw" else 1_000,
                    "container_bytes": 0 if codec == "raw" else 10,
                    "mel_snr_db": np.inf if codec == "raw" else 12.0 + place % 3,
                    "reference_words": count,
                    "substitutions": error,
                    "deletions": 0.0,
                    "insertions": 0.0,
                    "no_speech_prob": 0.1,
                    "avg_logprob": -2.0 if error else -0.1,
                    "emotion": "anger",
                    "emotion_predicted": "anger" if error == 0 else "sadness",
                }
            )
    return pd.DataFrame(rows)


def _value(frame: pd.DataFrame, codec: str, metric: str) -> pd.Series:
    return frame[(frame["codec"] == codec) & (frame["metric"] == metric)].iloc[0]


def test_errors_are_summed_before_they_are_divided() -> None:
    frame = summarise(_table({"raw": [0.0, 0.0], "x": [1.0, 0.0]}, [1.0, 9.0]), {"x": "x"})
    assert list(frame.columns) == list(COLUMNS)
    assert _value(frame, "x", "wer")["value"] == pytest.approx(10.0)  # 1 of 10 words, not the mean of 100 % and 0
    assert _value(frame, "x", "wer_loss")["value"] == pytest.approx(10.0)
    assert _value(frame, "x", "flagged")["value"] == pytest.approx(50.0)  # one of two utterances
    assert _value(frame, "raw", "wer_loss")["value"] == 0.0
    assert _value(frame, "x", "emotion_accuracy")["value"] == pytest.approx(50.0)
    assert _value(frame, "x", "container_share")["value"] == pytest.approx(1.0)
    assert frame["rate_kbps"].unique().tolist() == [256.0, 4.0]
    assert np.isinf(_value(frame, "raw", "mel_snr")["value"])


def test_interval_of_a_share_agrees_with_the_binomial() -> None:
    """200 one-word utterances, one word in four wrong: standard error sqrt(p (1 - p) / n) = 3.06 points, so
    the 95 % interval is 12.0 points wide; bootstrap and rounding to 1/200 leave about a point."""
    wrong = [1.0 if place % 4 == 0 else 0.0 for place in range(200)]
    row = _value(summarise(_table({"raw": [0.0] * 200, "x": wrong}, [1.0] * 200), {}), "x", "wer")
    assert row["value"] == pytest.approx(25.0)
    assert row["high"] - row["low"] == pytest.approx(2 * 1.96 * 100 * np.sqrt(0.25 * 0.75 / 200), abs=1.0)
    assert row["n"] == 200 and row["over"] == "utterances"


def test_differences_are_paired() -> None:
    """Two codecs that err on the same utterances and on one more of 50: 2 points, deviation sqrt(0.02 * 0.98 / 50).

    The WER of each alone is known to sqrt(0.2 * 0.8 / 50) only, three times less well.
    """
    wrong = [float(place % 5 == 0) for place in range(50)]
    more = [1.0, 1.0, *wrong[2:]]
    frame = summarise(_table({"raw": wrong, "x": more}, [1.0] * 50), {})
    loss, wer = (_value(frame, "x", metric) for metric in ("wer_loss", "wer"))
    assert loss["value"] == pytest.approx(2.0) and loss["low"] >= 0.0
    assert loss["high"] - loss["low"] < 0.4 * (wer["high"] - wer["low"])


def test_no_codec_is_compared_with_one_that_sends_more() -> None:
    """Own codecs of 900, 1,000 and 1,100 byte against others of 899, 1,000 and 1,099: none, the second, the second."""
    names = {"own-900": 900, "own-1000": 1000, "own-1100": 1100, "x-899": 899, "x-1000": 1000, "x-1099": 1099}
    wrong = {name: [0.0, 0.0, 0.0] for name in names} | {"x-1000": [0.0, 2.0, 0.0], "own-1000": [1.0, 0.0, 0.0]}
    table = _table(wrong, [2.0, 4.0, 4.0])
    table["payload_bytes"] = table["codec"].map(names)
    equal = at_equal_bytes(table, {name: name.partition("-")[0] for name in names}, family="own")
    assert list(equal.columns) == list(EQUAL_COLUMNS)
    assert equal[["codec", "ours"]].to_numpy().tolist() == [["x-1000", "own-1000"], ["x-1099", "own-1000"]]
    row = equal.iloc[0]
    assert row["rate_kbps"] == row["ours_rate_kbps"] == pytest.approx(4.0)  # 1,000 byte of 8 bits in 2 s
    # Of ten words two are wrong in one, one in the other: ten points less, from paired differences.
    assert [row["wer"], row["ours_wer"], row["difference"]] == pytest.approx([20.0, 10.0, -10.0])
    assert row["low"] <= -10.0 <= row["high"]


def test_nothing_recognized_is_nothing_to_compare() -> None:
    table = _table({"raw": [0.0], "own": [0.0]}, [1.0])
    table[["reference_words", "substitutions"]] = np.nan
    assert at_equal_bytes(table, {"own": "own"}, family="own").empty


def test_figures_without_a_source_are_left_out() -> None:
    table = _table({"raw": [0.0], "x": [0.0]}, [1.0])
    table[["reference_words", "substitutions", "no_speech_prob", "avg_logprob"]] = np.nan
    table["emotion"] = None
    metrics = set(summarise(table, {})["metric"])
    assert metrics == {"container_share", "mel_snr"}


def test_a_study_of_shipped_speech_without_a_recognizer(tmp_path: Path) -> None:
    from dataclasses import replace

    from recognizers.corpora.opening import open_shipped

    corpus = open_shipped()
    corpus = replace(corpus, utterances=corpus.utterances[:6], digest="")
    frame = study_codecs(corpus, ["raw", "amser-12.5-fp16", "klt-4", "klt-16"], cache_dir=tmp_path)
    again = study_codecs(corpus, ["raw", "amser-12.5-fp16", "klt-4", "klt-16"], cache_dir=tmp_path)
    assert frame.attrs["measured"] == 24 and again.attrs["recalled"] == 24
    pd.testing.assert_frame_equal(frame, again)
    assert _value(frame, "klt-16", "mel_snr")["value"] > _value(frame, "klt-4", "mel_snr")["value"]
    assert (frame[frame["codec"] == "klt-4"]["rate_kbps"] <= 4.0).all()
    assert frame.attrs["measurements"].shape[0] == 24


def test_families_are_curves() -> None:
    from channel.codecs import build_codec
    from scenarios.quantities import SI
    from scenarios.schema.codec import OpusSpec

    assert [build_codec(name).family for name in ("raw", "opus-8", "amser-25-int8", "klt-3")] == [
        "pcm",
        "opus",
        "mel-svd int8",
        "mel-klt",
    ]
    long = OpusSpec(kind="opus", rate=SI(6_000), frame=SI(0.06))
    assert build_codec(long).family == "opus frames of 60 ms"
    assert build_codec(long.model_copy(update={"container": "ogg"})).family == "opus frames of 60 ms in Ogg"
