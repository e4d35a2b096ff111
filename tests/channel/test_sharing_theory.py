"""Sharing disciplines on cases worked by hand and against published formulas."""

import math

import numpy as np
import pytest

from channel.links import (
    AirTimeLink,
    ConstantCapacity,
    EqualLink,
    FifoLink,
    FrameFairLink,
    LinkError,
    MaxMinLink,
    PeriodicCapacity,
    SharedLink,
    WeightedLink,
    wifi,
)
from channel.links.fading import gains
from channel.links.rungs import gain_at

INF = math.inf


def finish(link: SharedLink) -> dict[int, float]:
    done: dict[int, float] = {}
    while (at := link.next_finish()) < INF:
        for key in link.pop_finished(at):
            done[key] = at
    return done


def test_processor_sharing_by_hand() -> None:
    """100 bit/s; A 100 bits at 0, B 100 bits at 0.5, C 10 bits at 0.5.

    At 0.5 A has 50 left.  Three share until C is done at 0.5 + 10 * 3/100 = 0.8; A has 40 left, done at 0.8 + 80/100
    = 1.6; B then has 100 - 10 - 40 = 50 left and the link alone: 2.1.
    """
    link = EqualLink(ConstantCapacity(100.0))
    link.join(0.0, 1, 100.0)
    link.join(0.5, 2, 100.0)
    link.join(0.5, 3, 10.0)
    assert link.fair_rate_bps(0.5) == 25.0
    assert finish(link) == pytest.approx({3: 0.8, 1: 1.6, 2: 2.1})
    assert link.busy_s == pytest.approx(2.1)
    assert link.carried_bits == pytest.approx(210.0)
    assert link.utilisation(4.2) == pytest.approx(0.5)


def test_processor_sharing_over_an_outage() -> None:
    """100 bit/s, dead from 1 to 3 s: two uploads of 100 bits need 2 s of work and finish at 4 s."""
    link = EqualLink(PeriodicCapacity([0.0, 1.0, 3.0], [100.0, 0.0, 100.0], 10.0))
    link.join(0.0, 1, 100.0)
    link.join(0.0, 2, 100.0)
    assert finish(link) == pytest.approx({1: 4.0, 2: 4.0})


def test_weights_by_hand() -> None:
    """Weights 3 and 1 at 100 bit/s: 75 and 25 bit/s; A (75 bits) at 1 s, then B (50 bits) has 25 left: 1.25 s."""
    link = WeightedLink(ConstantCapacity(100.0))
    link.join(0.0, 1, 75.0, weight=3.0)
    link.join(0.0, 2, 50.0, weight=1.0)
    assert finish(link) == pytest.approx({1: 1.0, 2: 1.25})


def test_max_min_by_hand() -> None:
    """Caps 10, 40 and none at 100 bit/s: 10, 40 and 50; when the second ends the third gets 90."""
    link = MaxMinLink(ConstantCapacity(100.0))
    link.join(0.0, 1, 100.0, cap_bps=10.0)
    link.join(0.0, 2, 40.0, cap_bps=40.0)
    link.join(0.0, 3, 140.0)
    assert finish(link) == pytest.approx({2: 1.0, 3: 2.0, 1: 10.0})
    assert link.carried_bits == pytest.approx(280.0)


def test_wifi_anomaly() -> None:
    """Heusse et al. 2003: with equal frames a station of 1 Mbit/s drags one of 11 Mbit/s down to its own pace.

    Both get 1 / (1/11 + 1/1) = 0.917 Mbit/s; with equal air time each gets half its own rate.
    """
    bits = 1e6
    frames, air = FrameFairLink(ConstantCapacity(11e6)), AirTimeLink(ConstantCapacity(11e6))
    for link in (frames, air):
        link.join(0.0, 1, bits, cap_bps=11e6)
        link.join(0.0, 2, bits, cap_bps=1e6)
    # Equal frames: both need 1 / 0.917 s.  Equal time: the fast one 2/11 s, then the slow one is alone.
    assert finish(frames) == pytest.approx({1: 12 / 11, 2: 12 / 11})
    assert finish(air) == pytest.approx({1: 2 / 11, 2: 1 / 11 + 1.0})


