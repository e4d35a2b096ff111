"""What a scheduler gains by serving each phone when its channel is good, under Rayleigh fading."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from channel.links.rungs import LEAST_PRICE, MOST_PRICE, OCTAVE, PLACES, PRICES, STEPS

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


def demands(efficiency: Efficiency, snr_db: Array, full: Array, blocks: Array, total: float) -> Array:
    """The table that `demand_at` reads, (phones, PRICES): mean blocks that each takes at a price of a block.

    Proportional fair is the market whose prices clear it (Kelly, Mazumdar and Gibbens: logarithmic utilities): at a
    price ``p`` a phone takes at every moment the blocks b that maximise R(b) / T - p b, where R(b) is its rate on b
    of them at that moment and T its mean rate, which all its moments make.  In terms of c = p T the choice is without
    T, so T follows from c and the price from both.  Up to ``full`` blocks, at ``snr_db`` each, the rate is in
    proportion; up to ``blocks`` the same power is spread more thinly.  For very many phones that is exact; with few, a
    phone's competitors are sometimes all weak or all strong.
    """
    prices = np.linspace(LEAST_PRICE, MOST_PRICE, PRICES)
    rows = []
    for snr, least, most in zip(snr_db, full, blocks, strict=True):
        wide = least * 2.0 ** np.arange(0.0, math.log2(most / least) + 1e-9, 1.0 / 3.0)
        widths = np.unique(np.append(wide, most))
        known, taken = _demand(widths, widths[:, None] * _draws(efficiency, snr - 10.0 * np.log10(widths / least)))
        known = known + math.log2(total)
        # Beyond the best moment of all, it is taken as often as the price allows.
        beyond = taken[-1] * 2.0 ** np.minimum(0.0, known[-1] - prices)
        rows.append(np.where(prices > known[-1], beyond, np.interp(prices, known, taken)))
    return np.array(rows)


def _demand(widths: Array, rates: Array) -> tuple[Array, Array]:
    """Powers of two of a block's price, rising, and the blocks taken there, from the rates (width, draw) of a phone."""
    costs = np.geomspace(1e-4 * float(rates[-1] @ _SHARES) / widths[-1], rates[0].max() / widths[0] * (1 - 1e-9), 160)
    taken, prices, every = np.empty(costs.size), np.empty(costs.size), np.arange(rates.shape[1])
    for j, cost in enumerate(costs):
        best = np.argmax(rates - cost * widths[:, None], axis=0)
        rate = rates[best, every]
        worth = np.where(rate > cost * widths[best], _SHARES, 0.0)
        taken[j], prices[j] = float(widths[best] @ worth), cost / float(rate @ worth)
    return np.log2(prices), taken


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
