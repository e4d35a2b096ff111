"""The integral of a capacity and its inverse, against direct integration of the stretches."""

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from channel.links import ConstantCapacity, LinkError, PeriodicCapacity

LENGTHS = st.floats(1e-3, 1e3)
RATES = st.one_of(st.just(0.0), st.floats(1.0, 1e9))


@st.composite
def capacities(draw: st.DrawFn) -> PeriodicCapacity:
    """A periodic capacity of 1 to 8 stretches, some of them dead, begun anywhere in its period."""
    stretches = draw(st.lists(st.tuples(LENGTHS, RATES), min_size=1, max_size=8))
    assume(any(rate > 0 for _, rate in stretches))
    ends = np.cumsum([length for length, _ in stretches])
    starts = [0.0, *(float(e) for e in ends[:-1])]
    offset = draw(st.floats(0.0, 2.0)) * float(ends[-1])
    return PeriodicCapacity(starts, [rate for _, rate in stretches], float(ends[-1]), offset)


def integrate(capacity: PeriodicCapacity, t0: float, t1: float) -> float:
    """Bits from t0 to t1 by walking the stretches: the definition, without cumulative sums."""
    parts, t = [], t0
    for rate, end in capacity.segments(t0):
        stop = min(end, t1)
        parts.append(rate * (stop - t))
        t = stop
        if t >= t1:
            return math.fsum(parts)
    raise AssertionError("segments ended")


def scale(capacity: PeriodicCapacity, *instants: float) -> float:
    """Size of the numbers that were subtracted: rounding is relative to the integral, not to the
    difference.
    """
    return capacity.mean_rate_bps * (capacity.period_s * 3 + max(instants)) + 1.0


@given(capacities(), st.floats(0.0, 5.0), st.floats(0.0, 5.0))
def test_integral_is_the_sum_over_stretches(capacity: PeriodicCapacity, a: float, b: float) -> None:
    t0, t1 = (x * capacity.period_s for x in sorted((a, b)))
    tolerance = 1e-9 * scale(capacity, t1)
    assert capacity.bits_between(t0, t1) == pytest.approx(integrate(capacity, t0, t1), abs=tolerance, rel=1e-9)


@given(capacities(), st.floats(0.0, 5.0), st.floats(1e-6, 10.0))
def test_time_to_send_inverts_the_integral(capacity: PeriodicCapacity, a: float, share: float) -> None:
    """K(finish) - K(start) = bits, and no earlier instant does: the link is working just before the
    finish.
    """
    t0 = a * capacity.period_s
    bits = share * capacity.mean_rate_bps * capacity.period_s
    t1 = capacity.time_to_send(t0, bits)
    tolerance = 1e-9 * scale(capacity, t1)
    assert t1 >= t0
    assert capacity.bits_between(t0, t1) == pytest.approx(bits, abs=tolerance)
    before = max(t0, t1 - 1e-4 * capacity.period_s)
    if before < t1:
        assert capacity.bits_between(t0, before) < bits + tolerance


@given(capacities(), st.floats(0.0, 3.0), st.floats(1e-3, 3.0))
def test_cap_above_every_rate_changes_nothing(capacity: PeriodicCapacity, a: float, share: float) -> None:
    t0, bits = a * capacity.period_s, share * capacity.mean_rate_bps * capacity.period_s
    free = capacity.time_to_send(t0, bits)
    capped = capacity.time_to_send_capped(t0, bits, 1e10)
    # At the edge of a dead stretch rounding decides on which side the last bit passes: compare the bits,
    # not the time.
    assert capacity.bits_between(t0, capped) == pytest.approx(
        capacity.bits_between(t0, free), abs=1e-8 * scale(capacity, free, capped)
    )


