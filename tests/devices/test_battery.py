"""Batteries and the energy of groups: conservation, death, lifetime in closed form."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from devices.battery import BatteryBank, build_batteries, lifetime_s
from devices.errors import DeviceError
from devices.profile import load_profile
from devices.radios import load_radio
from scenarios.schema.device import BatterySpec


def test_levels_and_death_by_hand() -> None:
    bank = BatteryBank(100.0, np.array([100.0, 50.0]), baseline_w=2.0)
    assert bank.level_j(0, 10.0) == 80.0
    assert bank.share(1, 10.0) == 0.3
    assert bank.draw(1, 10.0, 20.0)
    assert bank.level_j(1, 10.0) == 10.0
    assert bank.alive(1, 14.9)
    assert not bank.alive(1, 15.0)
    assert not bank.draw(1, 12.0, 6.0)  # exactly what is left is too much
    assert bank.level_j(1, 12.0) == 0.0
    assert not bank.alive(1, 12.0)
    assert bank.shares(12.0).tolist() == [0.76, 0.0]
    assert not bank.draw(1, 99.0, 1.0)
    assert bank.shares(1e6).tolist() == [0.0, 0.0]


def test_without_baseline_only_uploads_empty_a_battery() -> None:
    bank = BatteryBank(10.0, np.array([10.0]), baseline_w=0.0)
    assert bank.draw(0, 5.0, 9.0)
    assert not bank.draw(0, 6.0, 1.0)


@given(st.lists(st.tuples(st.floats(0.01, 50.0), st.floats(0.0, 400.0)), max_size=40), st.floats(0.0, 5.0))
def test_no_battery_gives_more_than_it_holds(draws: list[tuple[float, float]], baseline_w: float) -> None:
    bank = BatteryBank(1000.0, np.array([1000.0]), baseline_w)
    now, given_j, dead = 0.0, 0.0, False
    for gap, energy in draws:
        now += gap
        before = bank.level_j(0, now)
        lives = bank.draw(0, now, energy)
        given_j += energy if lives else before
        assert not (dead and lives and energy >= 0)  # no device comes back
        dead = dead or not lives
    assert given_j == pytest.approx(float(bank.drawn_j[0]), abs=1e-6)
    assert bank.drawn_j[0] <= 1000.0 + 1e-9
    if not dead:
        assert bank.level_j(0, now) == pytest.approx(1000.0 - baseline_w * now - given_j, abs=1e-6)


def test_batteries_of_a_group() -> None:
    rng = np.random.default_rng(1)

    def luck(devices: npt.NDArray[np.int64], i: int) -> npt.NDArray[np.float64]:
        return rng.random(len(devices))

    phone, board = load_profile("pixel-8"), load_profile("raspberry-pi-4")
    assert build_batteries(None, phone, 3, 0.1, luck) is None
    own = build_batteries(BatterySpec(), phone, 3, 0.1, luck)
    assert own is not None
    assert own.capacity_j == pytest.approx(4575 * 3.6 * 3.85)
    spread = build_batteries(
        BatterySpec.model_validate({"level": "80 %", "level_lowest": "20 %"}), phone, 9000, 0.1, luck
    )
    assert spread is not None
    shares = spread.shares(0.0)
    assert shares.min() == pytest.approx(0.2, abs=0.001)
    assert shares.max() == pytest.approx(0.8, abs=0.001)
    given = build_batteries(BatterySpec.model_validate({"capacity": "10 Wh", "level": "50 %"}), board, 2, 0.1, luck)
    assert given is not None
    assert given.initial_j.tolist() == [18_000.0, 18_000.0]
    with pytest.raises(DeviceError, match="'raspberry-pi-4' has no battery"):
        build_batteries(BatterySpec(), board, 2, 0.1, luck)


def test_lifetime_in_closed_form() -> None:
    """Pixel 8, an isolated LTE upload every 10 minutes: 63.4 kJ / (37 mW + 20 mW + 13.4 J / 600 s)."""
    phone, radio = load_profile("pixel-8"), load_radio("lte-2012")
    upload_j = sum(radio.isolated_upload_j(1_152_000, 5e6))
    idle_w = phone.idle_power_w + radio.idle_power_w
    assert phone.battery_j is not None
    expected = phone.battery_j / (idle_w + upload_j / 600.0)
    assert lifetime_s(phone.battery_j, idle_w, upload_j, 1 / 600.0) == pytest.approx(expected)
    assert expected / 86400 == pytest.approx(9.3, rel=0.01)
    assert lifetime_s(100.0, 0.0, 0.0, 1.0) == math.inf


def test_a_dead_devices_clock_stands_still() -> None:
    """1 W of baseline: 10 J less 2 J drawn last 8 s, 100 J outlast the run, 3 J end in the warm-up of 4 s."""
    bank = BatteryBank(100.0, np.array([10.0, 100.0, 3.0]), 1.0)
    assert bank.draw(0, 1.0, 2.0)
    assert bank.alive_s(0.0, 50.0) == pytest.approx(8.0 + 50.0 + 3.0)
    assert bank.alive_s(4.0, 50.0) == pytest.approx(4.0 + 46.0)
