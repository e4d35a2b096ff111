"""Corpora and recordings that are broken, odd or hostile: used as far as they can be, and what is left out is said."""

from __future__ import annotations

import os
import struct
from pathlib import Path
from threading import Thread

import numpy as np
import numpy.typing as npt
import pytest
import soundfile

from amser.cli.main import run
from recognizers.corpora import CorpusError, Fault, check_corpus, left_out, open_corpus
from recognizers.corpora.audio import probe, read_audio
from recognizers.corpora.iemocap import open_iemocap
from sim.study.results import Results
from tests.sim.small_study import TEXT

RATE = 16_000


def tone(seconds: float = 0.5, rate: int = RATE) -> npt.NDArray[np.float32]:
    return (0.3 * np.sin(2 * np.pi * 300 * np.arange(round(seconds * rate)) / rate)).astype(np.float32)


def manifest(folder: Path, *rows: str) -> Path:
    (folder / "manifest.tsv").write_text("\n".join(["path\ttext\temotion", *rows]) + "\n", encoding="utf-8")
    return folder


def test_a_text_with_line_separators_is_one_row(tmp_path: Path) -> None:
    for name in "ab":
        soundfile.write(tmp_path / f"{name}.wav", tone(), RATE)
    text = "one\u2028two\x0bthree\x85four"
    corpus = open_corpus("manifest", manifest(tmp_path, f"a.wav\t{text}\thappy", 'b.wav\tsay "it\tsad'))
    assert [(u.text, u.emotion) for u in corpus.utterances] == [(text, "happy"), ('say "it', "sad")]


def test_librispeech_and_iemocap_read_lines_the_same_way(tmp_path: Path) -> None:
    chapter = tmp_path / "dev" / "1" / "2"
    chapter.mkdir(parents=True)
    soundfile.write(chapter / "1-2-0000.flac", tone(), RATE)
    (chapter / "1-2.trans.txt").write_bytes("1-2-0000 ONE\u2028TWO\r\n".encode())
    assert open_corpus("librispeech", tmp_path / "dev").utterances[0].text == "ONE\u2028TWO"
    (chapter / "1-2.trans.txt").write_bytes(b"1-2-0000 ONE\n1-2-0001 \xe9\n")
    with pytest.raises(CorpusError, match=r"1-2\.trans\.txt:2: is not a text file"):
        open_corpus("librispeech", tmp_path / "dev")
    base = tmp_path / "emo" / "Session1"
    for name in ("dialog/EmoEvaluation", "dialog/transcriptions", "sentences/wav/Ses01F_a"):
        (base / name).mkdir(parents=True)
    soundfile.write(base / "sentences/wav/Ses01F_a/Ses01F_a_F000.wav", tone(), RATE)
    (base / "dialog/EmoEvaluation/Ses01F_a.txt").write_text("x\n[1.0 - 2.0]\tSes01F_a_F000\tneu\t[2.5, 2.5, 2.5]\n")
    (base / "dialog/transcriptions/Ses01F_a.txt").write_text("Ses01F_a_F000 [001.0-002.0]: So\u2028what\n")
    assert open_iemocap(tmp_path / "emo", None).utterances[0].text == "So what"  # white space is folded


def test_recordings_of_one_name_in_two_formats_are_two(tmp_path: Path) -> None:
    for name in ("a.wav", "a.flac", "b.wav"):
        soundfile.write(tmp_path / name, tone(), RATE)
    corpus = open_corpus("manifest", manifest(tmp_path, "a.wav\tx\tsad", "a.flac\ty\tsad", "b.wav\tz\tsad"))
    assert [u.id for u in corpus.utterances] == ["a.wav", "a.flac", "b"] and not corpus.faults
    twice = open_corpus("manifest", manifest(tmp_path, "a.wav\tx\tsad", "a.wav\ty\tsad"))
    assert [u.id for u in twice.utterances] == ["a"] and "repeats the id a" in str(twice.faults[0])


