"""Who gets how many of a cell's blocks, and what fading makes of them: scalar functions, for both engines.

A *rung* is a class of devices that are alike in the most blocks they can use and in what fading gives them.  Rungs are
in rising order of those blocks.  ``fading`` is flat: the gain of rung ``r`` at point (i, j) of the grid below is
``fading[(r * PLACES + i) * STEPS + j]``; it is empty without fading.  ``narrow`` is flat too, NARROW values a rung, and
empty where power never runs out.
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


def gain_at(fading: Floats, rung: int, phones: int, served: float) -> float:
    """What ``served`` of ``phones`` at a time gain by being served when their channels are good, over a lone phone."""
    if len(fading) == 0 or phones < 2:
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
    first: int,
    level: float,
    left: float,
    phones: int,
    fading: Floats,
    narrow: Floats,
) -> float:
    """Share of its own rate that a phone gets, from what `water_level` returns.

    ``full`` is how many of its ``blocks`` get all the power that power control wants in each.  Under fading a phone is
    served on so many at a time, and ``left / full`` of the ``phones`` at a time; those that get more are always served,
    and choose no moments.  On fewer blocks than it can use, each gets more of a phone's power.
    """
    if rung < first:
        return 1.0
    gain = gain_at(fading, rung, phones, left / min(full, left))
    return level / blocks * gain * narrow_at(narrow, rung, level / blocks)
