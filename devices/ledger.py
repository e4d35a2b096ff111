"""A radio's ledger: what each activity of one device is charged, overlapping activities included.

The simulation keeps the same three numbers for every device in flat arrays; this is the rule for one device,
for studies without the simulation and as the reference that tests check against the state machine's power.
"""

from __future__ import annotations

import math
from typing import NamedTuple

from devices.radio import Radio


class Charge(NamedTuple):
    """Energy that an activity adds, J, by component."""

    wake_j: float = 0.0
    transmit_j: float = 0.0
    tail_j: float = 0.0

    @property
    def total_j(self) -> float:
        """All components together."""
        return self.wake_j + self.transmit_j + self.tail_j


class RadioLedger:
    """One radio from its first activity on.  Calls come in order of time.

    ``begin(now)`` when a device wants to send: what the wake costs and how long it takes.  ``end(now, bits)``
    when one of its activities has sent its last bit: the newly covered active time and the bits.
    """

    def __init__(self, radio: Radio) -> None:
        self.radio = radio
        self.busy = 0
        self._mark = -math.inf  # active time is accounted up to here; the end of the last activity while idle
        self._awake = -math.inf  # when the radio is (or was last) ready to send

    def begin(self, now: float) -> tuple[float, Charge]:
        """Delay until the radio can send (s), and the charge for waking and for the tail before."""
        self.busy += 1
        if self.busy > 1:  # on already, or about to be
            return max(0.0, self._awake - now), Charge()
        gap = now - self._mark
        delay = self.radio.wake_delay_s(gap)
        self._mark = self._awake = now + delay
        return delay, Charge(wake_j=self.radio.wake_j(gap), tail_j=self.radio.tail_j(gap))

    def end(self, now: float, bits: float) -> Charge:
        """The charge for sending ``bits`` and for the active time since the last accounting."""
        active = now - self._mark
        self._mark = now
        self.busy -= 1
        return Charge(transmit_j=self.radio.transmit_j(active, bits))
