"""What a scenario names outside itself is looked for before a run, and its absence has a place."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from amser.cli.main import run
from amser.exits import exit_code_of
from amser.rehearsal import PartsMissing, rehearse
from scenarios import ScenarioError, load

TEXT = """\
amser: 1
duration: 1 min
corpus: {kind: manifest, path: speech.tsv}
recognizer: {kind: whisper, model: tinny.en}
emotion: {kind: amser, weights: mine.safetensors}
cells:
  uplink: {capacity: {kind: csv, file: drive.csv}, rtt: 40 ms}
devices:
  phones:
    {count: 5, profile: pixel-8, radio: lte, traffic: {kind: poisson, rate: 2 /min}, codec: raw, cell: uplink}
server: {service: mine.json}
"""


def faults(path: Path, text: str) -> list[str]:
    path.write_text(text)
    with pytest.raises(ScenarioError) as caught:
        rehearse(load(path))
    return [str(f).removeprefix(f"{path}:") for f in caught.value.faults]


def test_everything_that_is_missing_is_named_at_once_with_its_place(tmp_path: Path) -> None:
    said = faults(tmp_path / "s.yaml", TEXT)
    places = ["3:1: corpus: ", "4:1: recognizer: ", "5:1: emotion: ", "7:3: cells.uplink: ", "11:10: server.service: "]
    assert [line.startswith(place) for line, place in zip(said, places, strict=True)] == [True] * 5
    assert "did you mean 'tiny.en'?" in said[1]


def test_a_file_that_is_missing_is_not_a_wrong_scenario(tmp_path: Path) -> None:
    """Exit code 3 where everything else is sound, 2 where something that is there is wrong."""
    path = tmp_path / "s.yaml"
    sound = TEXT.replace("{kind: csv, file: drive.csv}", "1 Mbit/s").replace("tinny.en", "nano")
    path.write_text(sound)
    with pytest.raises(PartsMissing) as caught:
        rehearse(load(path))
    assert exit_code_of(caught.value) == 3
    (tmp_path / "drive.csv").write_text("time_s,rate\n0,1\n")
    path.write_text(TEXT)
    with pytest.raises(ScenarioError) as wrong:
        rehearse(load(path))
    assert exit_code_of(wrong.value) == 2


def test_a_swept_part_is_placed_in_the_sweep(tmp_path: Path) -> None:
    swept = TEXT + "sweep:\n  grid:\n    cells.uplink.capacity: [1 Mbit/s, {kind: csv, file: other.csv}]\n"
    said = faults(tmp_path / "s.yaml", swept)
    assert any(line.startswith("14:5: cells.uplink: other.csv: no such trace file") for line in said)


def test_check_says_it_in_json(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "s.yaml"
    path.write_text(TEXT)
    assert run(["check", str(path), "--json"]) == 2
    found = json.loads(capsys.readouterr().out)
    assert not found["valid"] and [f["line"] for f in found["faults"]] == [3, 4, 5, 7, 11]


def test_every_codec_of_a_sweep_must_be_in_the_tables() -> None:
    """The first point's codec is there; that of the second is found missing before anything runs."""
    experiment = load("quickstart", sets=["sweep.grid={devices.phones.codec: [raw, opus-48]}"])
    with pytest.raises(PartsMissing, match="no measured table of corpus 'librispeech' holds codec 'opus-48'"):
        rehearse(experiment)


MOVING = """\
amser: 1
duration: 1 min
corpus: {kind: synthetic, utterances: 5}
recognizer: {kind: none}
emotion: {kind: none}
cells:
  city: lte-10mhz
  drives: {capacity: 1 Gbit/s, sharing: dedicated, device_rates: {kind: traces, folder: drives}}
devices:
  cars: {count: 2, profile: pixel-8, radio: lte, traffic: {kind: poisson, rate: 2 /min}, codec: raw, cell: city,
    movement: {kind: positions, file: ways.csv}}
  phones: {count: 1, profile: pixel-8, radio: lte, traffic: {kind: poisson, rate: 2 /min}, codec: raw, cell: drives}
server: {service: {kind: constant, time: 1 ms}}
"""


def test_ways_and_recordings_are_looked_for_beside_the_scenario(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each is told once; with both there, from whatever folder, nothing is said."""
    missing = faults(tmp_path / "s.yaml", MOVING)
    assert [line.partition(": no such")[0] for line in missing] == [
        "8:3: cells.drives: drives", "11:5: devices.cars.movement: ways.csv",
    ]  # fmt: skip
    (tmp_path / "ways.csv").write_text("device,time_s,x_m,y_m\na,0,0,0\n")
    (tmp_path / "drives").mkdir()
    (tmp_path / "drives" / "one.csv").write_text("time_s,rate_mbps\n0,1\n1,2\n")
    (told,) = faults(tmp_path / "s.yaml", MOVING)
    assert "has the ways of 1 devices, and the group has 2 phones" in told
    with (tmp_path / "ways.csv").open("a") as file:
        file.write("b,0,50,0\n")
    monkeypatch.chdir("/")
    rehearse(load(tmp_path / "s.yaml"))
