"""Placement, path loss, power and rates, against the reference's worked figures and the formulas' properties."""

import numpy as np
import pytest

from channel.links import LinkError, Radio, place
from channel.links.propagation import (
    Uniforms,
    line_of_sight_probability,
    link_budget,
    narrowed,
    path_loss_db,
    transmit_power_dbm,
)
from channel.links.rates import LTE_CQI, RATE_MODELS, lte_cqi, shannon

NO_SIGHT = np.zeros(4, dtype=bool)


def test_uplink_snr_of_the_reference() -> None:
    """UMa without line of sight, 2 GHz, 9 MHz, 23 dBm, noise figure 5 dB: 24, 13, 1.2, -10.6 dB at 100 ... 800 m."""
    radio = Radio(interference_db=0.0)
    loss = path_loss_db(radio, np.array([100.0, 200.0, 400.0, 800.0]), NO_SIGHT)
    snr = 23.0 - loss - (-174.0 + 10 * np.log10(9e6) + 5.0)
    assert snr == pytest.approx([24, 13, 1.2, -10.6], abs=0.35)
    higher = path_loss_db(Radio(frequency_hz=3.5e9), np.array([400.0]), NO_SIGHT[:1])
    assert higher - loss[2] == pytest.approx([4.9], abs=0.05)  # 20 lg(3.5 / 2)


def test_free_space_like_start() -> None:
    """UMi in sight at 10 m horizontally, 2 GHz: 32.4 + 21 lg(13.12) + 20 lg(2) = 61.9 dB."""
    radio = Radio(environment="umi", nearest_m=10.0)
    found = path_loss_db(radio, np.array([10.0]), np.ones(1, dtype=bool))
    assert found == pytest.approx([32.4 + 21 * np.log10(np.hypot(10, 8.5)) + 20 * np.log10(2)])


@pytest.mark.parametrize("environment", ["uma", "umi"])
def test_path_loss_is_continuous_and_rises(environment: str) -> None:
    """The two slopes meet at the break point (to 0.1 dB), and distance never helps."""
    radio = Radio(environment=environment)
    distance = np.linspace(20, 2000, 20_000)
    for sight in (True, False):
        loss = path_loss_db(radio, distance, np.full(distance.size, sight))
        steps = np.diff(loss)
        assert steps.min() > -0.1
        assert steps.max() < 0.2


def test_line_of_sight_probability() -> None:
    """Certain up to 18 m; at 100 m in UMa 18/100 + exp(-100/63) * 0.82 = 0.348."""
    p = line_of_sight_probability(Radio(), np.array([10.0, 18.0, 100.0]))
    assert p == pytest.approx([1, 1, 0.18 + np.exp(-100 / 63) * 0.82])


def test_power_control() -> None:
    """Open loop: -80 + 10 lg(50) + 0.8 PL dBm, at most 23."""
    power = transmit_power_dbm(Radio(), np.array([80.0, 100.0, 140.0]), 50.0)
    assert power == pytest.approx([-80 + 16.99 + 64, -80 + 16.99 + 80, 23], abs=0.01)


def test_a_phone_at_full_power_spreads_it_as_far_as_it_helps() -> None:
    """P0 -80 dBm, alpha 0.8: at 110 dB 8 dBm a block, so power for 31.6 blocks; more of them carry more, and by
    Shannon's bound always do, until they would arrive below -10 dB.  What is given up for blocks that never rise with
    the distance is less than a tenth of the best number's rate.
    """
    noise_dbm = -174 + 10 * np.log10(180e3) + 5 + 3
    found = link_budget(Radio(in_blocks=True), np.array([80.0, 110.0, 130.0]))
    assert found.power_dbm == pytest.approx([-16 + 16.99, 23, 23], abs=0.01)
    assert found.blocks[0] == 50
    for blocks, snr, loss in zip(found.blocks, found.snr_db, (80.0, 110.0, 130.0), strict=True):
        density = min(23 - 10 * np.log10(blocks), -80 + 0.8 * loss)
        assert snr == pytest.approx(density - loss - noise_dbm, abs=0.02)
    best = [180e3 * n * shannon(np.array([23 - 10 * np.log10(n) - 130 - noise_dbm]))[0] for n in range(1, 51)]
    assert found.rate_bps[2] >= 0.9 * max(best)


