"""How much the times of like batches differ, as a scalar function that both engines call."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

Quantiles = Sequence[float] | npt.NDArray[np.float64]


def at_quantile(quantiles: Quantiles, uniform: float) -> float:
    """The value that a share ``uniform`` in [0, 1) lies below; ``quantiles`` are at equal steps from 0 to 1."""
    steps = len(quantiles) - 1
    position = uniform * steps
    below = int(position)
    if below >= steps:
        return quantiles[steps]
    return quantiles[below] + (position - below) * (quantiles[below + 1] - quantiles[below])


def mean_of(quantiles: Quantiles) -> float:
    """The mean of what `at_quantile` draws: its segments are straight."""
    return (sum(quantiles) - 0.5 * (quantiles[0] + quantiles[-1])) / (len(quantiles) - 1)
