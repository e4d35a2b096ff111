"""Measured tables: what is written is what is simulated, nothing else is taken for it, and a false figure is found.

The corpus is the shipped LibriSpeech; the recognizer a small random Whisper, whose texts are as good as any here."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from channel.codecs import build_codec
from recognizers.corpora import open_corpus
from recognizers.corpora.types import Corpus
from recognizers.measurement import make_table as tabling
from recognizers.measurement import shipped_tables
from recognizers.measurement.fill_cache import MeasurementError
from recognizers.measurement.measure import measure
from recognizers.measurement.parts_from_spec import LazyRecognizer, corpus_of, emotion_of, recognizer_of
from recognizers.measurement.shipped_tables import (
    MeasuredTable,
    NoTable,
    measured_corpus,
    measured_tables,
)
from recognizers.measurement.table_file import DamagedTable
from recognizers.scores.word_errors import word_errors
from recognizers.whisper.recognizer import WhisperRecognizer
from scenarios.schema.corpus import MeasuredCorpusSpec
from scenarios.schema.server import EmotionSpec, WhisperSpec
from tests.recognizers.test_whisper_transcribe import ENGLISH, random_whisper

CODECS = ("raw", "flac", "klt-4", "amser-12.5")


@pytest.fixture(scope="module")
def recognizer() -> WhisperRecognizer:
    return WhisperRecognizer(random_whisper(ENGLISH), "tiny.en", "0" * 64, "")


@pytest.fixture(scope="module")
def speech() -> Corpus:
    corpus = open_corpus("librispeech-short")
    shortest = sorted(corpus.utterances, key=lambda u: u.duration_s)[:3]
    return replace(corpus, utterances=tuple(shortest), digest="")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory, recognizer: WhisperRecognizer, speech: Corpus) -> MeasuredTable:
    folder = tmp_path_factory.mktemp("tables")
    head = MeasuredTable(
        folder / "librispeech-tiny.en.parquet", "librispeech", "tiny.en", recognizer.weights_hash,
        recognizer.fingerprint(), "en", 80, "LibriSpeech", "CC BY 4.0", "abc",
    )  # fmt: skip
    cache = tmp_path_factory.mktemp("cache")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AMSER_CACHE", str(cache))
        patch.setattr(shipped_tables, "FOLDER", folder)
        tabling.measure_all(speech, CODECS, recognizer)
    assert tabling.make_table(speech, CODECS, recognizer, head, cache) == len(CODECS) * len(speech)
    return head


@pytest.fixture
def only(made: MeasuredTable, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> MeasuredTable:
    """The table made here is the only one that ships, and the cache is empty."""
    monkeypatch.setattr(shipped_tables, "FOLDER", made.path.parent)
    monkeypatch.setenv("AMSER_CACHE", str(tmp_path / "cache"))
    return made


def unwanted() -> WhisperRecognizer:
    raise AssertionError("weights were loaded though the table knows every word")


def test_a_corpus_without_audio_gives_what_measuring_gives(
    only: MeasuredTable, recognizer: WhisperRecognizer, speech: Corpus, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    built = {name: build_codec(name) for name in CODECS}
    silent = measured_corpus("librispeech")
    assert not any(u.path for u in silent.utterances) and {u.id for u in silent.utterances} == {
        u.id for u in speech.utterances
    }
    lazy = LazyRecognizer("tiny.en", 80, recognizer.fingerprint(), unwanted)
    from_table = measure(silent, built, lazy)
    assert from_table.attrs["measured"] == 0 and from_table.attrs["tables"][0]["table"] == only.path.name
    monkeypatch.setattr(shipped_tables, "FOLDER", tmp_path / "nothing")
    from_audio = measure(speech, built, recognizer)
    assert from_audio.attrs["measured"] == len(from_audio) and from_audio.attrs["tables"] == []
    key = ["utterance", "codec"]
    pd.testing.assert_frame_equal(
        from_table.sort_values(key, ignore_index=True), from_audio.sort_values(key, ignore_index=True)
    )


def test_audio_is_measured_only_where_no_table_knows_it(
    only: MeasuredTable, recognizer: WhisperRecognizer, speech: Corpus
) -> None:
    built = {name: build_codec(name) for name in ("raw", "klt-8")}
    table = measure(speech, built, recognizer)
    assert (table.attrs["recalled"], table.attrs["measured"]) == (len(speech), len(speech))


def test_a_codec_that_no_table_holds_is_one_message(only: MeasuredTable, recognizer: WhisperRecognizer) -> None:
    lazy = LazyRecognizer("tiny.en", 80, recognizer.fingerprint(), unwanted)
    with pytest.raises(NoTable, match=r"no measured table of corpus 'librispeech' holds codec 'klt-8'.*path"):
        measure(measured_corpus("librispeech"), {"klt-8": build_codec("klt-8")}, lazy)


def test_a_model_or_corpus_without_a_table_says_what_ships(only: MeasuredTable) -> None:
    with pytest.raises(NoTable, match=r"with model 'turbo' ships, only librispeech with tiny\.en; give the corpus's"):
        corpus_of(MeasuredCorpusSpec(kind="librispeech"), WhisperSpec(model="turbo"))
    with pytest.raises(NoTable, match="no measured table of corpus 'emodb' ships"):
        corpus_of(MeasuredCorpusSpec(kind="emodb"))
    with pytest.raises(NoTable, match="has the emotion network 'amser', only none"):
        emotion_of(EmotionSpec(), MeasuredCorpusSpec(kind="librispeech"))


def test_a_scenario_with_the_tables_decoding_loads_no_weights(
    only: MeasuredTable, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("recognizers.whisper.load_whisper", lambda *_a, **_k: unwanted())
    spec = MeasuredCorpusSpec(kind="librispeech")
    assert isinstance(recognizer_of(WhisperSpec(model="tiny.en"), spec), LazyRecognizer)
    beams = WhisperSpec(model="tiny.en", beam_size=5)  # another decoding is another recognizer
    with pytest.raises(NoTable, match="were made with other decoding options"):
        recognizer_of(beams, spec)
    with pytest.raises(AssertionError, match="weights were loaded"):
        recognizer_of(beams, spec.model_copy(update={"path": "/data"}))


def test_other_weights_of_the_same_name_are_refused(recognizer: WhisperRecognizer) -> None:
    lazy = LazyRecognizer("tiny.en", 80, "another fingerprint", lambda: recognizer)
    with pytest.raises(MeasurementError, match="are not those that the measured tables were made with"):
        lazy.transcribe([np.zeros((80, 100), np.float32)])


def test_verify_finds_nothing_in_a_true_table_and_every_planted_fault(
    made: MeasuredTable, recognizer: WhisperRecognizer, speech: Corpus, tmp_path: Path
) -> None:
    everything = 99
    honest = tabling.verify(made, speech, recognizer, everything, seed=1)
    assert honest.cells == len(CODECS) * len(speech) and not honest.differences
    rows = made.rows()
    planted = {"payload_bytes": 7, "hypothesis": "never said", "substitutions": 50.0, "mel_snr_db": -3.0}
    for place, (column, value) in enumerate(planted.items()):
        rows.loc[rows.index[rows["codec"] == "klt-4"][0] + place // 3, column] = value
    false = replace(made, path=tmp_path / "false.parquet")
    shipped_tables.write_table(rows, false)
    found = tabling.verify(false, speech, recognizer, everything, seed=1)
    assert {difference.column for difference in found.differences} == set(planted)


def test_a_table_grows_from_the_one_that_ships(
    only: MeasuredTable, recognizer: WhisperRecognizer, speech: Corpus, tmp_path: Path
) -> None:
    """The cache knows only the new codec; what the table holds is not measured again."""
    measure(speech, {"klt-8": build_codec("klt-8")}, recognizer)
    larger = replace(only, path=tmp_path / "larger.parquet")
    assert tabling.make_table(speech, (*CODECS, "klt-8"), recognizer, larger) == (len(CODECS) + 1) * len(speech)
    kept = larger.rows().query("codec != 'klt-8'").reset_index(drop=True)
    pd.testing.assert_frame_equal(kept, only.rows())


def test_words_are_asked_only_of_some_codecs(
    only: MeasuredTable, recognizer: WhisperRecognizer, speech: Corpus, tmp_path: Path
) -> None:
    """Of the others the table has sizes, and verifying asks for no words of theirs."""
    part = replace(only, path=tmp_path / "part.parquet")
    tabling.make_table(speech, CODECS, recognizer, part, unheard={"klt-4"})
    rows = part.rows()
    assert set(rows.loc[rows["hypothesis"].notna(), "codec"]) == set(CODECS) - {"klt-4"}
    pd.testing.assert_series_equal(rows["payload_bytes"], only.rows()["payload_bytes"])
    assert not part.has_words
    assert not tabling.verify(part, speech, recognizer, 99, seed=1).differences


def told(rows: pd.DataFrame, training: str, labels: dict[int, str]) -> pd.DataFrame:
    """Predictions by seeds, of all utterances under two codecs."""
    return pd.DataFrame(
        {"utterance": name, "codec": codec, "network": "amser", "training": training, "seed": seed,
         "emotion_predicted": label}
        for name in rows["utterance"].unique()
        for codec in ("raw", "klt-4")
        for seed, label in labels.items()
    )  # fmt: skip


def test_predicted_emotions_become_columns_of_a_table(only: MeasuredTable) -> None:
    rows = only.rows()
    every = pd.concat([told(rows, "raw+klt-4", {7: "sad", 4: "happy"}), told(rows, "clean", {4: "calm"})])
    found = tabling.with_classes(rows, every)
    asked = found["codec"].isin(["raw", "klt-4"])
    for column, label in {"amser": "happy", "amser-2": "sad", "amser-clean": "calm"}.items():
        assert set(found.loc[asked, f"emotion_{column}"]) == {label}
        assert set(found.loc[~asked, f"emotion_{column}"]) == {""}
    with pytest.raises(NoTable, match="1 utterances of the table"):
        tabling.with_classes(rows, every[every["utterance"] != rows["utterance"].iloc[0]])
    back = tabling.predictions_of(found, sorted(tabling.named(every)))
    assert len(back) == len(every)  # three trainings, two codecs
    assert set(back[back["training"] == "rates"].groupby("seed")["emotion_predicted"].first()) == {"happy", "sad"}
    with pytest.raises(NoTable, match="two trainings"):
        tabling.named(pd.concat([every, told(rows, "raw", {4: "calm"})]))


def test_a_limit_takes_utterances_that_any_larger_limit_takes(speech: Corpus) -> None:
    whole = open_corpus("librispeech-short")
    ids = [[u.id for u in tabling.nested(whole, limit).utterances] for limit in (5, 17, None)]
    assert ids[1][:5] == ids[0] and ids[2][:17] == ids[1] and set(ids[2]) == {u.id for u in whole.utterances}


@pytest.mark.parametrize("table", measured_tables(), ids=lambda table: table.path.stem)
class TestShipped:
    """What can be said of the tables that ship without weights or audio."""

    def test_its_codecs_are_todays(self, table: MeasuredTable) -> None:
        """A codec that was changed makes other bytes: its rows would never be used and must be measured again."""
        frame = table.rows(["codec", "codec_fingerprint"]).drop_duplicates()
        for name, fingerprint in frame.itertuples(index=False):
            assert build_codec(name, bands=table.bands).fingerprint() == fingerprint

    def test_its_counts_are_those_of_its_texts(self, table: MeasuredTable) -> None:
        frame = table.rows()
        scored = frame[frame["reference_words"].notna() & frame["hypothesis"].notna()]
        for row in scored.sample(min(300, len(scored)), random_state=1).to_dict("records"):
            errors = word_errors(row["text"], row["hypothesis"])
            counts = (errors.reference_words, errors.substitutions, errors.deletions, errors.insertions)
            assert counts == tuple(row[name] for name in tabling.COUNTS)

    def test_every_utterance_has_every_codec_once(self, table: MeasuredTable) -> None:
        counts = table.rows(["utterance", "codec"]).value_counts()
        utterances = {utterance for utterance, _ in counts.index}
        codecs = {codec for _, codec in counts.index}
        assert len(counts) == len(utterances) * len(codecs) and (counts == 1).all()

    def test_it_was_made_with_official_weights(self, table: MeasuredTable) -> None:
        from recognizers.whisper.checkpoints.packages import WEIGHTS_DIGESTS

        assert table.weights == WEIGHTS_DIGESTS[table.model] and table.weights in table.recognizer


def _resaved(made: MeasuredTable, path: Path, column: str, values: object) -> None:
    table = pq.read_table(made.path)
    place = table.column_names.index(column)
    pq.write_table(table.set_column(place, column, pa.array(values)), path)


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("payload_bytes", -5),
        ("payload_bytes", None),
        ("duration_s", float("nan")),
        ("duration_s", 0.0),
        ("text", 3),
        ("audio", None),
        ("hypothesis", [1]),
        ("mel_snr_db", "much"),
        ("avg_logprob", None),  # though the recognizer was asked
        ("no_speech_prob", 7.0),
    ],
)
def test_a_table_with_values_that_none_has_is_refused(
    made: MeasuredTable, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, column: str, value: object
) -> None:
    monkeypatch.setattr(shipped_tables, "FOLDER", tmp_path)
    _resaved(made, tmp_path / made.path.name, column, [value] * len(made.rows()))
    (table,) = measured_tables()
    with pytest.raises(DamagedTable, match=f"{made.path.name}.*'{column}' holds values.*install amser again"):
        table.rows()


@pytest.mark.parametrize(
    ("head", "told"),
    [
        (b"{}", "no head"),
        (b"[" * 100_000, "no head"),
        (b"null", "no head"),
        (b'{"format": 2}', "its format is 2, this version reads 1"),
        (b'{"format": 1, "networks": [3]}', "names no networks"),
        (b'{"format": 1, "networks": []}', "'corpus' in its head is no str"),
    ],
)
def test_a_table_with_another_head_is_refused(
    made: MeasuredTable, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, head: bytes, told: str
) -> None:
    monkeypatch.setattr(shipped_tables, "FOLDER", tmp_path)
    table = pq.read_table(made.path).replace_schema_metadata({b"amser": head})
    pq.write_table(table, tmp_path / made.path.name)
    with pytest.raises(DamagedTable, match=told):
        measured_tables()


def test_a_table_whose_bytes_are_damaged_is_refused(
    made: MeasuredTable, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shipped_tables, "FOLDER", tmp_path)
    raw = bytearray(made.path.read_bytes())
    (tmp_path / "a.parquet").write_bytes(raw[: len(raw) // 2])
    with pytest.raises(DamagedTable, match="no head"):
        measured_tables()
    raw[4:400] = bytes(396)  # the first column's pages
    (tmp_path / "a.parquet").write_bytes(raw)
    with pytest.raises(DamagedTable, match="it is damaged"):
        [table.rows() for table in measured_tables()]


@pytest.mark.parametrize("corpus", ["emodb", "ravdess"])
def test_shipped_emotions_are_a_function_of_the_mel(corpus: str) -> None:
    """A network gives one Mel of one utterance one class, whatever sent it; FLAC's Mel is that of raw PCM."""
    table = next(table for table in shipped_tables.measured_tables() if table.corpus == corpus)
    rows = table.rows()
    pair = rows[rows["codec"].isin(["raw", "flac"])].groupby("utterance")["mel"].nunique()
    assert (pair == 1).all()
    told = tabling.predictions_of(rows, table.networks).merge(rows[["utterance", "codec", "mel"]])
    assert (told.groupby(["network", "training", "seed", "utterance", "mel"])["emotion_predicted"].nunique() == 1).all()
    assert set(told[told["network"] == "amser"].query("training == 'rates'")["seed"]) == {1, 2, 3}
    assert told["emotion_predicted"].isin(rows["emotion"].unique()).all()
