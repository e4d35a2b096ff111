"""What a fleet draws in all, and how long its batteries last: the baseline beside what uploads add."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from devices.background import background_rate, mean_power_w
from devices.battery import lifetime_s
from devices.radios import build_radio
from scenarios import Scenario
from scenarios.schema.device import DeviceGroupSpec
from sim.build_site import profile_of

NAN = float("nan")
DAY_S = 86_400.0


def fleet_energy(scenario: Scenario, marginal_j: Mapping[int, float], alive_s: Sequence[float]) -> dict[str, float]:
    """Figures of all sites from the joules that uploads of each group (by number) added.

    ``alive_s``: device-seconds of each group in which they did; a dead device adds nothing and its clock stands, or a
    fleet that has died would look thrifty.

    ``device_power_w`` is the mean power of one device, baseline and uploads together: what a meter would show.
    ``battery_lifetime_s`` is how long a full battery lasts at this load, in the group where that is shortest; NaN
    where no group has a battery.  ``battery_day_share`` is what a day takes of a charge there, where batteries are
    followed.
    """
    total_w, devices, shortest_s = 0.0, 0, NAN
    for number, group in enumerate(scenario.devices.values()):
        count = group.count * scenario.sites
        idle_w, battery_j = _idle_w_and_battery_j(group)
        added_w = marginal_j.get(number, 0.0) / alive_s[number] if alive_s[number] else 0.0
        total_w += count * (idle_w + added_w)
        devices += count
        if battery_j is not None:
            life_s = lifetime_s(battery_j, idle_w, added_w, 1.0)  # joules of a second's uploads, once a second
            shortest_s = life_s if shortest_s != shortest_s else min(shortest_s, life_s)
    followed = any(group.battery is not None for group in scenario.devices.values())
    return {
        "device_power_w": total_w / devices,
        "battery_lifetime_s": shortest_s,
        "battery_day_share": DAY_S / shortest_s if followed else NAN,
    }


def _idle_w_and_battery_j(group: DeviceGroupSpec) -> tuple[float, float | None]:
    """Power of one idle device with its idle radio, and its full battery: the scenario's, else the profile's."""
    profile = profile_of(group)
    battery_j = profile.battery_j
    if group.battery is not None and not isinstance(group.battery.capacity, str):
        battery_j = group.battery.capacity
    radio = build_radio(group.radio)
    others_w = mean_power_w(radio, background_rate(group.background))
    return profile.idle_power_w + radio.idle_power_w + others_w, battery_j
