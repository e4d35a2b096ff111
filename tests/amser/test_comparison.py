"""Comparing studies: inputs first, then figures."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from amser.cli.main import run
from amser.comparison import compare
from sim.study.results import Results

POINTS = [{"devices.phones.codec": codec} for codec in ("raw", "amser-25")]


def test_a_study_equals_itself(results_folder: Callable[..., Path]) -> None:
    folder = results_folder(POINTS)
    found = compare(Results.open(folder), Results.open(folder))
    assert found.identical and not found.inputs and found.differences


def test_changed_inputs_and_figures_are_named(tmp_path: Path, make_results: Callable[..., Path]) -> None:
    first, second = make_results(tmp_path / "a", POINTS), make_results(tmp_path / "b", POINTS[:1])
    (second / "resolved.yaml").write_text("amser: 1\nname: quickstart\nseed: 2\n", encoding="utf-8")
    summary = (second / "summary.csv").read_text(encoding="utf-8").splitlines()
    summary = [line.replace("0.021,0.011,0.036", "0.5,0.45,0.55") if ",wer," in line else line for line in summary]
    (second / "summary.csv").write_text("\n".join(summary) + "\n", encoding="utf-8")
    found = compare(Results.open(first), Results.open(second))
    assert found.inputs["scenario.seed"] == ("(absent)", 2)
    wer = next(d for d in found.differences if d.metric == "wer")
    assert wer.apart and wer.second.mean == 0.5
    assert found.only_first == (("amser-25",),) and not found.identical


def recognized(folder: Path, wrong: set[int]) -> None:
    """Ten uploads of each of 80 utterances of four words, one of them wrong in those that are named."""
    for place in (folder / "points").glob("p00-s*"):
        pd.DataFrame(
            {
                "utterance": [f"u{i:02d}" for i in range(80)],
                "speaker": None,
                "codec": "raw",
                "uploads": 10,
                "word_errors": [float(i in wrong) for i in range(80)],
                "reference_words": 4.0,
                "emotion": None,
                "emotion_predicted": None,
            }
        ).to_parquet(place / "recognized.parquet")


def test_words_are_compared_utterance_by_utterance(tmp_path: Path, make_results: Callable[..., Path]) -> None:
    """20 against 30 of 80 utterances with an error: apart where 10 more are wrong, not where it is other ones.

    Paired: 10 differences of one in 320 words, deviation sqrt(10) / 320 (less 1/16): 3.1 points, 1.3 to 5.0.
    Unlike: 50 differences, 30 and -20: deviation sqrt(50) / 320, so that -1.2 to 7.5 holds 0.
    """
    first, more, other = (make_results(tmp_path / name, POINTS[:1]) for name in "abc")
    recognized(first, set(range(20)))
    recognized(more, set(range(30)))
    recognized(other, set(range(30, 60)))
    for second, apart, half in ((more, True, 0.0181), (other, False, 0.043)):
        found = next(d for d in compare(Results.open(first), Results.open(second)).differences if d.metric == "wer")
        assert found.gap is not None and found.gap.basis == "80 utterances"
        assert found.gap.mean == pytest.approx(10 / 320)
        assert (found.gap.high - found.gap.low) / 2 == pytest.approx(half, rel=0.15)
        assert (found.gap.low > 0) == apart


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