def test_what_is_left_out_is_said_and_recorded(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    soundfile.write(tmp_path / "good.wav", tone(), RATE)
    for i in range(6):
        (tmp_path / f"bad{i}.wav").write_bytes(b"not audio")
    rows = ["good.wav\thello\thappy", *(f"bad{i}.wav\thello\thappy" for i in range(6))]
    folder = manifest(tmp_path, *rows)
    said = f"corpus {tmp_path.name}: 6 files or lines could not be used beside 1 utterances, the first: {tmp_path}/bad0"
    assert left_out(open_corpus("manifest", folder)).startswith(said)
    scenario = tmp_path / "s.yaml"
    scenario.write_text(TEXT.replace("{kind: synthetic, utterances: 20}", f"{{kind: manifest, path: {folder}}}"))
    assert run(["check", str(scenario)]) == 0
    assert f"amser: warning: {said}" in capsys.readouterr().err
    assert run(["run", str(scenario), "-j1", "-r1", "--no-report", "--results", str(tmp_path / "r")]) == 0
    assert capsys.readouterr().err.count(said) == 1
    warnings = Results.open(tmp_path / "r" / "small").manifest["warnings"]
    assert sum(line.startswith(said) for line in warnings) == 1


def _cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def _rate(path: Path) -> None:
    raw = bytearray(path.read_bytes())
    struct.pack_into("<I", raw, 24, 2**31 - 1)
    path.write_bytes(raw)


def test_what_cannot_be_coded_is_no_utterance(tmp_path: Path) -> None:
    """Opening, `corpus check --decode` and a run have the same limits."""
    soundfile.write(tmp_path / "one.wav", tone()[:1], RATE)
    soundfile.write(tmp_path / "scaled.wav", tone() * 32768, RATE, "FLOAT")
    soundfile.write(tmp_path / "half.wav", tone(2.0), RATE)
    soundfile.write(tmp_path / "half.mp3", tone(8.0), RATE)
    soundfile.write(tmp_path / "half.flac", tone(2.0), RATE)
    soundfile.write(tmp_path / "rate.wav", tone(), RATE)
    soundfile.write(tmp_path / "nan.wav", np.full(RATE, np.nan, np.float32), RATE, "FLOAT")
    soundfile.write(tmp_path / "long.wav", np.zeros(601 * 8000, np.int16), 8000)
    soundfile.write(tmp_path / "good.wav", tone(), RATE)
    for name in ("half.wav", "half.mp3", "half.flac"):
        _cut(tmp_path / name)
    _rate(tmp_path / "rate.wav")
    (tmp_path / "folder.wav").mkdir()
    names = sorted(p.name for p in tmp_path.iterdir())
    report = check_corpus(manifest(tmp_path, *(f"{name}\tx\tsad" for name in names)), "manifest", decode=True)
    faults = {fault.path.name: fault.reason for fault in report.faults}
    assert set(faults) == set(names) - {"good.wav"}
    assert "0.1 ms, shorter than a frame of 10 ms" in faults["one.wav"] and "2147483647 Hz" in faults["rate.wav"]
    assert "peaks at 98" in faults["scaled.wav"] and "cut short" in faults["half.wav"]
    assert "601 s; at most 600 s" in faults["long.wav"] and "not finite" in faults["nan.wav"]
    for name in set(names) - {"good.wav"}:
        with pytest.raises(CorpusError, match=name):
            read_audio(tmp_path / name)


def test_a_wav_file_that_was_written_to_a_pipe_says_no_length(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "a.wav", tone(), RATE)
    for size in (0, 0xFFFFFFFF):
        raw = bytearray((tmp_path / "a.wav").read_bytes())
        struct.pack_into("<I", raw, 4, size)
        (tmp_path / "b.wav").write_bytes(raw)
        assert not isinstance(probe(tmp_path / "b.wav"), Fault)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
def test_a_recording_may_come_through_a_pipe(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    soundfile.write(tmp_path / "a.wav", tone(), RATE)
    os.mkfifo(tmp_path / "pipe")
    for made in (lambda: (tmp_path / "a.wav").read_bytes(), lambda: b"no audio"):
        writer = Thread(target=lambda raw=made(): (tmp_path / "pipe").write_bytes(raw))
        writer.start()
        code = run(["encode", str(tmp_path / "pipe"), "--codec", "raw", "--output", str(tmp_path / "out")])
        writer.join()
        assert code == (0 if made() != b"no audio" else 3)
    assert "pipe: not readable as audio" in capsys.readouterr().err
    assert isinstance(probe(tmp_path / "pipe"), Fault)  # a corpus holds no pipes


def test_channels_that_cancel_are_not_averaged(tmp_path: Path) -> None:
    left = tone()
    soundfile.write(tmp_path / "turned.wav", np.stack([left, -left], axis=1), RATE)
    soundfile.write(tmp_path / "one-sided.wav", np.stack([left, 0 * left], axis=1), RATE)
    soundfile.write(tmp_path / "silent.wav", np.zeros((RATE, 2), np.float32), RATE)
    assert np.abs(read_audio(tmp_path / "turned.wav") - left).max() < 1e-4  # 16 bits: 1 / 32768
    assert np.abs(read_audio(tmp_path / "one-sided.wav") - left / 2).max() < 1e-4
    assert not read_audio(tmp_path / "silent.wav").any()
