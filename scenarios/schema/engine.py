"""Which of the two engines a scenario asks for, and what only the reference engine runs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from scenarios.faults import KeyPath

if TYPE_CHECKING:
    from scenarios.schema.scenario import Scenario

EngineName = Literal["auto", "simpy", "compiled"]
REFERENCE_SHARING = ("max-min", "router")
LONGEST_PACKET_TRACE_S = 7200.0
"""With outages a trace no longer repeats, and each of its milliseconds is held in memory to the end."""


def beyond_compiled(scenario: Scenario) -> tuple[KeyPath, str] | None:
    """The first key that the compiled engine does not cover, and what it holds; None when it covers all."""
    for name, group in scenario.devices.items():
        for part in ("policy", "radio"):
            if getattr(group, part).kind == "plugin":
                return ("devices", name, part), "a class of your own"
        if group.movement is not None:
            return ("devices", name, "movement"), "phones that move"
    for name, cell in scenario.cells.items():
        if cell.sharing.kind in REFERENCE_SHARING:
            return ("cells", name, "sharing"), f"`{cell.sharing.kind}`"
        if cell.device_rates is not None and cell.device_rates.kind == "traces":
            return ("cells", name, "device_rates"), "a trace for each device"
        if cell.access.kind == "wifi":
            return ("cells", name, "access"), "`wifi`"
        if cell.loss.kind == "packet" and cell.transport.kind != "udp":
            return ("cells", name, "loss"), "lost packets that are sent again"
        longest_s = scenario.duration + scenario.drain
        if cell.capacity.kind == "mahimahi" and cell.outages is not None and longest_s > LONGEST_PACKET_TRACE_S:
            return ("cells", name, "outages"), "outages of a packet trace for more than two hours"
        if cell.capacity.kind == "plugin":
            return ("cells", name, "capacity"), "a class of your own"
    return None
