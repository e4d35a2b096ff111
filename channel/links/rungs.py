"""Who gets how many of a cell's blocks, and what fading makes of them: scalar functions, for both engines.

A *rung* is a class of devices that are alike in the most blocks they can use and in what fading gives them.  Rungs are
in rising order of those blocks.  ``fading`` is flat: the gain of rung ``r`` at point (i, j) of the grid below is
``fading[(r * PLACES + i) * STEPS + j]``, and behind the gains of all rungs stand their demands, PRICES values a rung
where there are several; it is empty without fading.  ``narrow`` is flat too, NARROW values a rung, and empty where
power never runs out.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Floats = Sequence[float] | NDArray[np.float64]
Counts = Sequence[int] | NDArray[np.int64]

OCTAVE = 3  # grid points for each doubling of the number of phones
PLACES = 28  # 1, 2^(1/3), ... 512 phones
NARROW = 17  # shares 1, 2^-1/2, ... 1/256 of the blocks that a phone can use
PRICES = 61  # of a block, times the cell's blocks: 2^-7 to 2^13 in thirds of an octave
LEAST_PRICE, MOST_PRICE = -7.0, 13.0  # powers of two
STEPS = 9  # equal steps of log(served) / log(phones) from 0 to 1


def rung_of(above_bps: Floats, rate_bps: float) -> int:
    """The rung of a device by its own rate: ``above_bps[r]`` is where rung ``r`` begins, rising from 0."""
    low, high = 0, len(above_bps)
    while high - low > 1:
        middle = (low + high) >> 1
        if rate_bps >= above_bps[middle]:
            low = middle
        else:
            high = middle
    return low


def water_level(counts: Counts, blocks: Floats, total: float, newcomer: int) -> tuple[int, float, float, int]:
    """Equal blocks for everybody, but nobody gets more than it can use: the rest goes to the others.

    ``newcomer`` is the rung of one more phone, or -1.  Returns the first rung that gets less than it can use, what a
    phone gets there and above, and how many blocks and phones that makes; the number of rungs where all are content.
    """
    left, phones = total, 0
    for r in range(len(counts)):
        phones += counts[r]
    if newcomer >= 0:
        phones += 1
    for r in range(len(counts)):
        here = counts[r] + 1 if r == newcomer else counts[r]
        if here == 0:
            continue
        if blocks[r] * phones > left:
            return r, left / phones, left, phones
        left -= here * blocks[r]
        phones -= here
    return len(counts), 0.0, left, 0


def demand_at(fading: Floats, rungs: int, rung: int, price: float) -> float:
    """Blocks that a phone takes on average at a place of the grid of prices, under proportional fair."""
    i = min(int(price), PRICES - 2)
    at = rungs * PLACES * STEPS + rung * PRICES + i
    return fading[at] * (1.0 - (price - i)) + fading[at + 1] * (price - i)


def clearing_price(counts: Counts, total: float, newcomer: int, fading: Floats) -> float:
    """The place in the grid of prices at which the phones take ``total`` blocks together.

    Demands fall with the price and are straight between the grid's points, so the point below is found by halving and
    the place between two of them exactly.
    """
    low, high = 0, PRICES - 1
    below, above = wanted_at(counts, newcomer, low, fading), wanted_at(counts, newcomer, high, fading)
    if below <= total or above >= total:
        return 0.0 if below <= total else float(high)
    while high - low > 1:
        middle = (low + high) >> 1
        wanted = wanted_at(counts, newcomer, middle, fading)
        if wanted > total:
            low, below = middle, wanted
        else:
            high, above = middle, wanted
    return low + (below - total) / (below - above)


def wanted_at(counts: Counts, newcomer: int, price: int, fading: Floats) -> float:
    """Blocks that all phones take together at a point of the grid of prices."""
    rungs, wanted = len(counts), 0.0
    for r in range(rungs):
        here = counts[r] + 1 if r == newcomer else counts[r]
        if here > 0:
            wanted += here * fading[rungs * PLACES * STEPS + r * PRICES + price]
    return wanted


def price_of(counts: Counts, total: float, newcomer: int, first: int, fading: Floats) -> float:
    """What `pace_of` needs of the market: the clearing price, -1 where there is none.

    All are content, do not fade, or are of one kind: then nobody is served more often than others.
    """
    if first == len(counts) or len(counts) < 2 or len(fading) == 0:
        return -1.0
    return clearing_price(counts, total, newcomer, fading)


def gain_at(fading: Floats, rung: int, phones: float, served: float) -> float:
    """What ``served`` of ``phones`` at a time gain by being served when their channels are good, over a lone phone."""
    if len(fading) == 0 or phones < 1.0001:
        return 1.0
    octaves = math.log(phones)
    x = min(octaves * (OCTAVE / math.log(2.0)), PLACES - 1.0001)
    y = min(max(math.log(max(served, 1.0)) / octaves, 0.0), 1.0) * (STEPS - 1)
    i, j = int(x), min(int(y), STEPS - 2)
    u, v = x - i, y - j
    at = (rung * PLACES + i) * STEPS + j
    low = fading[at] * (1.0 - v) + fading[at + 1] * v
    high = fading[at + STEPS] * (1.0 - v) + fading[at + STEPS + 1] * v
    return low * (1.0 - u) + high * u


def narrow_at(narrow: Floats, rung: int, share: float) -> float:
    """How much more a block carries when a phone has only a share of those it can use, and its power for fewer."""
    if len(narrow) == 0:
        return 1.0
    x = min(-2.0 * math.log(share) / math.log(2.0), NARROW - 1.0001)
    i = int(x)
    at = rung * NARROW + i
    return narrow[at] * (1.0 - (x - i)) + narrow[at + 1] * (x - i)


def pace_of(
    blocks: float,
    full: float,
    rung: int,
    rungs: int,
    total: float,
    water: tuple[int, float, float, int],
    price: float,
    fading: Floats,
    narrow: Floats,
) -> float:
    """Share of its own rate that a phone gets, from what `water_level` and `price_of` return.

    ``full`` is how many of its ``blocks`` get all the power that power control wants in each.  Under fading a phone is
    served on so many at a time, and ``left / full`` of the ``phones`` at a time; those that get more are always served,
    and choose no moments.  On fewer blocks than it can use, each gets more of a phone's power.

    At a price, a phone gains as if all were like it and took as many blocks.
    """
    first, level, left, phones = water
    if price >= 0.0:
        taken = min(demand_at(fading, rungs, rung, price), blocks)
        gain = gain_at(fading, rung, total / taken, total / full) if taken < full else 1.0
        return taken / blocks * gain * narrow_at(narrow, rung, taken / blocks)
    if rung < first:
        return 1.0
    gain = gain_at(fading, rung, phones, left / min(full, left))
    return level / blocks * gain * narrow_at(narrow, rung, level / blocks)