def test_fewer_blocks_get_more_power_each() -> None:
    """At 130 dB a block needs 24 dBm and has 23: alone on one it is 1 dB short, on 4 of them 7 dB."""
    radio = Radio(in_blocks=True)
    noise_dbm = -174 + 10 * np.log10(180e3) + 5 + 3
    (found,) = narrowed(radio, np.array([130.0]), np.array([4.0]), np.array([1.0, 0.5, 0.25, 0.01]))
    whole, half, one = (shannon(np.array([23 - 10 * np.log10(n) - 130 - noise_dbm]))[0] for n in (4, 2, 1))
    assert found == pytest.approx([1.0, half / whole, one / whole, one / whole])
    assert narrowed(radio, np.array([80.0]), np.array([50.0]), np.array([0.1]))[0, 0] == 1.0


def test_a_part_of_the_time_is_a_part_of_the_rate() -> None:
    """TDD with a quarter of the time for the uplink."""
    loss = np.array([90.0, 115.0])
    whole = link_budget(Radio(in_blocks=True), loss).rate_bps
    assert link_budget(Radio(in_blocks=True, uplink_share=0.25), loss).rate_bps == pytest.approx(whole / 4)


def test_attenuated_shannon_of_the_reference() -> None:
    """On 9 MHz: -10 dB 0.5 Mbit/s, -5 1.43, 0 3.6, 5 7.4, 10 12.5, 15 and more 18.0; nothing below -10 dB."""
    found = 9.0 * shannon(np.array([-10.0, -5.0, 0.0, 5.0, 10.0, 15.0, 30.0]))
    assert found == pytest.approx([0.5, 1.43, 3.6, 7.4, 12.5, 18.0, 18.0], abs=0.06)
    assert shannon(np.array([-10.1]))[0] == 0.0


def numbers(seed: int) -> Uniforms:
    rng = np.random.default_rng(seed)
    return lambda devices, i: rng.random(len(devices))


@pytest.mark.parametrize("model", RATE_MODELS)
def test_rates_never_fall_with_the_snr(model: str) -> None:
    rates = RATE_MODELS[model](np.linspace(-15, 40, 2000))
    assert np.all(np.diff(rates) >= 0)
    assert rates[0] == 0 and rates[-1] > 1


def test_cqi_steps_are_the_tables() -> None:
    """High enough, every rate is an entry of the table times the share of data symbols."""
    rates = np.unique(lte_cqi(np.linspace(3, 60, 5000)))
    assert set(np.round(rates * 14 / 12, 6)) <= set(LTE_CQI)
    assert rates[-1] == pytest.approx(5.55 * 12 / 14)


def test_devices_are_uniform_over_the_area() -> None:
    """Of 100,000 devices in a ring from 35 to 500 m, the share within r grows with r^2 (three standard errors)."""
    placed = place(Radio(), 100_000, numbers(5))
    for r in (100.0, 250.0, 400.0):
        expected = (r**2 - 35.0**2) / (500.0**2 - 35.0**2)
        assert np.mean(placed.distance_m < r) == pytest.approx(expected, abs=3 * 0.5 / np.sqrt(1e5) + 1e-3)
    assert np.all(placed.rate_bps > 0)
    assert placed.power_dbm.max() <= 23.0
    assert 0.0 <= placed.uncovered < 0.01


def test_shadowing_has_its_spread() -> None:
    """Loss minus its median: 6 dB without sight, 4 dB with (the few places drawn again hardly show)."""
    radio = Radio(radius_m=300.0)
    placed = place(radio, 50_000, numbers(6))
    shadow = placed.path_loss_db - path_loss_db(radio, placed.distance_m, placed.line_of_sight)
    assert shadow[placed.line_of_sight].std() == pytest.approx(4.0, rel=0.03)
    assert shadow[~placed.line_of_sight].std() == pytest.approx(6.0, rel=0.03)


def test_same_seed_same_places_and_a_large_fleet() -> None:
    a, b = (place(Radio(), 200_000, numbers(9)) for _ in range(2))
    assert np.array_equal(a.rate_bps, b.rate_bps)


@pytest.mark.parametrize(
    ("keywords", "fault"),
    [
        ({"frequency_hz": 1e8}, "0.5 to 100 GHz"),
        ({"nearest_m": 600.0}, "nearest < radius"),
        ({"device_height_m": 20.0}, "1.5 to 13 m"),
        ({"bandwidth_hz": 1e3}, "180 kHz"),
    ],
)
def test_impossible_radios(keywords: dict[str, float], fault: str) -> None:
    with pytest.raises(LinkError, match=fault):
        Radio(**keywords)  # type: ignore[arg-type]


def test_a_cell_without_coverage_is_refused() -> None:
    with pytest.raises(LinkError, match="covers hardly any place"):
        place(Radio(extra_loss_db=120.0), 100, numbers(1))
