"""Other traffic of a phone: its radio is awake anyway for a while after each, whoever pays for it."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from devices.library import load_data
from devices.radio import Radio
from devices.traffic import exponential
from scenarios.schema.device import BackgroundSpec, CatalogueBackgroundSpec


def background_rate(spec: CatalogueBackgroundSpec | BackgroundSpec | None) -> float:
    """Exchanges of other traffic a second; 0 for none."""
    if spec is None:
        return 0.0
    if isinstance(spec, BackgroundSpec):
        return spec.rate
    entry: Mapping[str, Any] = load_data("background")[spec.kind]
    return float(entry["per_hour"]) / 3600.0


def others(rate: float, luck: Callable[[int], float]) -> Iterator[float]:
    """When a Poisson process uses the radio, seconds: the last time before 0, then all after it.

    ``luck(k)`` is the ``k``-th uniform number in [0, 1).
    """
    yield -exponential(luck(0)) / rate
    now, k = 0.0, 0
    while True:
        k += 1
        now += exponential(luck(k)) / rate
        yield now


def mean_power_w(radio: Radio, rate: float) -> float:
    """Mean power above idle of the tails and promotions of exchanges at a Poisson ``rate``, without their bytes.

    The silence after an exchange is exponential, so a phase that begins at s is reached with exp(-rate * s) and lasts
    (exp(-rate * s) - exp(-rate * e)) / rate on average; the next exchange finds the radio in it as often as that
    times the rate.
    """
    if not rate > 0.0:
        return 0.0
    starts, _, powers, _, wakes = radio.figures()[:5]
    found = 0.0
    for start, end, power_w, wake_j in zip(starts, (*starts[1:], math.inf), powers, wakes, strict=True):
        share = math.exp(-rate * start) - math.exp(-rate * end)
        found += share * (power_w + rate * wake_j)
    return found
