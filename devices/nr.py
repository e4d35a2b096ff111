"""NR radios by the power states of 3GPP TR 38.840: relative units, slot averages, sleep within DRX cycles."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from devices.bands import bands_of
from devices.library import load_data
from devices.radio import Amplifier, Phase, Radio
from scenarios.schema.device import NrRadioSpec

PAGING_CYCLE_S = 1.28  # Narayanan et al. 2021, the cycle seen in their idle round-trip times


def build_nr(spec: NrRadioSpec) -> Radio:
    """The radio of a scenario's NR description; all powers above the mean idle power.

    While sending it draws the uplink state; until ``inactivity`` after the last activity it listens in every
    slot; then it sleeps in each DRX cycle but for the on-duration, until the network releases it, to idle or for a
    while to INACTIVE.
    """
    states: Mapping[str, Any] = load_data("nr")[spec.kind]
    unit_w = spec.unit
    # One paging occasion in each cycle: on-duration's listening, then the deepest sleep.
    idle = cycle_units(states, PAGING_CYCLE_S, spec.on_duration)
    connected = cycle_units(states, spec.cycle, spec.on_duration)
    listening_s = min(spec.inactivity, spec.release)
    phases = [
        Phase(listening_s, (states["pdcch"] - idle) * unit_w, name="inactivity timer"),
        Phase(
            spec.release - listening_s,
            (connected - idle) * unit_w,
            drx_cycle_s=spec.cycle,
            name="connected DRX",
        ),
    ]
    receive_w = (states["pdcch_pdsch"] - idle) * unit_w
    phases.append(
        Phase(spec.inactive, 0.0, spec.resume, spec.resume * receive_w, drx_cycle_s=PAGING_CYCLE_S, name="RRC INACTIVE")
    )
    return Radio(
        spec.kind,
        wake_delay_s=spec.promotion,
        wake_energy_j=spec.promotion * receive_w,
        transmit_power_w=(uplink_units(states, spec.transmit_level) - idle) * unit_w,
        transmit_j_per_bit=0.0,  # the report's uplink power does not depend on the rate
        phases=[p for p in phases if p.duration_s > 0],
        idle_power_w=idle * unit_w,
        receive_power_w=receive_w,
        idle_cycle_s=PAGING_CYCLE_S,
        paged=True,
        amplifier=_amplifier(states, idle, unit_w),
        source=f"{states['source']} [{states['status']}]; 1 unit = {unit_w * 1e3:g} mW",
        bands=bands_of(states),
    )


def _amplifier(states: Mapping[str, float], idle: float, unit_w: float) -> Amplifier:
    """The line through the report's anchors in milliwatts, down to none."""
    at_1_mw, at_2_mw = uplink_units(states, 0.0), uplink_units(states, 10.0 * math.log10(2.0))
    per_mw = at_2_mw - at_1_mw
    return Amplifier((at_1_mw - per_mw - idle) * unit_w, per_mw * unit_w * 1e3)


def uplink_units(states: Mapping[str, float], level_dbm: float) -> float:
    """Relative power of sending at ``level_dbm``: linear in milliwatts between the report's two anchors."""
    share = (10 ** (level_dbm / 10) - 1.0) / (10**2.3 - 1.0)
    return states["uplink_0_dbm"] + share * (states["uplink_23_dbm"] - states["uplink_0_dbm"])


def cycle_units(states: Mapping[str, float], cycle_s: float, on_s: float) -> float:
    """Mean relative power of a DRX cycle: listening for ``on_s``, then the cheapest sleep that fits."""
    sleep_ms = (cycle_s - on_s) * 1e3
    options = [states["micro_sleep"] * sleep_ms]
    for depth in ("light", "deep"):
        if sleep_ms >= states[f"{depth}_transition_ms"]:
            options.append(states[f"{depth}_sleep"] * sleep_ms + states[f"{depth}_transition_unit_ms"])
    return (states["pdcch"] * on_s * 1e3 + min(options)) / (cycle_s * 1e3)
