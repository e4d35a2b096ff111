"""Phones that walk through their cell: where each is, what shadows it there, and the rate that this allows.

Random waypoints (Johnson and Maltz, 1996) in the cell's disc: a phone walks straight to a uniform point at a uniform
speed, then to the next.  It starts in the steady state (Le Boudec and Vojnovic, INFOCOM 2005): its first leg is drawn
in proportion to how long it lasts, and it is somewhere on it.

Shadowing belongs to places, not to phones: a Gaussian field over the plane with the correlation exp(-distance / d) that
Gudmundson (Electronics Letters 27(23), 1991) measured along streets, so whoever comes back finds it again, and phones
side by side share it.  A second field, alike, decides whether there is line of sight.  Fields are sums of plane waves,
whose lengths are drawn from the spectrum of that correlation in two dimensions: no state, no grid, any distance.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from channel.links.errors import LinkError
from channel.links.propagation import (
    ENVIRONMENTS,
    Radio,
    least_rate_bps,
    line_of_sight_probability,
    link_budget,
    path_loss_db,
)

Array = NDArray[np.float64]
Pairs = Callable[[int, int, int], tuple[float, float]]
"""Function of (device, leg, i): two independent numbers, uniform in [0, 1)."""
WAVES = 192
"""The field at a place is Gaussian but for a kurtosis that is 1.5 / WAVES too small."""
SIGHT_M = 50.0
"""Correlation distance of line of sight: TR 38.901, table 7.6.3.1-2 (UMa and UMi); remembered."""


@dataclass(frozen=True)
class Walk:
    """Random waypoints at a speed drawn for each leg, uniform between two bounds above 0 m/s."""

    slowest_mps: float
    fastest_mps: float

    def __post_init__(self) -> None:
        if not 0.0 < self.slowest_mps <= self.fastest_mps:
            raise LinkError(
                f"speeds need 0 m/s < slowest <= fastest, found {self.slowest_mps:g} and {self.fastest_mps:g} m/s"
            )


class Field:
    """A Gaussian field of mean 0 and variance 1 over the plane, correlated as exp(-distance / ``distance_m``)."""

    def __init__(self, distance_m: float, rng: np.random.Generator) -> None:
        # The share of the spectrum of waves longer than 2 pi / k is 1 - 1 / sqrt(1 + (k d)^2).
        longer = 1.0 - rng.random(WAVES)
        wave = np.sqrt(1.0 / longer**2 - 1.0) / distance_m
        angle = 2.0 * math.pi * rng.random(WAVES)
        self._along, self._across = wave * np.cos(angle), wave * np.sin(angle)
        self._phase = 2.0 * math.pi * rng.random(WAVES)

    def at(self, x_m: Array, y_m: Array) -> Array:
        """The field at places (any shape)."""
        turns = np.multiply.outer(x_m, self._along) + np.multiply.outer(y_m, self._across) + self._phase
        return np.asarray(math.sqrt(2.0 / WAVES) * np.cos(turns).sum(axis=-1))


@dataclass(slots=True)
class _Leg:
    """From one place to another, between two instants."""

    number: int
    begin_s: float
    end_s: float
    begin: tuple[float, float]
    end: tuple[float, float]

    def at(self, now: float) -> tuple[float, float]:
        """Where the phone is."""
        share = (now - self.begin_s) / (self.end_s - self.begin_s)
        (x0, y0), (x1, y1) = self.begin, self.end
        return x0 + (x1 - x0) * share, y0 + (y1 - y0) * share


class Walkers:
    """The phones of a group on their way; asked for at instants that never go back for a phone."""

    def __init__(self, radio: Radio, walk: Walk, pairs: Pairs, rng: np.random.Generator) -> None:
        self.radio, self.walk, self._pairs = radio, walk, pairs
        environment = ENVIRONMENTS[radio.environment]
        self._deviations_db = environment.shadow_db
        self._shadows = tuple(Field(distance_m, rng) for distance_m in environment.shadow_m)
        self._sight = Field(SIGHT_M, rng)
        self._legs: dict[int, _Leg] = {}
        self._least_bps = least_rate_bps(radio)

    def place(self, device: int, now: float) -> tuple[float, float]:
        """Metres east and north of the base station."""
        leg = self._legs.get(device) or self._first(device)
        while leg.end_s <= now:
            leg = self._next(device, leg)
        self._legs[device] = leg
        return leg.at(now)

    def path_loss_db(self, x_m: Array, y_m: Array) -> Array:
        """Path loss with shadowing at places (any shape); nearer than the cell's nearest counts as there."""
        distance_m = np.maximum(np.hypot(x_m, y_m), self.radio.nearest_m)
        # P(G < g) of a standard normal, so that sight is as frequent as its probability says.
        below = np.vectorize(_normal_share, otypes=[float])(self._sight.at(x_m, y_m))
        seen = below < line_of_sight_probability(self.radio, distance_m)
        shadows = (s * field.at(x_m, y_m) for s, field in zip(self._deviations_db, self._shadows, strict=True))
        loss = path_loss_db(self.radio, distance_m, seen) + np.where(seen, *shadows)
        return np.asarray(loss + self.radio.extra_loss_db - self.radio.antenna_gain_db)

    def rate_bps(self, device: int, now: float) -> float:
        """The phone's own rate where it is; in a hole of the cell the least that it gives anywhere."""
        x_m, y_m = self.place(device, now)
        budget = link_budget(self.radio, self.path_loss_db(np.array([x_m]), np.array([y_m])))
        return max(float(budget.rate_bps[0]), self._least_bps)

    def _waypoint(self, device: int, leg: int, i: int) -> tuple[float, float]:
        area, turn = self._pairs(device, leg, i)
        r, angle = self.radio.radius_m * math.sqrt(area), 2.0 * math.pi * turn
        return r * math.cos(angle), r * math.sin(angle)

    def _first(self, device: int) -> _Leg:
        """The leg under way at 0 s: as likely as it is long, at a speed as likely as it is slow."""
        attempt = 0
        while True:
            begin, end = (self._waypoint(device, 0, 3 * attempt + i) for i in (1, 2))
            keep, share = self._pairs(device, 0, 3 * attempt + 3)
            length_m = math.dist(begin, end)
            if keep * 2.0 * self.radio.radius_m < length_m:
                break
            attempt += 1
        turn, _ = self._pairs(device, 0, 0)
        speed_mps = self.walk.slowest_mps * (self.walk.fastest_mps / self.walk.slowest_mps) ** turn
        lasts_s = length_m / speed_mps
        return _Leg(0, -share * lasts_s, (1.0 - share) * lasts_s, begin, end)

    def _next(self, device: int, leg: _Leg) -> _Leg:
        number = leg.number + 1
        turn, _ = self._pairs(device, number, 0)
        speed_mps = self.walk.slowest_mps + (self.walk.fastest_mps - self.walk.slowest_mps) * turn
        end = self._waypoint(device, number, 1)
        return _Leg(number, leg.end_s, leg.end_s + max(math.dist(leg.end, end), 1e-3) / speed_mps, leg.end, end)


def _normal_share(value: float) -> float:
    return 0.5 * math.erfc(-value / math.sqrt(2.0))
