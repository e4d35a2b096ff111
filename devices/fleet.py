"""A group's traffic from its part of the scenario."""

from __future__ import annotations

from numpy.random import Generator

from devices.sessions import ClosedLoopTraffic, TraceTraffic
from devices.traffic import OpenTraffic, Traffic, open_traffic
from scenarios.plugins import make
from scenarios.schema.traffic import ClosedLoopTrafficSpec, TraceTrafficSpec, TrafficPluginSpec, TrafficSpec

GroupTraffic = OpenTraffic | ClosedLoopTraffic | TraceTraffic | Traffic


def build_traffic(spec: TrafficSpec, devices: int, rng: Generator) -> GroupTraffic:
    """The traffic of a group of ``devices``; ``open_loop`` of the result says whether it waits for replies.

    ``rng`` is for a user's class.  Raises ``DeviceError`` for a broken trace, ``PluginError`` for a class that cannot
    be used.
    """
    if isinstance(spec, ClosedLoopTrafficSpec):
        return ClosedLoopTraffic(spec, devices)
    if isinstance(spec, TraceTrafficSpec):
        return TraceTraffic(spec, devices)
    if isinstance(spec, TrafficPluginSpec):
        return make(spec.class_, Traffic, "traffic", spec.options, devices=devices, rng=rng)
    return open_traffic(spec, devices)
