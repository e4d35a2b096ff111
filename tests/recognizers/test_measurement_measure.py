"""The measurement table and its cache, with small fakes that count what they are asked."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import sys
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import NoReturn

import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest

from channel.codecs import Codec, NoSpeechError, Payload
from channel.mel import log_mel, mel_snr_db
from recognizers.corpora.types import Corpus, Utterance
from recognizers.measurement.fill_cache import MeasurementError
from recognizers.measurement.measure import measure
from recognizers.measurement.parts_from_spec import synthetic_corpus
from recognizers.measurement.store import CacheError, Store, digest
from recognizers.measurement.table_frame import COLUMNS
from scenarios.schema.corpus import SyntheticCorpusSpec

Array = npt.NDArray[np.float32]


class Clips(Corpus):
    """Recordings that are kept as plain float32."""

    def load_audio(self, utterance: Utterance) -> Array:
        assert utterance.path is not None
        return np.frombuffer(utterance.path.read_bytes(), dtype=np.float32)


class Rounding(Codec):
    """Keeps audio to ``bits`` after the point; 0 keeps it exactly."""

    encode_cost_s = (0.001, 0.002)

    def __init__(self, name: str, bits: int = 0) -> None:
        super().__init__(name)
        self.bits = bits
        self.calls = 0

    def encode(self, audio: npt.ArrayLike) -> Payload:
        audio = np.asarray(audio, dtype=np.float32)
        self.calls += 1
        kept = audio if not self.bits else (np.round(audio * 2**self.bits) / 2**self.bits).astype(np.float32)
        return Payload(kept.tobytes(), container_bytes=4)

    def decode(self, data: bytes) -> Array:
        return log_mel(np.frombuffer(data, dtype=np.float32), bands=80)

    def parameters(self) -> dict[str, object]:
        return {"bits": self.bits}


@dataclass(frozen=True)
class Said:
    text: str
    avg_logprob: float = -0.1
    no_speech_prob: float = 0.01


@dataclass
class Listener:
    """Says "hello there" to everything."""

    version: str = "1"
    bands: int = 80
    name: str = "listener"
    heard: list[int] = field(default_factory=list)

    def fingerprint(self) -> str:
        return self.version

    def transcribe(self, mels: Sequence[Array]) -> list[Said]:
        self.heard.append(len(mels))
        return [Said("hello there") for _ in mels]


@dataclass(frozen=True)
class Feeling:
    label: str
    probabilities: tuple[float, ...] = (1.0,)


@dataclass
class Empath:
    name: str = "empath"
    words: list[str] = field(default_factory=list)

    bands = 80

    def fingerprint(self) -> str:
        return "empath"

    def classify(self, mels: Sequence[Array], texts: Sequence[str]) -> list[Feeling]:
        self.words.extend(texts)
        return [Feeling("happy") for _ in mels]


@pytest.fixture
def clips(tmp_path: Path) -> Clips:
    rng = np.random.default_rng(5)
    made = []
    for i in range(3):
        path = tmp_path / f"clip{i}.raw"
        path.write_bytes(rng.normal(0, 0.1, 1600).astype(np.float32).tobytes())
        made.append(Utterance(f"clip{i}", path, "hello their world", "sad", "one", 0.1))
    return Clips("clips", tmp_path, tuple(made))


def test_rows_columns_and_counts(clips: Clips, tmp_path: Path) -> None:
    table = measure(
        clips,
        {"exact": Rounding("exact"), "coarse": Rounding("coarse", 4)},
        Listener(),
        Empath(),
        cache_dir=tmp_path,
    )
    assert list(table.columns) == list(COLUMNS)
    assert list(table["utterance"]) == ["clip0", "clip1", "clip2"] * 2
    assert list(table["codec"]) == ["exact"] * 3 + ["coarse"] * 3
    assert set(table["payload_bytes"]) == {6400}
    assert set(table["encode_host_s"]) == {0.001 + 0.002 * 0.1}
    # "hello their world" against "hello there": one substitution, one deletion, three words (by hand).
    errors = table[["reference_words", "substitutions", "deletions", "insertions"]]
    assert errors.drop_duplicates().values.tolist() == [[3.0, 1.0, 1.0, 0.0]]
    assert set(table["emotion_predicted"]) == {"happy"} and set(table["emotion"]) == {"sad"}
    assert np.isinf(table["mel_snr_db"][:3]).all()
    assert np.isfinite(table["mel_snr_db"][3:]).all()
    assert table.attrs["measured"] == 6


def test_second_run_does_no_work(clips: Clips, tmp_path: Path) -> None:
    first = measure(clips, {"exact": Rounding("exact")}, Listener(), Empath(), cache_dir=tmp_path)
    codec, listener, empath = Rounding("exact"), Listener(), Empath()
    second = measure(clips, {"exact": codec}, listener, empath, cache_dir=tmp_path)
    assert second.equals(first)
    assert (codec.calls, listener.heard, empath.words) == (0, [], [])
    assert second.attrs["recalled"] == 3


def test_a_change_redoes_only_its_own_rows(clips: Clips, tmp_path: Path) -> None:
    measure(clips, {"a": Rounding("a", 4), "b": Rounding("b", 6)}, Listener(), cache_dir=tmp_path)
    kept, changed, listener = Rounding("a", 4), Rounding("b", 5), Listener()
    measure(clips, {"a": kept, "b": changed}, listener, cache_dir=tmp_path)
    assert (kept.calls, changed.calls, listener.heard) == (0, 3, [3])
    better = Listener(version="2")
    measure(clips, {"a": Rounding("a", 4)}, better, cache_dir=tmp_path)
    assert better.heard == [3]


def test_a_changed_recording_is_measured_again(clips: Clips, tmp_path: Path) -> None:
    measure(clips, {"a": Rounding("a")}, Listener(), cache_dir=tmp_path)
    clips.utterances[1].path.write_bytes(np.full(1600, 0.01, np.float32).tobytes())
    codec = Rounding("a")
    measure(clips, {"a": codec}, Listener(), cache_dir=tmp_path)
    assert codec.calls == 1


def test_lossless_codecs_share_the_inference(clips: Clips, tmp_path: Path) -> None:
    class Other(Rounding):
        def parameters(self) -> dict[str, object]:
            return {"another": "lossless codec"}

    listener, empath = Listener(), Empath()
    measure(clips, {"pcm": Rounding("pcm"), "flac": Other("flac")}, listener, empath, cache_dir=tmp_path)
    assert listener.heard == [3]
    assert empath.words == ["hello there"] * 3


def test_emotion_without_recognizer_hears_no_words(clips: Clips, tmp_path: Path) -> None:
    empath = Empath()
    table = measure(clips, {"a": Rounding("a")}, None, empath, cache_dir=tmp_path)
    assert empath.words == [""] * 3
    assert table["hypothesis"].isna().all() and table["reference_words"].isna().all()
    later = Empath()
    measure(clips, {"a": Rounding("a")}, Listener(), later, cache_dir=tmp_path)
    assert later.words == ["hello there"] * 3


def test_sizes_only(tmp_path: Path) -> None:
    class Fixed(Codec):
        carries_speech, encode_cost_s = False, (0.0, 0.0)

        def encode(self, audio: npt.ArrayLike) -> Payload:
            return Payload(bytes(np.size(audio) // 160))

        def decode(self, data: bytes) -> NoReturn:
            raise NoSpeechError("a fixed payload holds no Mel")

        def parameters(self) -> dict[str, object]:
            return {}

    corpus = synthetic_corpus(SyntheticCorpusSpec.model_validate({"kind": "synthetic", "utterances": 5}))
    listener = Listener()
    table = measure(corpus, {"fixed": Fixed("fixed")}, listener, cache_dir=tmp_path)
    assert listener.heard == []
    assert np.allclose(table["payload_bytes"], table["duration_s"] * 100, atol=1)
    assert table["hypothesis"].isna().all()
    with pytest.raises(MeasurementError, match="has no audio"):
        measure(corpus, {"pcm": Rounding("pcm")}, listener, cache_dir=tmp_path)


def test_faults_name_the_utterance_and_the_codec(clips: Clips, tmp_path: Path) -> None:
    clips.utterances[2].path.write_bytes(b"")
    with pytest.raises(MeasurementError, match="clip2"):
        measure(clips, {"pcm": Rounding("pcm")}, cache_dir=tmp_path)
    clips.utterances[2].path.unlink()
    with pytest.raises(MeasurementError, match="cannot read"):
        measure(clips, {"pcm": Rounding("pcm")}, cache_dir=tmp_path)
    with pytest.raises(MeasurementError, match="two utterances of one name"):
        measure(replace(clips, utterances=(clips.utterances[0],) * 2), {"pcm": Rounding("pcm")}, cache_dir=tmp_path)
    with pytest.raises(MeasurementError, match="80 Mel bands, the recognizer takes 128"):
        measure(
            replace(clips, utterances=clips.utterances[:1]),
            {"pcm": Rounding("pcm")},
            Listener(bands=128),
            cache_dir=tmp_path,
        )


def test_a_recognizer_of_128_bands_and_a_network_of_80_hear_one_payload(tmp_path: Path) -> None:
    """The payload is of the recognizer's bands; the network gets as many frames in its own."""
    from dataclasses import replace

    from channel.codecs import build_codec
    from recognizers.corpora import open_corpus

    class Watching(Empath):
        def classify(self, mels: Sequence[Array], texts: Sequence[str]) -> list[Feeling]:
            shapes.extend(mel.shape for mel in mels)
            return super().classify(mels, texts)

    shapes: list[tuple[int, ...]] = []
    corpus = open_corpus("shipped")
    corpus = replace(corpus, utterances=corpus.utterances[:1])
    codecs = {"k": build_codec("amser-25", bands=128)}
    table = measure(corpus, codecs, Listener(bands=128), Watching(), cache_dir=tmp_path)
    frames = corpus.load_audio(corpus.utterances[0]).size // 160
    assert shapes == [(80, frames)] and table["emotion_predicted"].tolist() == ["happy"]


