"""Through which cell a group's devices send: their own, or the one that serves them where they are."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from math import inf
from typing import Any

import simpy

from channel.links import Plan
from sim.model.clock import Clock
from sim.model.uplink import Uplink
from sim.model.upload import Upload
from sim.site import Group


class Attachment:
    """The uplinks of the cells that can serve a group, in the order of ``Group.cells``."""

    def __init__(self, clock: Clock, group: Group, uplinks: Sequence[Uplink]) -> None:
        self.clock, self.group, self._uplinks = clock, group, uplinks

    def uplink(self, device: int) -> Uplink:
        """The uplink that a device uses now."""
        moving = self.group.moving
        return self._uplinks[0 if moving is None else moving.serving(device, self.clock.now)]

    def fair_rate_bps(self, device: int, own_bps: float) -> float:
        """What one more upload of a device could expect there."""
        return self.uplink(device).link.fair_rate_bps(self.clock.now, own_bps, self.group.weight)

    def cross(self, upload: Upload, plan: Plan, own_bps: float, give_up_s: float) -> Generator[simpy.Event, Any, float]:
        """Send the bits of a plan until ``give_up_s``; returns those that have not left.

        A phone that moves looks up every so often: it goes on at the rate of where it is, and where it has been handed
        over, what is left goes on in the new cell after the interruption.
        """
        clock, group, number = self.clock, self.group, upload.device.number
        own, moving = group.own_capacity(number), group.moving
        bits, start = plan.fluid_bits, plan.start
        while True:
            if moving is not None and (ready_s := moving.ready_s(number, clock.now)) > clock.now:
                ready_s = min(ready_s, give_up_s)
                upload.interrupted_s += ready_s - clock.now
                yield clock.until(ready_s)
                if clock.now >= give_up_s:
                    return bits
                own_bps = group.own_bps(number, clock.now)
            look_s = inf if moving is None else moving.next_look_s(number, clock.now)
            uplink = self.uplink(number)
            until_s = min(give_up_s, look_s)
            bits = float((yield uplink.carry(bits, group.weight, own_bps, start, until_s, own)))
            if bits == 0.0 or clock.now >= give_up_s:
                return bits
            upload.handovers += self.uplink(number) is not uplink
            own_bps = group.own_bps(number, clock.now)
