"""A radio's ledger: what each activity of one device is charged, overlapping activities and replies included.

Other traffic of the phone (``others``) uses the radio too.  An upload is charged what it adds to that: when it begins,
the silence that it ends is charged and the longer one that would have been is taken back; when it is over, the silence
up to the next other traffic is charged.  What others found asleep and now find awake is taken back with it, so that an
upload that rides on a radio that is awake anyway costs its bytes alone, and all charges together are exactly what the
radio draws more than without uploads.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import NamedTuple

from devices.radio import Radio


class Charge(NamedTuple):
    """Energy that an activity adds, J, by component; what others save by it is negative."""

    wake_j: float = 0.0
    transmit_j: float = 0.0
    tail_j: float = 0.0
    receive_j: float = 0.0

    @property
    def total_j(self) -> float:
        """All components together."""
        return self.wake_j + self.transmit_j + self.tail_j + self.receive_j


class Begun(NamedTuple):
    """An activity that begins.

    ``gap_s``: the radio's silence before it, ``idle_s``: the connection's (both 0 while another is under way);
    ``wake_s``: how long the radio wakes.
    """

    gap_s: float
    idle_s: float
    wake_s: float
    charge: Charge


class Ended(NamedTuple):
    """An activity that has ended: the active time that no other has covered, s."""

    active_s: float
    charge: Charge


class RadioLedger:
    """One radio from its first activity on.  Calls come in order of time.

    ``others``: when other traffic uses it, s; one time before 0, then without end.
    """

    __slots__ = ("_awake", "_mark", "_next", "_others", "_own", "busy", "radio")

    def __init__(self, radio: Radio, others: Iterator[float] | None = None) -> None:
        self.radio = radio
        self.busy = 0
        self._others = iter(()) if others is None else others
        self._mark = next(self._others, -math.inf)  # accounted up to here: while idle, the end of the last activity
        self._next = next(self._others, math.inf)  # when other traffic comes next
        self._own = -math.inf  # the end of the last activity or reply of uploads
        self._awake = -math.inf  # when the radio is (or was last) ready to send

    def begin(self, now: float) -> Begun:
        """The radio is wanted, to send or to receive a reply."""
        self.busy += 1
        if self.busy > 1:  # on already, or about to be
            return Begun(0.0, 0.0, max(0.0, self._awake - now), Charge())
        self._catch_up(now)
        gap = now - self._mark
        wake_j, tail_j = self.radio.wake_j(gap), self.radio.tail_j(gap)
        if self._next < math.inf:
            untouched = self._next - self._mark
            wake_j, tail_j = wake_j - self.radio.wake_j(untouched), tail_j - self.radio.tail_j(untouched)
        wake_s = self.radio.wake_delay_s(gap)
        self._mark = self._awake = now + wake_s
        return Begun(gap, now - self._own, wake_s, Charge(wake_j=wake_j, tail_j=tail_j))

    def end(self, now: float, bits: float) -> Ended:
        """An activity is over, its last bit of so many sent or given up."""
        active_s = max(0.0, now - self._mark)
        self._mark = max(self._mark, now)
        wake_j, tail_j = self._over(now)
        return Ended(active_s, Charge(wake_j, self.radio.transmit_j(active_s, bits), tail_j))

    def received(self, now: float, bits: float) -> Charge:
        """A reply of so many bits has been received; the activity that ``begin`` opened for it is over."""
        wake_j, tail_j = self._over(now)
        return Charge(wake_j, 0.0, tail_j, self.radio.receive_j(bits))

    def hears_s(self, now: float, position: float) -> float:
        """When a radio that may sleep hears of a reply; ``position`` in [0, 1) is where in its cycle that falls."""
        if self.busy:
            return now
        self._catch_up(now)
        return now + self.radio.reply_delay_s(now - self._mark, position)

    def reply(self, now: float) -> Charge:
        """A reply that costs nothing has come: it restarts the tail, and the tail up to here is its upload's."""
        if self.busy:
            return Charge()
        begun = self.begin(now)
        self._mark = now
        wake_j, tail_j = self._over(now)
        # The radio is not woken for it: only what the others save or lose by the new tail counts.
        asleep_j = self.radio.wake_j(begun.gap_s)
        return Charge(begun.charge.wake_j - asleep_j + wake_j, 0.0, begun.charge.tail_j + tail_j)

    def _over(self, now: float) -> tuple[float, float]:
        """Joules of waking and of the tail that follow from an activity's end."""
        self.busy -= 1
        self._own = now
        if self.busy:
            return 0.0, 0.0
        self._mark = max(self._mark, now)
        if self._next == math.inf:
            return 0.0, 0.0
        wake_j = tail_j = 0.0
        while self._next <= now:  # these came while it was on
            silence, self._next = -self._next, next(self._others)
            silence += self._next
            wake_j, tail_j = wake_j - self.radio.wake_j(silence), tail_j - self.radio.tail_j(silence)
        rest = self._next - self._mark
        return wake_j + self.radio.wake_j(rest), tail_j + self.radio.tail_j(rest)

    def _catch_up(self, now: float) -> None:
        """Other traffic up to now has restarted the tail."""
        while self._next <= now:
            self._mark, self._next = self._next, next(self._others)
