"""The sum of what activities are charged equals the integral of the radio's power over time.

Two independent references: the state machine run forward segment by segment (``devices.timeline``), and one
run tick by tick in this file, which knows neither gaps nor charges.
"""

from __future__ import annotations

import heapq
import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from devices.errors import DeviceError
from devices.ledger import RadioLedger
from devices.radio import Phase, Radio
from devices.radios import load_radio, radios
from devices.timeline import Activity, timeline

TICK_S = 2.0**-10  # a power of two, so that sums of times are exact and every edge falls where it should

Ticks = tuple[int, int, int]  # asked for, time on the air, bits


def charge_all(radio: Radio, activities: list[Activity]) -> float:
    """What a ledger charges for the activities, run in order of time as a simulation would."""
    ledger, total = RadioLedger(radio), 0.0
    events = [(a.at_s, 1, n) for n, a in enumerate(activities)]  # at one moment an end (0) comes before a begin
    heapq.heapify(events)
    while events:
        now, begins, n = heapq.heappop(events)
        if begins:
            begun = ledger.begin(now)
            heapq.heappush(events, (now + begun.wake_s + activities[n].duration_s, 0, n))
            total += begun.charge.total_j
        else:
            total += ledger.end(now, activities[n].bits).charge.total_j
    assert ledger.busy == 0
    return total


def integrate_ticks(radio: Radio, pattern: list[Ticks]) -> float:
    """Energy of the state machine, one tick after the other, until its last tail is over."""
    phase_ticks = [round(p.duration_s / TICK_S) for p in radio.phases]
    waiting = sorted(pattern)
    on_air: list[int] = []
    energy, waking, quiet, tick, wake_power = 0.0, 0, math.inf, 0, 0.0
    while waiting or on_air or waking or quiet < sum(phase_ticks):
        while waiting and waiting[0][0] == tick:
            _, duration, bits = waiting.pop(0)
            if not on_air and not waking:
                waking, wake_power = wake_of(radio, phase_ticks, quiet)
            on_air.append(duration)
            energy += radio.transmit_j_per_bit * bits
        if waking:
            energy += wake_power * TICK_S
            waking -= 1
        elif on_air:
            energy += radio.transmit_power_w * TICK_S
            on_air = [left - 1 for left in on_air if left > 1]
            quiet = 0
        else:
            energy += phase_power(radio, phase_ticks, quiet) * TICK_S
            quiet += 1
        tick += 1
    return energy


def phase_of(phase_ticks: list[int], quiet: float) -> int:
    for index in range(len(phase_ticks)):
        if quiet < sum(phase_ticks[: index + 1]):
            return index
    return len(phase_ticks)


def phase_power(radio: Radio, phase_ticks: list[int], quiet: float) -> float:
    index = phase_of(phase_ticks, quiet)
    return radio.phases[index].power_w if index < len(phase_ticks) else 0.0


def wake_of(radio: Radio, phase_ticks: list[int], quiet: float) -> tuple[int, float]:
    index = phase_of(phase_ticks, quiet)
    if index < len(phase_ticks):
        delay, energy = radio.phases[index].wake_delay_s, radio.phases[index].wake_energy_j
    else:
        delay, energy = radio.idle_wake_delay_s, radio.wake_j(math.inf)
    return round(delay / TICK_S), energy / delay if delay else 0.0


ticks = st.integers(1, 40)
powers = st.floats(0.0, 3.0)


@st.composite
def tick_radios(draw: st.DrawFn) -> Radio:
    phases = []
    for _ in range(draw(st.integers(0, 3))):
        delay = draw(st.integers(0, 10)) * TICK_S
        phases.append(Phase(draw(ticks) * TICK_S, draw(powers), delay, delay * draw(powers)))
    delay = draw(st.integers(0, 20)) * TICK_S
    return Radio(
        "drawn", wake_delay_s=delay, wake_energy_j=delay * draw(powers), transmit_power_w=draw(powers),
        transmit_j_per_bit=draw(st.floats(0.0, 1e-6)), phases=phases,
    )  # fmt: skip


patterns = st.lists(st.tuples(st.integers(0, 300), ticks, st.integers(0, 100_000)), min_size=1, max_size=8)


