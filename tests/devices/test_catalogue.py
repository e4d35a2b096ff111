"""Data files: every entry has its source and status, schema and data name the same things, figures add up."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, get_args

import pytest
from pydantic import ValidationError

from devices.bands import bands_of, unsure, why
from devices.catalogue import catalogue
from devices.errors import DeviceError
from devices.library import STATUSES, load_data
from devices.nr import build_nr, cycle_units, uplink_units
from devices.profile import HostRating, build_profile, load_profile, profiles
from devices.radio import Radio
from devices.radios import build_radio, load_radio, radios
from scenarios.plugins import PluginError
from scenarios.quantities import SI
from scenarios.schema.device import (
    CatalogueProfileSpec,
    CatalogueRadioSpec,
    CustomProfileSpec,
    CustomRadioSpec,
    DeviceGroupSpec,
    NrRadioSpec,
    ProfileName,
    RadioName,
    RadioPluginSpec,
)
from scenarios.schema.policy import LocalPolicySpec

GROUP = {
    "count": 3,
    "profile": "pixel-8",
    "radio": "lte",
    "traffic": {"kind": "poisson", "rate": "6 /h"},
    "codec": "raw",
    "cell": "cell",
}


def group(**changes: Any) -> DeviceGroupSpec:
    return DeviceGroupSpec.model_validate(GROUP | changes)


def test_schema_and_data_name_the_same_things() -> None:
    assert profiles() == get_args(ProfileName)
    assert set(radios()) == set(get_args(RadioName))
    assert set(load_data("nr")) == set(get_args(NrRadioSpec.model_fields["kind"].annotation))
    assert set(load_data("local")) == set(get_args(LocalPolicySpec.model_fields["recognizer"].annotation))


@pytest.mark.parametrize("file", ["profiles", "radios", "nr", "local"])
def test_every_entry_has_a_source_and_a_status(file: str) -> None:
    for name, entry in load_data(file).items():
        assert len(entry["source"]) > 20, name
        assert entry["status"] in STATUSES, name
        assert entry["title"], name


@pytest.mark.parametrize("file", ["profiles", "radios", "nr"])
def test_what_is_remembered_or_assumed_has_a_band_with_its_reason(file: str) -> None:
    """A band holds the value itself, and one without a reason would be a guess that nobody sees."""
    for name, entry in load_data(file).items():
        bands = bands_of(entry)
        assert unsure(entry) <= set(bands), name
        assert all(0.0 < band.low <= 1.0 <= band.high for band in bands.values()), name
        assert bool(bands) == (len(why(entry)) > 5), name


def test_names_without_a_year_rest_on_no_sending_power_that_is_only_remembered() -> None:
    for name in radios():
        if not name[-4:].isdigit() and name != "wifi-no-power-save":
            entry = load_data("radios")[name]
            assert entry["status"] != "remembered", name
            assert not {"transmit.base_w", "transmit"} & set(entry.get("remembered", ())), name


def test_catalogue_lists_everything_once() -> None:
    entries = catalogue()
    assert len(entries) == len({(e.kind, e.name) for e in entries})
    assert {e.kind for e in entries} == {"profile", "radio", "local"}
    assert sum(e.kind == "profile" for e in entries) >= 12
    assert all(e.figures and e.source and e.status in STATUSES for e in entries)
    old, lte = (next(e for e in entries if e.name == name) for name in ("lte-2012", "lte"))
    assert old.figures["tail"] == "11.6 s, 12.3 J"
    assert (old.status, lte.status) == ("remembered", "computed")


def test_every_profile_and_radio_builds_and_is_plausible() -> None:
    for name in profiles():
        profile = load_profile(name)
        assert 0 <= profile.idle_power_w < 10
        assert 0 < profile.cpu_power_w < 60
        assert 0 < profile.encode_scale_low <= profile.encode_scale <= profile.encode_scale_high < 200
    for name in radios():
        radio = load_radio(name)
        assert 0 < radio.transmit_power_w < 5
        assert 0 <= radio.tail_s < 30


def test_encoding_scales_by_seven_zip_and_gives_the_band() -> None:
    pi = load_profile("raspberry-pi-4")
    assert pi.encode_scale == pytest.approx(3100 / 1769)
    assert pi.encode_scale_high == pytest.approx(17.8 / 2.98)
    assert pi.encode_s(0.1) == pytest.approx(0.1752, rel=1e-3)
    assert pi.encode_j(0.1) == pytest.approx(0.1752 * 0.925, rel=1e-3)
    high = build_profile(CatalogueProfileSpec(kind="raspberry-pi-4", estimate="high"))
    assert high.encode_scale == pi.encode_scale_high
    five = load_profile("raspberry-pi-5")
    # Pi 4 against Pi 5: 1.9 by 7-zip, 3.0 by HPL.
    assert pi.encode_scale / five.encode_scale == pytest.approx(1.87, rel=0.01)
    assert pi.encode_scale_high / five.encode_scale_high == pytest.approx(2.95, rel=0.01)


def test_a_band_is_inferred_where_only_seven_zip_is_known() -> None:
    """Its upper end is the widest gap between both ratings, the Pi 4's: (17.8 / 2.98) / (3100 / 1769) = 3.41."""
    phone = load_profile("pixel-8")
    assert phone.band_inferred and not load_profile("raspberry-pi-4").band_inferred
    assert phone.encode_scale_low == phone.encode_scale == pytest.approx(3100 / 4312)
    assert phone.encode_scale_high / phone.encode_scale == pytest.approx(3.41, abs=0.005)
    entry = next(e for e in catalogue() if e.name == "pixel-8")
    assert entry.figures["encoding time"] == "0.72 to 2.45 x host (inferred)"
    assert not load_profile("poster-pc").band_inferred  # assumed to be the host itself: there is nothing to infer from


