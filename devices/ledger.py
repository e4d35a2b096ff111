"""A radio's ledger: what each activity of one device is charged, overlapping activities and replies included."""

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


class Begun(NamedTuple):
    """An activity that begins: the radio's silence before it (0 while another is under way), how long it wakes."""

    gap_s: float
    wake_s: float
    charge: Charge


class Ended(NamedTuple):
    """An activity that has ended: the active time that no other has covered, s."""

    active_s: float
    charge: Charge


class RadioLedger:
    """One radio from its first activity on.  Calls come in order of time."""

    __slots__ = ("_awake", "_mark", "busy", "radio")

    def __init__(self, radio: Radio) -> None:
        self.radio = radio
        self.busy = 0
        self._mark = -math.inf  # accounted up to here: while idle, the end of the last activity or reply
        self._awake = -math.inf  # when the radio is (or was last) ready to send

    def begin(self, now: float) -> Begun:
        """A device wants to send."""
        self.busy += 1
        if self.busy > 1:  # on already, or about to be
            return Begun(0.0, max(0.0, self._awake - now), Charge())
        gap = now - self._mark
        wake_s = self.radio.wake_delay_s(gap)
        self._mark = self._awake = now + wake_s
        return Begun(gap, wake_s, Charge(wake_j=self.radio.wake_j(gap), tail_j=self.radio.tail_j(gap)))

    def end(self, now: float, bits: float) -> Ended:
        """An activity is over, its last bit of so many sent or given up."""
        active_s = max(0.0, now - self._mark)
        self._mark = max(self._mark, now)
        self.busy -= 1
        return Ended(active_s, Charge(transmit_j=self.radio.transmit_j(active_s, bits)))

    def reply(self, now: float) -> Charge:
        """A reply has come: it restarts the tail, and the tail up to here is charged to its upload."""
        if self.busy:
            return Charge()
        waited = now - self._mark
        self._mark = now
        return Charge(tail_j=self.radio.tail_j(waited))