@settings(max_examples=50)
@given(tick_radios(), patterns)
def test_charges_equal_the_state_machine_run_tick_by_tick(radio: Radio, pattern: list[Ticks]) -> None:
    activities = [Activity(at * TICK_S, duration * TICK_S, bits) for at, duration, bits in pattern]
    reference = integrate_ticks(radio, pattern)
    assert charge_all(radio, activities) == pytest.approx(reference, rel=1e-9, abs=1e-12)
    assert sum(s.energy_j for s in timeline(radio, activities)) == pytest.approx(reference, rel=1e-9, abs=1e-12)


@given(
    st.sampled_from(radios()),
    st.lists(st.tuples(st.floats(0.0, 60.0), st.floats(1e-4, 3.0), st.floats(0.0, 1e7)), min_size=1, max_size=12),
)
def test_charges_equal_the_timeline_of_published_radios(name: str, pattern: list[tuple[float, float, float]]) -> None:
    radio = load_radio(name)
    activities = [Activity(*p) for p in pattern]
    measured = sum(segment.energy_j for segment in timeline(radio, activities))
    assert charge_all(radio, activities) == pytest.approx(measured, rel=1e-9, abs=1e-9)


@given(st.lists(st.floats(0.01, 11.5) | st.floats(11.6, 40.0), min_size=1, max_size=10))
def test_a_restarted_tail_is_paid_only_as_far_as_it_ran(gaps: list[float]) -> None:
    """Closed form for instantaneous uploads on LTE: sum of min(gap, tail) * power, and one whole tail."""
    radio = load_radio("lte-2012")
    promotion_s, tail_s = 0.2601, 11.576
    promotion_j = 1.2107 * promotion_s
    activities, end = [Activity(0.0, 0.0)], promotion_s
    expected = promotion_j + 1.060 * tail_s
    for gap in gaps:
        activities.append(Activity(end + gap, 0.0))
        asleep = gap > tail_s
        end += gap + (promotion_s if asleep else 0.0)
        expected += 1.060 * min(gap, tail_s) + (promotion_j if asleep else 0.0)
    assert sum(s.energy_j for s in timeline(radio, activities)) == pytest.approx(expected, rel=1e-9)
    assert charge_all(radio, activities) == pytest.approx(expected, rel=1e-9)


def test_overlapping_uploads_share_the_active_time() -> None:
    """Two uploads of 2 s, the second 1 s later, on a radio of 1 W without wake or tail: 3 s active, 3 J."""
    radio = Radio("plain", wake_delay_s=0, wake_energy_j=0, transmit_power_w=1.0, transmit_j_per_bit=0.0)
    assert charge_all(radio, [Activity(0.0, 2.0), Activity(1.0, 2.0)]) == pytest.approx(3.0)
    assert charge_all(radio, [Activity(0.0, 5.0), Activity(1.0, 2.0)]) == pytest.approx(5.0)  # one inside the other


def test_fast_dormancy_cuts_the_tail_and_brings_back_the_promotion() -> None:
    radio = load_radio("lte-2012").with_fast_dormancy(3.0)
    assert radio.tail_s == 3.0
    assert radio.tail_j(math.inf) == pytest.approx(3 * 1.060)
    assert radio.wake_delay_s(2.9) == 0.0
    assert radio.wake_delay_s(3.1) == pytest.approx(0.2601)
    two_phases = load_radio("3g-2012").with_fast_dormancy(8.5)
    assert two_phases.tail_j(math.inf) == pytest.approx(8.0882 * 0.8039 + (8.5 - 8.0882) * 0.6013)
    assert load_radio("lte-2012").with_fast_dormancy(99.0).tail_s == load_radio("lte-2012").tail_s
    assert load_radio("lte-2012").with_fast_dormancy(0.0).tail_j(math.inf) == 0.0


@given(st.sampled_from(radios()), st.floats(0.0, 20.0), st.floats(0.0, 30.0))
def test_a_cut_tail_is_the_same_tail_up_to_the_cut(name: str, release_s: float, gap: float) -> None:
    radio = load_radio(name)
    cut = radio.with_fast_dormancy(release_s)
    assert cut.tail_j(gap) == pytest.approx(radio.tail_j(min(gap, release_s)), rel=1e-9, abs=1e-12)
    assert cut.tail_s <= radio.tail_s
    if gap > max(release_s, 1e-9) + 1e-9:
        assert cut.wake_j(gap) == radio.wake_j(math.inf)


def test_waking_energy_needs_time() -> None:
    with pytest.raises(DeviceError, match="takes no time"):
        Radio("odd", wake_delay_s=0.0, wake_energy_j=1.0, transmit_power_w=1.0, transmit_j_per_bit=0.0)
