"""Every discipline against a brute-force fluid integration, on random uploads over random capacities.

The reference works out everybody's rate at every instant at which anything changes and integrates; it keeps
no virtual time, no heaps and no cumulative sums.  The disciplines must give the same finishes, the same
remaining bits for those who leave, and carry exactly the bits that went in.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from channel.links import (
    AirTimeLink,
    BlocksLink,
    Capacity,
    ConstantCapacity,
    DedicatedLink,
    EqualLink,
    FifoLink,
    FrameFairLink,
    Ladder,
    MaxMinLink,
    PeriodicCapacity,
    SharedLink,
    WeightedLink,
)
from channel.links.ladder import one_rung
from channel.links.rates import shannon
from channel.links.rungs import gain_at
from tests.channel.intervals import union

MOST = np.array([2.0, 5.0, 10.0])
RUNGS = Ladder(np.array([0.0, 100.0, 1000.0]), MOST, MOST, np.zeros(0), np.zeros(0), 10.0)
ALIKE = one_rung(shannon, 5.0)


@dataclass
class Upload:
    """One upload of the reference, and what became of it."""

    key: int
    start: float
    bits: float
    weight: float
    cap: float
    leaves: float
    left: float = field(init=False)
    finish: float = math.inf

    def __post_init__(self) -> None:
        self.left = self.bits


Rates = Callable[[list[Upload], float, float], list[float]]  # (active, capacity now, mean capacity) -> bit/s


def fifo(active: list[Upload], c: float, mean: float) -> list[float]:
    first = min(active, key=lambda u: (u.start, u.key))
    return [c if u is first else 0.0 for u in active]


def equal(active: list[Upload], c: float, mean: float) -> list[float]:
    return [c / len(active)] * len(active)


def weighted(active: list[Upload], c: float, mean: float) -> list[float]:
    total = sum(u.weight for u in active)
    return [c * u.weight / total for u in active]


def dedicated(active: list[Upload], c: float, mean: float) -> list[float]:
    return [min(c, u.cap) for u in active]


def own(u: Upload, c: float, mean: float) -> float:
    """Rate of a device that is alone under an air-time discipline."""
    return c if u.cap == math.inf else u.cap * c / mean


def airtime(active: list[Upload], c: float, mean: float) -> list[float]:
    return [own(u, c, mean) * u.weight / sum(v.weight for v in active) for u in active]


def frame_fair(active: list[Upload], c: float, mean: float) -> list[float]:
    if c == 0.0:
        return [0.0] * len(active)
    total = sum(u.weight / own(u, c, mean) for u in active)
    return [u.weight / total for u in active]


def proportional_fair(active: list[Upload], c: float, mean: float) -> list[float]:
    n = len(active)
    return [own(u, c, mean) * gain_at(ALIKE.fading, 0, n, 1.0) / n for u in active]


def blocks(active: list[Upload], c: float, mean: float) -> list[float]:
    """Devices slower than 100 and 1000 bit/s can use 2 and 5 of 10 blocks: the level at which all are given out."""
    usable = [10.0 if u.cap >= 1000.0 else 5.0 if u.cap >= 100.0 else 2.0 for u in active]
    levels = np.linspace(0.0, 10.0, 100_001)
    given = sum(np.minimum(levels, most) for most in usable)
    level = float(np.interp(10.0, given, levels)) if sum(usable) > 10.0 else 10.0
    return [own(u, c, mean) * min(most, level) / most for u, most in zip(active, usable, strict=True)]


def max_min(active: list[Upload], c: float, mean: float) -> list[float]:
    """Water filling as every textbook has it: fix the smallest caps first."""
    rates = dict.fromkeys((u.key for u in active), 0.0)
    left, n = c, len(active)
    for u in sorted(active, key=lambda u: u.cap):
        rates[u.key] = min(u.cap, left / n)
        left -= rates[u.key]
        n -= 1
    return [rates[u.key] for u in active]


def integrate(uploads: list[Upload], capacity: Capacity, rates: Rates) -> None:
    """Fill in finish and left of each upload, event by event."""
    waiting = sorted(uploads, key=lambda u: u.start)
    active: list[Upload] = []
    t = 0.0
    segments = capacity.segments(0.0)
    c, until = next(segments)
    mean = capacity.mean_rate_bps
    while waiting or active:
        now = dict(zip((u.key for u in active), rates(active, c, mean) if active else [], strict=True))
        finishes = [t + u.left / now[u.key] for u in active if now[u.key] > 0.0]
        nexts = [until, *finishes, *(u.leaves for u in active)]
        if waiting:
            nexts.append(waiting[0].start)
        step = min(nexts)
        for u in active:
            u.left -= now[u.key] * (step - t)
        t = step
        if t >= until:
            c, until = next(segments)
        for u in list(active):
            # What is left of rounding counts as finished: a millionth of a bit, or 1e-12 of the upload.
            if u.left <= max(1e-6, 1e-12 * u.bits):
                u.left, u.finish = 0.0, t
                active.remove(u)
            elif u.leaves <= t:
                active.remove(u)
        while waiting and waiting[0].start <= t:
            active.append(waiting.pop(0))


def drive(link: SharedLink, uploads: list[Upload]) -> tuple[dict[int, float], dict[int, float]]:
    """Run a link as a simulation would; returns finishes and the remaining bits of those who left."""
    changes = sorted(
        [(u.start, 1, u.key) for u in uploads] + [(u.leaves, 0, u.key) for u in uploads if u.leaves < math.inf]
    )
    by_key = {u.key: u for u in uploads}
    finishes: dict[int, float] = {}
    remaining: dict[int, float] = {}
    changes.append((math.inf, 2, -1))
    for at, what, key in changes:
        while (event := link.next_finish()) <= at and event < math.inf:
            for done in link.pop_finished(event):
                finishes[done] = event
        if what == 1:
            u = by_key[key]
            link.join(at, key, u.bits, u.weight, u.cap)
        elif what == 0 and key not in finishes:
            remaining[key] = link.leave(at, key)
    assert link.active == 0
    return finishes, remaining


DISCIPLINES: dict[str, tuple[Callable[[Capacity], SharedLink], Rates]] = {
    "fifo": (FifoLink, fifo),
    "equal": (EqualLink, equal),
    "weighted": (WeightedLink, weighted),
    "dedicated": (DedicatedLink, dedicated),
    "max-min": (MaxMinLink, max_min),
    "airtime": (AirTimeLink, airtime),
    "frame-fair": (FrameFairLink, frame_fair),
    "proportional-fair": (lambda c: BlocksLink(c, ALIKE), proportional_fair),
    "blocks": (lambda c: BlocksLink(c, RUNGS), blocks),
}


@st.composite
def capacity(draw: st.DrawFn) -> Capacity:
    if draw(st.booleans()):
        return ConstantCapacity(draw(st.floats(10.0, 1e4)))
    rates = draw(st.lists(st.one_of(st.just(0.0), st.floats(10.0, 1e4)), min_size=1, max_size=5))
    lengths = draw(st.lists(st.floats(0.05, 5.0), min_size=len(rates) + 1, max_size=len(rates) + 1))
    ends = [float(e) for e in np.cumsum(lengths)]
    return PeriodicCapacity([0.0, *ends[:-1]], [*rates, 100.0], ends[-1], draw(st.floats(0.0, 10.0)))


@st.composite
def uploads(draw: st.DrawFn) -> list[Upload]:
    caps = st.one_of(st.just(math.inf), st.floats(5.0, 5e3), st.sampled_from([50.0, 200.0]))
    result = []
    for key in range(draw(st.integers(1, 12))):
        # Grid times make simultaneous joins, leaves and changes of rate likely.
        start = draw(st.one_of(st.floats(0.0, 20.0), st.integers(0, 10).map(float)))
        stays = draw(st.one_of(st.just(math.inf), st.just(math.inf), st.floats(0.01, 10.0)))
        bits = draw(st.one_of(st.floats(1.0, 1e4), st.sampled_from([100.0, 1000.0])))
        result.append(Upload(key, start, bits, draw(st.floats(0.2, 5.0)), draw(caps), start + stays))
    return result


@pytest.mark.parametrize("name", DISCIPLINES)
@settings(max_examples=25)
@given(capacity(), uploads())
def test_discipline_equals_fluid_integration(name: str, capacity: Capacity, uploads: list[Upload]) -> None:
    build, rates = DISCIPLINES[name]
    link = build(capacity)
    finishes, remaining = drive(link, uploads)
    integrate(uploads, capacity, rates)
    for u in uploads:
        if u.key in finishes and u.finish < math.inf:
            same_time = finishes[u.key] == pytest.approx(u.finish, rel=1e-7, abs=1e-6)
            # A finish at the edge of a dead stretch may fall on either side of it: no bits pass in between.
            assert same_time or capacity.bits_between(*sorted((finishes[u.key], u.finish))) < 1e-3
        elif u.key in remaining and u.left > 0.0:
            assert remaining[u.key] == pytest.approx(u.left, rel=1e-6, abs=1e-3)
        else:  # finished in one and left in the other: only when both happen at the same instant
            assert max(remaining.get(u.key, 0.0), u.left) < 1e-3
    put_in = sum(u.bits for u in uploads)
    assert link.carried_bits + sum(remaining.values()) == pytest.approx(put_in, rel=1e-7, abs=1e-3)


@pytest.mark.parametrize("name", ["equal", "weighted", "max-min", "fifo"])
@settings(max_examples=15)
@given(capacity(), uploads(), st.lists(st.floats(0.0, 40.0), max_size=5))
def test_work_conserving_links_carry_all_the_capacity_while_busy(
    name: str, capacity: Capacity, uploads: list[Upload], looks: list[float]
) -> None:
    """With no caps, carried bits = capacity over the busy time; settling in between changes nothing."""
    for u in uploads:
        u.cap = u.leaves = math.inf
    plain, looked_at = (DISCIPLINES[name][0](capacity) for _ in range(2))
    finishes, _ = drive(plain, uploads)
    first = min(u.start for u in uploads)
    pieces = union((u.start, finishes[u.key]) for u in uploads)
    assert plain.busy_s == pytest.approx(sum(b - a for a, b in pieces), rel=1e-9, abs=1e-9)
    assert plain.carried_bits == pytest.approx(sum(capacity.bits_between(a, b) for a, b in pieces), rel=1e-7, abs=1e-3)
    original = looked_at.join
    for u in sorted(uploads, key=lambda u: u.start):
        while looked_at.next_finish() <= u.start:
            looked_at.pop_finished(looked_at.next_finish())
        original(u.start, u.key, u.bits, u.weight, u.cap)
    for look in sorted(looks):
        at = max(look, first, *(u.start for u in uploads))
        while looked_at.next_finish() <= at:
            looked_at.pop_finished(looked_at.next_finish())
        looked_at.settle(at)
    while looked_at.next_finish() < math.inf:
        looked_at.pop_finished(looked_at.next_finish())
    assert looked_at.busy_s == pytest.approx(plain.busy_s, rel=1e-9, abs=1e-9)
    assert looked_at.carried_bits == pytest.approx(plain.carried_bits, rel=1e-9, abs=1e-6)
