"""What a scenario compiles to: one site, complete, that either engine can run once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import inf

import numpy as np
import numpy.typing as npt

from channel.links import Capacity, Cell, Moving, OwnCapacities
from devices.background import mean_power_w
from devices.battery import BatteryBank
from devices.fleet import GroupTraffic
from devices.policy import Policy
from devices.profile import Profile
from devices.radio import Radio
from recognizers.service import ServiceTime
from sim.draws import Draws
from sim.utterances import Tables

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Group:
    """A group of like devices; ``first`` is the number of its first device in the site."""

    index: int
    name: str
    first: int
    count: int
    cell: int
    """Number of the cell that the group sends through."""
    codecs: tuple[int, ...]
    """Rows of the tables that the group's policy can pick."""
    policy: Policy
    profile: Profile
    radio: Radio
    traffic: GroupTraffic
    others_rate: float
    """Exchanges of a device's other traffic a second; 0 for none."""
    battery: BatteryBank | None
    rates_bps: Floats | None
    """Each device's own rate on the link, shape (count,); None for no limits, or where they move."""
    sending_j_per_bit: Floats | None
    """What power control has each device radiate, in joules that its radio draws for a bit, shape (count,); None where
    the cell has none or the radio does not say what transmit power costs."""
    moving: Moving | None
    cells: tuple[int, ...]
    """Numbers of the cells that can serve it, as ``moving`` counts them; its own alone where nothing moves."""
    recorded: OwnCapacities | None
    """What each device's radio can carry over time, where that is a trace."""
    weight: float
    reply_bits: float | None
    """Of a reply that the radio has to hear and receive; None: it is there at once."""

    def own_bps(self, number: int, now: float) -> float:
        """A device's own rate where it is."""
        if self.moving is not None:
            return self.moving.rate_bps(number, now)
        if self.recorded is not None:
            return self.recorded.of(number).rate_at(now)
        return inf if self.rates_bps is None else float(self.rates_bps[number])

    def radio_of(self, number: int) -> Radio:
        """A device's radio: where it is, power control decides what sending costs."""
        return (
            self.radio if self.sending_j_per_bit is None else self.radio.sending(float(self.sending_j_per_bit[number]))
        )

    def own_capacity(self, number: int) -> Capacity | None:
        """A device's recording."""
        return None if self.recorded is None else self.recorded.of(number)

    @property
    def cpu_active_w(self) -> float:
        """Power above idle while the device codes or recognizes, watts."""
        local = self.policy.delivery.local
        return self.profile.cpu_power_w if local is None else local.power_w(self.profile)

    @property
    def idle_w(self) -> float:
        """Power of the whole device without uploads: at rest, and its radio with other traffic alone, watts."""
        radio = self.radio
        return self.profile.idle_power_w + radio.idle_power_w + mean_power_w(radio, self.others_rate)


@dataclass(frozen=True)
class Server:
    """The edge server: identical accelerators that take batches from one queue."""

    service: ServiceTime
    accelerators: int = 1
    largest: int = 1
    longest_wait_s: float = 0.0
    queue_limit: int | None = None
    request_s: float = 0.0
    """Work on an upload between its last byte and its place in the queue."""
    reply_s: float = 0.0
    """Work on an answer between the end of its batch and its leaving."""

    def onward_s(self, cell: Cell) -> float:
        """From the last bit's leaving the link to the upload's place in the queue."""
        return cell.propagation_s + cell.backhaul_s + self.request_s

    def back_s(self, cell: Cell) -> float:
        """From the end of a batch to its replies at the devices."""
        return cell.propagation_s + cell.backhaul_s + self.reply_s


@dataclass(frozen=True)
class Site:
    """Devices, cells and edge server of a site, and all that is random about them.

    Links and batteries have state, so a site is run once.
    """

    groups: Sequence[Group]
    cells: Sequence[Cell]
    server: Server
    tables: Tables
    draws: Draws
    duration_s: float
    drain_s: float
