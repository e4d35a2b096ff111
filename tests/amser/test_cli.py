"""The command line as a user meets it: output, messages and exit codes."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Callable
from io import StringIO
from pathlib import Path

import pytest

from amser import __version__
from amser.cli.main import run
from amser.json_schema import schema_text

ROOT = Path(__file__).parents[2]
HEAVY = {
    "torch",
    "whisper",
    "librosa",
    "plotly",
    "matplotlib",
    "pandas",
    "numpy",
    "scipy",
    "simpy",
    "pydantic",
    "rich",
    "ruamel.yaml",
    "pyarrow",
}


@pytest.fixture
def small(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, small_scenario: str) -> Path:
    """A small scenario in an empty working folder."""
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "small.yaml"
    path.write_text(small_scenario, encoding="utf-8")
    return path


def test_help_imports_nothing_heavy() -> None:
    # What makes `--help` answer at once, checked without a clock.
    code = "import sys; from amser.cli.main import run; run(['--help']); print(sorted(sys.modules))"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT).stdout
    loaded = set(json.loads(out.strip().splitlines()[-1].replace("'", '"')))
    assert "Commands:" in out
    assert not HEAVY & loaded


def test_help_of_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    from amser.cli.app import app

    names = [c.name for c in app.registered_commands]
    assert {"run", "check", "show", "list", "init", "schema", "report", "info"} <= set(names)
    for name in names:
        assert run([str(name), "--help"]) == 0
        assert "Usage:" in capsys.readouterr().out


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["--version"]) == 0
    assert capsys.readouterr().out == f"{__version__}\n"


def test_run_prints_results_only_on_standard_output(small: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["run", str(small), "--jobs", "1"]) == 0
    out, err = capsys.readouterr()
    lines = out.splitlines()
    assert lines[0].split()[0] == "codec" and lines[2].startswith("big") and lines[3].startswith("small")
    assert [line.split()[0] for line in lines[-2:]] == ["results", "report"]
    assert Path(lines[-1].split()[1]).is_file()
    assert all(line.startswith("amser: warning: ") for line in err.splitlines())


def test_run_as_json_and_overrides(small: Path, capsys: pytest.CaptureFixture[str]) -> None:
    command = [
        "run",
        str(small),
        "--json",
        "--quiet",
        "--no-report",
        "-j",
        "1",
        "-r",
        "1",
        "--seed",
        "7",
        "--set",
        "duration=1 min",
    ]
    assert run(command) == 0
    out, err = capsys.readouterr()
    found = json.loads(out)
    assert err == "" and found["complete"] and found["report"] is None
    payload = {r["devices.phones.codec"]: r["mean"] for r in found["summary"] if r["metric"] == "payload_mean_bytes"}
    assert payload == {"big": 60_000.0, "small": 6_000.0}
    manifest = json.loads((Path(found["folder"]) / "manifest.json").read_text(encoding="utf-8"))
    assert manifest["sets"] == ["duration=1 min", "sweep.replications=1", "seed=7"]


def test_a_point_that_answers_nothing_is_invalid(small: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lost = "cells.uplink.loss={kind: payload, probability: 100 %}"
    assert run(["run", str(small), "-j", "1", "--no-report", "--set", lost]) == 1


def test_report_is_written_again(small: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["run", str(small), "-j", "1", "--no-report", "-q"]) == 0
    capsys.readouterr()
    assert run(["report", "results/small", "-o", "page.html"]) == 0
    assert capsys.readouterr().out == "page.html\n" and Path("page.html").stat().st_size > 1_000_000


def test_interrupted_run_keeps_what_is_finished(
    small: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    results_folder: Callable[..., Path],
) -> None:
    import sim.study.experiment
    from sim.study.results import Results

    folder = results_folder([{"devices.phones.codec": "raw"}], complete=False)

    def interrupted(*args: object, **options: object) -> None:
        raise sim.study.experiment.Interrupted(Results(folder))

    monkeypatch.setattr(sim.study.experiment, "run", interrupted)
    assert run(["run", str(small)]) == 130
    assert str(folder) in capsys.readouterr().err


def test_failed_points_give_4(
    small: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    results_folder: Callable[..., Path],
) -> None:
    import sim.study.experiment
    from sim.study.results import Results

    folder = results_folder([{"devices.phones.codec": "raw"}], complete=False)
    manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8")) | {
        "failures": {"p00-s1": "ValueError: boom"}
    }
    (folder / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")
    monkeypatch.setattr(sim.study.experiment, "run", lambda *args, **options: Results(folder))
    assert run(["run", str(small)]) == 4
    assert "amser: raw, replication 1 failed: ValueError: boom" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("command", "code", "says"),
    [
        (["run", "nope.yaml"], 2, "no such scenario file"),
        (["run", "quikstart"], 2, "did you mean 'quickstart'?"),
        (["run"], 2, "Missing argument"),
        (["frobnicate"], 2, "No such command"),
        (["run", "quickstart", "--jobs", "0"], 2, "--jobs"),
        (["run", "quickstart", "--set", "duration"], 2, "key=value"),
        (["check", "quickstart", "--set", "duration=600"], 2, "needs a unit"),
        (["report", "nowhere"], 3, "no results here"),
        (["list", "radio"], 2, "did you mean 'radios'?"),
        (["init", "--from", "nope"], 2, "no ready scenario"),
    ],
)
def test_mistakes_give_one_message_and_their_code(
    command: list[str],
    code: int,
    says: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    assert run(command) == code
    out, err = capsys.readouterr()
    assert out == "" and says in err and "Traceback" not in err


def test_a_defect_shows_its_traceback(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    import scenarios

    def broken(*args: object) -> None:
        raise ZeroDivisionError("unforeseen")

    monkeypatch.setattr(scenarios, "load", broken)
    assert run(["check", "quickstart"]) == 70
    assert "unforeseen" in capsys.readouterr().err


def test_check_reports_every_fault_at_its_place(
    small: Path, small_scenario: str, capsys: pytest.CaptureFixture[str]
) -> None:
    small.write_text(small_scenario.replace("5 Mbit/s", "5 Mbit").replace("count: 5", "coutn: 5"), encoding="utf-8")
    assert run(["check", str(small)]) == 2
    err = capsys.readouterr().err
    assert "small.yaml:12:" in err and "small.yaml:15:" in err and "did you mean 'count'?" in err
    assert run(["check", str(small), "--json"]) == 2
    faults = json.loads(capsys.readouterr().out)["faults"]
    assert {12, 15} <= {f["line"] for f in faults}


def test_check_finds_what_is_missing_outside_the_file(small: Path, capsys: pytest.CaptureFixture[str]) -> None:
    trace = "cells.uplink.capacity={kind: mahimahi, file: nowhere.up}"
    assert run(["check", str(small), "--set", trace]) == 2
    assert "nowhere.up" in capsys.readouterr().err


def test_check_outlines_the_study(small: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["check", str(small), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["points"] == 2 and found["replications"] == 2 and found["codecs"] == ["big", "small"]


def test_show_gives_a_scenario_that_means_the_same(small: Path, capsys: pytest.CaptureFixture[str]) -> None:
    import scenarios

    assert run(["show", str(small), "--set", "devices.phones.count=9"]) == 0
    shown = scenarios.loads(capsys.readouterr().out)
    assert shown.points == scenarios.load(small, ["devices.phones.count=9"]).points
    assert run(["show", str(small), "--points", "--json"]) == 0
    assert [p["parameters"] for p in json.loads(capsys.readouterr().out)] == [
        {"devices.phones.codec": c} for c in ("big", "small")
    ]


def test_init_writes_a_valid_scenario_and_never_overwrites(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert run(["init"]) == 0
    assert run(["check", "scenario.yaml"]) == 0
    Path("scenario.yaml").write_text("mine", encoding="utf-8")
    assert run(["init"]) == 2
    assert "left as it is" in capsys.readouterr().err
    assert Path("scenario.yaml").read_text(encoding="utf-8") == "mine"
    assert run(["init", "copy.yaml", "--from", "quickstart"]) == 0


@pytest.mark.parametrize(
    "what",
    [
        "scenarios",
        "profiles",
        "radios",
        "local",
        "codecs",
        "recognizers",
        "emotions",
        "corpora",
        "calibrations",
        "traces",
    ],
)
def test_lists_name_things_and_their_sources(what: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["list", what, "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)
    assert all(row["name"] for row in rows)
    if what in ("profiles", "radios", "recognizers", "emotions", "calibrations"):
        assert rows and all(row["source"] for row in rows)
    assert run(["list", what]) == 0


def test_info_names_versions_weights_and_caches(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["info", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["amser"]["version"] == __version__
    assert found["packages"]["simpy"].startswith("4.")
    assert {"weights", "speech", "calibrations", "cache"} <= set(found)


def test_models_are_listed_converted_and_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from tests.recognizers.whisper_formats import random_whisper, write_ctranslate2

    monkeypatch.setenv("AMSER_CACHE", str(tmp_path / "cache"))
    folder = write_ctranslate2(tmp_path / "ct2", random_whisper(n_vocab=97))
    assert run(["models", "convert", str(folder), "--name", "mine", "--json"]) == 0
    made = json.loads(capsys.readouterr().out)
    assert run(["models", "--json"]) == 0
    rows = {row["name"]: row for row in json.loads(capsys.readouterr().out)}
    assert rows["mine"] == made and rows["nano"]["here"] == "ships" and "turbo" not in rows
    assert run(["models"]) == 0
    table = capsys.readouterr().out
    assert made["digest"][:12] in table and "large-v3-turbo" in table
    assert run(["models", "get", "huge"]) == 3
    assert run(["models", "convert", str(tmp_path)]) == 3
    assert run(["models", "convert", str(folder), "--output", made["path"]]) == 2
    errors = capsys.readouterr().err.splitlines()
    assert len(errors) == 3 and all(line.startswith("amser: ") for line in errors)


def test_committed_schema_is_current(tmp_path: Path) -> None:
    committed = ROOT / "docs" / "scenario.schema.json"
    assert committed.read_text(encoding="utf-8") == schema_text(), "run: amser schema -o docs/scenario.schema.json"
    assert run(["schema", "-o", str(tmp_path / "s.json")]) == 0
    assert (tmp_path / "s.json").read_text(encoding="utf-8") == schema_text()


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("manifest.json", "{"),
        ("manifest.json", "{}"),
        ("manifest.json", "[]"),
        ("summary.csv", ""),
        ("summary.csv", "nothing of ours\n"),
        ("summary.csv", "devices.phones.codec,metric,unit,mean,low,high,n,over\nraw,wer"),
        ("differences.csv", ""),
        ("resolved.yaml", "a: ["),
        ("points/p00-s0/uploads.parquet", "PAR1"),
        ("points/p00-s0/metrics.json", "{"),
    ],
)
def test_a_damaged_results_folder_is_one_message(
    name: str, content: str, results_folder: Callable[..., Path], capsys: pytest.CaptureFixture[str]
) -> None:
    """The file that is damaged and the remedy, never a traceback."""
    folder = results_folder([{"devices.phones.codec": "raw"}, {"devices.phones.codec": "flac"}])
    (folder / name).write_text(content, encoding="utf-8")
    assert run(["report", str(folder)]) == 3
    out, err = capsys.readouterr()
    assert out == "" and err.startswith(f"amser: {folder / name}: ") and "run the scenario again" in err
    assert err.count("\n") == 1


def test_a_closed_output_is_no_defect(tmp_path: Path) -> None:
    """``amser ... >&-``: Python has no standard output then, and there is nobody to tell."""
    command = f"exec {sys.executable} -m amser list scenarios >&-"
    done = subprocess.run(["sh", "-c", command], cwd=Path(__file__).parents[2], stderr=subprocess.PIPE, text=True)
    assert (done.returncode, done.stderr) == (0, "")


def test_figures_stay_whole_on_a_narrow_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    from amser.console import Table

    class Terminal(StringIO):
        def isatty(self) -> bool:
            return True

    screen = Terminal()
    monkeypatch.setattr("sys.stdout", screen)
    monkeypatch.setenv("COLUMNS", "48")
    figures = [f"{n} ± {n}" for n in range(1000, 1006)]
    names = ["a name of a point", *(f"metric{i} [ms]" for i in range(6))]
    Table(names, [["flac over a slow link", *figures]], right=frozenset(range(1, 7))).print()
    lines = re.sub(r"\x1b\[[0-9;]*m", "", screen.getvalue()).splitlines()
    assert max(map(len, lines)) <= 48
    assert all(any(figure in line for line in lines) for figure in figures)
    # Every part repeats the names: a figure without its point says nothing.
    assert sum("flac" in line for line in lines) == sum("±" in line for line in lines) > 1
