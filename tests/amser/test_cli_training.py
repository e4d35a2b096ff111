"""Training, evaluation and calibration from the command line: mistakes, and a run on the smallest corpus."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import soundfile

from amser.cli.main import run
from amser.cluster import cluster_executor
from amser.exits import MissingError


@pytest.fixture
def tones(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Sixteen half-second tones by four speakers: high ones are `happy`, low ones `sad`."""
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(5)
    t = np.arange(8000) / 16_000
    lines = ["path\ttext\temotion\tspeaker"]
    for i in range(16):
        mood, pitch = ("happy", 900.0) if i % 2 else ("sad", 200.0)
        name = f"{i}.wav"
        soundfile.write(name, 0.3 * np.sin(2 * np.pi * pitch * t) + 0.01 * rng.standard_normal(t.size), 16_000)
        lines.append(f"{name}\tturn on the light\t{mood}\tspeaker {i // 4}")
    path = tmp_path / "manifest.tsv"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


@pytest.mark.slow
def test_trained_weights_can_be_evaluated(tones: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["train", "emotion", "--corpus", str(tones), "-n", "xu", "--epochs", "2", "-o", "w"]) == 0
    assert capsys.readouterr().out.startswith("w/emotion-xu.safetensors: best epoch ")
    command = ["evaluate", "--corpus", str(tones), "--weights", "w/emotion-xu.safetensors", "--words", "reference"]
    assert run([*command, "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)
    assert [row["codec"] for row in rows] == ["amser-12.5", "amser-18.75", "amser-25", "amser-50", "raw"]
    assert all(row["utterances"] == 16 for row in rows)
    assert all(row["low"] is None or 0 <= row["low"] <= row["accuracy"] <= row["high"] <= 1 for row in rows)
    assert [row["loss"] is None for row in rows] == [False] * 4 + [True]


@pytest.mark.slow
def test_folds_of_several_seeds_with_glove_vectors(tones: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Path("glove.txt").write_text("turn 1 0\non 0 1\nthe 1 1\n")
    command = ["evaluate", "--corpus", str(tones), "-n", "yoon", "--words", "reference", "--modalities", "text"]
    command += ["--glove", "glove.txt", "--frozen", "--epochs", "1", "--folds", "3", "--seeds", "2"]
    assert run([*command, "--json"]) == 0
    out, err = capsys.readouterr()
    assert err == "glove.txt: 3 words of 2 numbers; not in it, so given the mean of all: light\n"
    rows = json.loads(out)
    for row in rows:
        assert row["seeds"] == 2 and row["utterances"] == 16
        assert row["training"] == "across rates, frozen words of glove.txt, text only"
        # All say the same words, so a network that meets nothing else answers alike: half right on these 8 of each.
        assert row["accuracy"] == 0.5 and row["deviation"] == 0.0
    assert run(command) == 0
    assert "text only, seeds 1, 1001, words from reference" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("command", "code", "says"),
    [
        (["train", "emotion", "--corpus", "nowhere"], 3, "nowhere"),
        (["train", "emotion"], 2, "--corpus"),
        (["train", "emotion", "--corpus", "nowhere", "--encoder", "bas"], 2, "did you mean 'base'?"),
        (["train", "emotion", "--corpus", "nowhere", "--encoder", "base", "--glove", "g"], 2, "not for the network"),
        (["train", "emotion", "--corpus", "nowhere", "--language", "de"], 2, "goes with --encoder"),
        (["evaluate", "--corpus", "nowhere", "-n", "amsre"], 2, "did you mean 'amser'?"),
        (["evaluate", "--corpus", "nowhere", "--device", "tpu"], 2, "write cpu, cuda"),
        (["evaluate", "--corpus", "nowhere", "--device", "cuda:99"], 3, "--device cuda:99: PyTorch sees"),
        (["train", "emotion", "--corpus", "nowhere", "--device", "cuda:99"], 3, "--device cuda:99: PyTorch sees"),
        (["train", "emotion", "--corpus", "nowhere", "--glove", "no.txt"], 3, "no.txt: no such file; give GloVe's"),
        (["evaluate", "--corpus", "nowhere", "--modalities", "text", "--words", "none"], 2, "nothing is left"),
        (["evaluate", "--corpus", "nowhere", "--modalities", "audi"], 2, "did you mean 'audio'?"),
        (["evaluate", "--corpus", "nowhere", "--frozen", "--glove", "none"], 2, "name their file"),
        (["evaluate", "--corpus", "nowhere", "--modalities", "audio", "--glove", "g.txt"], 2, "no words"),
        (
            ["evaluate", "--corpus", "nowhere", "--weights", "xu", "--clean", "--seeds", "2"],
            2,
            "--clean, --seeds: about",
        ),
        (["evaluate", "--train", "nowhere", "--encoder", "base"], 2, "or --train and --test"),
        (["evaluate", "--corpus", "nowhere", "--encoder", "bas"], 2, "did you mean 'base'?"),
        (["evaluate", "--corpus", "nowhere", "--short"], 2, "go with --encoder"),
        (["reproduce", "icassp2025", "--iemocap", "nowhere"], 3, "--iemocap nowhere: not IEMOCAP"),
        (["calibrate", "server", "-m", "huge"], 3, "huge"),
        # Without the extra `cluster` the message asks for it; with it, the scheduler that nobody started is missed.
        (["run", "quickstart", "--cluster", "tcp://127.0.0.1:1"], 3, "--cluster"),
    ],
)
def test_mistakes_give_one_message(
    command: list[str],
    code: int,
    says: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    # Whether the scenario's calibration is there is another test's matter.
    monkeypatch.setattr("amser.rehearsal.rehearse", lambda experiment: None)
    # Nothing listens on port 1; how long a user would be kept waiting is no part of the message.
    monkeypatch.setattr("amser.cluster.ANSWERS_WITHIN_S", 0.1)
    assert run(command) == code
    out, err = capsys.readouterr()
    assert out == "" and says in err and "Traceback" not in err


@pytest.mark.parametrize("failure", [ConnectionRefusedError("refused"), TimeoutError("too late"), MemoryError("3 EiB")])
def test_a_scheduler_that_does_not_answer_gives_the_same_message_however_it_fails(
    failure: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Refused or timed out is chance of the host; a stranger on that port makes Dask raise anything."""
    distributed = pytest.importorskip("distributed", reason="the extra `cluster` is not installed")

    def fail(*args: object, **options: object) -> None:
        raise failure

    monkeypatch.setattr(distributed, "Client", fail)
    says = r"^--cluster: no Dask scheduler answers at tcp://10\.0\.0\.1:8786; start one"
    with pytest.raises(MissingError, match=says), cluster_executor("tcp://10.0.0.1:8786", 1):
        pass
