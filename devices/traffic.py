"""Traffic: when the devices of a group finish speaking, drawn chunk by chunk for the whole group at once.

Every open-loop kind has ``arrivals(rng, t0, t1) -> (times, devices)``: the ends of speech in [t0, t1), sorted
(float64, s), and whose they are (int32, 0 ... devices - 1).  Chunks are asked for in order, each beginning
where the last one ended; how the time is cut into chunks never changes the law of the process.  What belongs
to a device for good (its phase, its rate) is drawn when the traffic is built.
"""

from __future__ import annotations

from abc import abstractmethod
from typing import Protocol

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from scenarios.schema.traffic import (
    DiurnalTrafficSpec,
    HeavyTailedTrafficSpec,
    PeriodicTrafficSpec,
    PoissonTrafficSpec,
)

Times = NDArray[np.float64]
Devices = NDArray[np.int32]
Arrivals = tuple[Times, Devices]

DAY_S = 86400.0


class Traffic(Protocol):
    """Ends of speech of a group, see the module.

    ``open_loop`` is True: arrivals do not wait for replies.  ``total_rate`` is the mean rate of the whole
    group, 1/s, from which the work ahead is foretold; 0 where it is not known.
    """

    open_loop: bool = True
    total_rate: float = 0.0

    @abstractmethod
    def arrivals(self, rng: Generator, t0: float, t1: float) -> Arrivals:
        """Sorted times in [t0, t1) and the device of each."""
        ...


class PoissonTraffic:
    """Independent Poisson devices of one rate, as their superposition: exact, O(arrivals) in time and memory.

    The sum of n Poisson processes is Poisson with n times the rate; given their number in [t0, t1) the times
    are independent uniforms and every arrival belongs to each device with the same probability.
    """

    open_loop = True

    def __init__(self, spec: PoissonTrafficSpec, devices: int, rng: Generator) -> None:
        self.total_rate = spec.rate * devices
        self.devices = devices
        self.rate = spec.rate

    def arrivals(self, rng: Generator, t0: float, t1: float) -> Arrivals:
        """Sorted times in [t0, t1) and the device of each."""
        count = rng.poisson(self.rate * self.devices * (t1 - t0))
        return _uniform_times(rng, count, t0, t1), rng.integers(0, self.devices, count, dtype=np.int32)


class HeavyTailedTraffic:
    """Poisson devices with lognormal rates: median exp(mu), mean exp(mu + sigma^2 / 2).

    ``rates`` holds the rate of each device, 1/s.  The superposition is drawn as for one rate; the device
    of an arrival is drawn with probability proportional to its rate.
    """

    open_loop = True

    def __init__(self, spec: HeavyTailedTrafficSpec, devices: int, rng: Generator) -> None:
        self.sigma = float(np.sqrt(2.0 * np.log(spec.mean / spec.median)))
        self.rates: Times = spec.median * np.exp(self.sigma * rng.standard_normal(devices))
        self._cumulative = np.cumsum(self.rates)
        self.total_rate = float(self._cumulative[-1])

    def arrivals(self, rng: Generator, t0: float, t1: float) -> Arrivals:
        """Sorted times in [t0, t1) and the device of each."""
        count = rng.poisson(self.total_rate * (t1 - t0))
        # Searching for sorted values stays in the cache; shuffled, they are independent draws again.
        draws = np.sort(rng.random(count)) * self.total_rate
        owners = np.searchsorted(self._cumulative, draws, side="right").astype(np.int32)
        np.minimum(owners, len(self.rates) - 1, out=owners)  # rounding can reach the end
        rng.shuffle(owners)
        return _uniform_times(rng, count, t0, t1), owners


class DiurnalTraffic:
    """A non-homogeneous Poisson process whose rate is constant within each hour of the day.

    Exact by time change: the integral of the rate is piecewise linear, uniform draws of it are inverted.
    """

    open_loop = True

    def __init__(self, spec: DiurnalTrafficSpec, devices: int, rng: Generator) -> None:
        self.total_rate = spec.rate * devices
        self.devices = devices
        self.rate = spec.rate
        self.start_s = spec.start
        weights = np.asarray(spec.hours, dtype=np.float64)
        # Mean-rate seconds passed at each full hour of a day; 86400 after the whole day.
        self._cumulative = np.concatenate(([0.0], np.cumsum(weights / weights.mean()) * 3600.0))
        self._hours = np.arange(25) * 3600.0

    def arrivals(self, rng: Generator, t0: float, t1: float) -> Arrivals:
        """Sorted times in [t0, t1) and the device of each."""
        low, high = self._integral(t0), self._integral(t1)
        count = rng.poisson(self.rate * self.devices * (high - low))
        operational = np.sort(low + rng.random(count) * (high - low))
        times = np.clip(self._inverse(operational), t0, np.nextafter(t1, t0))
        return times, rng.integers(0, self.devices, count, dtype=np.int32)

    def _integral(self, t: float) -> float:
        days, clock = divmod(t + self.start_s, DAY_S)
        return float(days * DAY_S + np.interp(clock, self._hours, self._cumulative))

    def _inverse(self, operational: Times) -> Times:
        days, rest = np.divmod(operational, DAY_S)
        hour = np.clip(np.searchsorted(self._cumulative, rest, side="right") - 1, 0, 23)
        slope = np.maximum(np.diff(self._cumulative)[hour] / 3600.0, np.finfo(float).tiny)
        clock = hour * 3600.0 + (rest - self._cumulative[hour]) / slope
        return np.asarray(days * DAY_S + clock - self.start_s)


class PeriodicTraffic:
    """Each device speaks once a period, at its own phase; ``phases_s`` holds them in [0, period)."""

    open_loop = True

    def __init__(self, spec: PeriodicTrafficSpec, devices: int, rng: Generator) -> None:
        self.total_rate = devices / spec.period
        self.period_s = spec.period
        self.phases_s: Times = (
            rng.random(devices) * spec.period if spec.phase == "random" else np.zeros(devices)
        )

    def arrivals(self, rng: Generator, t0: float, t1: float) -> Arrivals:
        """Sorted times in [t0, t1) and the device of each."""
        # The n-th utterance of a device is at phase + n * period: those with t0 <= time < t1.
        first = np.maximum(np.ceil((t0 - self.phases_s) / self.period_s), 0).astype(np.int64)
        last = np.maximum(np.ceil((t1 - self.phases_s) / self.period_s), 0).astype(np.int64)
        counts = last - first
        owners = np.repeat(np.arange(len(counts), dtype=np.int32), counts)
        # The k-th arrival of a device in this chunk is its (first + k)-th utterance.
        nth = np.arange(len(owners)) - np.repeat(np.cumsum(counts) - counts - first, counts)
        times = self.phases_s[owners] + nth * self.period_s
        return by_time(np.clip(times, t0, np.nextafter(t1, t0)), owners)  # rounding may cross the edges


def by_time(times: Times, owners: Devices) -> Arrivals:
    """Both arrays in order of time; ties in order of device, so that a run never depends on the sort."""
    order = np.lexsort((owners, times))
    return times[order], owners[order].astype(np.int32, copy=False)


def _uniform_times(rng: Generator, count: int, t0: float, t1: float) -> Times:
    times: Times = np.sort(t0 + rng.random(count) * (t1 - t0))
    if count and times[-1] >= t1:  # rounding can reach the open end
        times = np.minimum(times, np.nextafter(t1, t0))
    return times