# Saturation throughput in Mbit/s for 1, 5, 10, 20 and 50 stations, as worked out in the reference from Bianchi's
# formulas with W = 16, m = 6 and 1500-byte frames; rounded there, hence 0.5 % or half a Mbit/s.
BIANCHI = [
    ("11a", 54e6, 1, (29.3, 28.2, 26.2, 24.1, 21.1)),
    ("11n", 65e6, 1, (31.0, 30.1, 28.0, 25.8, 22.6)),
    ("11n", 65e6, 16, (59, 51, 47, 43, 37)),
    ("11ac", 292.5e6, 32, (247, 217, 199, 182, 158)),
    ("11ax", 360.3e6, 32, (295, 260, 239, 218, 190)),
]


@pytest.mark.parametrize(("standard", "rate", "frames", "expected"), BIANCHI)
def test_bianchi_table(standard: str, rate: float, frames: int, expected: tuple[float, ...]) -> None:
    found = [wifi.throughput_bps(wifi.STANDARDS[standard], rate, n, frames) / 1e6 for n in (1, 5, 10, 20, 50)]
    tolerance = 0.6 if expected[0] > 50 else 0.12
    assert found == pytest.approx(expected, abs=tolerance)


def test_bianchi_collision_probabilities() -> None:
    found = [wifi.contention(n)[1] for n in (1, 5, 10, 20, 50)]
    assert found == pytest.approx([0, 0.27, 0.38, 0.48, 0.60], abs=0.006)


@pytest.mark.parametrize("stations", [1, 2, 5, 20])
def test_wifi_link_carries_bianchis_throughput(stations: int) -> None:
    """Equal stations that are all active share the saturation throughput."""
    standard = wifi.STANDARDS["11a"]
    beside, payload, factor = wifi.overhead(standard)
    gain = wifi.contention_gain(standard, 54e6, 20)
    link = FrameFairLink(ConstantCapacity(54e6), gain, beside / payload, factor)
    for key in range(stations):
        link.join(0.0, key, 1e6)
    total = wifi.throughput_bps(standard, 54e6, stations)
    assert finish(link) == pytest.approx(dict.fromkeys(range(stations), stations * 1e6 / total))


def gain(snr_db: float, phones: int, served: float = 1.0) -> float:
    """Gain of log2(1 + SNR) rates."""
    table = gains(lambda db: np.log2(1.0 + 10.0 ** (db / 10.0)), np.array([snr_db])).ravel()
    return gain_at(table, 0, phones, served)


def test_gain_of_fading_has_its_limits() -> None:
    """Weak channels: the harmonic numbers (mean of the largest of n exponentials); strong ones: hardly any gain.

    Within 1 %: between its points the table is interpolated.
    """
    harmonic = np.cumsum(1.0 / np.arange(1, 9))
    assert [gain(-40.0, n) for n in range(1, 9)] == pytest.approx(harmonic, rel=1e-2)
    assert gain(60.0, 8) < 1.15


@pytest.mark.parametrize(("phones", "served"), [(4, 1), (8, 2), (8, 7), (40, 10)])
def test_gain_of_fading_by_monte_carlo(phones: int, served: int) -> None:
    """The mean rate of the ``served`` best of 100,000 draws, within 1 %."""
    draws = np.sort(np.random.default_rng(7).exponential(size=(100_000, phones)), axis=1)
    rates = np.log2(1.0 + 10.0**0.8 * draws)
    assert gain(8.0, phones, served) == pytest.approx(rates[:, -served:].mean() / rates.mean(), rel=1e-2)


