"""Payloads and Mels of single recordings, and corpora, from the command line."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest
import soundfile

from amser.cli.main import run
from amser.report.frame import unpacked


def drawing_of(page: str, name: str) -> str:
    """The JSON of a page's figure."""
    found = re.search(f'id="{name}".*?<script[^>]*>(.*?)</script>', Path(page).read_text(encoding="utf-8"), re.DOTALL)
    assert found is not None
    return unpacked(found[1])


@pytest.fixture
def recording(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """One second of a chirp with noise, 44.1 kHz stereo, in the working folder."""
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(3)
    t = np.arange(44_100) / 44_100
    mono = 0.3 * np.sin(2 * np.pi * (200 + 800 * t) * t) + 0.01 * rng.standard_normal(t.size)
    path = tmp_path / "a.wav"
    soundfile.write(path, np.column_stack([mono, mono]), 44_100)
    return path


def test_encode_says_what_the_payload_costs(recording: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["encode", "a.wav", "--codec", "raw", "--json"]) == 0
    facts = json.loads(capsys.readouterr().out)
    # One second at 16 kHz and 2 bytes a sample: 256 kbit/s.
    assert facts["payload_bytes"] - facts["container_bytes"] == facts["raw_bytes"] == 32_000
    assert Path("a.raw").stat().st_size == facts["payload_bytes"]


def test_encode_then_decode_rebuilds_the_mel(recording: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["encode", "a.wav", "-c", "amser-50"]) == 0
    assert "times smaller than raw audio" in capsys.readouterr().out
    assert run(["decode", "a.amser-50", "--original", "a.wav", "--picture", "mel.html", "--json"]) == 0
    facts = json.loads(capsys.readouterr().out)
    assert np.load("a.amser-50.npy").shape == (80, 100) == (facts["bands"], facts["frames"])
    # Half of all singular values keep a chirp's Mel almost whole.
    assert facts["mel_snr_db"] > 15
    assert "original" in drawing_of("mel.html", "mel")


def test_more_rank_is_a_better_mel(recording: Path, capsys: pytest.CaptureFixture[str]) -> None:
    snr = []
    for codec in ("amser-12.5", "amser-25", "amser-50", "amser-100"):
        assert run(["encode", "a.wav", "-c", codec]) == 0
        capsys.readouterr()
        assert run(["decode", f"a.{codec}", "--original", "a.wav", "--json"]) == 0
        snr.append(json.loads(capsys.readouterr().out)["mel_snr_db"])
    assert snr == sorted(snr)


@pytest.mark.parametrize(
    ("command", "code", "says"),
    [
        (["encode", "nowhere.wav"], 3, "nowhere.wav"),
        (["encode", "a.wav", "-c", "klt4"], 2, "there is no codec named 'klt4'"),
        (["encode", "a.wav", "-c", "klt-4", "--bands", "40"], 2, "80 and 128 bands"),
        (["encode", "a.wav", "-o", "a.wav"], 2, "the recording itself"),
        (["decode", "a.wav"], 2, "say which with --codec"),
        (["decode", "a.wav", "-c", "amser-25"], 2, "payload"),
        (["decode", "nowhere.raw"], 3, "nowhere.raw"),
    ],
)
def test_mistakes_give_one_message(
    command: list[str], code: int, says: str, recording: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(command) == code
    out, err = capsys.readouterr()
    assert out == "" and says in err and "Traceback" not in err


def test_corpus_check_lists_what_is_understood_and_what_is_broken(
    recording: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("manifest.tsv").write_text("path\ttext\temotion\na.wav\thello\thappy\nb.wav\tgone\tsad\n", encoding="utf-8")
    assert run(["corpus", "check", "manifest.tsv", "--json"]) == 1
    facts = json.loads(capsys.readouterr().out)
    assert facts["files"] == 1 and "b.wav" in facts["faults"][0]
    assert run(["corpus", "check", "nowhere"]) == 3


def test_codec_study_writes_table_and_plots(recording: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Path("manifest.tsv").write_text("path\ttext\na.wav\thello\n", encoding="utf-8")
    command = [
        "study",
        "codecs",
        "--corpus",
        "manifest.tsv",
        "--recognizer",
        "none",
        "--emotion",
        "none",
        "-o",
        "out",
    ]
    assert run([*command, "-c", "amser-12.5", "-c", "amser-50", "-c", "opus-16"]) == 0
    out = capsys.readouterr().out
    assert out.splitlines()[2].startswith("amser-12.5") and "mel snr [dB]" in out
    assert Path("out/codecs.csv").is_file() and Path("out/measurements.parquet").is_file()
    assert "mel-svd fp32" in drawing_of("out/codecs.html", "rates")


OWN = """
extends: quickstart
codecs:
  long: {kind: opus, rate: 6 kbit/s, frame: 60 ms}
"""


def test_codec_study_takes_the_codecs_of_a_scenario(recording: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Path("manifest.tsv").write_text("path\ttext\na.wav\thello\n", encoding="utf-8")
    Path("own.yaml").write_text(OWN, encoding="utf-8")
    command = ["study", "codecs", "--corpus", "manifest.tsv", "--recognizer", "none", "--emotion", "none", "-o", "out"]
    assert run([*command, "--scenario", "own.yaml", "-c", "long", "-c", "opus-6", "--json"]) == 0
    rows = [row for row in json.loads(capsys.readouterr().out) if row["metric"] == "container_share"]
    assert [row["codec"] for row in rows] == ["long", "opus-6"]
    # A third of the packets, a third of the lengths between them.
    assert rows[0]["value"] < 0.5 * rows[1]["value"]
    assert rows[0]["family"] == "opus frames of 60 ms"


@pytest.mark.parametrize(
    ("wrong", "code", "says"),
    [
        (["-c", "klt4"], 2, "did you mean 'klt-4'"),
        (["--emotion", "happiness"], 3, "amser, umons, xu, yoon"),
        (["--scenario", "nowhere.yaml"], 2, "nowhere.yaml"),
        (["--recognizer", "nan"], 3, "nan"),
        (["--corpus", "nowhere"], 3, "nowhere"),
    ],
)
def test_mistakes_in_a_codec_study_give_one_message(
    wrong: list[str], code: int, says: str, recording: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["study", "codecs", *wrong]) == code
    out, err = capsys.readouterr()
    assert out == "" and says in err and "Traceback" not in err
