"""A bundle repeats its study in another place, carries nothing that the study did not read, and says what it lacks."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import zipfile
from pathlib import Path

import pytest

import amser
from amser.bundle import write_bundle
from amser.bundle.inputs import portable
from amser.cli.main import run
from amser.exits import MissingError, UserError
from sim.study.results import Results

TRAFFIC = """\
import numpy as np

from devices.traffic import Traffic


class Twice(Traffic):
    def __init__(self, devices, rng):
        self.devices = devices

    def arrivals(self, rng, t0, t1):
        numbers = np.arange(int(np.ceil(t0 / 7.0)), int(np.ceil(t1 / 7.0)))
        return 7.0 * numbers, (numbers % self.devices).astype(np.int32)
"""


@pytest.fixture
def home(tmp_path: Path, small_scenario: str) -> Path:
    """A folder with a scenario that extends another, a trace and a class of its own."""
    folder = tmp_path / "home"
    (folder / "traces").mkdir(parents=True)
    (folder / "traces" / "tram.csv").write_text("time_s,rate_bps\n0,5e6\n10,1e6\n20,4e6\n", encoding="utf-8")
    (folder / "twice.py").write_text(TRAFFIC, encoding="utf-8")
    text = small_scenario.replace("5 Mbit/s", "{kind: csv, file: traces/tram.csv}")
    (folder / "base.yaml").write_text(text, encoding="utf-8")
    own = "devices: {others: {count: 3, profile: pixel-8, radio: lte, codec: small, cell: uplink,"
    own += " traffic: {kind: plugin, class: 'twice:Twice'}}}\n"
    (folder / "tram.yaml").write_text(f"extends: base.yaml\ntitle: A tram\n{own}", encoding="utf-8")
    return folder


def studied(home: Path) -> Results:
    return amser.run(home / "tram.yaml", results_root=home / "results")


def unpacked(path: Path, where: Path) -> Path:
    with zipfile.ZipFile(path) as archive:
        assert archive.testzip() is None
        archive.extractall(where)
    (folder,) = where.iterdir()
    return folder


def test_it_is_repeated_elsewhere_to_the_same_figures(
    home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    results = studied(home)
    path = tmp_path / "tram.zip"
    assert run(["bundle", str(results.folder), "-o", str(path)]) == 0
    assert capsys.readouterr().out.strip() == str(path)
    shutil.rmtree(home)  # nothing of the place where it was made can help
    monkeypatch.setenv("AMSER_CACHE", str(tmp_path / "cache"))
    folder = unpacked(path, tmp_path / "elsewhere")
    monkeypatch.chdir(folder)
    for line in Path("SHA256SUMS").read_text(encoding="utf-8").splitlines():
        digest, name = line.split("  ")
        assert hashlib.sha256(Path(name).read_bytes()).hexdigest() == digest, name
    assert run(["rerun", "results", "--allow-plugins", "-j", "1"]) == 0
    out = capsys.readouterr().out
    same, of = re.search(r"(\d+) of (\d+) figures are equal to the last digit", out).groups()  # type: ignore[union-attr]
    assert same == of and int(of) > 50 and "the inputs are the same" in out
    # What the README says regenerates a figure does so, to the byte.
    page = Path("README.md").read_text(encoding="utf-8")
    commands = dict(re.findall(r"^\| (\S+) \| drawn from the results \| (amser .*) \|$", page, re.MULTILINE))
    assert {"report.html", "checklist.md", "figures/latency.svg", "figures/energy.svg"} <= set(commands)
    for name, command in commands.items():
        before = Path(name).read_bytes()
        Path(name).unlink()
        assert run(command.split()[1:]) == 0
        assert name == "report.html" or Path(name).read_bytes() == before, command


def test_what_was_read_is_named_and_carried(home: Path, tmp_path: Path) -> None:
    results = studied(home)
    inputs = {one.name: one for one in write_bundle(results, tmp_path / "tram.zip")}
    assert {name: one.sha256 for name, one in inputs.items()} == results.manifest["inputs"]
    folder = unpacked(tmp_path / "tram.zip", tmp_path / "elsewhere")
    for name in ("traces/tram.csv", "twice.py"):
        assert (folder / "results" / name).read_bytes() == (home / name).read_bytes()
    page = (folder / "README.md").read_text(encoding="utf-8")
    assert all(digest in page for digest in results.manifest["inputs"].values())
    assert all(version in page for version in results.manifest["versions"].values())
    assert "twice:Twice" in page and "--allow-plugins" in page
    again = tmp_path / "again.zip"
    write_bundle(Results.open(folder / "results"), again)  # a bundle can be bundled
    assert (unpacked(again, tmp_path / "third") / "results/traces/tram.csv").is_file()


def test_equal_studies_make_equal_bundles(home: Path, tmp_path: Path) -> None:
    results = studied(home)
    (results.folder / "report.html").unlink(missing_ok=True)
    for name in ("a.zip", "b.zip"):
        write_bundle(results, tmp_path / name)
    names = [zipfile.ZipFile(tmp_path / name) for name in ("a.zip", "b.zip")]
    held = [{i.filename: i.CRC for i in archive.infolist() if "report.html" not in i.filename} for archive in names]
    for entries in held:
        entries.pop("tram/SHA256SUMS")  # it lists the report, whose drawings carry random names
    assert held[0] == held[1]


def test_an_input_that_changed_or_is_gone_is_refused(home: Path, tmp_path: Path) -> None:
    results = studied(home)
    trace = home / "traces" / "tram.csv"
    trace.write_text("time_s,rate_bps\n0,5e6\n10,2e6\n", encoding="utf-8")
    with pytest.raises(UserError, match=r"tram\.csv: has changed since"):
        write_bundle(results, tmp_path / "x.zip")
    trace.unlink()
    with pytest.raises(MissingError, match=r"tram\.csv: an input of this study that is gone"):
        write_bundle(results, tmp_path / "x.zip")
    assert not list(tmp_path.glob("*.zip")) and not list(tmp_path.glob(".*.part"))


def test_a_strangers_folder_carries_nothing_off(home: Path, tmp_path: Path) -> None:
    """A name in a manifest or a link in the folder must not put other files of this machine into the bundle."""
    results = studied(home)
    secret = tmp_path / "secret.txt"
    secret.write_text("secret", encoding="utf-8")
    path = results.folder / "manifest.json"
    told = json.loads(path.read_text(encoding="utf-8"))
    for name in (str(secret), "../secret.txt", "secret.txt"):
        path.write_text(json.dumps(told | {"inputs": {name: "0" * 64}}), encoding="utf-8")
        with pytest.raises((UserError, MissingError)):
            write_bundle(Results.open(results.folder), tmp_path / "x.zip")
    path.write_text(json.dumps(told), encoding="utf-8")
    os.symlink(secret, results.folder / "points" / "notes.txt")
    with pytest.raises(UserError, match="is a link"):
        write_bundle(Results.open(results.folder), tmp_path / "x.zip")


@pytest.mark.parametrize("name", ["/etc/passwd", "../a.csv", "a/../../b", "~/a.csv", "$HOME/a", "..\\a.csv"])
def test_names_that_mean_something_else_elsewhere(name: str) -> None:
    assert not portable(name)
    assert portable("traces/a.csv") and portable("a b.csv") and portable("a..csv")


def test_a_file_named_by_an_absolute_path_is_said_to_be_missing(
    home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    trace = tmp_path / "far.csv"
    trace.write_bytes((home / "traces" / "tram.csv").read_bytes())
    base = home / "base.yaml"
    base.write_text(base.read_text(encoding="utf-8").replace("traces/tram.csv", str(trace)), encoding="utf-8")
    results = studied(home)
    assert run(["bundle", str(results.folder), "-o", str(tmp_path / "x.zip")]) == 0
    assert "far.csv: NOT in this bundle" in capsys.readouterr().err
    page = (unpacked(tmp_path / "x.zip", tmp_path / "elsewhere") / "README.md").read_text(encoding="utf-8")
    assert "NOT in this bundle" in page


def test_existing_output_and_other_kinds_are_refused(home: Path, tmp_path: Path) -> None:
    results = studied(home)
    target = tmp_path / "x.zip"
    target.write_text("mine", encoding="utf-8")
    with pytest.raises(UserError, match="exists already"):
        write_bundle(results, target)
    assert target.read_text(encoding="utf-8") == "mine"
    write_bundle(results, target, force=True)
    assert zipfile.is_zipfile(target)
    with pytest.raises(UserError, match=r"name it x\.zip"):
        write_bundle(results, tmp_path / "x.tar")
    with pytest.raises(UserError, match="no such folder"):
        write_bundle(results, tmp_path / "nowhere" / "x.zip")
