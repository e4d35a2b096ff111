"""What a fleet draws in all, how long its batteries last, and between what ends its energies lie."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from devices.background import background_rate, mean_power_w
from devices.bands import EXACT, Band, Bands
from devices.battery import lifetime_s
from devices.radios import build_radio
from scenarios import Scenario
from scenarios.schema.device import DeviceGroupSpec
from sim.build_site import profile_of
from sim.upload_log import COMPONENTS

NAN = float("nan")
DAY_S = 86_400.0
GroupEnergies = Mapping[int, Mapping[str, float]]
"""Joules that the uploads of a device group added, by its number and by component."""


class _Fleet(NamedTuple):
    idle_w: float
    """Of the mean device."""
    device_w: float
    shortest_s: float


def fleet_energy(
    scenario: Scenario, added_j: GroupEnergies, alive_s: Sequence[float], uploads: float
) -> dict[str, float]:
    """Figures of all sites from the joules that uploads of each group (by number) added by component.

    ``alive_s``: device-seconds of each group in which they did; a dead device adds nothing and its clock stands, or a
    fleet that has died would look thrifty.  ``uploads``: how many of them were sent.

    ``device_idle_power_w`` and ``device_power_w`` are of the mean device: the baseline, and baseline and uploads
    together, which is what a meter would show.  ``battery_lifetime_s`` is how long a full battery lasts at this load,
    in the group where that is shortest; NaN where no group has a battery.  ``battery_day_share`` is what a day takes of
    a charge there, where batteries are followed.  Names with ``low`` and ``high`` are the ends that remembered and
    assumed figures leave open (``devices.bands``).
    """
    bands = [_bands(group) for group in scenario.devices.values()]
    banded_j = [_banded(bands, added_j, end) for end in (0, 1)]
    central = _fleet(scenario, added_j, alive_s, [1.0] * len(bands))
    ends = [
        _fleet(scenario, energies_j, alive_s, [b.get("idle", EXACT)[end] for b in bands])
        for end, energies_j in enumerate(banded_j)
    ]
    followed = any(group.battery is not None for group in scenario.devices.values())
    return {
        **_per_upload(bands, banded_j, uploads),
        "device_idle_power_w": central.idle_w,
        "device_power_w": central.device_w,
        "device_power_low_w": ends[0].device_w,
        "device_power_high_w": ends[1].device_w,
        "battery_lifetime_s": central.shortest_s,
        "battery_lifetime_low_s": ends[1].shortest_s,
        "battery_lifetime_high_s": ends[0].shortest_s,
        "battery_day_share": DAY_S / central.shortest_s if followed else NAN,
    }


def _per_upload(bands: Sequence[Bands], banded_j: Sequence[GroupEnergies], uploads: float) -> dict[str, float]:
    """The ends of the energy of an upload, and of each component that is not exact in every group."""
    unsure = [name for name in COMPONENTS if any(b.get(name, EXACT) != EXACT for b in bands)]
    found = {}
    for end, energies_j in zip(("low", "high"), banded_j, strict=True):
        for name in unsure:
            whole_j = sum(group.get(name, 0.0) for group in energies_j.values())
            found[f"energy_{name}_{end}_j"] = whole_j / uploads if uploads else NAN
        whole_j = sum(sum(group.values()) for group in energies_j.values())
        found[f"energy_per_upload_{end}_j"] = whole_j / uploads if uploads else NAN
    return found


def _banded(bands: Sequence[Bands], added_j: GroupEnergies, end: int) -> dict[int, dict[str, float]]:
    """The energies at one end, 0 the low one: energy is linear in powers, so no other simulation is needed.

    What other traffic saves by an upload is negative, and largest at the other end of the factor.
    """
    return {
        number: {
            name: sorted(energy_j * factor for factor in bands[number].get(name, EXACT))[end]
            for name, energy_j in components.items()
        }
        for number, components in added_j.items()
    }


def _bands(group: DeviceGroupSpec) -> dict[str, Band]:
    """Of a group's components, ``idle`` that of the device at rest."""
    profile, radio = profile_of(group), build_radio(group.radio)
    bands: dict[str, Band] = {**radio.bands, "encode": profile.encode_band}
    # At rest the device and its radio draw together: each at its own end.
    own, theirs = profile.bands.get("idle", EXACT), radio.bands.get("idle", EXACT)
    idle_w = profile.idle_power_w + radio.idle_power_w
    if idle_w > 0.0:
        parts = zip(own, theirs, strict=True)
        bands["idle"] = Band(*((a * profile.idle_power_w + b * radio.idle_power_w) / idle_w for a, b in parts))
    return bands


def _fleet(
    scenario: Scenario, added_j: GroupEnergies, alive_s: Sequence[float], idle_factors: Sequence[float]
) -> _Fleet:
    idle_w, total_w, devices, shortest_s = 0.0, 0.0, 0, NAN
    for number, group in enumerate(scenario.devices.values()):
        count = group.count * scenario.sites
        rest_w, battery_j = _idle_w_and_battery_j(group)
        rest_w *= idle_factors[number]
        joules = sum(added_j.get(number, {}).values())
        added_w = joules / alive_s[number] if alive_s[number] else 0.0
        idle_w += count * rest_w
        total_w += count * (rest_w + added_w)
        devices += count
        if battery_j is not None:
            life_s = lifetime_s(battery_j, rest_w, added_w, 1.0)  # joules of a second's uploads, once a second
            shortest_s = life_s if shortest_s != shortest_s else min(shortest_s, life_s)
    return _Fleet(idle_w / devices, total_w / devices, shortest_s)


def _idle_w_and_battery_j(group: DeviceGroupSpec) -> tuple[float, float | None]:
    """Power of one idle device with its idle radio, and its full battery: the scenario's, else the profile's."""
    profile = profile_of(group)
    battery_j = profile.battery_j
    if group.battery is not None and not isinstance(group.battery.capacity, str):
        battery_j = group.battery.capacity
    radio = build_radio(group.radio)
    others_w = mean_power_w(radio, background_rate(group.background))
    return profile.idle_power_w + radio.idle_power_w + others_w, battery_j
