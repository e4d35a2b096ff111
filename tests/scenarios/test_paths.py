"""Files and modules that a scenario names: relative ones start at its folder."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

from scenarios import loads, plugins
from scenarios.paths import make_importable

TEXT = """\
amser: 1
duration: 10 min
corpus: {kind: manifest, path: speech/manifest.tsv}
recognizer: {kind: whisper, model: mine.pt}
emotion: {kind: amser, weights: $WEIGHTS/mine.safetensors}
cells: {uplink: {capacity: 10 Mbit/s, rtt: 40 ms}}
devices:
  phones:
    {count: 5, profile: pixel-8, radio: lte, traffic: {kind: poisson, rate: 2 /min}, codec: raw, cell: uplink}
server: {service: mine.json}
"""


def named(text: str, base_dir: Path) -> list[Any]:
    found: Any = loads(text, base_dir=base_dir).points[0].scenario
    return [found.corpus.path, found.recognizer.model, found.emotion.weights, found.server.service.hardware]


def test_what_is_beside_the_scenario_is_found_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "speech").mkdir()
    for name in ("speech/manifest.tsv", "mine.pt", "mine.json"):
        (tmp_path / name).touch()
    monkeypatch.setenv("WEIGHTS", "/weights")
    paths = [str(tmp_path / name) for name in ("speech/manifest.tsv", "mine.pt")]
    assert named(TEXT, tmp_path) == [*paths, "/weights/mine.safetensors", str(tmp_path / "mine.json")]


def test_traces_of_cells_and_traffic_are_found_too(tmp_path: Path) -> None:
    """However deep a part lies; and a point's key tells of nothing but what is written."""
    (tmp_path / "mine.up").touch()
    (tmp_path / "said.csv").touch()
    text = TEXT.replace("capacity: 10 Mbit/s", "capacity: {kind: mahimahi, file: mine.up}")
    text = text.replace("{kind: poisson, rate: 2 /min}", "{kind: trace, file: said.csv}")
    here, elsewhere = loads(text, base_dir=tmp_path).points[0], loads(text, base_dir=tmp_path / "empty").points[0]
    found: Any = here.scenario
    assert found.cells["uplink"].capacity.file == str(tmp_path / "mine.up")
    assert found.devices["phones"].traffic.file == str(tmp_path / "said.csv")
    assert here.key == elsewhere.key and here.scenario != elsewhere.scenario


def test_a_folder_of_weights_is_a_path_by_its_slash(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    assert named(TEXT.replace("mine.pt", "./mine"), tmp_path)[1] == str(tmp_path / "mine")
    assert named(TEXT.replace("mine.pt", "mine"), tmp_path)[1] == "mine"
    assert named(TEXT.replace("mine.pt", "./base"), tmp_path)[1] == "./base"  # from the working folder: still no name


def test_what_is_not_there_starts_at_the_working_folder(tmp_path: Path) -> None:
    assert named(TEXT, tmp_path)[:2] == ["speech/manifest.tsv", "mine.pt"]


def test_names_of_what_ships_are_no_paths(tmp_path: Path) -> None:
    """Even where a folder of the same name lies beside the scenario."""
    for name in ("nano", "shipped", "host-cpu"):
        (tmp_path / name).mkdir()
    text = TEXT
    for old, new in (("mine.pt", "nano"), ("$WEIGHTS/mine.safetensors", "shipped"), ("mine.json", "host-cpu")):
        text = text.replace(old, new)
    assert named(text, tmp_path)[1:] == ["nano", "shipped", "host-cpu"]


def test_only_a_scenario_with_plugins_opens_its_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.setattr(plugins, "_folders", [])
    make_importable(loads(TEXT).points[0].scenario, tmp_path)
    assert str(tmp_path) not in sys.path
    mine = TEXT.replace("codec: raw", "codec: mine") + "codecs: {mine: {kind: plugin, class: 'my.codec:Half'}}\n"
    scenario = loads(mine).points[0].scenario
    assert list(plugins.classes(scenario.model_dump())) == ["my.codec:Half"]
    make_importable(scenario, tmp_path)
    make_importable(scenario, tmp_path)
    assert sys.path[-1] == str(tmp_path) and sys.path.count(str(tmp_path)) == 1
