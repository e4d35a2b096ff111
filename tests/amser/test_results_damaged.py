"""Results folders that were damaged, edited or made by a stranger: done again or one clear error, and never trusted."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from amser.cli.main import run as amser
from scenarios import load, loads
from sim.study.csv_cells import quoted, unquoted
from sim.study.disk import OWNER, digests, is_whole, seal, write_atomically
from sim.study.experiment import run
from sim.study.results import Results, UploadLog
from tests.sim.small_study import TEXT, contents

ROOT = Path(__file__).parents[2]


def _replace(path: Path) -> None:
    """Another log of the same size: whole, readable and wrong."""
    other = bytearray(path.read_bytes())
    other[len(other) // 2] ^= 1
    path.write_bytes(other)


DAMAGE: dict[str, Callable[[Path], object]] = {
    "metrics emptied": lambda point: (point / "metrics.json").write_text("{}"),
    "metrics edited": lambda point: (point / "metrics.json").write_text('{"uploads": 7}'),
    "log deleted": lambda point: (point / "uploads.parquet").unlink(),
    "log of another": lambda point: _replace(point / "uploads.parquet"),
    "file added": lambda point: (point / "more.txt").touch(),
    "status is a list": lambda point: (point / "status.json").write_text("[" * 100_000),
    "status of an older version": lambda point: (point / "status.json").write_text('{"state": "finished"}'),
    "status is a folder": lambda point: ((point / "status.json").unlink(), (point / "status.json").mkdir()),
}


def test_what_differs_by_a_byte_is_run_again(tmp_path: Path) -> None:
    first = run(loads(TEXT), results_root=tmp_path, cache_dir=tmp_path / "cache")
    undisturbed = contents(first)
    points = sorted(first.folder.glob("points/*"))
    for number, damage in enumerate(DAMAGE.values()):
        point = points[number % len(points)]
        damage(point)
        assert not is_whole(point)
        again = run(loads(TEXT), results_root=tmp_path, cache_dir=tmp_path / "cache")
        assert contents(again) == undisturbed
        points = sorted(again.folder.glob("points/*"))


def test_a_seal_holds_sizes_and_digests(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"abc")
    seal(tmp_path, {"uploads": 1.0})
    # SHA-256 of "abc" as in FIPS 180-2, appendix B.1.
    known = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    assert json.loads((tmp_path / "status.json").read_text())["files"] == {"a": {"bytes": 3, "sha256": known}}
    assert digests([tmp_path / "a"])["a"]["sha256"] == known and is_whole(tmp_path)


def _manifest(**changes: Any) -> Callable[[Path], None]:
    def change(folder: Path) -> None:
        loaded = json.loads((folder / "manifest.json").read_text())
        (folder / "manifest.json").write_text(json.dumps(loaded | changes))

    return change


def _summary(column: str, value: object) -> Callable[[Path], None]:
    def change(folder: Path) -> None:
        frame = pd.read_csv(folder / "summary.csv").astype(object)
        frame.loc[3, column] = value
        frame.to_csv(folder / "summary.csv", index=False)

    return change


STRANGE: dict[str, Callable[[Path], object]] = {
    "points: null": _manifest(points=None),
    "points: numbers": _manifest(points=[1]),
    "a key that leads elsewhere": _manifest(points=[{"key": "/../../x", "parameters": {}}]),
    "a point without its values": _manifest(points=[{"key": "p00", "parameters": {}}]),
    "a value that is a list": _manifest(points=[{"key": "p00", "parameters": {"devices.phones.codec": [1]}}]),
    "parameters: text": _manifest(parameters="abc"),
    "a parameter the summary lacks": _manifest(parameters=["x"], points=[{"key": "p", "parameters": {"x": 1}}]),
    "warnings: a number": _manifest(warnings=3),
    "failures: a list": _manifest(failures=["x"]),
    "deep": lambda folder: (folder / "manifest.json").write_text('{"a": ' * 50_000),
    "not UTF-8": lambda folder: (folder / "manifest.json").write_bytes(b'{"a": "\xff"}'),
    "text in mean": _summary("mean", "fast"),
    "text in n": _summary("n", "many"),
    "n infinite": _summary("n", "inf"),
    "no n": _summary("n", None),
    "summary is a folder": lambda folder: ((folder / "summary.csv").unlink(), (folder / "summary.csv").mkdir()),
    "summary is a log": lambda folder: (folder / "summary.csv").write_bytes(b"PAR1" + bytes(range(256))),
    "resolved is a list": lambda folder: (folder / "resolved.yaml").write_text("- 1\n"),
    "resolved is deep": lambda folder: (folder / "resolved.yaml").write_text("[" * 5000),
}


@pytest.mark.parametrize("damage", STRANGE.values(), ids=list(STRANGE))
def test_readers_give_one_error(
    damage: Callable[[Path], object], codec_study: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    damage(codec_study)
    for command in ("report", "compare", "rerun"):
        assert amser([command, str(codec_study)]) == 3
        told = capsys.readouterr().err
        assert told.count("amser: ") == 1 and str(codec_study) in told and "Traceback" not in told


def test_the_folders_of_a_point_are_its_own(codec_study: Path) -> None:
    for name in ("p00-sx", "p00-s1-copy", "p00-s"):
        (codec_study / "points" / name).mkdir()
    assert [number for number, _ in Results(codec_study).point_folders("p00")] == [0, 1, 2]


def test_a_scenario_is_run_again_from_its_own_folder_wherever_one_stands(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Relative names start where the scenario lay: a file of that name elsewhere is another. A changed one is said."""
    study, elsewhere = tmp_path / "study", tmp_path / "elsewhere"
    text = TEXT.replace("capacity: 10 Mbit/s", "capacity: {kind: csv, file: t.csv}").replace("replications: 3", "")
    for folder, rate in ((study, 1e7), (elsewhere, 1e5)):
        folder.mkdir()
        (folder / "t.csv").write_text(f"time_s,rate_bps\n0,{rate}\n10,{rate}\n")
        (folder / "s.yaml").write_text(text)
    monkeypatch.chdir(study)
    made = run(load("s.yaml"), results_root="results", cache_dir=tmp_path / "cache")
    assert Path(made.manifest["scenario"]) == study / "s.yaml"
    monkeypatch.chdir(elsewhere)
    folder = str(study / made.folder)
    assert amser(["rerun", folder, "-j1"]) == 0
    (study / "t.csv").write_text("time_s,rate_bps\n0,2e7\n10,2e7\n")
    capsys.readouterr()
    assert amser(["rerun", folder, "-j1"]) == 1
    assert "inputs.t.csv" in capsys.readouterr().out