def test_a_calibration_from_another_machine_scales_from_that_machine() -> None:
    host = HostRating(seven_zip_single=2 * 1769, matrix_gflops=4 * 2.98)
    pi = build_profile(CatalogueProfileSpec(kind="raspberry-pi-4"), host)
    assert (pi.encode_scale, pi.encode_scale_high) == pytest.approx((2.0, 4.0))
    assert load_profile("raspberry-pi-4", HostRating(1769.0)).encode_scale_high == 1.0
    assert build_profile(CatalogueProfileSpec(kind="poster-pc"), host).encode_scale == 1.0  # assumed to be the host


def test_the_poster_pc_reproduces_the_posters_energy() -> None:
    """406.58 s at the PC's power are 0.0056 kWh, 180.75 s are 0.0025 kWh, as printed."""
    power = load_profile("poster-pc").cpu_power_w
    assert round(power * 406.58 / 3.6e6, 4) == 0.0056
    assert round(power * 180.75 / 3.6e6, 4) == 0.0025


def test_unknown_names_offer_the_nearest() -> None:
    with pytest.raises(DeviceError, match="did you mean 'raspberry-pi-4'"):
        load_profile("raspbery-pi-4")
    with pytest.raises(DeviceError, match="there is no radio named 'carrier pigeon'; known: 3g-2012"):
        load_radio("carrier pigeon")
    with pytest.raises(DeviceError, match="no profile named 'calibration-host'"):
        load_profile("calibration-host")


# ---------------------------------------------------------------- groups in scenarios


def test_short_forms() -> None:
    assert group().radio == CatalogueRadioSpec(kind="lte")
    assert group().battery is None
    battery = group(battery="15 Wh").battery
    assert battery is not None
    assert battery.capacity == 54_000.0
    own = group(battery="profile").battery
    assert own is not None
    assert own.capacity == "profile"
    assert group(battery={"level": "40 %"}).battery.level == 0.4  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"battery": 15}, "an energy needs a unit"),
        ({"battery": "15 W"}, "not a unit of an energy"),
        ({"battery": {"level": "0 %"}}, "dead before they speak"),
        ({"battery": {"level": "10 %", "level_lowest": "20 %"}}, "at most `level`"),
        ({"count": 0}, "greater than or equal to 1"),
        ({"radio": "ltee"}, "ltee"),
        ({"profile": {"kind": "custom"}}, "cpu_power"),
        ({"radio": {"kind": "lte", "fast_dormancy": 1}}, "needs a unit"),
        ({"radio": {"kind": "nr-fr1", "on_duration": "1 s"}}, "must be shorter than `cycle`"),
        ({"radio": {"kind": "plugin", "class": "no colon"}}, "pattern"),
        ({"colour": "red"}, "Extra inputs"),
    ],
)
def test_faulty_groups_are_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        group(**changes)


def test_json_schema_offers_names_and_mappings() -> None:
    text = json.dumps(DeviceGroupSpec.model_json_schema())
    assert "raspberry-pi-4" in text
    assert "fast_dormancy" in text
    assert "Number of devices" in text  # docstrings of fields are descriptions


