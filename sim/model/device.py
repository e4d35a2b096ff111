"""A device: its CPU, its radio, its connection and its battery."""

from __future__ import annotations

from collections.abc import Iterator
from math import inf

from channel.links import Plan
from channel.links.loss import INITIAL_WINDOW
from devices.ledger import RadioLedger
from sim.site import Group


class Device:
    """``number`` counts within the group.  One utterance is coded at a time, first come first served."""

    __slots__ = ("battery", "connected_s", "cpu_free_s", "number", "radio", "window")

    def __init__(self, group: Group, number: int, others: Iterator[float] | None) -> None:
        self.number = number
        self.radio = RadioLedger(group.radio_of(number), others)
        self.battery = group.battery
        self.cpu_free_s = -inf
        self.connected_s = -inf
        """When the transport's connection is (or was last) set up."""
        self.window: float = INITIAL_WINDOW
        """Packets that losses have left of its first window."""

    def code(self, from_s: float, cpu_s: float) -> float:
        """Occupy the CPU for so long, from an instant at the earliest; returns when it is done."""
        self.cpu_free_s = max(self.cpu_free_s, from_s) + cpu_s
        return self.cpu_free_s

    def connect(self, granted_s: float, plan: Plan, path_rtt_s: float) -> float:
        """When an upload that is granted the channel has its connection: its own, or one that another sets up."""
        # A router's link plays the rounds of a set-up itself; how long they wait in its queue nobody knows yet.
        rounds_s = plan.setup_s if plan.start is None else plan.start.setup_rounds * path_rtt_s
        if plan.setup_s > 0.0 or (plan.start is not None and plan.start.setup_rounds):
            self.window = INITIAL_WINDOW
        if rounds_s > 0.0:
            self.connected_s = granted_s + rounds_s
            return granted_s + plan.setup_s
        return max(granted_s, self.connected_s) if self.radio.busy > 1 else granted_s

    def alive(self, now: float) -> bool:
        """Whether the battery still has energy."""
        return self.battery is None or self.battery.alive(self.number, now)

    def draw(self, now: float, energy_j: float) -> bool:
        """Take energy from the battery; False when that empties it."""
        return self.battery is None or self.battery.draw(self.number, now, energy_j)
