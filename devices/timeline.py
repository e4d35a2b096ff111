"""The radio's state over time: the power that a measurement would show, for plots and to check the charges.

This runs the state machine forward, segment by segment, and knows nothing of charges or gaps.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from devices.radio import Radio


class Activity(NamedTuple):
    """One upload as the radio sees it: asked for at ``at_s``, ``duration_s`` on the air once awake."""

    at_s: float
    duration_s: float
    bits: float = 0.0


class Segment(NamedTuple):
    """A stretch of constant power above idle."""

    start_s: float
    end_s: float
    state: str
    power_w: float

    @property
    def energy_j(self) -> float:
        """Power times time."""
        return (self.end_s - self.start_s) * self.power_w


def timeline(radio: Radio, activities: Iterable[Activity]) -> list[Segment]:
    """The segments from the first activity to the end of the last tail; idle stretches have power 0.

    Activities that overlap share the active state.  Power while active is the mean of the linear model: the
    constant, and the bits' energy spread over the active stretch.
    """
    segments: list[Segment] = []
    last_end: float | None = None
    for start, duration, bits, asked in _busy_periods(radio, activities):
        if last_end is not None:
            segments += _tail(radio, last_end, asked)
        if start > asked:
            wake_j = radio.wake_j(float("inf") if last_end is None else asked - last_end)
            segments.append(Segment(asked, start, "wake", wake_j / (start - asked)))
        if duration > 0:
            power = radio.transmit_power_w + radio.transmit_j_per_bit * bits / duration
            segments.append(Segment(start, start + duration, "active", power))
        last_end = start + duration
    if last_end is not None:
        segments += _tail(radio, last_end, last_end + radio.tail_s)
    return segments


def _busy_periods(radio: Radio, activities: Iterable[Activity]) -> list[tuple[float, float, float, float]]:
    """Stretches in which the radio is active without a break: (start, duration, bits, asked for)."""
    periods: list[tuple[float, float, float, float]] = []
    for activity in sorted(activities):
        if periods and activity.at_s < periods[-1][0] + periods[-1][1]:
            start, duration, bits, asked = periods[-1]
            begins = max(activity.at_s, start)  # asked for while the radio was still waking
            end = max(start + duration, begins + activity.duration_s)
            periods[-1] = (start, end - start, bits + activity.bits, asked)
            continue
        gap = activity.at_s - (periods[-1][0] + periods[-1][1]) if periods else float("inf")
        start = activity.at_s + radio.wake_delay_s(gap)
        periods.append((start, activity.duration_s, activity.bits, activity.at_s))
    return periods


def _tail(radio: Radio, begin_s: float, until_s: float) -> list[Segment]:
    """The tail that begins at ``begin_s``, cut at ``until_s``, and what is left as idle."""
    segments, start = [], begin_s
    for phase in radio.phases:
        end = min(start + phase.duration_s, until_s)
        if end > start:
            segments.append(Segment(start, end, phase.name, phase.power_w))
        start += phase.duration_s
    if until_s > start:
        segments.append(Segment(start, until_s, "idle", 0.0))
    return segments
