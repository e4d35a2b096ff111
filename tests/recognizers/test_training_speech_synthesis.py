"""Rendering with the real engines, where they are installed."""

import csv
import shutil

import pytest

from recognizers.training.speech.synthesis import main, render_clip, synthesise
from recognizers.training.speech.voices import ENGINES

needs_engines = pytest.mark.skipif(
    any(shutil.which(engine) is None for engine in ENGINES), reason="needs espeak-ng, flite and festival"
)


@needs_engines
def test_a_clip_depends_on_seed_part_and_index_alone(tmp_path):
    for folder in ("a", "b"):
        (tmp_path / folder / "test").mkdir(parents=True)
    first = render_clip(tmp_path / "a", 5, "test", 2)
    again = render_clip(tmp_path / "b", 5, "test", 2)
    assert first == again
    assert (tmp_path / "a" / first.path).read_bytes() == (tmp_path / "b" / again.path).read_bytes()


@needs_engines
def test_a_run_writes_a_manifest_of_all_clips(tmp_path):
    rows = synthesise(tmp_path, 3, {"train": 4, "dev": 1}, workers=1, quiet=True)
    assert [r.emotion for r in rows[:4]] == ["angry", "happy", "neutral", "sad"]
    with (tmp_path / "manifest.tsv").open(newline="") as file:
        assert [r["text"] for r in csv.DictReader(file, delimiter="\t")] == [r.text for r in rows]


def test_without_engines_the_command_ends_with_code_3(monkeypatch, tmp_path, capsys):
    monkeypatch.setenv("PATH", str(tmp_path))
    assert main(["--out", str(tmp_path / "speech")]) == 3
    assert "espeak-ng, flite, festival" in capsys.readouterr().err
