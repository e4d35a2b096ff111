"""Phones with a capacity of their own over time, against its integral and against brute-force water filling."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from channel.links import (
    Capacity,
    ConstantCapacity,
    LinkError,
    OwnLimitsLink,
    OwnLinks,
    PeriodicCapacity,
    SharedLink,
    TraceError,
    build_cell,
    find_traces,
)
from scenarios.schema.link import CellSpec
from tests.channel.intervals import union


@dataclass
class Upload:
    """An upload of a phone."""

    key: int
    phone: int
    start: float
    bits: float


def drive(link: SharedLink, uploads: Sequence[Upload], phones: Sequence[Capacity]) -> dict[int, float]:
    """Play a link as a simulation would; the finishes."""
    finishes: dict[int, float] = {}
    for u in [*sorted(uploads, key=lambda u: (u.start, u.key)), None]:
        until = math.inf if u is None else u.start
        while (event := link.next_finish()) <= until and event < math.inf:
            finishes.update(dict.fromkeys(link.pop_finished(event), event))
        if u is not None:
            link.join(u.start, u.key, u.bits, own=phones[u.phone])
    return finishes


def integrate(uploads: Sequence[Upload], phones: Sequence[Capacity], cell: Capacity) -> dict[int, float]:
    """Finishes by max-min sharing, worked out anew at every instant at which any rate could change."""
    left = {u.key: u.bits for u in uploads}
    finishes: dict[int, float] = {}
    t = 0.0
    while len(finishes) < len(uploads):
        active = [u for u in uploads if u.start <= t and u.key not in finishes]
        changes = [stretch(c, t)[1] for c in (*phones, cell)] + [u.start for u in uploads if u.start > t]
        rates = water_fill(active, [stretch(c, t)[0] for c in phones], stretch(cell, t)[0])
        ends = [t + left[u.key] / rates[u.key] for u in active if rates[u.key] > 0.0]
        end = min([*changes, *ends])
        for u in active:
            left[u.key] -= rates[u.key] * (end - t)
            if left[u.key] <= 1e-9 * u.bits:
                finishes[u.key] = end
        t = end
    return finishes


def stretch(capacity: Capacity, t: float) -> tuple[float, float]:
    """Rate and end of the stretch at an instant; one that ends there but for rounding is over."""
    return next(found for found in capacity.segments(t) if found[1] > t + 1e-9)


def water_fill(active: Sequence[Upload], phones: Sequence[float], rate: float) -> dict[int, float]:
    """The lowest limits first; a phone's uploads have an equal part of its limit each."""
    count = {p: sum(u.phone == p for u in active) for p in range(len(phones))}
    limit = {u.key: phones[u.phone] / count[u.phone] for u in active}
    found: dict[int, float] = {}
    for n, u in enumerate(sorted(active, key=lambda u: limit[u.key])):
        found[u.key] = min(limit[u.key], rate / (len(active) - n))
        rate -= found[u.key]
    return found


@st.composite
def recordings(draw: st.DrawFn) -> list[Capacity]:
    """Capacities of two or three phones, some of them silent for a while; changes fall on tenths of a second."""
    found: list[Capacity] = []
    for _ in range(draw(st.integers(2, 3))):
        rates = draw(st.lists(st.one_of(st.just(0.0), st.floats(10.0, 2e3)), min_size=1, max_size=5))
        steps = draw(st.lists(st.integers(1, 30), min_size=len(rates) + 1, max_size=len(rates) + 1))
        ends = [e / 10.0 for e in np.cumsum(steps).tolist()]
        found.append(PeriodicCapacity([0.0, *ends[:-1]], [*rates, 100.0], ends[-1]))
    return found


@st.composite
def some_uploads(draw: st.DrawFn) -> list[Upload]:
    starts = st.one_of(st.floats(0.0, 10.0), st.integers(0, 10).map(float))
    bits = st.one_of(st.floats(1.0, 3e3), st.just(500.0))
    return [Upload(k, draw(st.integers(0, 1)), draw(starts), draw(bits)) for k in range(draw(st.integers(1, 8)))]


CELLS = st.sampled_from(
    [ConstantCapacity(300.0), ConstantCapacity(1e3), PeriodicCapacity([0.0, 1.0, 2.0], [200.0, 0.0, 900.0], 3.0)]
)


@settings(max_examples=40)
@given(recordings(), some_uploads(), CELLS)
def test_limits_in_front_of_a_cell_equal_brute_force(
    phones: list[Capacity], uploads: list[Upload], cell: Capacity
) -> None:
    link = OwnLimitsLink(cell)
    found, expected = drive(link, uploads, phones), integrate(uploads, phones, cell)
    assert found.keys() == expected.keys()
    for u in uploads:
        assert same(found[u.key], expected[u.key], phones[u.phone]) or same(found[u.key], expected[u.key], cell)
    assert link.carried_bits == pytest.approx(sum(u.bits for u in uploads), rel=1e-9)


