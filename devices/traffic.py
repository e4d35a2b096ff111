"""Traffic: when each device of a group finishes speaking, device by device and utterance by utterance.

The laws are scalar functions of uniform random numbers, the same source for the reference engine and, compiled, for
fleets.  A device has a *clock* that ``advance`` moves from one utterance to the next, a figure of its *own* (its rate
or phase) that ``begin`` draws, and ``spoken_s`` turns both into the end of an utterance.
"""

from __future__ import annotations

import math
from abc import abstractmethod
from typing import NamedTuple, Protocol

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from scenarios.schema.traffic import (
    DiurnalTrafficSpec,
    HeavyTailedTrafficSpec,
    PeriodicTrafficSpec,
    PoissonTrafficSpec,
    TalkSpurtTrafficSpec,
)

DAY_S, HOUR_S = 86400.0, 3600.0
POISSON, HEAVY_TAILED, DIURNAL, PERIODIC, TALK_SPURTS = range(5)
OpenTrafficSpec = (
    PoissonTrafficSpec | HeavyTailedTrafficSpec | DiurnalTrafficSpec | PeriodicTrafficSpec | TalkSpurtTrafficSpec
)


class Traffic(Protocol):
    """A user's traffic: ends of speech of a whole group, drawn stretch by stretch.

    ``open_loop`` is True: arrivals do not wait for replies.  ``total_rate`` is the mean rate of the whole
    group, 1/s, from which the work ahead is foretold; 0 where it is not known.
    """

    open_loop: bool = True
    total_rate: float = 0.0

    @abstractmethod
    def arrivals(self, rng: Generator, t0: float, t1: float) -> tuple[NDArray[np.float64], NDArray[np.int32]]:
        """Sorted ends of speech in [t0, t1) and the device of each; stretches are asked for in order of time."""
        ...


class Law(NamedTuple):
    """A traffic process in numbers.

    ``a`` ... ``d`` by ``kind``: Poisson: rate (1/s).  Heavy-tailed: median rate, sigma of the logarithm.  Diurnal:
    rate, time of day at 0, seconds at mean rate passed by then.  Periodic: period, 1 for random phases.  Talk spurts:
    mean speech, pause and rest (s), probability of a rest.  ``hours`` (25,): of a day, the seconds at mean rate passed
    at each full hour.
    """

    kind: int
    a: float
    b: float
    c: float
    d: float
    hours: tuple[float, ...]


class OpenTraffic(NamedTuple):
    """Devices that speak whatever happens to their uploads."""

    law: Law
    total_rate: float
    """Mean rate of the whole group, 1/s."""

    @property
    def open_loop(self) -> bool:
        """Utterances do not wait for replies."""
        return True


def exponential(uniform: float) -> float:
    """Exponential of mean 1 from a uniform number in [0, 1), by inversion."""
    return -math.log(1.0 - uniform)


def begin(
    kind: int, a: float, b: float, c: float, d: float, u0: float, u1: float, u2: float, u3: float
) -> tuple[float, float]:
    """The device's own figure and its clock at its first utterance, in steady state from time 0 on."""
    if kind == PERIODIC:
        return a * u0 * b, 0.0
    if kind == TALK_SPURTS:
        # A device is in a state with the share of time it spends there; what is left of an exponential stay is
        # exponential again, and a spurt follows silence.
        speech_s, pause_s, rest_s = a, (1.0 - d) * b, d * c
        state_s = u0 * (speech_s + pause_s + rest_s)
        if state_s < speech_s:
            return 0.0, a * exponential(u1)
        return 0.0, (b if state_s < speech_s + pause_s else c) * exponential(u1) + a * exponential(u2)
    own = a
    if kind == HEAVY_TAILED:
        own = a * math.exp(b * math.sqrt(2.0 * exponential(u2)) * math.cos(2.0 * math.pi * u3))  # Box and Muller
    return own, (c if kind == DIURNAL else 0.0) + exponential(u0) / own


def advance(
    kind: int, a: float, b: float, c: float, d: float, own: float, clock: float, u0: float, u1: float, u2: float
) -> float:
    """The device's clock at its next utterance."""
    if kind == PERIODIC:
        return clock + 1.0
    if kind == TALK_SPURTS:
        return clock + (c if u1 < d else b) * exponential(u0) + a * exponential(u2)
    return clock + exponential(u0) / own


def spoken_s(kind: int, a: float, b: float, own: float, clock: float, hours: NDArray[np.float64]) -> float:
    """End of the utterance at a clock, seconds of simulated time; never falls as the clock rises."""
    if kind == PERIODIC:
        return own + clock * a
    if kind != DIURNAL:
        return clock
    # The integral of the rate is linear within each hour: invert it.
    days = math.floor(clock / hours[24])
    rest = clock - days * hours[24]
    hour = 0
    while hour < 23 and rest >= hours[hour + 1]:
        hour += 1
    width = hours[hour + 1] - hours[hour]
    share = (rest - hours[hour]) / width if width > 0.0 else 0.0
    return float(days * DAY_S + (hour + min(share, 1.0)) * HOUR_S - b)


def open_traffic(spec: OpenTrafficSpec, devices: int) -> OpenTraffic:
    """The process of a group of ``devices``."""
    none = (0.0,) * 25
    if isinstance(spec, PoissonTrafficSpec):
        return OpenTraffic(Law(POISSON, spec.rate, 0.0, 0.0, 0.0, none), spec.rate * devices)
    if isinstance(spec, HeavyTailedTrafficSpec):
        sigma = math.sqrt(2.0 * math.log(spec.mean / spec.median))
        return OpenTraffic(Law(HEAVY_TAILED, spec.median, sigma, 0.0, 0.0, none), spec.mean * devices)
    if isinstance(spec, PeriodicTrafficSpec):
        random = float(spec.phase == "random")
        return OpenTraffic(Law(PERIODIC, spec.period, random, 0.0, 0.0, none), devices / spec.period)
    if isinstance(spec, DiurnalTrafficSpec):
        return _diurnal(spec, devices)
    rest_probability = 1.0 / spec.spurts if spec.spurts else 0.0
    law = Law(TALK_SPURTS, spec.speech, spec.pause, spec.rest or 0.0, rest_probability, none)
    return OpenTraffic(law, devices / (law.a + (1.0 - law.d) * law.b + law.d * law.c))


def _diurnal(spec: DiurnalTrafficSpec, devices: int) -> OpenTraffic:
    weights = np.asarray(spec.hours, dtype=np.float64)
    hours = np.concatenate(([0.0], np.cumsum(weights / weights.mean()) * HOUR_S))
    days, clock = divmod(spec.start, DAY_S)
    passed = days * hours[24] + float(np.interp(clock, np.arange(25) * HOUR_S, hours))
    return OpenTraffic(Law(DIURNAL, spec.rate, spec.start, passed, 0.0, tuple(hours.tolist())), spec.rate * devices)