def test_a_full_disk_names_the_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    if not Path("/dev/full").exists():
        pytest.skip("needs /dev/full")
    from amser.exits import describe

    log = UploadLog(Path("/dev/full"), {})
    with pytest.raises(OSError, match="No space left") as caught:
        for _ in range(4):
            log.write({"upload": pd.Series(range(200_000)).sample(frac=1.0).to_numpy()})
        log.close()
    remedy = "free some space on that disk, then the same command goes on"
    assert describe(caught.value) == f"/dev/full: No space left on device; {remedy}"


def test_what_a_killed_run_left_is_removed_by_the_next(tmp_path: Path) -> None:
    """Of a process that is gone; one at work, or on another machine, is left alone."""
    done = subprocess.run([sys.executable, "-c", "import os; print(os.getpid())"], capture_output=True, text=True)
    dead, here = int(done.stdout), socket.gethostname()
    halves = {}
    for name, host, pid in (("dead", here, dead), ("alive", here, os.getppid()), ("far", "elsewhere", dead)):
        folder = tmp_path / "small" / name
        halves[name] = folder / "points" / ".abc-s0.17.part"
        halves[name].mkdir(parents=True)
        (folder / ".summary.csv.17.part").touch()
        write_atomically(folder / OWNER, json.dumps({"host": host, "pid": pid}))
    made = run(loads(TEXT), results_root=tmp_path, cache_dir=tmp_path / "cache")
    assert {name for name, half in halves.items() if half.exists()} == {"alive", "far"}
    assert list((tmp_path / "small" / "dead").rglob("*")) == [tmp_path / "small" / "dead" / "points"]
    assert not (made.folder / OWNER).exists() and not list(made.folder.rglob(".*"))


