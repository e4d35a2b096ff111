"""A scenario's corpora, each with what listens to it."""

from pathlib import Path
from typing import Any

import pytest

import scenarios
from recognizers.measurement.hearing import hearings, measured, rests_on_tables
from recognizers.whisper.options import DecodingOptionError
from scenarios.schema.scenario import Scenario

TEXT = """
amser: 1
name: heard
duration: 1 min
corpus: {corpus}
recognizer: {recognizer}
emotion: {{kind: {emotion}}}
cells: {{uplink: {{capacity: 1 Mbit/s, rtt: 40 ms}}}}
devices:
  phones:
    {{count: 1, profile: pixel-8, radio: wifi, traffic: {{kind: poisson, rate: 1 /min}}, codec: raw, cell: uplink}}
server: {{service: {{kind: constant, time: 80 ms}}}}
"""


def scenario(tmp_path: Path, **parts: Any) -> Scenario:
    file = tmp_path / "heard.yaml"
    file.write_text(TEXT.format(**parts), encoding="utf-8")
    return scenarios.load(str(file)).points[0].scenario


def test_a_mixture_has_words_from_what_has_words_and_emotions_from_what_has_labels(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AMSER_CACHE", str(tmp_path))
    both = "[{kind: librispeech-short, limit: 2}, {kind: shipped, limit: 3}]"
    mixed = scenario(tmp_path, corpus=both, recognizer="{kind: none}", emotion="amser")
    assert not rests_on_tables(mixed)
    table = measured(mixed, {**mixed.codec_specs(), "klt-4": scenarios.schema.codec.STANDARD_CODECS["klt-4"]})
    assert list(table["codec"]) == ["raw"] * 5 + ["klt-4"] * 5
    labelled = table["utterance"].str.startswith("shipped/")
    assert labelled.sum() == 6 and table["utterance"].str.startswith("librispeech-short/").sum() == 4
    assert table.loc[labelled, "emotion_predicted"].notna().all()
    assert table.loc[~labelled, "emotion_predicted"].isna().all() and table.loc[~labelled, "emotion"].isna().all()
    assert table.loc[~labelled, "speaker"].str.startswith("librispeech-short/").all()


def test_a_corpus_by_its_name_rests_on_tables_and_with_a_folder_does_not(tmp_path: Path) -> None:
    model = "{kind: whisper, model: tiny.en}"
    by_name = scenario(tmp_path, corpus="librispeech", recognizer=model, emotion="none")
    with_folder = scenario(tmp_path, corpus="{kind: librispeech, path: /data}", recognizer=model, emotion="none")
    assert rests_on_tables(by_name) and not rests_on_tables(with_folder)


def test_nano_takes_no_option_that_would_change_its_decoding(tmp_path: Path) -> None:
    changed = "{kind: whisper, model: nano, beam_size: 5, language: en}"
    with pytest.raises(DecodingOptionError, match="nano has a closed vocabulary and takes no beam_size, language"):
        hearings(scenario(tmp_path, corpus="shipped", recognizer=changed, emotion="none"))


def test_words_come_with_the_codecs_that_a_table_knows_the_words_of(tmp_path: Path) -> None:
    """RAVDESS's table has classes of more codecs than words: codec by codec, without audio."""
    model = "{kind: whisper, model: base}"
    mixed = scenario(tmp_path, corpus="[librispeech, ravdess]", recognizer=model, emotion="amser")
    assert rests_on_tables(mixed)
    read, acted = hearings(mixed)
    assert read.recognizer is not None and read.emotion is None and read.worded is None
    assert acted.recognizer is not None and acted.emotion is not None and acted.worded
    table = measured(mixed, {name: scenarios.schema.codec.STANDARD_CODECS[name] for name in ("raw", "amser-25")})
    assert list(table["codec"].unique()) == ["raw", "amser-25"]
    acted_rows, raw = table["utterance"].str.startswith("ravdess/"), table["codec"] == "raw"
    assert table.loc[acted_rows, "emotion_predicted"].notna().all()
    assert table.loc[acted_rows & ~raw, "hypothesis"].isna().all()
    assert table.loc[acted_rows & raw, "hypothesis"].notna().all()
    assert table.loc[~acted_rows | raw, "reference_words"].notna().all()
    assert [one["corpus"] for one in table.attrs["tables"]] == ["librispeech", "ravdess"]
    # By what a codec is, not by what a scenario calls it.
    named = measured(mixed, {"mine": scenarios.schema.codec.STANDARD_CODECS["raw"]})
    assert named["hypothesis"].notna().all()
