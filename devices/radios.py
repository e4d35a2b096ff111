"""Radios by name or by figures: from a scenario's ``radio`` to a compiled :class:`devices.radio.Radio`."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

from devices.bands import bands_of
from devices.errors import unknown
from devices.library import load_data
from devices.nr import build_nr
from devices.radio import Phase, Radio
from scenarios.plugins import make
from scenarios.schema.device import CatalogueRadioSpec, CustomRadioSpec, NrRadioSpec, RadioPluginSpec


def radios() -> tuple[str, ...]:
    """Names of the radios that ship with the testbed."""
    return tuple(load_data("radios"))


@cache
def load_radio(name: str) -> Radio:
    """The radio ``name`` from the data file.  Raises ``DeviceError`` for an unknown name."""
    entries = load_data("radios")
    if name not in entries:
        raise unknown("radio", name, entries)
    return _compile(name, entries[name])


def build_radio(spec: CatalogueRadioSpec | NrRadioSpec | CustomRadioSpec | RadioPluginSpec) -> Radio:
    """The radio that a scenario describes."""
    if isinstance(spec, NrRadioSpec):
        return build_nr(spec)
    if isinstance(spec, RadioPluginSpec):
        return make(spec.class_, Radio, "radio", spec.options)
    if isinstance(spec, CustomRadioSpec):
        return _custom(spec)
    radio = load_radio(spec.kind)
    return radio if spec.fast_dormancy is None else radio.with_fast_dormancy(spec.fast_dormancy)


def _compile(name: str, entry: Mapping[str, Any]) -> Radio:
    promotion, transmit, receive = entry["promotion"], entry["transmit"], entry["receive"]
    phases = [
        Phase(
            duration_s=p["duration_s"],
            power_w=p["power_w"],
            wake_delay_s=p.get("wake_delay_s", 0.0),
            wake_energy_j=p.get("wake_energy_j", 0.0),
            drx_cycle_s=p.get("drx_cycle_s", 0.0),
            name=p["name"],
        )
        for p in entry["tail"]
    ]
    return Radio(
        name,
        wake_delay_s=promotion["delay_s"],
        wake_energy_j=promotion["delay_s"] * promotion["power_w"] + promotion.get("extra_j", 0.0),
        transmit_power_w=transmit["base_w"],
        transmit_j_per_bit=transmit["per_mbps_w"] * 1e-6,  # W per Mbit/s = microjoule per bit
        phases=phases,
        idle_power_w=entry["idle"]["power_w"],
        receive_power_w=receive["base_w"],
        receive_j_per_bit=receive["per_mbps_w"] * 1e-6,
        idle_cycle_s=entry["idle"].get("cycle_s", 0.0),
        paged=entry.get("paged", False),
        source=f"{entry['source']} [{entry['status']}]",
        bands=bands_of(entry),
    )


def _custom(spec: CustomRadioSpec) -> Radio:
    return Radio(
        "custom",
        wake_delay_s=spec.wake_delay,
        wake_energy_j=spec.wake_delay * spec.wake_power,
        transmit_power_w=spec.transmit_power,
        transmit_j_per_bit=spec.power_per_mbps * 1e-6,
        phases=[
            Phase(p.duration, p.power, p.wake_delay, p.wake_delay * p.wake_power, p.drx_cycle, f"tail {i}")
            for i, p in enumerate(spec.tail, start=1)
        ],
        idle_power_w=spec.idle_power,
        idle_cycle_s=spec.paging_cycle,
        paged=spec.paging_cycle > 0.0 or any(p.drx_cycle > 0.0 for p in spec.tail),
        source="figures of the scenario",
    )
