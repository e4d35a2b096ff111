"""Radio: what an upload costs in time and energy, by the gap since the radio's last activity.

A cellular or WiFi radio that has been used stays awake for a while (the *tail*), phase by phase, and then
falls idle; the next activity has to wake it (the *promotion*).  Nothing happens while a radio is idle, so
nothing is simulated: every cost is a function of the gap between two activities.

Accounting.  All powers are above the idle radio's, which is drawn all the time (``idle_power_w``).  An
activity is charged what it adds:

* waking: ``wake_j(gap)``, by the phase in which it finds the radio,
* transmission: ``transmit_j(active_s, bits)`` = beta * active_s + alpha * bits,
* the tail: ``tail_j(gap)``, the tail that passed *before* it.  That is a full new tail minus what
  was left of the one it cut short; the first activity (gap = inf) pays a full tail.

The charges of any sequence of activities then sum exactly to the integral of the state machine's power over
time, up to the end of the last tail.  Overlapping uploads of one device are one activity: gap 0, and only
newly covered time is active.

Method: the linear power model and the state timers of Huang et al., MobiSys 2012; the gap formulation is
the closed form of its state machine.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Sequence
from copy import copy
from dataclasses import dataclass, replace
from itertools import accumulate
from types import MappingProxyType
from typing import NamedTuple

from devices.bands import Bands
from devices.errors import DeviceError

RECEIVE_BPS = 10e6
"""Rate at which a reply comes down: it decides the energy of a few hundred bytes, and no time that matters."""


@dataclass(frozen=True)
class Phase:
    """One phase of the tail.

    ``duration_s``: its length; ``power_w``: mean power above idle; ``wake_delay_s`` and ``wake_energy_j``:
    what an activity that begins in this phase waits and pays until the radio can send; ``drx_cycle_s``:
    time between two moments at which a downlink packet can reach the radio (0: it always listens).
    """

    duration_s: float
    power_w: float
    wake_delay_s: float = 0.0
    wake_energy_j: float = 0.0
    drx_cycle_s: float = 0.0
    name: str = "tail"


class Amplifier(NamedTuple):
    """What sending draws by the power that is radiated: ``silent_w`` above idle at none, so much more for each watt."""

    silent_w: float
    w_per_radiated_w: float


class Radio:
    """A radio compiled for fast evaluation; see the module for the accounting rule.

    Gaps are seconds, ``inf`` for a radio that was never used.  ``source`` says
    where its figures come from and how sure they are.
    """

    name: str
    source: str
    idle_power_w: float
    bands: Bands = MappingProxyType({})
    """By component (wake, transmit, tail, receive, idle) where its figures are remembered or assumed."""
    paged: bool = False
    """Its network has DRX and paging (RRC): unless a scenario says otherwise, a reply waits until the radio listens."""

    amplifier: Amplifier | None = None
    """Where it says what transmit power costs; else ``transmit_power_w`` holds whatever is radiated."""

    def __init__(
        self,
        name: str,
        *,
        wake_delay_s: float,
        wake_energy_j: float,
        transmit_power_w: float,
        transmit_j_per_bit: float,
        phases: Sequence[Phase] = (),
        idle_power_w: float = 0.0,
        receive_power_w: float | None = None,
        receive_j_per_bit: float = 0.0,
        idle_cycle_s: float = 0.0,
        paged: bool = False,
        amplifier: Amplifier | None = None,
        source: str = "",
        bands: Bands = MappingProxyType({}),
    ) -> None:
        wakes = [(wake_delay_s, wake_energy_j), *((p.wake_delay_s, p.wake_energy_j) for p in phases)]
        for delay_s, energy_j in wakes:
            if energy_j > 0 and delay_s <= 0:
                raise DeviceError(f"radio '{name}': waking costs {energy_j:g} J but takes no time")
        self.name = name
        self.source = source
        self.bands = bands
        self.paged = paged
        self.amplifier = amplifier
        self.phases = tuple(phases)
        self.transmit_power_w = transmit_power_w
        self.transmit_j_per_bit = transmit_j_per_bit
        self.receive_power_w = transmit_power_w if receive_power_w is None else receive_power_w
        self.receive_j_per_bit = receive_j_per_bit
        self.idle_power_w = idle_power_w
        self.idle_wake_delay_s = wake_delay_s
        durations = [p.duration_s for p in self.phases]
        self._starts = (0.0, *accumulate(durations))  # start of each phase, then the start of idle
        self._energies = (0.0, *accumulate(p.duration_s * p.power_w for p in self.phases))
        self._powers = (*(p.power_w for p in self.phases), 0.0)
        self._delays = (*(p.wake_delay_s for p in self.phases), wake_delay_s)
        self._wakes = (*(p.wake_energy_j for p in self.phases), wake_energy_j)
        self._cycles = (*(p.drx_cycle_s for p in self.phases), idle_cycle_s)
        self._ends = self._starts[1:]  # bisect in these gives the phase's index
        self.tail_s = self._starts[-1]

    # ------------------------------------------------------------ one activity

    def phase_index(self, gap_s: float) -> int:
        """Index of the phase ``gap_s`` after the last activity; ``len(phases)`` is idle."""
        return bisect_right(self._ends, gap_s)

    def wake_delay_s(self, gap_s: float) -> float:
        """Seconds until the radio can send when ``gap_s`` have passed since its last activity."""
        return self._delays[bisect_right(self._ends, gap_s)]

    def wake_j(self, gap_s: float) -> float:
        """Energy of waking after ``gap_s``, J."""
        return self._wakes[bisect_right(self._ends, gap_s)]

    def tail_j(self, gap_s: float) -> float:
        """Energy of a tail that was cut short after ``gap_s`` (inf: the whole tail), J."""
        return tail_up_to_j(gap_s, self.phase_index(gap_s), self._starts, self._energies, self._powers)

    def transmit_j(self, active_s: float, bits: float) -> float:
        """Energy of sending ``bits`` in ``active_s`` seconds of newly covered active time, J."""
        return self.transmit_power_w * active_s + self.transmit_j_per_bit * bits

    def receive_j(self, bits: float) -> float:
        """Energy of receiving ``bits``, J."""
        return self.receive_power_w * (bits / RECEIVE_BPS) + self.receive_j_per_bit * bits

    def reply_delay_s(self, gap_s: float, position: float = 0.5) -> float:
        """Seconds a downlink packet waits for the radio to listen, ``gap_s`` after the last activity.

        ``position`` in [0, 1) is where in the DRX or paging cycle it falls; 0.5 gives the mean wait.
        """
        return self._cycles[bisect_right(self._ends, gap_s)] * position

    # ------------------------------------------------------------ variants

    def with_fast_dormancy(self, release_s: float) -> Radio:
        """This radio when the device asks for release ``release_s`` after its last activity.

        The tail is cut there; the signalling of the release itself is not charged (no published figure).
        """
        kept, start = [], 0.0
        for phase in self.phases:
            length = min(phase.duration_s, release_s - start)
            if length <= 0:
                break
            kept.append(replace(phase, duration_s=length))
            start += phase.duration_s
        return Radio(
            f"{self.name}, released after {release_s:g} s",
            wake_delay_s=self._delays[-1],
            wake_energy_j=self._wakes[-1],
            transmit_power_w=self.transmit_power_w,
            transmit_j_per_bit=self.transmit_j_per_bit,
            phases=kept,
            idle_power_w=self.idle_power_w,
            receive_power_w=self.receive_power_w,
            receive_j_per_bit=self.receive_j_per_bit,
            idle_cycle_s=self._cycles[-1],
            paged=self.paged,
            amplifier=self.amplifier,
            source=self.source,
            bands=self.bands,
        )

    def sending(self, j_per_bit: float) -> Radio:
        """This radio where power control decides: what it radiates costs so much for each bit, however long that takes.

        A device with half of the blocks that it could use sends half as fast at half the power.
        """
        assert self.amplifier is not None
        radio = copy(self)
        radio.transmit_power_w = self.amplifier.silent_w
        radio.transmit_j_per_bit += j_per_bit
        return radio

    def isolated_upload_j(self, bits: float, rate_bps: float) -> tuple[float, float, float]:
        """Active, promotion and tail energy (J) of one upload far from any other at ``rate_bps``."""
        return self.transmit_j(bits / rate_bps, bits), self.wake_j(math.inf), self.tail_j(math.inf)

    def figures(self) -> tuple[tuple[float, ...], ...]:
        """By phase, idle last: start, energy of the tail up to it, power, delay and energy of waking, DRX cycle."""
        return self._starts, self._energies, self._powers, self._delays, self._wakes, self._cycles

    def __repr__(self) -> str:
        return f"<Radio {self.name}: tail {self.tail_s:g} s, {self.tail_j(math.inf):.3g} J>"


def tail_up_to_j(
    gap_s: float, phase: int, starts: Sequence[float], energies: Sequence[float], powers: Sequence[float]
) -> float:
    """Energy of a tail up to ``gap_s`` after its begin, in the phase of that number; idle is the last one."""
    if phase == len(starts) - 1:
        return energies[phase]
    return energies[phase] + (gap_s - starts[phase]) * powers[phase]