def test_nobody_gains_who_is_always_served() -> None:
    assert gain(8.0, 10, 10.0) == pytest.approx(1.0, abs=1e-6)
    assert gain(8.0, 1) == 1.0


@pytest.mark.parametrize("build", [FifoLink, EqualLink, WeightedLink, MaxMinLink, AirTimeLink, FrameFairLink])
def test_simultaneous_finishes_come_in_order_of_arrival(build: type[SharedLink]) -> None:
    """Equal uploads that start together finish together, and the order is that of joining, every time."""
    link = build(ConstantCapacity(7.0))  # type: ignore[call-arg]
    order = [5, 3, 9, 1, 7]
    for key in order:
        link.join(0.1, key, 0.3)
    popped = []
    while (at := link.next_finish()) < INF:
        popped += link.pop_finished(at)
    assert popped == order


@pytest.mark.parametrize("build", [EqualLink, WeightedLink, MaxMinLink, AirTimeLink])
def test_a_key_cannot_join_twice(build: type[SharedLink]) -> None:
    link = build(ConstantCapacity(1.0))  # type: ignore[call-arg]
    link.join(0.0, 1, 1.0)
    with pytest.raises(KeyError, match="already"):
        link.join(0.0, 1, 1.0)
    with pytest.raises(KeyError):
        link.leave(0.0, 2)


def test_a_key_can_come_back_after_leaving() -> None:
    """The first stay's entry is still in the heap; it must not end the second stay."""
    link = EqualLink(ConstantCapacity(10.0))
    link.join(0.0, 1, 10.0)
    link.join(0.0, 2, 100.0)
    assert link.leave(0.5, 1) == pytest.approx(7.5)
    link.join(0.5, 1, 50.0)
    assert finish(link) == pytest.approx({1: 10.5, 2: 15.25})


@pytest.mark.parametrize(
    ("link", "keywords", "fault"),
    [
        (WeightedLink(ConstantCapacity(1.0)), {"weight": 0.0}, "weight must be above 0"),
        (MaxMinLink(ConstantCapacity(1.0)), {"cap_bps": 0.0}, "own rate must be above 0"),
        (AirTimeLink(ConstantCapacity(1.0)), {"cap_bps": 0.0}, "own rate must be above 0"),
    ],
)
def test_impossible_members_are_refused(link: SharedLink, keywords: dict[str, float], fault: str) -> None:
    with pytest.raises(LinkError, match=fault):
        link.join(0.0, 1, 1.0, **keywords)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("link", "expected"),
    [
        (EqualLink(ConstantCapacity(100.0)), 50.0),
        (FifoLink(ConstantCapacity(100.0)), 30.0),
        (WeightedLink(ConstantCapacity(100.0)), 50.0),
        (MaxMinLink(ConstantCapacity(100.0)), 30.0),
        (AirTimeLink(ConstantCapacity(100.0)), 15.0),
    ],
)
def test_rate_of_a_newcomer(link: SharedLink, expected: float) -> None:
    """One upload without a cap is there; a device of 30 bit/s asks what it would get.

    FIFO sends one at a time, so the device's own rate counts; with equal time it has half of 30.
    """
    link.join(0.0, 1, 1000.0)
    assert link.fair_rate_bps(0.0, 30.0) == pytest.approx(expected)


def test_max_min_keeps_its_memory_small() -> None:
    """A busy period of 5,000 uploads whose caps are passed again and again leaves no heap of stale entries."""
    link = MaxMinLink(ConstantCapacity(100.0))
    link.join(0.0, -1, 1e9)
    for key in range(5000):
        now = float(key)
        link.pop_finished(now)
        link.join(now, key, 50.0, cap_bps=10.0 + key % 97)
    heaps = [getattr(link, name) for name in MaxMinLink.__slots__ if isinstance(getattr(link, name), list)]
    assert max(len(heap) for heap in heaps) < 64 + 8 * link.active