def test_custom_profile_and_radio() -> None:
    spec = group(
        profile={"kind": "custom", "cpu_power": "2 W", "encode_scale": 3.0, "battery": "5 Wh"},
        radio={
            "kind": "custom",
            "wake_delay": "100 ms",
            "wake_power": "1 W",
            "transmit_power": "0.5 W",
            "power_per_mbps": "438 mW",
            "tail": [
                {"duration": "2 s", "power": "300 mW"},
                {"duration": "3 s", "power": "50 mW", "wake_delay": "20 ms"},
            ],
            "idle_power": "10 mW",
        },
    )
    assert isinstance(spec.profile, CustomProfileSpec)
    profile = build_profile(spec.profile)
    assert (profile.cpu_power_w, profile.encode_scale, profile.battery_j) == (2.0, 3.0, 18_000.0)
    assert isinstance(spec.radio, CustomRadioSpec)
    radio = build_radio(spec.radio)
    assert radio.transmit_j(0.0, 1e6) == pytest.approx(0.438)  # 438 nJ for each bit
    assert radio.tail_j(float("inf")) == pytest.approx(0.75)
    assert radio.wake_j(9.0) == pytest.approx(0.1)
    assert radio.wake_delay_s(4.0) == pytest.approx(0.02)


def test_radio_plugin(plugin_module: Callable[[str, str], Path]) -> None:
    """What it leaves unsaid is missed before a run, not in its midst."""
    text = "from devices import Radio\nclass Mine(Radio): pass\nclass Bare(Radio):\n    def __init__(self): pass\n"
    plugin_module("users_radio", text)
    zeros = dict.fromkeys(("wake_delay_s", "wake_energy_j", "transmit_j_per_bit"), 0.0)
    options = {"name": "mine", "transmit_power_w": 1.0, **zeros}
    plugin = {"kind": "plugin", "class": "users_radio:Mine", "options": options}
    assert isinstance(build_radio(RadioPluginSpec.model_validate(plugin)), Radio)
    with pytest.raises(PluginError, match=r"lacks name, source, idle_power_w; see devices\.Radio"):
        build_radio(RadioPluginSpec.model_validate({"kind": "plugin", "class": "users_radio:Bare"}))


# ---------------------------------------------------------------- NR


def test_nr_uplink_units_meet_the_reports_anchors() -> None:
    states = load_data("nr")["nr-fr1"]
    assert uplink_units(states, 0.0) == pytest.approx(250)
    assert uplink_units(states, 23.0) == pytest.approx(700)
    # 20 dBm = 100 mW of 199.5: 250 + 450 * 99 / 198.5.
    assert uplink_units(states, 20.0) == pytest.approx(474.4, abs=0.1)


def test_nr_amplifier_is_the_line_through_the_anchors() -> None:
    """At 20 dBm and 4 Mbit/s 0.1 W / 4e6 are radiated for a bit; a second of it costs what the report has at 20 dBm."""
    radio = build_nr(NrRadioSpec(kind="nr-fr1", transmit_level=SI(20.0)))
    assert radio.amplifier is not None
    placed = radio.sending(radio.amplifier.w_per_radiated_w * 0.1 / 4e6)
    assert placed.transmit_j(1.0, 4e6) == pytest.approx(radio.transmit_j(1.0, 4e6), rel=1e-9)
    # 450 units for 198.5 mW more: 10.5 W for a watt.
    assert radio.amplifier.w_per_radiated_w == pytest.approx(450 * 4.65e-3 / 0.1985, rel=1e-3)
    assert load_radio("lte").amplifier is None  # says nothing of transmit power
    millimetres = build_nr(NrRadioSpec(kind="nr-fr2")).amplifier
    assert millimetres is not None and millimetres.w_per_radiated_w == pytest.approx(0.0, abs=1e-9)


def test_nr_sleep_takes_the_cheapest_state_that_fits() -> None:
    states = load_data("nr")["nr-fr1"]
    assert cycle_units(states, 0.320, 0.010) == pytest.approx((1000 + 310 + 450) / 320)  # deep
    assert cycle_units(states, 0.028, 0.010) == pytest.approx((1000 + 18 * 20 + 100) / 28)  # 18 ms: light only
    assert cycle_units(states, 0.014, 0.010) == pytest.approx((1000 + 4 * 45) / 14)  # 4 ms: micro only
    assert cycle_units(states, 0.040, 0.010) == pytest.approx((1000 + 30 + 450) / 40)  # deep 480 < light 700


def test_nr_default_unit_is_calibrated_on_measured_uplink_power() -> None:
    """T-Mobile SA low band, walking: 2.017 W above the idle phone while sending; at 19.2 dBm."""
    radio = build_nr(NrRadioSpec(kind="nr-fr1"))
    assert radio.transmit_power_w == pytest.approx(2.017, rel=0.01)
    twice = build_nr(NrRadioSpec(kind="nr-fr1", unit=SI(2 * 4.65e-3)))
    assert twice.transmit_power_w == pytest.approx(2 * radio.transmit_power_w)
    assert twice.tail_j(9.0) == pytest.approx(2 * radio.tail_j(9.0))
    short = build_nr(NrRadioSpec(kind="nr-fr1", release=SI(0.05)))
    assert len(short.phases) == 1
    assert short.tail_s == pytest.approx(0.05)
