"""Handovers against what can be worked out by hand, and ways from files."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from channel.links import A3, Moving, Radio, Terrain, TraceError, Walk, Waypoints, read_positions
from channel.links.positions import Track
from channel.links.terrain import Place
from sim.draws import Draws

Array = npt.NDArray[np.float64]
RADIO = Radio("uma", 1.8e9, 9e6, radius_m=300.0, antenna_gain_db=15.0, extra_loss_db=15.0, rate_model="lte-cqi")
STATIONS = ((0.0, 0.0), (520.0, 0.0), (260.0, 450.0))


class Smooth(Terrain):
    """Path loss by distance alone: 40 dB a decade."""

    def path_loss_db(self, x_m: Array, y_m: Array) -> Array:
        return np.asarray(40.0 * np.log10(np.maximum(np.hypot(x_m - self.station[0], y_m - self.station[1]), 1.0)))


class Line:
    """Along x at 10 m/s, from -100 m on."""

    def place(self, device: int, now: float) -> Place:
        return -100.0 + 10.0 * now, 0.0


class Swing:
    """To and fro around 50 m: 2 m to either side, once in four seconds."""

    def place(self, device: int, now: float) -> Place:
        return 50.0 + 2.0 * math.sin(2.0 * math.pi * now / 4.0), 0.0


def smooth(*stations: Place) -> list[Terrain]:
    return [Smooth(RADIO, np.random.default_rng(0), station) for station in stations]


def test_a_phone_changes_where_the_other_cell_has_been_stronger_for_long_enough() -> None:
    """Stations at 0 and 100 m, 40 dB a decade: 3 dB is a ratio of distances of 10^(3/40), at x = 54.3 m or 15.43 s.

    Measured every 100 ms, so first at 15.5 s; a time to trigger of 200 ms ends at the measurement of 15.7 s.
    """
    x = 100.0 / (1.0 + 10.0 ** (-3.0 / 40.0))
    assert x == pytest.approx(54.3, abs=0.01)
    found = Moving(Line(), smooth((0.0, 0.0), (100.0, 0.0)), A3(3.0, 0.2, 0.05, 0.1))
    ((at_s, cell),) = found.handovers(0, 60.0)
    assert (at_s, cell) == (pytest.approx(15.7), 1)
    assert found.serving(0, at_s - 1e-6) == 0 and found.serving(0, at_s) == 1
    assert found.ready_s(0, at_s + 0.02) == pytest.approx(at_s + 0.05) and found.ready_s(0, at_s + 0.06) == at_s + 0.06
    assert found.next_look_s(0, at_s - 0.3) == at_s and found.next_look_s(0, at_s) == at_s + 1.0


def test_the_strongest_of_those_that_are_ready_takes_over() -> None:
    """With a station at 90 m beside that at 100 m, the nearer is the stronger where both are ready."""
    found = Moving(Line(), smooth((0.0, 0.0), (100.0, 0.0), (90.0, 0.0)), A3(3.0, 1.0, 0.05, 0.1))
    assert [cell for _, cell in found.handovers(0, 17.0)] == [2]


def test_ping_pong_stops_at_the_swing_of_the_levels() -> None:
    """Two metres to either side of the middle of 100 m are 40 lg(52 / 48) = 1.39 dB: below that a change every 2 s."""
    counts = [
        len(Moving(Swing(), smooth((0.0, 0.0), (100.0, 0.0)), A3(db, 0.0, 0.05, 0.1)).handovers(0, 400.0))
        for db in (0.0, 1.0, 1.35, 1.45, 3.0)
    ]
    assert counts[:3] == [pytest.approx(200, abs=1)] * 3 and counts[3:] == [0, 0]
    long = Moving(Swing(), smooth((0.0, 0.0), (100.0, 0.0)), A3(1.0, 2.5, 0.05, 0.1))
    assert long.handovers(0, 400.0) == []  # never stronger for 2.5 s


def test_among_shadows_more_hysteresis_means_fewer_returns() -> None:
    """Forty phones at 5 to 15 m/s between three cells: handovers, and of them returns within 2 s, fall with each 2 dB.

    More than half of the returns are gone at 6 dB, the size of the shadowing; what stays is line of sight that is lost
    and found again, at which the path loss jumps by more.
    """
    changes, returns = [], []
    for hysteresis_db in (0.0, 2.0, 4.0, 6.0):
        draws = Draws(1, 0)
        terrains = [Terrain(RADIO, draws.generator("shadows", str(i)), s) for i, s in enumerate(STATIONS)]
        motion = Waypoints(Walk(5.0, 15.0, 400.0, (260.0, 150.0)), draws.pairs("movement", "phones"))
        moving = Moving(motion, terrains, A3(hysteresis_db, 0.256, 0.05, 0.2))
        histories = [[(0.0, moving.serving(d, 0.0)), *moving.handovers(d, 120.0)] for d in range(40)]
        changes.append(sum(len(h) - 1 for h in histories))
        returns.append(
            sum(a[1] == c[1] and c[0] - b[0] < 2.0 for h in histories for a, b, c in zip(h, h[1:], h[2:], strict=False))
        )
    assert changes == sorted(changes, reverse=True) and changes[-1] > 40
    assert returns == sorted(returns, reverse=True) and returns[-1] < 0.5 * returns[0]


def test_who_asks_when_changes_nothing() -> None:
    rule = A3(3.0, 0.256, 0.05, 0.2)
    draws = Draws(1, 0)
    one, other = (
        Moving(
            Waypoints(Walk(5.0, 15.0, 400.0), draws.pairs("movement", "phones")),
            [Terrain(RADIO, draws.generator("shadows", str(i)), s) for i, s in enumerate(STATIONS)],
            rule,
        )
        for _ in range(2)
    )
    asked = [one.serving(4, float(t)) for t in range(0, 300, 7)]
    last = other.handovers(4, 300.0)
    assert asked == [other.serving(4, float(t)) for t in range(0, 300, 7)] and one.handovers(4, 300.0) == last


# ---------------------------------------------------------------- ways from files

ROWS = "device,time_s,x_km,y_m,note\nann,0,0.1,0,\nbob,0,0,50,\nann,10,0.2,0,turns\nann,20,0.2,40,\n"


@pytest.fixture
def write(tmp_path: Path) -> Callable[[str], Path]:
    def to_file(text: str) -> Path:
        path = tmp_path / "walk.csv"
        path.write_text(text, encoding="utf-8")
        return path

    return to_file


def test_phones_are_where_the_file_says(write: Callable[[str], Path]) -> None:
    """Straight between rows, at rest before and after; the first device of the file is the first phone."""
    tracks = read_positions(write(ROWS), 2, STATIONS)
    assert tracks.place(0, 5.0) == (150.0, 0.0) and tracks.place(0, 15.0) == (200.0, 20.0)
    assert tracks.place(0, 99.0) == (200.0, 40.0)
    assert tracks.place(1, 0.0) == tracks.place(1, 50.0) == (0.0, 50.0)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "is empty; positions need a header"),
        ("device,time_s,x_m,y_m\n", "is empty; positions need a header"),
        ("device,time_s,x_m\na,0,1\n", r":1: no column of y in the header .*accepted: y_m, y_km"),
        ("device,time,x_m,y_m\na,0,1,1\n", r":1: no column of time .*accepted: time_s, time_ms, time_min"),
        ("device,time_s,time_ms,x_m,y_m\na,0,0,1,1\n", ":1: more than one column of time"),
        ("device,time_s,lat,lon\na,0,1,1\n", ":1: no column of x"),
        (ROWS + "ann,15,0.1,0,\n", ":6: time 15 s does not come after that of the device's row before, line 5"),
        (ROWS + "ann,21,3,0,\n", r":6: moves 2800.* m in 1 s since line 5; are the units those of the header"),
        (
            ROWS + "cyd,1,70,0,\n",
            r":6: \('70', '0'\) is 69.5 km from the nearest base station; TR 38.901 holds",
        ),
        (ROWS + ",1,0,0,\n", ":6: names no device"),
        (ROWS + "cyd,-1,0,0,\n", ":6: time -1 is before the start"),
        (ROWS + "cyd,nan,0,0,\n", ":6: 'nan' is not finite"),
        (ROWS + "cyd,1,one,0,\n", ":6: 'one' is not a number"),
        (ROWS + "cyd,1\n", ":6: has 2 columns, fewer than the header"),
        (ROWS, "has the ways of 2 devices, and the group has 3 phones"),
    ],
)
def test_a_broken_file_is_told_with_its_line(write: Callable[[str], Path], text: str, told: str) -> None:
    with pytest.raises(TraceError, match=told):
        read_positions(write(text), 3, STATIONS)


@given(st.lists(st.tuples(st.floats(0.01, 50.0), st.floats(-300.0, 300.0), st.floats(-300.0, 300.0)), min_size=1))
def test_a_track_passes_through_its_rows_and_never_leaves_their_box(rows: list[tuple[float, float, float]]) -> None:
    track, t = Track(), 0.0
    kept: list[tuple[float, Place]] = []
    for step, x, y in rows:
        t += step
        if kept and math.dist(kept[-1][1], (x, y)) > 1000.0 * (t - kept[-1][0]):
            with pytest.raises(ValueError, match="are the units those"):
                track.add(t, (x, y), 1)
            continue
        track.add(t, (x, y), 1)
        kept.append((t, (x, y)))
    for at, place in kept:
        assert track.at(at) == pytest.approx(place)
    for now in np.linspace(0.0, t + 1.0, 23):
        for axis in (0, 1):
            values = [place[axis] for _, place in kept]
            assert min(values) - 1e-9 <= track.at(float(now))[axis] <= max(values) + 1e-9