def test_interrupted_run_keeps_finished_batches(clips: Clips, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("recognizers.measurement.fill_cache.BATCH_CELLS", 1)

    class Interrupted(Listener):
        def transcribe(self, mels: Sequence[Array]) -> list[Said]:
            if len(self.heard) == 2:
                raise KeyboardInterrupt
            return super().transcribe(mels)

    with pytest.raises(KeyboardInterrupt):
        measure(clips, {"a": Rounding("a")}, Interrupted(), cache_dir=tmp_path)
    listener = Listener()
    measure(clips, {"a": Rounding("a")}, listener, cache_dir=tmp_path)
    assert listener.heard == [1]


def test_slow_recognizers_get_small_slices(clips: Clips, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each call seems to last 1000 s: the slice shrinks from 4 to 2 to 1, and what is done is kept."""
    clock = iter(range(0, 1_000_000, 1000))
    monkeypatch.setattr("recognizers.measurement.fill_cache.time.monotonic", lambda: float(next(clock)))
    monkeypatch.setattr("recognizers.measurement.fill_cache.FIRST_SLICE", 4)
    listener = Listener()
    codecs = {f"c{bits}": Rounding(f"c{bits}", bits) for bits in (3, 4, 5)}
    measure(clips, codecs, listener, cache_dir=tmp_path)
    assert listener.heard == [4, 2, 1, 1, 1]


def test_killed_writer_leaves_whole_batches(tmp_path: Path) -> None:
    """kill -9 between and inside transactions: every put is there wholly or not at all."""
    script = textwrap.dedent(
        """
        import sys
        from pathlib import Path
        from recognizers.measurement.store import Store
        store, batch = Store(Path(sys.argv[1])), 0
        while True:
            store.put({f"{batch}-{i}": batch for i in range(10)})
            print(batch, flush=True)
            batch += 1
        """
    )
    writer = subprocess.Popen(
        [sys.executable, "-c", script, str(tmp_path)], stdout=subprocess.PIPE, text=True, cwd=Path.cwd()
    )
    assert writer.stdout is not None
    told = [int(writer.stdout.readline()) for _ in range(20)][-1]
    os.kill(writer.pid, signal.SIGKILL)
    writer.wait()
    with Store(tmp_path) as store:
        for batch in range(told + 1):
            assert len(store.get((f"{batch}-{i}" for i in range(10)), lambda value: True)) == 10
        assert len(store) % 10 == 0


def test_store_with_many_keys_and_a_broken_file(tmp_path: Path) -> None:
    with Store(tmp_path) as store:
        store.put({str(i): i for i in range(1500)})
        assert store.get((str(i) for i in range(0, 3000)), lambda value: True) == {str(i): i for i in range(1500)}
    broken = tmp_path / "broken"
    broken.mkdir()
    (broken / "measurements.sqlite").write_bytes(b"this is no database" * 100)
    with pytest.raises(CacheError, match="delete it"):
        Store(broken)
    with Store(tmp_path / "schema"):
        pass
    file = tmp_path / "schema" / "measurements.sqlite"
    raw = file.read_bytes()
    assert raw.count(b"tableentries") == raw.count(b"entries (key") == 1
    # A name that is no UTF-8, which SQLite cites in its message, and a statement that it cannot read.
    file.write_bytes(raw.replace(b"tableentries", b"tableentr\xf5es").replace(b"entries (key", b"entries ((ey"))
    with pytest.raises(CacheError, match=r"decode.*delete it"):
        Store(tmp_path / "schema")
    (tmp_path / "file").write_text("")
    with pytest.raises(CacheError, match="set AMSER_CACHE to a folder"):
        Store(tmp_path / "file")
    with Store(tmp_path) as store:
        store._database.execute("DROP TABLE entries")
        with pytest.raises(CacheError, match="no such table"):
            store.get(["a"], bool)


NONSENSE: list[object] = [
    None,
    7,
    [],
    {},
    {"payload_bytes": -5, "container_bytes": 0},
    {"payload_bytes": 10**30, "container_bytes": 0},
    {"payload_bytes": True, "container_bytes": 0},
    {"payload_bytes": 5, "container_bytes": 6},
    {"payload_bytes": 5, "container_bytes": 0},  # a codec of speech has a Mel
    {"payload_bytes": 5, "container_bytes": 0, "mel": "../..", "mel_snr_db": 1.0},
    {"payload_bytes": 5, "container_bytes": 0, "mel": "0" * 32},
    {"text": 5, "avg_logprob": -1.0, "no_speech_prob": 0.0},
    {"text": "\ud800", "avg_logprob": -1.0, "no_speech_prob": 0.0},
    {"text": "yes", "avg_logprob": "high", "no_speech_prob": 0.0},
    {"label": ["sad"]},
    {"reference_words": 2, "substitutions": -1, "deletions": 0, "insertions": 0},
    {"reference_words": 2, "substitutions": 2, "deletions": 1, "insertions": 0},
]


def test_what_was_damaged_in_the_cache_is_measured_again(clips: Clips, tmp_path: Path) -> None:
    """Every entry in turn of every kind is replaced by every nonsense, and by text and bytes that are no JSON."""

    def table() -> pd.DataFrame:
        return measure(clips, {"a": Rounding("a", 3)}, Listener(), Empath(), cache_dir=tmp_path)

    first = table()
    file = tmp_path / "measurements.sqlite"
    for value in [*map(json.dumps, NONSENSE), "{", "[" * 100_000, b"\xff", 3]:
        with sqlite3.connect(file) as database:
            database.execute("UPDATE entries SET value = ?", (value,))
        database.close()
        pd.testing.assert_frame_equal(table(), first)


@pytest.mark.parametrize(
    ("error", "says"),
    [
        ("SQLITE_FULL", "free some space on that disk: what is in it stays valid"),
        ("SQLITE_IOERR_WRITE", "full or failing"),
        ("SQLITE_READONLY", "let yourself write"),
        ("SQLITE_CORRUPT", "delete it to start afresh"),
    ],
)
def test_only_a_broken_cache_is_to_be_deleted(error: str, says: str, tmp_path: Path) -> None:
    class Failing:
        def execute(self, *given: object) -> object:
            fault = sqlite3.OperationalError("as SQLite says")
            fault.sqlite_errorname = error  # type: ignore[misc]
            raise fault

        def close(self) -> None: ...

    with Store(tmp_path) as store:
        store._database.close()
        store._database = Failing()  # type: ignore[assignment]
        with pytest.raises(CacheError, match=says):
            store.get(["a"], bool)


def test_a_cache_on_a_full_disk_is_kept(tmp_path: Path) -> None:
    """SQLite's own answer, from a file that may not grow."""
    with Store(tmp_path) as store:
        store._database.execute("PRAGMA max_page_count = 8")
        with pytest.raises(CacheError, match="full; free some space on that disk: what is in it stays valid"):
            store.put({str(i): "x" * 1000 for i in range(1000)})


def test_two_processes_share_one_store(tmp_path: Path) -> None:
    """Writers of the same file at the same time: both finish and nothing of either is lost."""
    script = textwrap.dedent(
        """
        import sys
        from pathlib import Path
        from recognizers.measurement.store import Store
        for i in range(50):
            with Store(Path(sys.argv[1])) as store:
                store.put({f"{sys.argv[2]}-{i}": i})
        """
    )
    writers = [subprocess.Popen([sys.executable, "-c", script, str(tmp_path), name]) for name in "ab"]
    assert [writer.wait() for writer in writers] == [0, 0]
    with Store(tmp_path) as store:
        assert len(store) == 100


def test_a_store_that_another_process_is_making_is_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """SQLite itself does not wait here: it says at once that a new file which another is writing to is locked."""
    other = sqlite3.connect(tmp_path / "measurements.sqlite", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    monkeypatch.setattr("recognizers.measurement.store.time.sleep", lambda seconds: other.execute("COMMIT"))
    with Store(tmp_path) as store:
        store.put({"key": 1})
        assert store.get(["key"], bool) == {"key": 1}
    other.close()


def test_digest_parts_do_not_run_together() -> None:
    assert digest("ab", "c") != digest("a", "bc")
    assert digest("ab") == digest(b"ab")


def test_mel_snr_of_a_known_error() -> None:
    """A tenth of the signal's amplitude as error is 20 dB, whatever the mean."""
    rng = np.random.default_rng(1)
    mel = rng.normal(3.0, 1.0, (80, 50)).astype(np.float32)
    wrong = mel + 0.1 * (mel - mel.mean())
    assert mel_snr_db(mel, wrong) == pytest.approx(20.0, abs=1e-3)
    assert mel_snr_db(mel, np.concatenate([mel, mel[:, :2]], axis=1)) == float("inf")


def test_synthetic_durations_follow_their_distribution() -> None:
    spec = SyntheticCorpusSpec.model_validate({"kind": "synthetic", "utterances": 2001, "median": "2 s"})
    logs = np.log([utterance.duration_s for utterance in synthetic_corpus(spec).utterances])
    # Evenly spaced quantiles: median exact, standard deviation slightly below (the tails end at 1/4002).
    assert np.median(logs) == pytest.approx(np.log(2.0), abs=1e-3)
    assert logs.std() == pytest.approx(0.4, rel=0.01)