def swept(values: str) -> str:
    """The small study with free text as its swept values."""
    text = TEXT.replace("devices.phones.codec: [big, small]", values)
    return text.replace("time: 100 ms}", "time: 100 ms}, power: {idle: 1 W, active: 2 W, source: x}")


ATTACK = '=HYPERLINK("http://x","y")\x1b[2J'


def test_swept_text_is_harmless_on_a_terminal_and_in_a_spreadsheet(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    values = f"server.power.source: [{json.dumps(ATTACK)}, '@SUM(1)', -5 dBm, plain]"
    (tmp_path / "s.yaml").write_text(swept(values).replace("replications: 3", "replications: 1"))
    assert amser(["run", str(tmp_path / "s.yaml"), "-j1", "--no-report", "--results", str(tmp_path / "r")]) == 0
    shown = capsys.readouterr()
    assert "\x1b" not in shown.out + shown.err and r"=HYPERLINK" in shown.out
    results = Results.open(tmp_path / "r" / "small")
    cells = [line.split(",")[0] for line in (results.folder / "summary.csv").read_text().splitlines()[1:]]
    assert {cell.lstrip('"')[0] for cell in cells} == {"'", "-", "p"}
    assert list(dict.fromkeys(results.summary["server.power.source"])) == [ATTACK, "@SUM(1)", "-5 dBm", "plain"]


@given(st.text(max_size=20))
def test_quoting_is_undone(text: str) -> None:
    assert unquoted(quoted(text)) == text
    assert not str(quoted(text)).startswith(("=", "@", "\t", "\r"))


def test_a_warning_keeps_its_point_whole(capsys: pytest.CaptureFixture[str]) -> None:
    """Of more than two points alike, what is said is the text after the point's name, and that may be a mapping."""
    from amser.summary import gathered
    from sim.figures.doubts import doubts_of

    rates = ["{kind: poisson, rate: 1e-9 /d}", "{kind: poisson, rate: 2e-9 /d}", "{kind: poisson, rate: 3e-9 /d}"]
    experiment = loads(TEXT, [f"sweep.grid={{devices.phones.traffic: [{', '.join(rates)}]}}"])
    warnings = doubts_of(experiment, {(i, r): {"uploads": 0.0} for i in range(3) for r in range(2)}, [{}] * 3)
    (said,) = gathered(warnings)
    assert said.startswith("nothing was spoken after the warm-up") and '"rate":"1e-9 /d"}, and alike at 2 other' in said


def test_a_narrow_terminal_shows_question_marks(tmp_path: Path) -> None:
    (tmp_path / "s.yaml").write_text(swept("server.power.source: ['Ωmega', '漢字']"), "utf-8")
    command = [sys.executable, "-m", "amser", "show", "--points", str(tmp_path / "s.yaml")]
    environment = os.environ | {"PYTHONIOENCODING": "cp1252"}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True)
    assert done.returncode == 0 and b"?mega" in done.stdout and b"??" in done.stdout


@pytest.mark.parametrize("text", ["[" * 100_000, '{"a": ' * 100_000, "\x00", "[]", "1", '{"profiles": 3}'])
def test_files_of_service_times_are_no_defect(text: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "mine.json").write_text(text)
    (tmp_path / "s.yaml").write_text(TEXT.replace("{service: {kind: constant, time: 100 ms}}", "{service: mine.json}"))
    assert amser(["check", str(tmp_path / "s.yaml")]) in (2, 3)
    told = capsys.readouterr().err
    assert "server.service" in told and "mine.json" in told and len(told) < 1000


def test_a_value_of_many_brackets_is_a_name_like_others() -> None:
    from amser.summary import short_values

    assert list(short_values(['{"a": ' * 100_000, "{"])) == ['{"a": ' * 100_000, "{"]
