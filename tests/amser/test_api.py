"""The Python interface: its names, and that it gives pandas frames."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

import amser


def test_all_names_what_users_import() -> None:
    types = ["Experiment", "Results", "ResultsError", "ScenarioError"]
    assert sorted(amser.__all__) == [*types, "advise", "compare", "load", "open_results", "plot", "run", "write_report"]
    for name in amser.__all__:
        assert getattr(amser, name).__doc__


def test_open_results_gives_frames(codec_study: Path) -> None:
    found = amser.open_results(codec_study.parent)
    assert found.folder == codec_study
    assert isinstance(found.summary, pd.DataFrame) and set(found.summary["metric"]) >= {
        "latency_mean_s",
        "wer",
    }
    uploads = found.uploads("p00")
    assert set(uploads["devices.phones.codec"]) == {"raw"}
    assert amser.write_report(found, codec_study / "other.html").is_file()


def test_load_and_run(tmp_path: Path, small_scenario: str) -> None:
    path = tmp_path / "small.yaml"
    path.write_text(small_scenario, encoding="utf-8")
    experiment = amser.load(path, ["sweep.replications=1"])
    assert len(experiment.points) == 2
    found = amser.run(experiment, results_root=tmp_path / "results")
    wide = found.summary.pivot(index="devices.phones.codec", columns="metric", values="mean")
    assert wide.loc["small", "latency_mean_s"] < wide.loc["big", "latency_mean_s"]
    assert len(found.uploads()) > 0


def test_a_faulty_scenario_raises_all_its_faults(tmp_path: Path) -> None:
    path = tmp_path / "bad.yaml"
    path.write_text("amser: 1\nduration: 5\ndevcies: {}\n", encoding="utf-8")
    with pytest.raises(amser.ScenarioError) as caught:
        amser.load(path)
    assert len(caught.value.faults) >= 3


def test_what_is_missing_is_found_before_anything_is_measured(tmp_path: Path, small_scenario: str) -> None:
    path = tmp_path / "small.yaml"
    path.write_text(small_scenario, encoding="utf-8")
    with pytest.raises(amser.ScenarioError, match=r"corpus: .*nowhere"):
        amser.run(path, ["corpus={kind: manifest, path: nowhere}"], results_root=tmp_path / "results")
    assert not (tmp_path / "results").exists()
    with pytest.raises(amser.ResultsError, match="no results here"):
        amser.open_results(tmp_path)


def test_importing_it_imports_nothing_heavy() -> None:
    """A notebook or a command line that only asks for help should not wait for models and plots."""
    heavy = "{'torch', 'numpy', 'pandas', 'plotly', 'pydantic', 'scipy', 'whisper'}"
    code = f"import amser, sys; print(sorted({heavy} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=Path(__file__).parents[2])
    assert done.stdout.strip() == "[]"
