"""Comparing studies: inputs first, then figures."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from amser.cli.main import run
from amser.comparison import compare
from sim.results import Results

POINTS = [{"devices.phones.codec": codec} for codec in ("raw", "amser-25")]


def test_a_study_equals_itself(results_folder: Callable[..., Path]) -> None:
    folder = results_folder(POINTS)
    found = compare(Results.open(folder), Results.open(folder))
    assert found.identical and not found.inputs and found.differences


def test_changed_inputs_and_figures_are_named(tmp_path: Path, make_results: Callable[..., Path]) -> None:
    first, second = make_results(tmp_path / "a", POINTS), make_results(tmp_path / "b", POINTS[:1])
    (second / "resolved.yaml").write_text("amser: 1\nname: quickstart\nseed: 2\n", encoding="utf-8")
    summary = (second / "summary.csv").read_text(encoding="utf-8").splitlines()
    summary = [line.replace("0.021", "0.5") if ",wer," in line else line for line in summary]
    (second / "summary.csv").write_text("\n".join(summary) + "\n", encoding="utf-8")
    found = compare(Results.open(first), Results.open(second))
    assert found.inputs["scenario.seed"] == ("(absent)", 2)
    wer = next(d for d in found.differences if d.metric == "wer")
    assert wer.apart and wer.second.mean == 0.5
    assert found.only_first == (("amser-25",),) and not found.identical


def test_compare_prints_what_differs(
    tmp_path: Path, make_results: Callable[..., Path], capsys: pytest.CaptureFixture[str]
) -> None:
    first, second = make_results(tmp_path / "a", POINTS), make_results(tmp_path / "b", POINTS)
    assert run(["compare", str(first), str(second)]) == 0
    out = capsys.readouterr().out
    assert "the inputs are the same" in out and "figures are equal to the last digit" in out
    assert run(["compare", str(first), str(second), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["identical"]


def test_rerun_of_a_small_study_is_identical(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, small_scenario: str, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("small.yaml").write_text(small_scenario, encoding="utf-8")
    assert run(["run", "small.yaml", "-j", "1", "-q", "--no-report"]) == 0
    capsys.readouterr()
    assert run(["rerun", "results/small", "-j", "1"]) == 0
    assert "the inputs are the same" in capsys.readouterr().out
    # A figure that was tampered with is found.
    summary = next(Path("results/small").glob("*/summary.csv"))
    summary.write_text(summary.read_text(encoding="utf-8").replace("60000.0", "61000.0"), encoding="utf-8")
    assert run(["rerun", "results/small", "-j", "1", "--json"]) == 1
    assert not json.loads(capsys.readouterr().out)["identical"]
