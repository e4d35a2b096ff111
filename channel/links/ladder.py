"""Classes of a cell's devices by what they can use of it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from channel.links.fading import Efficiency, demands, gains
from channel.links.propagation import LOSSES_DB, Radio, link_budget, narrowed, transmit_power_dbm
from channel.links.rates import SNR_FLOOR_DB
from channel.links.rungs import NARROW

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Ladder:
    """The rungs of a cell (see `channel.links.rungs`), told apart by a device's own rate alone.

    ``above_bps``, ``blocks`` and ``full`` are (rungs,), ``fading`` and ``narrow`` flat or empty, ``total`` the cell's
    blocks.  A rate is enough because blocks, SNR and rate all follow from the path loss, and all fall with it.
    """

    above_bps: Array
    blocks: Array
    full: Array
    fading: Array
    narrow: Array
    total: float


NONE = np.zeros(0)
WHOLE = Ladder(np.zeros(1), np.ones(1), np.ones(1), NONE, NONE, 1.0)
"""Devices that all can use the whole cell, without fading."""


@lru_cache(maxsize=32)
def one_rung(efficiency: Efficiency, snr_db: float) -> Ladder:
    """Devices that all can use the whole cell and fade around one SNR."""
    table = gains(efficiency, np.array([snr_db])).ravel()
    return Ladder(np.zeros(1), np.ones(1), np.ones(1), table, NONE, 1.0)


@lru_cache(maxsize=32)
def ladder(radio: Radio) -> Ladder:
    """The rungs of a cell whose devices are placed.

    One for each number of blocks; where fading or a spent power make a difference, one for each dB.
    """
    loss = LOSSES_DB[::-1]
    budget = link_budget(radio, loss)
    covered = budget.rate_bps > 0.0
    loss, rate, blocks = loss[covered], budget.rate_bps[covered], budget.blocks[covered]
    snr = np.maximum(budget.snr_db[covered], SNR_FLOOR_DB)
    full = np.clip(10.0 ** ((radio.max_power_dbm - transmit_power_dbm(radio, loss, 1.0)) / 10.0), 1.0, blocks)
    full = full if radio.in_blocks else blocks  # in turn a phone has the whole band, whatever its power
    spent = full < blocks
    steps = np.where(spent, 1000.0 + np.round(loss), np.round(np.minimum(snr, 45.0)) if radio.fading else 0.0)
    edges = np.flatnonzero((np.diff(blocks) != 0.0) | (np.diff(steps) != 0.0))
    above = np.concatenate(([0.0], (rate[edges] + rate[edges + 1]) / 2.0))
    middle = (np.concatenate(([0], edges + 1)) + np.concatenate((edges + 1, [snr.size]))) // 2
    # Where the highest rate is reached, rungs have one rate and are one.
    keep = np.flatnonzero(np.concatenate(([True], np.diff(np.maximum.accumulate(above)) > 0.0)))
    at = middle[keep]
    table = _faded(radio, snr[at], full[at], blocks[at]) if radio.fading else NONE
    shares = 2.0 ** (-np.arange(NARROW) / 2.0)
    curves = narrowed(radio, loss[at], blocks[at], shares).ravel() if radio.in_blocks else NONE
    return Ladder(above[keep], blocks[at], full[at], table, curves, radio.blocks)


def _faded(radio: Radio, snr_db: Array, full: Array, blocks: Array) -> Array:
    """Gains and demands of the rungs, flat; ``snr_db`` is that on all ``blocks``.

    Who chooses moments has ``full`` blocks at a time, whose power is not spread thinly: the gain is that of their SNR.
    """
    in_full = snr_db + 10.0 * np.log10(blocks / full)
    table = gains(radio.efficiency, in_full).ravel()
    if snr_db.size < 2:
        return table
    return np.concatenate([table, demands(radio.efficiency, in_full, full, blocks, radio.blocks).ravel()])
