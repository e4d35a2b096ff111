"""Ready cells: complete, sourced, and a word of a scenario."""

from __future__ import annotations

import numpy as np
import pytest

from channel.links import build_cell, replay
from scenarios import ScenarioError, loads
from scenarios.presets import presets
from scenarios.schema.link import CellSpec

SCENARIO = """
amser: 1
duration: 1 min
corpus: {kind: synthetic, utterances: 5}
recognizer: {kind: none}
emotion: {kind: none}
CELLS
devices:
  phones:
    {count: 2, profile: pixel-8, radio: lte, traffic: {kind: poisson, rate: 1 /min}, codec: raw, cell: CELL}
server: {service: {kind: constant, time: 1 ms}}
"""


def cells(written: str, cell: str, *sets: str) -> dict[str, CellSpec]:
    return dict(loads(SCENARIO.replace("CELLS", written).replace("CELL", cell), sets).points[0].scenario.cells)


@pytest.mark.parametrize("name", presets())
def test_a_ready_cell_carries_an_upload(name: str) -> None:
    """14.4 kB arrive, not before their bits could pass at the cell's mean rate and half the round trip."""
    spec = cells("", name)[name]
    assert spec.preset == name
    preset = presets()[name]
    assert len(preset.source) > 20 and preset.status in ("read", "computed", "remembered", "assumed")
    cell = build_cell(spec, rng=np.random.default_rng(1))
    assert preset.source in cell.sources["preset"]
    (end,) = replay(cell, [0.0], [14_400])
    assert spec.rtt / 2 < end < 10.0


def test_a_word_is_a_cell_and_keys_change_it() -> None:
    plain = cells("cells: {city: lte-10mhz}", "city")["city"]
    assert plain == cells("", "lte-10mhz")["lte-10mhz"]
    wider = cells("cells: {city: {preset: lte-10mhz, device_rates: {bandwidth: 18 MHz}}}", "city")["city"]
    assert wider.device_rates.bandwidth == 18e6 and wider.device_rates.radius == plain.device_rates.radius  # type: ignore[union-attr]
    other = cells("cells: {city: {preset: lte-10mhz, sharing: {kind: router}, device_rates: null}}", "city")["city"]
    assert other.sharing.kind == "router" and other.device_rates is None


def test_settings_and_sweeps_reach_into_ready_cells() -> None:
    assert cells("cells: {city: lte-10mhz}", "city", "cells.city.rtt=30 ms")["city"].rtt == 0.03
    text = SCENARIO.replace("CELLS", "sweep: {grid: {devices.phones.cell: [lte-10mhz, home-router]}}")
    kinds = [p.scenario.cells[p.scenario.devices["phones"].cell].sharing.kind
             for p in loads(text.replace("CELL", "lte-10mhz")).points]  # fmt: skip
    assert kinds == ["blocks", "router"]


def test_what_a_scenario_was_resolved_to_reads_the_same() -> None:
    whole = loads(SCENARIO.replace("CELLS", "").replace("CELL", "nb-iot"))
    assert whole.resolved["cells"]["nb-iot"]["transport"] == "udp"


@pytest.mark.parametrize(
    ("written", "place"),
    [("cells: {city: lte-10mhs}", r"cells\.city: .*did you mean 'lte-10mhz'"),
     ("cells: {city: {preset: none}}", r"cells\.city\.preset: there is no ready cell 'none'")],
)  # fmt: skip
def test_presets_that_are_not_there(written: str, place: str) -> None:
    with pytest.raises(ScenarioError, match=place):
        cells(written, "city")


@pytest.mark.parametrize(
    ("cell", "warned"),
    [
        ("{capacity: 1 Mbit/s, packet: {link_header: ethernet}}", True),
        ("{capacity: 1 Mbit/s, packet: {link_header: ethernet}, sharing: router}", False),
        ("{capacity: 1 Mbit/s, packet: {link_header: ethernet}, access: lte}", False),
        ("{capacity: 1 Mbit/s}", False),
        ("home-router", False),
    ],
)
def test_one_queue_described_and_many_simulated(cell: str, warned: bool) -> None:
    found = loads(SCENARIO.replace("CELLS", f"cells: {{home: {cell}}}").replace("CELL", "home")).warnings
    assert [("one at the router" in text) for text in found] == [True] * warned


def test_a_cell_of_ones_own_comes_first() -> None:
    assert cells("cells: {nb-iot: {capacity: 1 Mbit/s}}", "nb-iot")["nb-iot"].preset is None
