"""Propagation: where devices are in a cell, what reaches the base station, and what rate that allows.

Path loss, line of sight and shadowing follow 3GPP TR 38.901, section 7.4; transmit power the open loop of
TS 36.213 (LTE) and TS 38.213 (NR), sections 5.1.1 and 7.1.1; rates TR 36.942, annex A.2, or the CQI tables.
A block is 180 kHz throughout; with wider subcarriers, as NR has them, two or more make one of its blocks.
Everything is vectorised: a million devices are placed in one call.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from functools import cache, lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from channel.links.errors import LinkError
from channel.links.fading import faded
from channel.links.rates import RATE_MODELS, SNR_FLOOR_DB

Array = NDArray[np.float64]
Uniforms = Callable[[NDArray[np.int64], int], Array]
"""Function of (device numbers, i): the i-th number of each device, uniform in [0, 1) and independent."""
LIGHT_MPS = 299_792_458.0
NOISE_DBM_PER_HZ = -174.0
RESOURCE_BLOCK_HZ = 180e3


class _Environment(NamedTuple):
    """Constants of one environment of TR 38.901, table 7.4.1-1 (path loss) and 7.4.2-1 (line of sight)."""

    antenna_m: float
    los: tuple[float, float]  # a + b lg(d3D) + 20 lg(f) up to the break point
    beyond: tuple[float, float]  # a + 40 lg(d3D) + 20 lg(f) - c lg(dBP^2 + (hBS - hUT)^2) beyond it: a, c
    nlos: tuple[float, float, float, float]  # a + b lg(d3D) + c lg(f) - e (hUT - 1.5)
    shadow_db: tuple[float, float]  # with and without line of sight
    shadow_m: tuple[float, float]  # its correlation distance, table 7.5-6
    los_decay_m: float


# Read in several public implementations that agree.
ENVIRONMENTS = {
    "uma": _Environment(25.0, (28.0, 22.0), (28.0, 9.0), (13.54, 39.08, 20.0, 0.6), (4.0, 6.0), (37.0, 50.0), 63.0),
    "umi": _Environment(10.0, (32.4, 21.0), (32.4, 9.5), (22.4, 35.3, 21.3, 0.3), (4.0, 7.82), (10.0, 13.0), 36.0),
}


@dataclass(frozen=True)
class Radio:
    """A cell's radio: environment, carrier, bandwidth, geometry, power control and noise (SI units, dB, dBm)."""

    environment: str = "uma"
    frequency_hz: float = 2.0e9
    bandwidth_hz: float = 9.0e6
    radius_m: float = 500.0
    nearest_m: float = 35.0
    device_height_m: float = 1.5
    max_power_dbm: float = 23.0
    p0_dbm: float = -80.0
    alpha: float = 0.8
    noise_figure_db: float = 5.0
    interference_db: float = 3.0
    antenna_gain_db: float = 0.0
    extra_loss_db: float = 0.0
    rate_model: str = "shannon"
    uplink_share: float = 1.0
    in_blocks: bool = False
    """Devices get blocks side by side, each as many as its power can use; else the whole band in turn."""
    fading: bool = False
    """Rates are means under Rayleigh fading; else those of a channel that stands still."""

    def __post_init__(self) -> None:
        if not 0.5e9 <= self.frequency_hz <= 100e9:
            raise LinkError(f"TR 38.901 holds from 0.5 to 100 GHz, found {self.frequency_hz / 1e9:g} GHz")
        if not 0.0 < self.nearest_m < self.radius_m <= 5000.0:
            raise LinkError(
                f"a cell needs 0 m < nearest < radius <= 5 km, found {self.nearest_m:g} and {self.radius_m:g} m"
            )
        if not 1.5 <= self.device_height_m < 13.0:
            raise LinkError(f"device heights from 1.5 to 13 m are modelled, found {self.device_height_m:g} m")
        if self.bandwidth_hz < RESOURCE_BLOCK_HZ:
            raise LinkError(f"a bandwidth must hold a resource block of 180 kHz, found {self.bandwidth_hz:g} Hz")

    @property
    def blocks(self) -> float:
        """Blocks of the band."""
        return float(math.floor(self.bandwidth_hz / RESOURCE_BLOCK_HZ * (1.0 + 1e-12)))

    def efficiency(self, snr_db: Array) -> Array:
        """Rate in bit/s/Hz at an SNR in dB, as the rate model has it."""
        return RATE_MODELS[self.rate_model](snr_db)


