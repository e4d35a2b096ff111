"""Energy of a group of devices: what its uploads caused, and what the devices draw anyway, kept apart.

*Marginal* energy is caused by uploads: encoding, waking, transmission, tail.  The *baseline* is the idle
device and its idle radio over the whole time.  Their sum is what a meter would show.
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields

from devices.battery import lifetime_s
from devices.profile import Profile
from devices.radio import Radio


@dataclass(frozen=True)
class Components:
    """Marginal energy by component, J.  Components add."""

    encode_j: float = 0.0
    wake_j: float = 0.0
    transmit_j: float = 0.0
    tail_j: float = 0.0

    @property
    def total_j(self) -> float:
        """All components together."""
        return self.encode_j + self.wake_j + self.transmit_j + self.tail_j

    def __add__(self, other: Components) -> Components:
        return Components(*(getattr(self, f.name) + getattr(other, f.name) for f in fields(self)))


@dataclass(frozen=True)
class GroupEnergy:
    """Energy of a group of ``devices`` over ``time_s``.

    ``idle_power_w`` is one device's: computer and radio.  ``uploads`` is the number that ``marginal`` covers.
    """

    marginal: Components
    uploads: int
    devices: int
    time_s: float
    idle_power_w: float
    battery_j: float | None = field(default=None)

    @property
    def baseline_j(self) -> float:
        """Energy the devices draw without any upload."""
        return self.idle_power_w * self.devices * self.time_s

    @property
    def total_j(self) -> float:
        """What a meter would show."""
        return self.marginal.total_j + self.baseline_j

    @property
    def per_upload_j(self) -> float:
        """Marginal energy of one upload; 0 without uploads."""
        return self.marginal.total_j / self.uploads if self.uploads else 0.0

    @property
    def lifetime_s(self) -> float | None:
        """Mean time a full battery lasts at this load; None for devices fed by mains."""
        if self.battery_j is None:
            return None
        rate = self.uploads / (self.devices * self.time_s)
        return lifetime_s(self.battery_j, self.idle_power_w, self.per_upload_j, rate)


def isolated_upload(
    profile: Profile, radio: Radio, payload_bits: float, rate_bps: float, encode_host_s: float = 0.0
) -> Components:
    """Energy of one upload far from any other: what the literature's tables show.

    ``encode_host_s`` is the encoding time on the calibration host.
    """
    transmit_j, wake_j, tail_j = radio.isolated_upload_j(payload_bits, rate_bps)
    return Components(profile.encode_j(encode_host_s), wake_j, transmit_j, tail_j)