@settings(max_examples=40)
@given(recordings(), some_uploads())
def test_what_a_phone_sends_is_the_integral_of_its_capacity(phones: list[Capacity], uploads: list[Upload]) -> None:
    """Over the time in which it has something to send, to a ten-millionth; whoever else is there.

    And a cell that is never full is no cell: behind it each phone is as fast as on a link of its own.
    """
    own = OwnLinks(ConstantCapacity(1e9))
    finishes = drive(own, uploads, phones)
    for phone, capacity in enumerate(phones):
        mine = [u for u in uploads if u.phone == phone]
        passed = sum(capacity.bits_between(a, b) for a, b in union((u.start, finishes[u.key]) for u in mine))
        assert passed == pytest.approx(sum(u.bits for u in mine), rel=1e-7, abs=1e-4)
    assert own.active == 0 and own.carried_bits == pytest.approx(sum(u.bits for u in uploads), rel=1e-9)
    shared = drive(OwnLimitsLink(ConstantCapacity(1e9)), uploads, phones)
    for u in uploads:
        assert same(finishes[u.key], shared[u.key], phones[u.phone])


def same(one: float, other: float, capacity: Capacity) -> bool:
    """Whether two finishes are one: at the edge of silence a finish may fall on either side of it."""
    early, late = sorted((one, other))
    return late - early < 1e-6 or capacity.bits_between(early, late) < 1e-3


@pytest.mark.parametrize("build", [OwnLinks, OwnLimitsLink])
def test_who_leaves_leaves_the_rest_to_the_phones_others(build: Callable[[Capacity], SharedLink]) -> None:
    """Two uploads of 100 bit at 10 bit/s: the second gives up after 4 s with 80 left; the first ends at 4 + 8 s."""
    phone = ConstantCapacity(10.0)
    link = build(ConstantCapacity(1e3))
    link.join(0.0, 1, 100.0, own=phone)
    link.join(0.0, 2, 100.0, own=phone)
    assert link.leave(4.0, 2) == pytest.approx(80.0)
    link.settle(5.0)
    assert link.next_finish() == pytest.approx(12.0)
    assert link.pop_finished(12.0) == [1]
    assert link.carried_bits == pytest.approx(120.0) and link.busy_s == pytest.approx(12.0)
    with pytest.raises(LinkError, match="each phone's own capacity"):
        link.join(13.0, 3, 1.0)


# ---------------------------------------------------------------- folders

HEAD = "# source: a drive\n# licence: CC BY 4.0\ntime_s,rate_mbps\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Three traces of 1, 2 and 4 Mbit/s, and a file that is none."""
    for name, rate in (("b", 2), ("a", 1), ("c", 4)):
        (tmp_path / f"{name}.csv").write_text(f"{HEAD}0,{rate}\n1,{rate}\n")
    (tmp_path / "README.txt").write_text("not a trace")
    return tmp_path


def cell(folder: Path, more: str = "", capacity: str = "3 Mbit/s", sharing: str = "dedicated") -> CellSpec:
    rates = {"kind": "traces", "folder": str(folder), **dict(pair.split("=") for pair in more.split())}
    return CellSpec.model_validate({"capacity": capacity, "sharing": sharing, "device_rates": rates})


def numbers(devices: np.ndarray, i: int) -> np.ndarray:  # type: ignore[type-arg]
    """Uniform numbers by device: 0.1, 0.5, 0.9 and again."""
    return np.array([0.1, 0.5, 0.9])[(devices + i) % 3]


def test_phones_take_the_traces_in_turn_and_have_the_cells_rate_at_most(folder: Path) -> None:
    built = build_cell(cell(folder))
    own = built.own_capacities(numbers)
    assert own is not None and own.of(0) is own.of(0)
    assert [own.of(device).rate_at(0.0) / 1e6 for device in range(5)] == [1.0, 2.0, 3.0, 1.0, 2.0]
    shared = build_cell(cell(folder, sharing="max-min")).own_capacities(numbers)
    assert shared is not None and shared.of(2).rate_at(0.0) == 4e6  # there the link sees to it


def test_phones_draw_traces_and_places_in_them(folder: Path) -> None:
    """0.1, 0.5 and 0.9 of three traces: the first, second and third."""
    (folder / "a.csv").write_text(f"{HEAD}0,1\n1,0.5\n")
    own = build_cell(cell(folder, "assign=drawn start=random")).own_capacities(numbers)
    assert own is not None
    assert own.of(2).rate_at(0.0) == 3e6
    assert own.of(0).rate_at(0.0) == 0.5e6  # at half of the trace's 2 s


def test_what_a_trace_says_of_itself_is_kept(folder: Path) -> None:
    source = build_cell(cell(folder)).sources["device rates"]
    assert source == f"3 traces of {folder.name}/, in-turn: CSV trace; source: a drive; licence: CC BY 4.0"


def test_folders_that_hold_no_trace(folder: Path) -> None:
    with pytest.raises(TraceError, match=r"holds no file \*\.up; say with `files`"):
        find_traces(str(folder), "*.up")
    with pytest.raises(TraceError, match="no such folder of traces beside the scenario"):
        find_traces("nowhere", "*.csv")
    with pytest.raises(TraceError, match=r"README\.txt:1: 'not a trace' is not an integer"):
        build_cell(cell(folder, "files=*.txt"))