def test_hand_worked_periodic_case() -> None:
    """10 bit/s for 1 s, nothing for 2 s, 5 bit/s for 1 s: 15 bits in a period of 4 s."""
    capacity = PeriodicCapacity([0.0, 1.0, 3.0], [10.0, 0.0, 5.0], 4.0)
    assert capacity.mean_rate_bps == 15 / 4
    assert capacity.time_to_send(0.0, 5.0) == 0.5
    assert capacity.time_to_send(0.0, 10.0) == 1.0  # at the end of the first stretch, not after the dead one
    assert capacity.time_to_send(0.0, 11.0) == pytest.approx(3.2)
    assert capacity.time_to_send(0.0, 15.0) == 4.0
    assert capacity.time_to_send(2.0, 5.0) == 4.0
    assert capacity.time_to_send(2.0, 10.0) == 4.5
    assert capacity.time_to_send(0.0, 150.0) == 40.0
    assert [capacity.rate_at(t) for t in (0.0, 0.9, 1.0, 2.9, 3.0, 4.0, 5.0)] == [10, 10, 0, 0, 5, 10, 0]
    shifted = PeriodicCapacity([0.0, 1.0, 3.0], [10.0, 0.0, 5.0], 4.0, offset_s=6.0)
    assert shifted.time_to_send(0.0, 5.0) == 2.0
    assert shifted.cumulative(0.0) == 0.0


def test_a_late_start_costs_no_digits() -> None:
    """A day that begins at 23:45 is as exact as one that begins at midnight, against exact fractions.

    The bits from midnight on are 6 * 10^11 by then, of which the last digit is 10^-4 bits: 10^-10 s of a slow link, and
    more with every upload of a busy period.  Counted from the start, an hour's bits have eight digits more.
    """
    offset, rates = 23.75 * 3600.0, [7.1e6 + 1e5 * h for h in range(24)]
    capacity = PeriodicCapacity([3600.0 * h for h in range(24)], rates, 86400.0, offset)
    for t in np.random.default_rng(1).uniform(0.0, 899.0, 200).tolist():
        assert capacity.cumulative(t) == pytest.approx(float(Fraction(t) * Fraction(rates[23])), rel=4e-16)
        assert capacity.time_of(capacity.cumulative(t)) == pytest.approx(t, rel=4e-16)


def test_capped_walk_by_hand() -> None:
    """Cap 6 on the capacity above: 6 bits in the first second, 5 in the fourth."""
    capacity = PeriodicCapacity([0.0, 1.0, 3.0], [10.0, 0.0, 5.0], 4.0)
    assert capacity.time_to_send_capped(0.0, 6.0, 6.0) == 1.0
    assert capacity.time_to_send_capped(0.0, 11.0, 6.0) == 4.0
    assert capacity.time_to_send_capped(0.0, 14.0, 6.0) == 4.5
    assert capacity.time_to_send_capped(0.0, 1.0, 0.0) == math.inf
    assert ConstantCapacity(10.0).time_to_send_capped(1.0, 8.0, 4.0) == 3.0


def test_constant_capacity() -> None:
    capacity = ConstantCapacity(1e6)
    assert capacity.time_to_send(2.0, 5e5) == 2.5
    assert capacity.bits_between(1.0, 3.0) == 2e6
    assert capacity.mean_rate_bps == capacity.rate_at(7.0) == capacity.constant_bps == 1e6


@pytest.mark.parametrize(
    ("starts", "rates", "period", "fault"),
    [
        ([], [], 1.0, "as many rates"),
        ([0.0], [1.0, 2.0], 1.0, "as many rates"),
        ([1.0], [1.0], 2.0, "start at 0 s"),
        ([0.0, 2.0, 1.0], [1.0, 1.0, 1.0], 3.0, "must increase"),
        ([0.0, 1.0], [1.0, 1.0], 1.0, "must increase"),
        ([0.0], [-1.0], 1.0, "at least 0 bit/s"),
        ([0.0], [math.nan], 1.0, "at least 0 bit/s"),
        ([0.0, 1.0], [0.0, 0.0], 2.0, "always 0 bit/s"),
    ],
)
def test_impossible_capacities_say_why(starts: list[float], rates: list[float], period: float, fault: str) -> None:
    with pytest.raises(LinkError, match=fault):
        PeriodicCapacity(starts, rates, period)


@pytest.mark.parametrize("rate", [0.0, -1.0, math.inf, math.nan])
def test_impossible_constant_rate(rate: float) -> None:
    with pytest.raises(LinkError, match="above 0 bit/s"):
        ConstantCapacity(rate)
