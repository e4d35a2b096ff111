"""A group of devices, compiled: everything the engine asks of it, from its part of the scenario."""

from __future__ import annotations

from pathlib import Path

from numpy.random import Generator

from devices.sessions import ClosedLoopTraffic, TalkSpurtTraffic, TraceTraffic
from devices.traffic import DiurnalTraffic, HeavyTailedTraffic, PeriodicTraffic, PoissonTraffic, Traffic
from scenarios.plugins import make
from scenarios.schema.traffic import (
    ClosedLoopTrafficSpec,
    DiurnalTrafficSpec,
    HeavyTailedTrafficSpec,
    PeriodicTrafficSpec,
    PoissonTrafficSpec,
    TalkSpurtTrafficSpec,
    TraceTrafficSpec,
    TrafficSpec,
)


def build_traffic(
    spec: TrafficSpec, devices: int, rng: Generator, base_dir: Path | None = None
) -> Traffic | ClosedLoopTraffic:
    """The traffic of a group of ``devices``; ``open_loop`` of the result says which kind it is.

    ``rng`` draws what stays with a device (phases, rates, first states).  ``base_dir`` is where relative
    trace files lie (the scenario's folder).  Raises ``DeviceError`` for a broken trace or plugin.
    """
    if isinstance(spec, PoissonTrafficSpec):
        return PoissonTraffic(spec, devices, rng)
    if isinstance(spec, PeriodicTrafficSpec):
        return PeriodicTraffic(spec, devices, rng)
    if isinstance(spec, DiurnalTrafficSpec):
        return DiurnalTraffic(spec, devices, rng)
    if isinstance(spec, HeavyTailedTrafficSpec):
        return HeavyTailedTraffic(spec, devices, rng)
    if isinstance(spec, TalkSpurtTrafficSpec):
        return TalkSpurtTraffic(spec, devices, rng)
    if isinstance(spec, ClosedLoopTrafficSpec):
        return ClosedLoopTraffic(spec, devices, rng)
    if isinstance(spec, TraceTrafficSpec):
        return TraceTraffic(spec, devices, base_dir)
    return make(spec.class_, Traffic, "traffic", spec.options, devices=devices, rng=rng)
