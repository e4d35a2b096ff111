"""Phones on their way against what is known of random waypoints and of correlated shadowing."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
import pytest

from channel.links import LinkError, Moving, Radio, Terrain, Walk, Waypoints, movement
from channel.links.propagation import line_of_sight_probability
from channel.links.terrain import SIGHT_M, Field
from sim.draws import Draws

Array = npt.NDArray[np.float64]
RADIO = Radio("umi", 3.5e9, 20e6, radius_m=150.0, nearest_m=10.0, rate_model="nr-cqi", in_blocks=True)
WALK = Walk(0.5, 2.0, RADIO.radius_m)


def waypoints(walk: Walk = WALK) -> Waypoints:
    return Waypoints(walk, Draws(1, 0).pairs("movement", "phones"))


def walkers(radio: Radio) -> Moving:
    terrain = Terrain(radio, Draws(1, 0).generator("shadows", "cell"))
    return Moving(waypoints(Walk(0.5, 2.0, radio.radius_m)), [terrain])


def share_within(radius: float) -> float:
    """Share of the time that a random waypoint on the unit disc spends within a radius.

    Hyytia, Lassila and Virtamo, IEEE Trans. Mobile Computing 5(6), 2006: its density is 45 (1 - r^2) / (64 pi) times
    the integral of sqrt(1 - r^2 cos^2 a) over a in [0, pi].
    """
    r, angle = np.linspace(0.0, radius, 400), np.linspace(0.0, math.pi, 400)
    inner = np.trapezoid(np.sqrt(1.0 - r[:, None] ** 2 * np.cos(angle) ** 2), angle, axis=1)
    return float(np.trapezoid(2.0 * math.pi * r * 45.0 * (1.0 - r**2) / (64.0 * math.pi) * inner, r))


@pytest.mark.parametrize("now", [0.0, 1000.0])
def test_phones_are_where_random_waypoints_are_from_the_start(now: float) -> None:
    """4,000 phones: the share within three radii to four standard deviations (2 to 3 %), at 0 s and ten legs later."""
    assert share_within(1.0) == pytest.approx(1.0, abs=1e-4)
    found = waypoints()
    r = np.array([math.hypot(*found.place(device, now)) for device in range(4000)]) / RADIO.radius_m
    for radius in (0.3, 0.5, 0.8):
        p = share_within(radius)
        assert np.mean(r < radius) == pytest.approx(p, abs=4.0 * math.sqrt(p * (1.0 - p) / 4000))


def test_slow_legs_last_longer() -> None:
    """Of a speed that is uniform from leg to leg, time sees a density of 1 / v, from the start on.

    Its mean is (b - a) / ln(b / a).
    """
    found = waypoints()
    moved = []
    for device in range(3000):
        before = found.place(device, 5.0)
        moved.append(math.dist(before, found.place(device, 5.1)) / 0.1)
    mean = (WALK.fastest_mps - WALK.slowest_mps) / math.log(WALK.fastest_mps / WALK.slowest_mps)
    # A deviation of 0.42 m/s over 3,000; one phone in 1,500 turns within the tenth of a second.
    assert np.mean(moved) == pytest.approx(mean, abs=4.0 * 0.43 / math.sqrt(3000))


def test_ways_are_those_of_the_phone_whoever_asks_when() -> None:
    often, seldom = waypoints(), waypoints()
    ways = [often.place(3, float(now)) for now in np.linspace(0.0, 500.0, 60)]
    assert ways[::-1] == [seldom.place(3, float(now)) for now in np.linspace(0.0, 500.0, 60)[::-1]]


def test_ways_that_are_forgotten_are_walked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """With room for 8 legs, of which an hour of 150 m at 2 m/s has about fifty."""
    monkeypatch.setattr(movement, "MOST_LEGS", 8)
    found = waypoints()
    early, late = found.place(1, 3.0), found.place(1, 3600.0)
    assert (found.place(1, 3.0), found.place(1, 3600.0)) == (early, late)
    monkeypatch.undo()
    assert waypoints().place(1, 3600.0) == late


def test_a_field_is_correlated_as_gudmundson_says() -> None:
    """Over 400 fields of 20 places each: variance 1, and exp(-d / 20 m) at 5, 20 and 60 m in either direction.

    Places within a field are far apart; the estimate of a correlation from 8,000 pairs has a deviation of 0.011.
    """
    values: dict[float, list[Array]] = {d: [] for d in (0.0, 5.0, 20.0, 60.0)}
    for seed in range(400):
        field, rng = Field(20.0, np.random.default_rng(seed)), np.random.default_rng(10_000 + seed)
        x, y, angle = (rng.uniform(0.0, 5000.0, 20), rng.uniform(0.0, 5000.0, 20), rng.uniform(0.0, 7.0, 20))
        here = field.at(x, y)
        for d, products in values.items():
            products.append(here * field.at(x + d * np.cos(angle), y + d * np.sin(angle)))
    for d, products in values.items():
        assert np.mean(products) == pytest.approx(math.exp(-d / 20.0), abs=0.05)


def test_sight_is_as_frequent_as_its_probability() -> None:
    """At 30 and 100 m, over 600 fields: a share's deviation is 0.02."""
    for distance in (30.0, 100.0):
        expected = float(line_of_sight_probability(RADIO, np.array([distance]))[0])
        quantile = np.array(
            [Field(SIGHT_M, np.random.default_rng(s)).at(np.array(distance), np.array(0.0)) for s in range(600)]
        )
        below = np.array([0.5 * math.erfc(-v / math.sqrt(2.0)) for v in quantile])
        assert np.mean(below < expected) == pytest.approx(expected, abs=0.08)


def test_a_phone_that_comes_back_finds_its_rate_and_holes_have_the_least() -> None:
    """Shadowing belongs to places; where nothing would get through, a phone has the least rate of the cell."""
    wide = Radio("umi", 3.5e9, 20e6, radius_m=2000.0, nearest_m=10.0, rate_model="nr-cqi", in_blocks=True)
    found, again = walkers(wide), walkers(wide)
    rates = [found.rate_bps(device, 10.0) for device in range(300)]
    assert rates == [again.rate_bps(device, 10.0) for device in range(300)]
    least = min(rates)
    assert least > 0.0 and rates.count(least) > 30  # at 2 km hardly anything gets through
    x, y = np.array([40.0, 40.0]), np.array([30.0, 30.0])
    assert np.ptp(found.terrains[0].path_loss_db(x, y)) == 0.0


def test_speeds_that_cannot_be() -> None:
    with pytest.raises(LinkError, match="slowest"):
        Walk(2.0, 1.0, 100.0)
