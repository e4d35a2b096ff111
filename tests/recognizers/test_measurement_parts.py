"""From a scenario's parts to corpora and recognizers, and the whole measurement with real codecs."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from channel.codecs import build_codec
from recognizers.cache import default_cache
from recognizers.measurement.measure import measure
from recognizers.measurement.parts_from_spec import corpus_of, emotion_of, recognizer_of
from scenarios.plugins import PluginError
from scenarios.schema.corpus import FolderCorpusSpec, ManifestCorpusSpec, ShippedCorpusSpec, SyntheticCorpusSpec
from scenarios.schema.server import EmotionSpec, NoRecognizerSpec, RecognizerPluginSpec


def write_manifest(folder: Path) -> Path:
    import soundfile

    rng = np.random.default_rng(4)
    lines = ["path\ttext\temotion\tspeaker\tsplit"]
    for i in range(6):
        soundfile.write(folder / f"{i}.wav", rng.normal(0, 0.05, 8000 + 800 * i), 16_000)
        lines.append(f"{i}.wav\thello number {i}\thappy\ts{i % 2}\t{'test' if i % 3 else 'train'}")
    manifest = folder / "manifest.tsv"
    manifest.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return manifest


def test_manifest_of_a_split_and_an_even_limit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_manifest(tmp_path)
    monkeypatch.setenv("MY_SPEECH", str(tmp_path))
    everything = corpus_of(ManifestCorpusSpec(kind="manifest", path="$MY_SPEECH"))
    tested = corpus_of(ManifestCorpusSpec(kind="manifest", path="$MY_SPEECH", split="test"))
    limited = corpus_of(ManifestCorpusSpec(kind="manifest", path="$MY_SPEECH", limit=3))
    assert (len(everything.utterances), len(tested.utterances)) == (6, 4)
    assert [u.text for u in limited.utterances] == ["hello number 0", "hello number 2", "hello number 4"]
    assert len(corpus_of(ManifestCorpusSpec(kind="manifest", path="$MY_SPEECH", limit=99)).utterances) == 6


def test_missing_folders_are_told() -> None:
    with pytest.raises(ValueError, match="no such folder"):
        corpus_of(FolderCorpusSpec(kind="crema-d", path="/nowhere"))


def test_synthetic_and_shipped() -> None:
    assert len(corpus_of(SyntheticCorpusSpec(kind="synthetic", utterances=7)).utterances) == 7
    assert len(corpus_of(ShippedCorpusSpec(limit=5)).utterances) == 5


def test_nothing_is_recognized_on_request() -> None:
    assert recognizer_of(NoRecognizerSpec(kind="none")) is None
    assert emotion_of(EmotionSpec(kind="none")) is None


ECHO = """
from types import SimpleNamespace
from recognizers.measurement.protocols import Recognizer

class Echo(Recognizer):
    name, bands = "echo", 80
    def __init__(self, word="yes"):
        self.word = word
    def fingerprint(self):
        return self.word
    def transcribe(self, mels):
        return [SimpleNamespace(text=self.word, avg_logprob=0.0, no_speech_prob=0.0) for _ in mels]

class Nameless(Recognizer):
    bands, fingerprint, transcribe = Echo.bands, Echo.fingerprint, Echo.transcribe
"""


def test_plugins(plugin_module: Callable[[str, str], Path]) -> None:
    plugin_module("my_plugin", ECHO)

    def spec(name: str, **options: Any) -> RecognizerPluginSpec:
        return RecognizerPluginSpec.model_validate({"kind": "plugin", "class": f"my_plugin:{name}", "options": options})

    made = recognizer_of(spec("Echo", word="no"))
    assert made is not None and made.fingerprint() == "no"
    for wrong, told in ((spec("Echo", loud=True), "loud"), (spec("Missing"), "has no"), (spec("Nameless"), "name")):
        with pytest.raises(PluginError, match=told):
            recognizer_of(wrong)


def test_cache_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AMSER_CACHE", "/a")
    assert default_cache() == Path("/a")
    monkeypatch.delenv("AMSER_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", "/x")
    assert default_cache() == Path("/x/amser")


def test_real_codecs(tmp_path: Path) -> None:
    """PCM is 16 bits at 16 kHz; FLAC decodes to the same Mel; rank 10 in fp32 is 4 r (80 + T) bytes and a header."""
    folder = tmp_path / "speech"
    folder.mkdir()
    write_manifest(folder)
    corpus = corpus_of(ManifestCorpusSpec(kind="manifest", path=str(folder)))
    codecs = {name: build_codec(name) for name in ("raw", "flac", "amser-12.5", "opus-16", "klt-4")}
    table = measure(corpus, codecs, cache_dir=tmp_path / "cache")

    def column(codec: str, name: str) -> npt.NDArray[np.float64]:
        return table.loc[table["codec"] == codec, name].to_numpy(dtype=np.float64)

    samples = np.array([8000 + 800 * i for i in range(6)])
    assert list(column("raw", "payload_bytes")) == list(2 * samples)
    assert np.isinf(column("flac", "mel_snr_db")).all()
    extra = column("amser-12.5", "payload_bytes") - 4 * 10 * (80 + samples // 160)
    assert ((extra >= 0) & (extra <= 32)).all()
    assert (table["encode_host_s"] > 0).all()
    assert np.isfinite(column("opus-16", "mel_snr_db")).all()
