"""From a scenario to a site: every part is built by the room that owns it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import inf
from pathlib import Path
from typing import Any

import numpy as np

from channel import links
from channel.links import (
    A3,
    Cell,
    Motion,
    Moving,
    RouterLink,
    Terrain,
    Tracks,
    Walk,
    Waypoints,
    build_cell,
    find_trace,
    read_positions,
)
from channel.links.handover import LOOK_S
from devices.background import background_rate, mean_power_w
from devices.battery import build_batteries
from devices.fleet import build_traffic
from devices.policy import build_policy
from devices.profile import HostRating, Profile, build_profile
from devices.radio import Radio
from devices.radios import build_radio
from recognizers.measurement.parts_from_spec import encoder_of
from recognizers.service import load_service
from recognizers.service.encode import load_encode_calibration
from scenarios import Scenario
from scenarios.schema.device import DeviceGroupSpec
from scenarios.schema.link_radio import PropagationRatesSpec
from scenarios.schema.movement import PositionsSpec
from scenarios.schema.server import REPLY_BYTES
from sim.draws import Draws
from sim.engine import choose
from sim.site import Floats, Group, Server, Site
from sim.utterances import Tables


@dataclass(frozen=True)
class Situation:
    """A scenario with all that it needs from outside: its measurements and its folder."""

    scenario: Scenario
    tables: Tables
    base_dir: Path


def build_site(situation: Situation, draws: Draws) -> Site:
    """One site of the scenario.

    Raises ``DeviceError``, ``LinkError`` or ``CalibrationError`` for parts that cannot be built.
    """
    scenario = situation.scenario
    cells = {name: build_cell(spec, draws.generator("channel", name)) for name, spec in scenario.cells.items()}
    groups: list[Group] = []
    first = 0
    for name, spec in scenario.devices.items():
        groups.append(_group(len(groups), name, spec, first, cells, situation, draws))
        first += spec.count
    return Site(
        groups=groups,
        cells=list(cells.values()),
        server=_server(scenario),
        tables=situation.tables,
        draws=draws,
        duration_s=scenario.duration,
        drain_s=scenario.drain,
    )


def _group(
    index: int,
    name: str,
    spec: DeviceGroupSpec,
    first: int,
    cells: Mapping[str, Cell],
    situation: Situation,
    draws: Draws,
) -> Group:
    profile, radio = profile_of(spec), build_radio(spec.radio)
    moving, cell = _moving(name, spec, cells, situation, draws), cells[spec.cell]
    rates_bps, sending_j_per_bit = (None, None) if moving else _own_links(name, spec, cell, radio, draws)
    others_rate = background_rate(spec.background)
    idle_w = profile.idle_power_w + radio.idle_power_w + mean_power_w(radio, others_rate)
    return Group(
        index=index,
        name=name,
        first=first,
        count=spec.count,
        cell=list(cells).index(spec.cell),
        codecs=tuple(situation.tables.codecs.index(codec) for codec in spec.codec_names()),
        policy=build_policy(spec),
        profile=profile,
        radio=radio,
        traffic=build_traffic(spec.traffic, spec.count, draws.generator("traffic", name)),
        others_rate=others_rate,
        battery=build_batteries(spec.battery, profile, spec.count, idle_w, draws.of_devices("battery", name)),
        rates_bps=rates_bps,
        sending_j_per_bit=sending_j_per_bit,
        moving=moving,
        cells=tuple(list(cells).index(cell) for cell in _cell_names(spec)),
        recorded=cell.own_capacities(draws.of_devices("placement", name)),
        weight=spec.weight,
        reply_bits=reply_bits(situation.scenario, radio),
    )


def reply_bits(scenario: Scenario, radio: Radio) -> float | None:
    """Bits of a reply that such a radio has to hear; None: it is there at once.  The radio decides unless told."""
    size = scenario.server.reply
    if size is None:
        return 8.0 * REPLY_BYTES if radio.paged else None
    return None if isinstance(size, str) else 8.0 * size


def _own_links(
    name: str, spec: DeviceGroupSpec, cell: Cell, radio: Radio, draws: Draws
) -> tuple[Floats | None, Floats | None]:
    """Each device's own rate, and what it costs to radiate a bit at the power that the cell asks for."""
    uniforms = draws.of_devices("placement", name)
    placement = cell.placement(uniforms, spec.count)
    if placement is None:
        return cell.device_rates(uniforms, spec.count), None
    if radio.amplifier is None:
        return placement.rate_bps, None
    return placement.rate_bps, radio.amplifier.w_per_radiated_w * cell.radiated_j_per_bit(placement)


def read_ways(scenario: Scenario, spec: DeviceGroupSpec, movement: PositionsSpec) -> Tracks:
    """The ways of a group's file.  Raises ``TraceError``."""
    rates = [scenario.cells[cell].device_rates for cell in _cell_names(spec)]
    stations = [r.position for r in rates if isinstance(r, PropagationRatesSpec)]
    return read_positions(find_trace(movement.file), spec.count, stations)


