"""Random and interrupted capacities: stationary means, the same path for every observer, integrals."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from channel.links import Capacity, ConstantCapacity, LinkError, MarkovCapacity, OutageCapacity, PeriodicCapacity
from channel.links.markov import stationary


def chain(seed: int) -> MarkovCapacity:
    jumps = [[0.0, 0.7, 0.3], [0.5, 0.0, 0.5], [1.0, 0.0, 0.0]]
    return MarkovCapacity([0.0, 2e6, 10e6], [0.5, 2.0, 1.0], jumps, np.random.default_rng(seed))


def test_stationary_distribution_of_two_states() -> None:
    """Gilbert-Elliott: share of the good state = its mean time over the sum of both."""
    share = stationary(np.array([3.0, 1.0]), np.array([[0.0, 1.0], [1.0, 0.0]]))
    assert share == pytest.approx([0.75, 0.25])


def test_long_run_mean_is_the_stationary_mean() -> None:
    """40,000 s are about 30,000 sojourns: the mean rate is within 2 % (some four standard errors)."""
    capacity = chain(1)
    horizon = 40_000.0
    assert capacity.bits_between(0.0, horizon) / horizon == pytest.approx(capacity.mean_rate_bps, rel=0.02)


def test_it_starts_in_the_stationary_distribution() -> None:
    """First state of 1,200 chains against the stationary shares (0.1071.. by the balance equations)."""
    jumps = np.array([[0.0, 0.7, 0.3], [0.5, 0.0, 0.5], [1.0, 0.0, 0.0]])
    share = stationary(np.array([0.5, 2.0, 1.0]), jumps)
    first = [chain(seed).rate_at(0.0) for seed in range(1200)]
    found = [first.count(rate) / 1200 for rate in (0.0, 2e6, 10e6)]
    assert found == pytest.approx(share, abs=4 * 0.5 / math.sqrt(1200))


def test_the_path_does_not_depend_on_who_looks() -> None:
    """Same seed, asked in another order: the same rates everywhere."""
    one, other = chain(3), chain(3)
    other.time_of(1e9)
    assert one.rate_at(500.0) == other.rate_at(500.0)
    assert one.cumulative(123.4) == other.cumulative(123.4)


@given(st.integers(0, 20), st.floats(0.0, 200.0), st.floats(1.0, 1e8))
def test_markov_inversion(seed: int, start: float, bits: float) -> None:
    capacity = chain(seed)
    end = capacity.time_to_send(start, bits)
    assert capacity.bits_between(start, end) == pytest.approx(bits, rel=1e-9, abs=1e-4)
    assert capacity.rate_at(max(start, end - 1e-9)) > 0.0 or end - start < 1e-8


def test_an_absorbing_outage_is_refused() -> None:
    with pytest.raises(LinkError, match="keeps coming back"):
        MarkovCapacity([0.0, 1e6], [1.0, 1.0], [[1.0, 0.0], [1.0, 0.0]], np.random.default_rng(0))
    with pytest.raises(LinkError, match="two states"):
        MarkovCapacity([1e6], [1.0], None, np.random.default_rng(0))


def test_given_outages_by_hand() -> None:
    """10 bit/s, dead from 1 to 3 and from 4 to 5 s."""
    capacity = OutageCapacity(ConstantCapacity(10.0), [(1.0, 2.0), (4.0, 1.0)])
    assert [capacity.cumulative(t) for t in (0.5, 1.0, 2.0, 3.0, 3.5, 4.5, 6.0)] == [5, 10, 10, 10, 15, 20, 30]
    assert capacity.time_to_send(0.0, 10.0) == 1.0
    assert capacity.time_to_send(0.0, 15.0) == 3.5
    assert capacity.time_to_send(1.5, 25.0) == 6.5
    assert [capacity.rate_at(t) for t in (0.0, 1.0, 2.9, 3.0, 4.0, 5.0)] == [10, 0, 0, 10, 0, 10]
    assert OutageCapacity(ConstantCapacity(10.0), [(0.0, 2.0)]).time_to_send(0.0, 10.0) == 3.0


def cut(seed: int) -> Capacity:
    inner = PeriodicCapacity([0.0, 1.0, 1.5], [100.0, 0.0, 40.0], 3.0)
    return OutageCapacity(inner, mean_up_s=2.0, mean_down_s=0.7, rng=np.random.default_rng(seed))


@given(st.integers(0, 20), st.floats(0.0, 300.0), st.floats(0.0, 50.0))
def test_random_outages_integrate(seed: int, start: float, span: float) -> None:
    """The integral equals the sum over the stretches, and inverting it comes back."""
    capacity = cut(seed)
    parts, t = [], start
    for rate, end in capacity.segments(start):
        stop = min(end, start + span)
        parts.append(rate * (stop - t))
        t = stop
        if t >= start + span:
            break
    assert capacity.bits_between(start, start + span) == pytest.approx(math.fsum(parts), abs=1e-6)
    bits = span + 1.0
    end = capacity.time_to_send(start, bits)
    assert capacity.bits_between(start, end) == pytest.approx(bits, abs=1e-6)


def test_random_outages_take_their_share() -> None:
    """Up 2 s, down 0.7 s on average: 74 % of the inner mean over 30,000 s, within 2 %."""
    capacity = cut(1)
    assert capacity.bits_between(0.0, 30_000.0) / 30_000.0 == pytest.approx(capacity.mean_rate_bps, rel=0.02)
    assert capacity.mean_rate_bps == pytest.approx(160 / 3 * 2.0 / 2.7)


def test_bad_outages_are_refused() -> None:
    with pytest.raises(LinkError, match="in order"):
        OutageCapacity(ConstantCapacity(1.0), [(5.0, 1.0), (2.0, 1.0)])
    with pytest.raises(LinkError, match="above 0 s"):
        OutageCapacity(ConstantCapacity(1.0), rng=np.random.default_rng(0))