@dataclass(frozen=True)
class Placement:
    """Devices in a cell, all arrays (devices,).

    ``path_loss_db`` is what a phone measures: from its antenna to the base station's receiver, antenna gain included.
    ``blocks`` is how many a device can use and ``rate_bps`` what it gets on them when it is alone; ``uncovered`` is the
    share of places that were drawn again because nothing would reach the base station from there.
    """

    distance_m: Array
    line_of_sight: NDArray[np.bool_]
    path_loss_db: Array
    power_dbm: Array
    blocks: Array
    snr_db: Array
    rate_bps: Array
    uncovered: float


class Budget(NamedTuple):
    """What reaches the base station from a lone device, arrays (devices,).

    ``power_dbm`` is its power in all, ``blocks`` how many of the band it fills, ``snr_db`` that on them; ``rate_bps``
    is 0 where nothing gets through.
    """

    power_dbm: Array
    blocks: Array
    snr_db: Array
    rate_bps: Array


def line_of_sight_probability(radio: Radio, distance_m: Array) -> Array:
    """P(line of sight) at a distance on the ground, for devices below 13 m."""
    decay = ENVIRONMENTS[radio.environment].los_decay_m
    d = np.maximum(distance_m, 18.0)
    return np.asarray(18.0 / d + np.exp(-d / decay) * (1.0 - 18.0 / d))


def path_loss_db(radio: Radio, distance_m: Array, line_of_sight: NDArray[np.bool_]) -> Array:
    """Median path loss in dB at a distance on the ground, without shadowing."""
    env = ENVIRONMENTS[radio.environment]
    f = math.log10(radio.frequency_hz / 1e9)
    rise = env.antenna_m - radio.device_height_m
    d3 = np.log10(np.hypot(distance_m, rise))
    # Effective heights are 1 m lower (the environment's height).
    breakpoint_m = 4.0 * (env.antenna_m - 1.0) * (radio.device_height_m - 1.0) * radio.frequency_hz / LIGHT_MPS
    near = env.los[0] + env.los[1] * d3 + 20.0 * f
    far = env.beyond[0] + 40.0 * d3 + 20.0 * f - env.beyond[1] * math.log10(breakpoint_m**2 + rise**2)
    los = np.where(distance_m <= breakpoint_m, near, far)
    a, b, c, e = env.nlos
    nlos = np.maximum(los, a + b * d3 + c * f - e * (radio.device_height_m - 1.5))
    return np.where(line_of_sight, los, nlos)


def transmit_power_dbm(radio: Radio, path_loss: Array, blocks: float | Array) -> Array:
    """Open-loop uplink power over ``blocks``: P0 + 10 lg(M) + alpha PL, at most the device's power."""
    return np.minimum(radio.max_power_dbm, radio.p0_dbm + 10.0 * np.log10(blocks) + radio.alpha * path_loss)


@cache
def block_counts(most: int) -> Array:
    """How many blocks a device may be given: products of 2, 3 and 5 (TS 36.211, 5.3.3), and the whole band."""
    small = sorted(2**a * 3**b * 5**c for a in range(9) for b in range(6) for c in range(4))
    return np.array([*(float(n) for n in small if n < most), float(most)])


ENOUGH = 0.98  # of the highest rate; the blocks beyond it would carry hardly anything
_STEP_DB = 0.01
LOSSES_DB = np.arange(20.0, 220.0, _STEP_DB)
"""Path losses for which a cell's budgets are computed once; devices take the nearest."""


def link_budget(radio: Radio, path_loss: Array) -> Budget:
    """Power, blocks, SNR and rate of lone devices at a path loss in dB.

    In blocks, a device uses as many as raise its rate: power control gives each block its target as long as the power
    lasts, a device at full power spreads it more thinly, down to -10 dB.  In turn, it spreads its power over the
    whole band; one that would arrive below -10 dB uses so much of it that it is at -10 dB.
    """
    at = np.clip(np.round((path_loss - LOSSES_DB[0]) / _STEP_DB).astype(np.int64), 0, LOSSES_DB.size - 1)
    return Budget(*(figures[at] for figures in _budgets(radio)))


def least_rate_bps(radio: Radio) -> float:
    """The rate of a lone device at the last place that the cell covers."""
    rates = _budgets(radio).rate_bps
    return float(rates[rates > 0.0].min())


