"""Corpora on small synthetic trees that follow each data set's published layout."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
import soundfile

from recognizers.corpora import FOUR_CLASSES, Classes, CorpusError, check_corpus, corpus_kind, open_corpus
from recognizers.corpora.audio import read_audio
from recognizers.corpora.iemocap import open_iemocap
from tests.recognizers.iemocap_tree import write_iemocap

TONE_HZ = 440


def write_tone(path: Path, rate_hz: int = 16000, seconds: float = 0.5, channels: int = 1, hz: float = 440) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    t = np.arange(round(rate_hz * seconds)) / rate_hz
    tone = 0.5 * np.sin(2 * np.pi * hz * t)
    soundfile.write(path, np.column_stack([tone] * channels), rate_hz)


@pytest.mark.parametrize(("rate_hz", "channels"), [(8000, 1), (44100, 2), (48000, 2), (22050, 1), (16000, 1)])
def test_any_rate_and_channel_count_becomes_16_khz_mono(tmp_path: Path, rate_hz: int, channels: int) -> None:
    write_tone(tmp_path / "a.wav", rate_hz, 1.0, channels)
    audio = read_audio(tmp_path / "a.wav")
    assert audio.dtype == np.float32
    assert audio.shape == (16000,)
    # Away from the filter's edges the tone keeps amplitude and phase: 1 % covers the filter's ripple.
    expected = 0.5 * np.sin(2 * np.pi * 440 * np.arange(16000) / 16000)
    assert np.abs(audio - expected)[800:-800].max() < 0.005


def test_manifest_aliases_faults_and_digest(tmp_path: Path) -> None:
    for name in ("a", "b", "c"):
        write_tone(tmp_path / f"{name}.wav")
    (tmp_path / "broken.wav").write_bytes(b"RIFFxxxxnothing")
    soundfile.write(tmp_path / "empty.wav", np.zeros(0), 16000)
    lines = [
        "file\tspk\tlabel\ttranscript",
        'a.wav\ts1\tanger\the said "go',
        "b.wav\ts2\tHAPPINESS\tyes",
        "c.wav\ts1\t\t",
        "broken.wav\ts1\tsad\tno",
        "gone.wav\ts1\tsad\tno",
        "empty.wav\ts1\tsad\tno",
        "a.wav\ts1\tsad\tagain",
    ]
    (tmp_path / "manifest.tsv").write_text("\n".join(lines), encoding="utf-8")
    corpus = open_corpus(tmp_path)
    assert [(u.id, u.emotion, u.speaker, u.text) for u in corpus.utterances] == [
        ("a", "angry", "s1", 'he said "go'),
        ("b", "happy", "s2", "yes"),
        ("c", None, "s1", ""),
    ]
    assert [fault.path.name for fault in corpus.faults] == [
        "broken.wav",
        "gone.wav",
        "empty.wav",
        "manifest.tsv",
    ]
    assert all("\n" not in str(fault) for fault in corpus.faults)
    assert corpus.digest == open_corpus(tmp_path / "manifest.tsv").digest
    write_tone(tmp_path / "c.wav", seconds=0.6)
    assert corpus.digest != open_corpus(tmp_path).digest


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "empty"),
        ("name\ttext\nx\ty", "no column for the audio"),
        ("path\nnone.wav", "none of its 1 rows"),
    ],
)
def test_a_manifest_of_no_use_says_why(tmp_path: Path, content: str, message: str) -> None:
    (tmp_path / "manifest.tsv").write_text(content)
    with pytest.raises(CorpusError, match=message):
        open_corpus(tmp_path)


def test_librispeech(tmp_path: Path) -> None:
    folder = tmp_path / "LibriSpeech" / "dev-clean" / "84" / "121123"
    for number in ("0000", "0001", "0002"):
        write_tone(folder / f"84-121123-{number}.flac")
    (folder / "84-121123.trans.txt").write_text(
        "84-121123-0000 GO DO YOU HEAR\n84-121123-0001 BUT IN\n84-121123-0009 GONE\n"
    )
    for root in (tmp_path, tmp_path / "LibriSpeech", tmp_path / "LibriSpeech" / "dev-clean"):
        corpus = open_corpus(root)
        assert corpus.name == "librispeech"
        assert [(u.id, u.text, u.speaker, u.split) for u in corpus.utterances] == [
            ("84-121123-0000", "GO DO YOU HEAR", "84", "dev-clean"),
            ("84-121123-0001", "BUT IN", "84", "dev-clean"),
        ]
        assert {f.path.stem for f in corpus.faults} == {"84-121123-0009", "84-121123-0002"}


def test_iemocap(tmp_path: Path) -> None:
    base = write_iemocap(tmp_path)
    for root in (tmp_path, base):
        corpus = open_corpus("iemocap", root)
        assert corpus.classes() == {"angry": 2, "happy": 4, "neutral": 2, "sad": 2}
        assert {u.session for u in corpus.utterances} == {"1", "5"}
        assert corpus.speakers == ("Ses01F", "Ses01M", "Ses05F", "Ses05M")
        assert corpus.utterances[0].text == "Excuse me 0."
        assert corpus.faults == ()
    assert corpus.utterances[-1].id == "Ses05F_script01_1b_F003"


def test_iemocap_all_labels_and_a_missing_wav(tmp_path: Path) -> None:
    base = write_iemocap(tmp_path)
    (base / "Session1/sentences/wav/Ses01F_impro01/Ses01F_impro01_F000.wav").unlink()
    corpus = open_iemocap(base, None)
    assert corpus.classes() == {"angry": 2, "excited": 2, "frustrated": 2, "happy": 2, "neutral": 1, "sad": 2}
    assert [f"{f.path.name}: {f.reason}" for f in corpus.faults] == ["Ses01F_impro01_F000.wav: no such file"]


def test_classes_are_chosen_and_merged(tmp_path: Path) -> None:
    """Without excited and with frustrated merged into angry: 2 + 2 angry, 2 happy, 2 neutral turns."""
    base = write_iemocap(tmp_path)
    chosen = Classes.parse("neutral, ang+fru, hap")
    assert open_corpus("iemocap", base, classes=chosen).classes() == {"angry": 4, "happy": 2, "neutral": 2}
    assert str(chosen) == "angry+frustrated, happy, neutral"
    assert Classes.parse("sad,happy+excited,ang,neu") == FOUR_CLASSES
    with pytest.raises(CorpusError, match=r"no bored in corpus iemocap; it has angry, excited"):
        open_corpus(base, classes=Classes.parse("ang,boredom"))
    with pytest.raises(CorpusError, match=r"no hungry in corpus iemocap; it has angry, excited"):
        open_corpus(base, classes=Classes.parse("ang,sad+hungry"))
    for text in ("ang", "ang,,sad", "ang,hap+ang", "ang+,sad", ""):
        with pytest.raises(CorpusError, match="two or more different ones"):
            Classes.parse(text)


def test_acted_corpora_read_their_file_names(tmp_path: Path) -> None:
    write_tone(tmp_path / "r/Actor_12/03-01-06-01-02-01-12.wav", 48000)
    write_tone(tmp_path / "r/Actor_12/03-02-06-01-02-01-12.wav", 48000)  # song: not read
    write_tone(tmp_path / "r/copy/Actor_12/03-01-06-01-02-01-12.wav", 48000)  # the archive's second copy
    write_tone(tmp_path / "e/wav/03a01Fa.wav")
    write_tone(tmp_path / "c/AudioWAV/1001_DFA_ANG_XX.wav")
    (tmp_path / "c/AudioWAV/1076_MTI_SAD_XX.wav").write_bytes(b"")
    expected = {
        "r": ("ravdess", "fearful", "12", "Dogs are sitting by the door"),
        "e": ("emodb", "happy", "03", "Der Lappen liegt auf dem Eisschrank."),
        "c": ("cremad", "angry", "1001", "Don't forget a jacket"),
    }
    for folder, (kind, emotion, speaker, text) in expected.items():
        assert corpus_kind(tmp_path / folder) == kind
        corpus = open_corpus(tmp_path / folder)
        assert [(u.emotion, u.speaker, u.text) for u in corpus.utterances] == [(emotion, speaker, text)]
    assert [f.path.name for f in open_corpus("cremad", tmp_path / "c").faults] == ["1076_MTI_SAD_XX.wav"]


def test_a_recording_in_two_formats_is_read_lossless_and_said_once_a_folder(tmp_path: Path) -> None:
    """CREMA-D as distributed: AudioMP3/ sorts before AudioWAV/, and MP3 would make every figure one of MP3."""
    names = ("1001_DFA_ANG_XX", "1001_IEO_SAD_HI", "1002_TAI_NEU_XX")
    for name in names:
        write_tone(tmp_path / f"AudioMP3/{name}.mp3", seconds=0.5)
        write_tone(tmp_path / f"AudioWAV/{name}.wav")
    (tmp_path / "AudioWAV/1002_TAI_NEU_XX.wav").write_bytes(b"")
    corpus = open_corpus("cremad", tmp_path)
    assert sorted(u.path.name for u in corpus.utterances) == [f"{n}.{'mp3' if n == names[2] else 'wav'}" for n in names]
    broken, repeated = corpus.faults
    assert broken.path.name == "1002_TAI_NEU_XX.wav" and broken.reason.startswith("not readable as audio")
    assert repeated.path.name == "AudioMP3"
    assert repeated.reason.startswith(f"2 *.mp3 of recordings that are read as *.wav in {tmp_path / 'AudioWAV'}")


def test_unknown_places_and_kinds_name_the_remedy(tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match=r"write a manifest\.tsv"):
        open_corpus(tmp_path)
    with pytest.raises(CorpusError, match="no such folder"):
        open_corpus(tmp_path / "none")
    with pytest.raises(CorpusError, match="known: shipped, librispeech-short, manifest"):
        open_corpus("timit", tmp_path)


def test_select_and_report(tmp_path: Path) -> None:
    corpus = open_corpus("iemocap", write_iemocap(tmp_path))
    assert len(corpus.select(labels=["happy"])) == 4
    assert len(corpus.select(speakers=["Ses01F"])) == 3
    with pytest.raises(CorpusError, match="nothing of corpus iemocap is left"):
        corpus.select(split="test")
    report = check_corpus(tmp_path)
    assert (report.files, report.speakers, report.kind) == (10, 4, "iemocap")
    assert "happy 4" in str(report)


def test_check_with_decode_finds_a_truncated_file(tmp_path: Path) -> None:
    write_tone(tmp_path / "a.flac")
    noise = np.random.default_rng(1).standard_normal(32000) * 0.1
    soundfile.write(tmp_path / "b.flac", noise, 16000)
    content = (tmp_path / "b.flac").read_bytes()
    (tmp_path / "b.flac").write_bytes(content[: len(content) // 3])  # header whole, samples cut
    (tmp_path / "manifest.tsv").write_text("path\na.flac\nb.flac\n")
    report = check_corpus(tmp_path, decode=True)
    assert report.files == 2
    assert report.without_text == report.without_emotion == 2
    assert [fault.path.name for fault in report.faults] == ["b.flac"]


@pytest.mark.skipif("AMSER_CORPORA" not in os.environ, reason="AMSER_CORPORA names no folder of real speech")
def test_real_corpora() -> None:
    emodb = open_corpus(Path(os.environ["AMSER_CORPORA"]) / "emodb-4class")
    # Counts as published for EMO-DB's four classes: 127 + 71 + 79 + 62 = 339, ten speakers.
    assert emodb.classes() == {"angry": 127, "happy": 71, "neutral": 79, "sad": 62}
    assert len(emodb.speakers) == 10
    assert emodb.load_audio(emodb.utterances[0]).dtype == np.float32
