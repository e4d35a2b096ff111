"""From a scenario to a world: every part is built by the room that owns it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from channel.links import build_cell
from devices.battery import build_batteries
from devices.fleet import build_traffic
from devices.policy import build_policy
from devices.profile import HostRating, Profile, build_profile
from devices.radios import build_radio
from recognizers.service import load_service
from recognizers.service.encode import load_encode_calibration
from scenarios import Scenario
from scenarios.paths import anchored
from scenarios.schema.device import DeviceGroupSpec
from sim.fleet import Group
from sim.recorder import Columns
from sim.streams import Streams
from sim.tables import Tables
from sim.world import ServerPlan, World


@dataclass(frozen=True)
class Situation:
    """A scenario with all that it needs from outside: its measurements and its folder."""

    scenario: Scenario
    tables: Tables
    base_dir: Path


def build_world(situation: Situation, streams: Streams, sink: Callable[[Columns], None]) -> World:
    """One site of the scenario.

    Raises ``DeviceError``, ``LinkError`` or ``CalibrationError`` for parts that cannot be built.
    """
    scenario = situation.scenario
    cell_names = list(scenario.cells)
    cells = [build_cell(spec, situation.base_dir, streams("channel", name)) for name, spec in scenario.cells.items()]
    groups: list[Group] = []
    first = 0
    for name, spec in scenario.devices.items():
        group = _group(len(groups), name, spec, first, situation, streams)
        group.cell = cell_names.index(spec.cell)
        group.limit_rates(cells[group.cell].device_rates(streams("placement", name), spec.count))
        groups.append(group)
        first += spec.count
    return World(
        groups,
        cells,
        server_plan(anchored(scenario, situation.base_dir), streams),
        situation.tables,
        streams,
        duration_s=scenario.duration,
        drain_s=scenario.drain,
        sink=sink,
    )


def _group(
    index: int,
    name: str,
    spec: DeviceGroupSpec,
    first: int,
    situation: Situation,
    streams: Streams,
) -> Group:
    profile, radio = profile_of(spec), build_radio(spec.radio)
    idle_w = profile.idle_power_w + radio.idle_power_w
    policy = build_policy(spec)
    local = policy.delivery.local
    codecs = tuple(situation.tables.codecs.index(c) for c in spec.codec_names())
    return Group(
        index=index,
        name=name,
        first=first,
        count=spec.count,
        codecs=codecs,
        radio=radio,
        traffic=build_traffic(spec.traffic, spec.count, streams("traffic", name), situation.base_dir),
        cpu_active_w=profile.cpu_power_w if local is None else local.power_w(profile),
        encode_scale=profile.encode_scale,
        idle_w=idle_w,
        weight=spec.weight,
        policy=policy,
        profile=profile,
        battery=build_batteries(spec.battery, profile, spec.count, idle_w, streams("battery", name)),
    )


def profile_of(spec: DeviceGroupSpec) -> Profile:
    """The device, with coding times scaled from the host that the coding costs were measured on."""
    host = load_encode_calibration()
    return build_profile(spec.profile, HostRating(host.seven_zip_single_thread_mips, host.matrix_gflops))


def server_plan(scenario: Scenario, streams: Streams) -> ServerPlan:
    """The edge server with its calibrated service times."""
    service = load_service(scenario.server, scenario.recogniser, scenario.emotion)
    spec = scenario.server
    return ServerPlan(
        batch_s=service.sampler(streams("service")),
        accelerators=spec.accelerators,
        largest=spec.batching.largest,
        longest_wait_s=spec.batching.longest_wait,
        queue_limit=spec.queue_limit,
        idle_w=service.idle_w,
        active_w=service.active_w,
    )


def describe(scenario: Scenario, base_dir: Path) -> dict[str, Any]:
    """Where the figures of a scenario come from, by part: for manifests and reports."""
    streams = Streams(scenario.seed, 0)
    scenario = anchored(scenario, base_dir)
    service = load_service(scenario.server, scenario.recogniser, scenario.emotion)
    cells = {n: build_cell(s, base_dir, streams("channel", n)).sources for n, s in scenario.cells.items()}
    groups = {}
    for name, spec in scenario.devices.items():
        profile, radio = profile_of(spec), build_radio(spec.radio)
        groups[name] = {
            "profile": f"{profile.name}: {profile.source} [{profile.status}]",
            "radio": f"{radio.name}: {radio.source}",
        }
    return {"service": service.source, "cells": cells, "devices": groups}
