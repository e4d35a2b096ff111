"""Uploads of phones that are handed over: what they lose of their time, and that nothing is lost of their bytes."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from channel.links import A3, Moving, Radio, Terrain, build_cell, read_positions
from scenarios import loads
from sim import model
from sim.build_site import Situation, build_site, describe
from sim.draws import Draws
from sim.upload_log import Rows, columns_of
from sim.utterances import Tables
from tests.sim.conftest import HEAD

INTERRUPTION_S = 0.4
CELL = (
    "{{capacity: 36 Mbit/s, sharing: {sharing}, transport: udp, device_rates: {{kind: propagation, environment: uma, "
    "frequency: 1.8 GHz, radius: 300 m, antenna_gain: 15 dB, position: [{x} m, 0 m]}}{more}}}"
)
GROUP = (
    "{{count: 1, profile: {{kind: custom, cpu_power: 2 W}}, radio: {{kind: custom, transmit_power: 1 W}}, "
    "codec: {codec}, traffic: {{kind: periodic, period: {period}, phase: aligned}}, cell: {cell}{more}}}"
)
BODY = """
duration: {duration} s
drain: 5 min
cells:
  a: {a}
  b: {b}
devices:
  car: {car}
{others}server: {{service: {{kind: constant, time: 1 us}}, batching: {{largest: 1}}}}
"""
DRIVE = "device,time_s,x_m,y_m\ncar,0,-100,40\n" + "".join(
    f"car,{60 * n},{600 if n % 2 else -100},40\n" for n in range(1, 11)
)
PER_DATAGRAM, HEADER = 1472, 28


def text(
    folder: Path,
    sharing: str,
    period: str,
    *,
    duration: int = 300,
    more: str = "",
    others: str = "",
    codec: str = "big",
) -> str:
    """A car that drives to and fro between two cells, 700 m in a minute."""
    (folder / "drive.csv").write_text(DRIVE)
    a, b = (CELL.format(sharing=sharing, x=x, more=more) for x in (0, 500))
    moves = (
        f", movement: {{kind: positions, file: {folder / 'drive.csv'}}}, "
        "handover: {cells: [b], hysteresis: 2 dB, interruption: 400 ms}"
    )
    car = GROUP.format(period=period, cell="a", more=moves, codec="big")
    return BODY.format(a=a, b=b, car=car, others=others, duration=duration)


def played(body: str, size_bytes: int) -> tuple[pd.DataFrame, float]:
    """The log of a run whose utterances have one size (``small`` ones three times that), and what all links carried."""
    scenario = loads(HEAD + body).points[0].scenario
    sizes = {"big": size_bytes, "small": 3 * size_bytes}
    tables = Tables.unrecognized({codec: sizes[codec] for codec in scenario.codec_specs()}, np.full(50, 3.0), 0.0)
    site = build_site(Situation(scenario, tables, Path.cwd()), Draws(1, 0))
    chunks: list[Rows] = []
    model.run(site, chunks.append)
    log = pd.concat([pd.DataFrame(columns_of(rows, site.server.service)) for rows in chunks], ignore_index=True)
    return log.sort_values("speech_end_s", ignore_index=True), sum(cell.link.carried_bits for cell in site.cells)


def way(folder: Path, *, in_blocks: bool = False) -> Moving:
    """The car's cells and rates, worked out once more with the same draws."""
    draws, stations = Draws(1, 0), {"a": (0.0, 0.0), "b": (500.0, 0.0)}
    radio = Radio("uma", 1.8e9, 9e6, 300.0, antenna_gain_db=15.0, in_blocks=in_blocks)
    terrains = [Terrain(radio, draws.generator("shadows", name), at) for name, at in stations.items()]
    rule = A3(2.0, 0.256, INTERRUPTION_S, 0.2)
    return Moving(read_positions(folder / "drive.csv", 1, list(stations.values())), terrains, rule)