def _moving(
    name: str, spec: DeviceGroupSpec, cells: Mapping[str, Cell], situation: Situation, draws: Draws
) -> Moving | None:
    """The phones of a group that moves; the shadows are the cells', the ways the group's."""
    if spec.movement is None:
        return None
    names, handover = _cell_names(spec), spec.handover
    terrains = [_terrain(cells[cell], draws.generator("shadows", cell)) for cell in names]
    motion: Motion
    if isinstance(spec.movement, PositionsSpec):
        motion = read_ways(situation.scenario, spec, spec.movement)
    else:
        home = terrains[0]
        radius_m, centre = spec.movement.radius or home.radio.radius_m, spec.movement.centre or home.station
        walk = Walk(spec.movement.slowest, spec.movement.fastest, radius_m, centre)
        motion = Waypoints(walk, draws.pairs("movement", name))
    rule = None
    if handover is not None:
        rule = A3(handover.hysteresis, handover.time_to_trigger, handover.interruption, handover.measured_every)
    # Who left a router's queue to come back with another rate would lose its place and its window.
    stays = isinstance(cells[spec.cell].link, RouterLink)
    return Moving(motion, terrains, rule, inf if stays else LOOK_S)


def _cell_names(spec: DeviceGroupSpec) -> tuple[str, ...]:
    """The cells that can serve a group, its own first."""
    return (spec.cell, *(spec.handover.cells if spec.handover else ()))


def _terrain(cell: Cell, rng: np.random.Generator) -> Terrain:
    assert isinstance(cell.rates, links.Radio), "the schema asks for places"
    return Terrain(cell.rates, rng, cell.station)


def profile_of(spec: DeviceGroupSpec) -> Profile:
    """The device, with coding times scaled from the host that the coding costs were measured on."""
    host = load_encode_calibration()
    return build_profile(spec.profile, HostRating(host.seven_zip_single_thread_mips, host.matrix_gflops))


def coding_times(profile: Profile) -> str:
    """From which measurement a device's coding times come, how they are scaled and between what ends, in words."""
    host = load_encode_calibration()
    low, high = (scale / profile.encode_scale for scale in (profile.encode_scale_low, profile.encode_scale_high))
    band = "no band is known" if low == high else f"{low:.2g} to {high:.2g} times that are possible"
    inferred = " (the upper end inferred from other devices)" if profile.band_inferred else ""
    return f"measured on {host.machine['accelerator']}, {host.date}, times {profile.encode_scale:.3g}; {band}{inferred}"


def _replies(scenario: Scenario, radio: Radio) -> str:
    bits = reply_bits(scenario, radio)
    return "at once" if bits is None else f"{bits / 8.0:g} bytes, when the radio listens"


def _transmit_power(scenario: Scenario, spec: DeviceGroupSpec, radio: Radio) -> str:
    """Whether what sending costs follows power control, in words."""
    if not isinstance(scenario.cells[spec.cell].device_rates, PropagationRatesSpec):
        return "one for all: the cell has no places"
    if radio.amplifier is None:
        return "one for all: this radio does not say what transmit power costs"
    return "one for all: they move" if spec.movement else "by power control, where each device is"


def _movement(spec: DeviceGroupSpec) -> str:
    """How a group moves and is handed over, in words."""
    if spec.movement is None:
        return "none"
    ways = (
        f"the ways of {Path(spec.movement.file).name}"
        if isinstance(spec.movement, PositionsSpec)
        else (
            f"random waypoints (steady state: Le Boudec and Vojnovic, 2005), {spec.movement.slowest:g} to "
            f"{spec.movement.fastest:g} m/s"
        )
    )
    if spec.handover is None:
        return f"{ways}; no handover"
    default = spec.handover.interruption == type(spec.handover).model_fields["interruption"].default
    return (
        f"{ways}; handover by event A3 (TS 36.331, 5.5.4.4), {spec.handover.hysteresis:g} dB for "
        f"{1e3 * spec.handover.time_to_trigger:g} ms, interruption {1e3 * spec.handover.interruption:g} ms"
        f"{' (TR 36.881, remembered)' if default else ''}"
    )


def _server(scenario: Scenario) -> Server:
    """The edge server with its calibrated service times."""
    spec = scenario.server
    return Server(
        service=load_service(
            spec, scenario.recognizer, scenario.emotion, encoder_of(scenario.emotion, scenario.corpus)
        ),
        accelerators=spec.accelerators,
        largest=spec.batching.largest,
        longest_wait_s=spec.batching.longest_wait,
        queue_limit=spec.queue_limit,
        request_s=spec.handling.request,
        reply_s=spec.handling.reply,
    )


def describe(scenario: Scenario) -> dict[str, Any]:
    """Where the figures of a scenario come from, by part: for manifests and reports."""
    draws = Draws(scenario.seed, 0)
    service = load_service(
        scenario.server, scenario.recognizer, scenario.emotion, encoder_of(scenario.emotion, scenario.corpus)
    )
    cells = {n: build_cell(s, draws.generator("channel", n)).sources for n, s in scenario.cells.items()}
    groups = {}
    for name, spec in scenario.devices.items():
        profile, radio = profile_of(spec), build_radio(spec.radio)
        groups[name] = {
            "profile": f"{profile.name}: {profile.source} [{profile.status}]",
            "radio": f"{radio.name}: {radio.source}",
            "coding times": coding_times(profile),
            "replies": _replies(scenario, radio),
            "transmit power": _transmit_power(scenario, spec, radio),
            "movement": _movement(spec),
        }
    chosen = choose(scenario)._asdict()
    return {"simulated_by": chosen, "service": service.source, "cells": cells, "devices": groups}
