"""What shadows phones in a cell, place by place, and the rate that this leaves them.

Shadowing belongs to places, not to phones: a Gaussian field over the plane with the correlation exp(-distance / d) that
Gudmundson (Electronics Letters 27(23), 1991) measured along streets, so whoever comes back finds it again, and phones
side by side share it.  A second field, alike, decides whether there is line of sight.  Fields are sums of plane waves,
whose lengths are drawn from the spectrum of that correlation in two dimensions: no state, no grid, any distance.
Different cells have fields of their own: TR 38.901 correlates shadowing between places of one base station only.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr

from channel.links.propagation import (
    ENVIRONMENTS,
    Radio,
    least_rate_bps,
    line_of_sight_probability,
    link_budget,
    path_loss_db,
)

Array = NDArray[np.float64]
Place = tuple[float, float]
"""Metres east and north on the site's map."""
WAVES = 192
"""The field at a place is Gaussian but for a kurtosis that is 1.5 / WAVES too small."""
SIGHT_M = 50.0
"""Correlation distance of line of sight: TR 38.901, table 7.6.3.1-2 (UMa and UMi); remembered."""


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


class Terrain:
    """The surroundings of one base station, which stands at ``station``."""

    def __init__(self, radio: Radio, rng: np.random.Generator, station: Place = (0.0, 0.0)) -> None:
        self.radio, self.station = radio, station
        environment = ENVIRONMENTS[radio.environment]
        self._deviations_db = environment.shadow_db
        self._shadows = tuple(Field(distance_m, rng) for distance_m in environment.shadow_m)
        self._sight = Field(SIGHT_M, rng)
        self._least_bps = least_rate_bps(radio)

    def path_loss_db(self, x_m: Array, y_m: Array) -> Array:
        """Path loss with shadowing at places (n,); nearer than the cell's nearest counts as there."""
        east_m, north_m = x_m - self.station[0], y_m - self.station[1]
        distance_m = np.maximum(np.hypot(east_m, north_m), self.radio.nearest_m)
        # P(G < g) of a standard normal, so that sight is as frequent as its probability says.
        seen = ndtr(self._sight.at(x_m, y_m)) < line_of_sight_probability(self.radio, distance_m)
        loss = path_loss_db(self.radio, distance_m, seen)
        for chosen, deviation_db, field in zip((seen, ~seen), self._deviations_db, self._shadows, strict=True):
            loss[chosen] += deviation_db * field.at(x_m[chosen], y_m[chosen])
        return np.asarray(loss + self.radio.extra_loss_db - self.radio.antenna_gain_db)

    def rate_bps(self, place: Place) -> float:
        """A phone's own rate at a place; in a hole of the cell the least that it gives anywhere."""
        x_m, y_m = place
        budget = link_budget(self.radio, self.path_loss_db(np.array([x_m]), np.array([y_m])))
        return max(float(budget.rate_bps[0]), self._least_bps)