def wire_bits(size_bytes: int) -> float:
    return 8.0 * (size_bytes + HEADER * -(-size_bytes // PER_DATAGRAM))


def crossing_s(moving: Moving, begin_s: float, bits: float, share: Callable[[float], float] = lambda _: 1.0) -> float:
    """How long bits take at a share of the rate of where the phone is, which it looks up every second."""
    t = begin_s
    while True:
        t = moving.ready_s(0, t)
        look_s, rate = moving.next_look_s(0, t), share(t) * min(36e6, moving.rate_bps(0, t))
        if bits <= rate * (look_s - t):
            return t + bits / rate - begin_s
        bits, t = bits - rate * (look_s - t), look_s


@pytest.mark.parametrize("sharing", ["dedicated", "airtime", "{kind: blocks, scheduler: round-robin}"])
def test_bits_are_conserved_over_handovers(tmp_path: Path, sharing: str) -> None:
    """Uploads of 6 MB, alone: the integral of the rate of the place, interruptions left out, is what was to be sent.

    And the links of both cells carry all bits of all uploads, no more.
    """
    size = 6_000_000
    log, carried_bits = played(text(tmp_path, sharing, "20 s"), size)
    moving = way(tmp_path, in_blocks="blocks" in sharing)
    expected = [crossing_s(moving, begin_s, wire_bits(size)) for begin_s in log["speech_end_s"]]
    assert max(expected) < 20.0  # alone
    assert log["transfer_s"].to_numpy() == pytest.approx(np.array(expected), rel=1e-6)
    assert log["handovers"].sum() >= 3
    assert carried_bits == pytest.approx(len(log) * wire_bits(size), rel=1e-9)
    assert log["wire_bytes"].to_numpy() == pytest.approx(wire_bits(size) / 8.0)


def test_a_manifest_says_how_they_move(tmp_path: Path) -> None:
    told = describe(loads(HEAD + text(tmp_path, "dedicated", "1 h")).points[0].scenario)["devices"]["car"]["movement"]
    assert told == (
        "the ways of drive.csv; handover by event A3 (TS 36.331, 5.5.4.4), 2 dB for 256 ms, interruption 400 ms"
    )


def test_interruptions_are_handovers_times_their_length(tmp_path: Path) -> None:
    """One upload that lasts the whole time meets every handover, and loses 400 ms at each."""
    size = 300_000_000
    log, _ = played(text(tmp_path, "dedicated", "1 h", duration=600), size)
    (row,) = log.itertuples()
    count = len(way(tmp_path).handovers(0, row.speech_end_s + row.transfer_s))
    assert row.handovers == count >= 4
    assert row.interrupted_s == pytest.approx(count * INTERRUPTION_S, abs=1e-9)


def test_an_upload_takes_part_in_the_new_cells_sharing(tmp_path: Path) -> None:
    """A phone that sends in cell b, by turns: alone at first, at half its rate while the car is there."""
    size = 80_000_000
    still = "  still: " + GROUP.format(period="1 h", cell="b", more="", codec="small") + "\n"
    log, _ = played(text(tmp_path, "airtime", "1 h", others=still), size)
    car, alone = (log[log["group"] == number].iloc[0] for number in (0, 1))
    moving, begin_s = way(tmp_path), float(car["speech_end_s"])
    end_s = begin_s + car["transfer_s"]
    changes = [*moving.handovers(0, end_s), (end_s, 0)]
    both_s = sum(until - at - INTERRUPTION_S for (at, cell), (until, _) in pairwise(changes) if cell)
    assert len(changes) > 2 and both_s > 10.0
    cell = build_cell(loads(HEAD + text(tmp_path, "airtime", "1 h")).points[0].scenario.cells["b"])
    rates = cell.device_rates(Draws(1, 0).of_devices("placement", "still"), 1)
    assert rates is not None
    assert alone["transfer_s"] > car["transfer_s"]  # it is there until the car has ended
    assert alone["transfer_s"] == pytest.approx(wire_bits(3 * size) / rates[0] + both_s / 2.0, rel=1e-6)
    half = crossing_s(moving, begin_s, wire_bits(size), lambda t: 0.5 if moving.serving(0, t) else 1.0)
    assert car["transfer_s"] == pytest.approx(half, rel=1e-6)


def test_an_attempt_that_is_given_up_in_an_interruption(tmp_path: Path) -> None:
    """A time-out 100 ms after the handover ends the attempt there, and what was sent stays counted."""
    text(tmp_path, "dedicated", "1 h")  # writes the file
    at_s = way(tmp_path).handovers(0, 60.0)[0][0]
    retry = f", retry: {{attempts: 1, timeout: {at_s + 0.1:.3f} s}}"
    log, carried_bits = played(text(tmp_path, "dedicated", "1 h", more=retry), 150_000_000)
    (row,) = log.itertuples()
    begin_s = row.speech_end_s
    assert begin_s == pytest.approx(0.0) and row.outcome == 1
    assert row.interrupted_s == pytest.approx(0.1, abs=1e-3) and row.handovers == 1
    assert row.radio_active_s == pytest.approx(at_s + 0.1, abs=1e-3)
    assert carried_bits == pytest.approx(8.0 * row.wire_bytes, rel=1e-9)