@lru_cache(maxsize=32)
def _budgets(radio: Radio) -> Budget:
    """The budget at each of `LOSSES_DB`."""
    if not radio.in_blocks:
        return _over(radio, LOSSES_DB, np.full_like(LOSSES_DB, radio.bandwidth_hz / RESOURCE_BLOCK_HZ))
    counts = block_counts(int(radio.blocks))
    rates = np.stack([_over(radio, LOSSES_DB, np.full_like(LOSSES_DB, n)).rate_bps for n in counts])
    blocks, most = np.empty_like(LOSSES_DB), counts.size
    for i, column in enumerate(rates.T):
        # Steps of the rate's table would let a device a little farther away use more blocks: it may not.
        most = int(np.argmax(column[:most] >= ENOUGH * column[:most].max())) + 1
        blocks[i] = counts[most - 1]
    return _over(radio, LOSSES_DB, blocks)


def _over(radio: Radio, path_loss: Array, blocks: Array) -> Budget:
    """The budget of devices that fill ``blocks``."""
    spread_db = NOISE_DBM_PER_HZ + 10.0 * math.log10(RESOURCE_BLOCK_HZ) + radio.noise_figure_db + radio.interference_db
    power = transmit_power_dbm(radio, path_loss, blocks)
    snr = power - path_loss - spread_db - 10.0 * np.log10(blocks)
    part = np.minimum(1.0, 10.0 ** ((snr - SNR_FLOOR_DB) / 10.0))
    part = np.where(part * blocks >= 1.0 - 1e-9, part, 0.0)
    seen_db = np.maximum(snr, SNR_FLOOR_DB)
    efficiency = faded(radio.efficiency, seen_db) if radio.fading else radio.efficiency(seen_db)
    rate = part * blocks * RESOURCE_BLOCK_HZ * efficiency * radio.uplink_share
    return Budget(power, blocks, snr, np.asarray(rate))


def narrowed(radio: Radio, path_loss: Array, blocks: Array, shares: Array) -> Array:
    """Bits in a block, over those in a block when all ``blocks`` are used, where a device has a share of them.

    (devices, shares): 1 where the power is enough for all; above where fewer blocks get more of it each.  Less than a
    block is a block for part of the time.
    """
    whole = _over(radio, path_loss, blocks).rate_bps / blocks
    fewer = [_over(radio, path_loss, np.maximum(blocks * share, 1.0)) for share in shares]
    return np.stack([np.maximum(f.rate_bps / f.blocks / whole, 1.0) for f in fewer], axis=-1)


def place(radio: Radio, devices: int, uniforms: Uniforms) -> Placement:
    """Place devices uniformly over the cell's area and work out their rates; a device's place is its own draws'.

    Where even one block does not reach the base station at -10 dB the device is placed again.  Raises `LinkError` when
    hardly any place is covered.
    """
    found = _draw(radio, np.arange(devices), uniforms, 0)
    tried, missed = devices, 0
    for attempt in range(1, 100):
        again = np.flatnonzero(found.rate_bps <= 0.0)
        if not again.size:
            return replace(found, uncovered=missed / max(tried, 1))
        fresh = _draw(radio, again, uniforms, attempt)
        for array in fields(Placement):
            if array.name != "uncovered":
                getattr(found, array.name)[again] = getattr(fresh, array.name)
        tried += again.size
        missed += again.size
    raise LinkError(f"the cell covers hardly any place out to {radio.radius_m:g} m: reduce its radius")


def _draw(radio: Radio, devices: NDArray[np.int64], uniforms: Uniforms, attempt: int) -> Placement:
    where, sight, size, angle = (uniforms(devices, 4 * attempt + i) for i in range(4))
    env = ENVIRONMENTS[radio.environment]
    inner = (radio.nearest_m / radio.radius_m) ** 2
    distance = radio.radius_m * np.sqrt(inner + (1.0 - inner) * where)  # uniform over the ring's area
    seen = sight < line_of_sight_probability(radio, distance)
    normal = np.sqrt(-2.0 * np.log1p(-size)) * np.cos(2.0 * math.pi * angle)  # Box and Muller
    shadow = normal * np.where(seen, *env.shadow_db)
    loss = path_loss_db(radio, distance, seen) + shadow + radio.extra_loss_db - radio.antenna_gain_db
    return Placement(distance, seen, loss, *link_budget(radio, loss), 0.0)
