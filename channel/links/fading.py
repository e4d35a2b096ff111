"""Multi-user diversity: what proportional fair scheduling gains from independent Rayleigh fading."""

from __future__ import annotations

from functools import lru_cache

import numpy as np


@lru_cache(maxsize=32)
def multiuser_gain(mean_snr_db: float, most: int) -> tuple[float, ...]:
    """Gain G(1), ..., G(``most``) in a cell's total rate when n devices are served at the best of n draws.

    Each device's SNR is exponentially distributed (Rayleigh fading) around its mean; rate is Shannon's.  With
    M the largest of n unit exponentials, G(n) = E[log2(1 + snr M)] / E[log2(1 + snr X)], G(1) = 1.  For a
    weak channel the rate is linear in the SNR and G(n) tends to the harmonic number 1 + 1/2 + ... + 1/n;
    for a strong one it tends to 1.  All devices use the gain at ``mean_snr_db``, the cell's typical SNR.

    The expectation is the integral of f'(x) P(M > x) over x, by the trapezoidal rule; see Viswanath, Tse and
    Laroia, IEEE Trans. Information Theory 48(6), 2002, for the effect.
    """
    snr = 10.0 ** (mean_snr_db / 10.0)
    x = np.concatenate(([0.0], np.geomspace(1e-9, 60.0, 4000)))
    slope = snr / (1.0 + snr * x)
    below = -np.expm1(-x)  # P(X <= x)
    alone = float(np.trapezoid(slope * (1.0 - below), x))
    # P(M > x) = 1 - P(X <= x)^n; expm1 and log1p keep its small values exact.
    log_below = np.log1p(-np.exp(-np.maximum(x, 1e-300)), where=x > 0.0, out=np.full_like(x, -np.inf))
    return tuple(float(np.trapezoid(slope * -np.expm1(n * log_below), x)) / alone for n in range(1, most + 1))
