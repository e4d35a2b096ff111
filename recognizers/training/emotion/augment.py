"""Random variations of a Mel in training: other rates of speech, voices and levels, and gaps; random ranks."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from recognizers.emotion.types import Mel

DECIBEL = 1.0 / 40.0
"""One decibel in units of the normalised log-Mel: (log10 + 4) / 4."""
LOWEST_RANK, HIGHEST_RANK = 6, 80


def any_rank(rng: np.random.Generator) -> int:
    """A random rank, each ratio of ranks alike."""
    return round(float(np.exp(rng.uniform(np.log(LOWEST_RANK), np.log(HIGHEST_RANK)))))


def vary(mel: Mel, rng: np.random.Generator, strength: float = 1.0) -> Mel:
    """A random variation of a Mel (80, T): speed and vocal tract (p = 0.8), level, gaps.

    The level moves by 3 dB only, because loudness carries emotion. `strength` scales the size of every change; 0
    changes nothing. Stretching is linear along each axis, so a rank that the channel left survives it, although the
    channel comes last.
    """
    if strength <= 0:
        return mel
    if rng.random() < 0.8:
        mel = _stretch(mel, rng, strength)
    mel = mel + np.float32(rng.normal(0.0, 3.0 * strength) * DECIBEL)
    return _gaps(mel, rng, strength)


def _stretch(mel: Mel, rng: np.random.Generator, strength: float) -> Mel:
    """Linear interpolation along time (rate of speech, 15 %) and along the bands (vocal tract, 6 %)."""
    bands, frames = mel.shape
    faster = 1 + 0.15 * strength * rng.uniform(-1, 1)
    mel = interpolate(mel.T, np.linspace(0, frames - 1, max(16, round(frames / faster)))).T
    positions = np.arange(bands) * (1 + 0.06 * strength * rng.uniform(-1, 1)) + strength * rng.uniform(-1.5, 1.5)
    return interpolate(mel, np.clip(positions, 0, bands - 1))


def interpolate(rows: Mel, positions: npt.NDArray[np.float64]) -> Mel:
    """Linear interpolation between rows, at fractional row numbers from 0 to len(rows) - 1."""
    low = np.minimum(positions.astype(int), len(rows) - 2)
    weight = (positions - low)[:, None].astype(np.float32)
    return np.asarray(rows[low] * (1 - weight) + rows[low + 1] * weight, dtype=np.float32)


def _gaps(mel: Mel, rng: np.random.Generator, strength: float) -> Mel:
    """SpecAugment (Park et al. 2019): up to two gaps of 10 bands and two of a tenth of the time, at the
    mean."""
    bands, frames = mel.shape
    mel = mel.copy()
    mean = mel.mean()
    for _ in range(rng.integers(0, 3)):
        width = int(rng.integers(1, max(2, round(10 * strength))))
        start = int(rng.integers(0, bands - width))
        mel[start : start + width] = mean
    for _ in range(rng.integers(0, 3)):
        width = int(rng.integers(1, max(2, round(frames * 0.1 * strength))))
        start = int(rng.integers(0, max(1, frames - width)))
        mel[:, start : start + width] = mean
    return mel
