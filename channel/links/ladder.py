"""Classes of a cell's devices by what they can use of it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from channel.links.fading import Efficiency, gains
from channel.links.propagation import Radio, link_budget
from channel.links.rates import SNR_FLOOR_DB

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Ladder:
    """The rungs of a cell (see `channel.links.rungs`), told apart by a device's own rate alone.

    ``above_bps`` and ``blocks`` are (rungs,), ``fading`` is flat or empty, ``total`` the cell's blocks.  A rate is
    enough because blocks, SNR and rate all follow from the path loss, and all fall with it.
    """

    above_bps: Array
    blocks: Array
    fading: Array
    total: float


WHOLE = Ladder(np.zeros(1), np.ones(1), np.zeros(0), 1.0)
"""Devices that all can use the whole cell, without fading."""


@lru_cache(maxsize=32)
def one_rung(efficiency: Efficiency, snr_db: float) -> Ladder:
    """Devices that all can use the whole cell and fade around one SNR."""
    table = gains(efficiency, np.array([snr_db])).ravel()
    return Ladder(np.zeros(1), np.ones(1), table, 1.0)


@lru_cache(maxsize=32)
def ladder(radio: Radio) -> Ladder:
    """The rungs of a cell whose devices are placed: one for each number of blocks and, with fading, each dB of SNR."""
    loss = np.arange(200.0, 20.0, -0.01)
    budget = link_budget(radio, loss)
    covered = budget.rate_bps > 0.0
    rate, blocks = budget.rate_bps[covered], budget.blocks[covered]
    snr = np.maximum(budget.snr_db[covered], SNR_FLOOR_DB)
    steps = np.round(np.minimum(snr, 45.0)) if radio.fading else np.zeros_like(snr)
    edges = np.flatnonzero((np.diff(blocks) != 0.0) | (np.diff(steps) != 0.0))
    above = np.concatenate(([0.0], (rate[edges] + rate[edges + 1]) / 2.0))
    starts, ends = np.concatenate(([0], edges + 1)), np.concatenate((edges + 1, [snr.size]))
    middle = (starts + ends) // 2
    # Where the highest rate is reached, rungs have one rate and are one.
    keep = np.flatnonzero(np.concatenate(([True], np.diff(above) > 0.0)))
    table = gains(radio.efficiency, snr[middle[keep]]).ravel() if radio.fading else np.zeros(0)
    return Ladder(above[keep], blocks[middle[keep]], table, radio.blocks)
