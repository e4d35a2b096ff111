"""What a scheduler gains by serving each phone when its channel is good, under Rayleigh fading."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from channel.links.rungs import OCTAVE, PLACES, STEPS

Array = NDArray[np.float64]
Efficiency = Callable[[Array], Array]
"""From an SNR in dB to bit/s/Hz, element by element."""
# Midpoints of equal shares of an exponential distribution, finer at its far end, which the best of many phones reach.
_EDGES = np.concatenate((np.linspace(0.0, 4.0, 801), np.linspace(4.0, 30.0, 1301)[1:]))
_SHARES = np.diff(-np.expm1(-_EDGES))
_DRAWS = -np.log1p(-(-np.expm1(-_EDGES[:-1]) + _SHARES / 2.0))


def faded(efficiency: Efficiency, snr_db: Array) -> Array:
    """Mean efficiency (bit/s/Hz) under Rayleigh fading around each mean SNR, the rate following the channel."""
    grid = np.linspace(-40.0, 60.0, 401)
    return np.interp(snr_db, grid, _draws(efficiency, grid) @ _SHARES)


def _draws(efficiency: Efficiency, snr_db: Array) -> Array:
    """Efficiency (snr, draw) at each draw of the fading."""
    return efficiency(snr_db[:, None] + 10.0 * np.log10(_DRAWS))


def gains(efficiency: Efficiency, snr_db: Array) -> Array:
    """The table that `gain_at` reads, (snr, PLACES, STEPS): mean efficiency when served over that of a lone phone.

    Of n phones whose channels fade alike around their own means, the m with the best draws are served (Borst, INFOCOM
    2003, for m = 1).  A phone with draw x is among them when at most m - 1 of the others do better, with probability
    I_F(x)(n - m, m), the regularised incomplete beta function, which also holds between whole m.  ``efficiency`` has
    the highest rate in it: a channel beyond it gains nothing.
    """
    from scipy.special import betainc

    served = np.empty((PLACES, STEPS, _DRAWS.size))
    below = -np.expm1(-_DRAWS)
    for i in range(PLACES):
        n = 2.0 ** (i / OCTAVE)
        for j in range(STEPS):
            m = n ** (j / (STEPS - 1))
            chosen = betainc(n - m, m, below) if n - m > 1e-9 else np.ones_like(below)
            served[i, j] = chosen * _SHARES / float(chosen @ _SHARES)
    rates = _draws(efficiency, snr_db)
    alone = rates @ _SHARES
    return np.asarray(np.einsum("sx,ijx->sij", rates, served) / alone[:, None, None])
