"""Batteries: the charge of the devices of a group, followed only where an upload or the end asks for it.

A device draws its idle power all the time and each upload's energy when it is charged, so its charge at any
moment is  initial - idle_power * time - what its uploads drew:  no event is needed to follow it.
"""

from __future__ import annotations

import math
from array import array
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from devices.errors import DeviceError
from devices.profile import Profile
from scenarios.schema.device import BatterySpec

Floats = NDArray[np.float64]


def left_j(initial_j: float, drawn_j: float, baseline_w: float, now: float) -> float:
    """Energy left at ``now``, J; 0 or less when the battery is empty."""
    return initial_j - drawn_j - baseline_w * now


class BatteryBank:
    """The batteries of a group of devices.

    ``capacity_j``: energy when full; ``baseline_w``: constant draw (idle device and idle radio).
    """

    def __init__(self, capacity_j: float, initial_j: Floats, baseline_w: float) -> None:
        self.capacity_j = capacity_j
        self.baseline_w = baseline_w
        # Plain arrays: reading one number of a NumPy array costs several times as much.
        self._initial: array[float] = array("d", initial_j.tolist())
        self._drawn: array[float] = array("d", bytes(8 * len(initial_j)))

    @property
    def initial_j(self) -> Floats:
        """Energy of each device at time 0, J."""
        return np.frombuffer(self._initial)

    @property
    def drawn_j(self) -> Floats:
        """What the uploads of each device have drawn so far, J, without the baseline."""
        return np.frombuffer(self._drawn)

    def level_j(self, device: int, now: float) -> float:
        """Energy left in a device's battery at ``now``, J; 0 when it is empty."""
        return max(0.0, left_j(self._initial[device], self._drawn[device], self.baseline_w, now))

    def share(self, device: int, now: float) -> float:
        """Charge of a device's battery at ``now`` as a share of a full one."""
        return self.level_j(device, now) / self.capacity_j

    def alive(self, device: int, now: float) -> bool:
        """Whether the device still has energy at ``now``."""
        return left_j(self._initial[device], self._drawn[device], self.baseline_w, now) > 0.0

    def draw(self, device: int, now: float, energy_j: float) -> bool:
        """Take ``energy_j`` from a device at ``now``; False when its battery ends with that.

        The battery then is empty: what it could not give is not drawn.
        """
        left = left_j(self._initial[device], self._drawn[device], self.baseline_w, now)
        if energy_j < left:
            self._drawn[device] += energy_j
            return True
        self._drawn[device] += max(0.0, left)
        return False

    def alive_s(self, from_s: float, until_s: float) -> float:
        """Device-seconds between two instants in which a battery was not yet empty, at the end of a run."""
        if self.baseline_w <= 0.0:  # nothing says when an idle device died
            return len(self._initial) * (until_s - from_s)
        deaths = (self.initial_j - self.drawn_j) / self.baseline_w
        return float((np.clip(deaths, from_s, until_s) - from_s).sum())

    def shares(self, now: float) -> Floats:
        """Charge of every battery at ``now`` as a share of a full one."""
        left = self.initial_j - self.drawn_j - self.baseline_w * now
        return np.asarray(np.maximum(left, 0.0) / self.capacity_j)


def build_batteries(
    spec: BatterySpec | None,
    profile: Profile,
    devices: int,
    baseline_w: float,
    uniforms: Callable[[NDArray[np.int64], int], Floats],
) -> BatteryBank | None:
    """The batteries of a group; None when the scenario follows none.

    ``uniforms`` is a function of (device numbers, i) that gives a uniform number in [0, 1) for each device.

    Raises ``DeviceError`` when the profile's battery is wanted and the device has none.
    """
    if spec is None:
        return None
    if isinstance(spec.capacity, str):
        if profile.battery_j is None:
            raise DeviceError(f"profile '{profile.name}' has no battery; give one (`battery: 15 Wh`) or none")
        capacity = profile.battery_j
    else:
        capacity = spec.capacity
    if spec.level_lowest is None:
        levels = np.full(devices, spec.level)
    else:
        levels = spec.level_lowest + (spec.level - spec.level_lowest) * uniforms(np.arange(devices), 0)
    return BatteryBank(capacity, capacity * levels, baseline_w)


def lifetime_s(capacity_j: float, idle_power_w: float, upload_j: float, uploads_per_s: float) -> float:
    """Mean time a battery lasts, s: capacity / (idle power + rate * energy of an upload)."""
    power = idle_power_w + upload_j * uploads_per_s
    return capacity_j / power if power > 0 else math.inf
