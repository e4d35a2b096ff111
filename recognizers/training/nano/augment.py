"""Changes to a log-Mel that nano must not mind: other speakers, rooms, noise, and above all the codecs of the
channel.

All of them work on Whisper's normalised log-Mel, (80, T) float32, in which 1.0 is 40 dB and the range is at
most 2.0."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from channel.mel import DYNAMIC_RANGE, mel_frequencies, mel_of_hz
from recognizers.training.emotion.augment import DECIBEL, interpolate
from recognizers.training.emotion.examples import truncate_rank

Mel = npt.NDArray[np.float32]


def _speed(mel: Mel, rng: np.random.Generator) -> Mel:
    """Another speaking rate: linear interpolation along time."""
    frames = max(8, round(mel.shape[1] * rng.uniform(0.85, 1.18)))
    return interpolate(mel.T, np.linspace(0, mel.shape[1] - 1, frames)).T


def _warp(mel: Mel, rng: np.random.Generator) -> Mel:
    """Another vocal tract: a shift and stretch along the Mel axis, up to some eight bands at the top."""
    bands = mel.shape[0]
    positions = np.arange(bands) * rng.uniform(0.90, 1.11) + rng.uniform(-2.0, 2.0)
    return interpolate(mel, np.clip(positions, 0, bands - 1))


def _size(mel: Mel, rng: np.random.Generator) -> Mel:
    """A smaller or larger speaker of the same words: all frequencies, pitch and formants, by up to a quarter."""
    return interpolate(mel, _resized(mel.shape[0], 1.25 ** rng.uniform(-1.0, 1.0)))


def _resized(bands: int, factor: float) -> npt.NDArray[np.float64]:
    """Fractional band numbers at which a Mel of frequencies raised by `factor` reads the original one."""
    edges = mel_frequencies(bands)
    per_band = mel_of_hz(edges[1])
    return np.clip(mel_of_hz(edges[1:-1] / factor) / per_band - 1, 0, bands - 1)


def _blur(mel: Mel, rng: np.random.Generator) -> Mel:
    """Another synthesiser: smooth along the bands (few harmonics left) or along time, as statistical ones
    do."""
    from scipy.ndimage import gaussian_filter

    return np.asarray(gaussian_filter(mel, rng.uniform(0, 1.5, 2)), dtype=np.float32)


def _contrast(mel: Mel, rng: np.random.Generator) -> Mel:
    """Peaks and valleys that stand out more, or less: the deviation from each frame's mean scaled by up to a
    quarter."""
    mean = mel.mean(axis=0, keepdims=True)
    return np.asarray(mean + (mel - mean) * rng.uniform(0.75, 1.25), dtype=np.float32)


def _colour(mel: Mel, rng: np.random.Generator) -> Mel:
    """Another microphone: gain, and a smooth random response of some decibels over the bands."""
    knots = rng.normal(0, 4.0, 6) + rng.normal(0, 2.0) * np.linspace(-2, 2, 6)
    curve = np.interp(np.linspace(0, 5, mel.shape[0]), np.arange(6), knots) + rng.uniform(-14, 14)
    return mel + (curve[:, None] * DECIBEL).astype(np.float32)


def _telephone(mel: Mel, rng: np.random.Generator) -> Mel:
    """A band limit between 3.2 and 5 kHz (about Mel band 54 to 66 of 80)."""
    limited = mel.copy()
    limited[rng.integers(54, 67) :] = mel.max() - DYNAMIC_RANGE
    return limited


def _noise(mel: Mel, rng: np.random.Generator) -> Mel:
    """Background noise of a random colour, added as power; 8 to 45 dB below the peak of the speech."""
    colour = np.interp(np.linspace(0, 4, mel.shape[0]), np.arange(5), rng.normal(0, 6.0, 5))
    level = mel.max() - rng.uniform(12, 50) * DECIBEL + colour[:, None] * DECIBEL
    flicker = np.log10(rng.exponential(1.0, mel.shape) + 1e-3) / 4  # a periodogram's scatter
    noise = (level + flicker).astype(np.float32)
    return np.asarray(np.log10(10 ** (4 * mel) + 10 ** (4 * noise)) / 4, dtype=np.float32)


def _reverb(mel: Mel, rng: np.random.Generator) -> Mel:
    """A room: power decays by a first-order filter along time, 60 dB in 0.15 to 0.6 s, 3 to 15 dB below."""
    from scipy.signal import lfilter

    decay = 10 ** (-6.0 / (100 * rng.uniform(0.15, 0.6)))
    power = 10.0 ** (4 * mel)
    tail = lfilter([0.0, 1 - decay], [1.0, -decay], power, axis=1) * 10 ** (-rng.uniform(0, 9) / 10)
    return (np.log10(power + tail) / 4).astype(np.float32)


def _mask(mel: Mel, rng: np.random.Generator) -> Mel:
    """SpecAugment: up to two bands of up to 10 filters and two gaps of up to 120 ms take the mean value."""
    masked = mel.copy()
    for _ in range(rng.integers(0, 3)):
        width = int(rng.integers(1, 11))
        start = rng.integers(0, mel.shape[0] - width)
        masked[start : start + width] = mel.mean()
    for _ in range(rng.integers(0, 3)):
        width = int(min(rng.integers(1, 13), mel.shape[1] // 6))
        start = rng.integers(0, mel.shape[1] - width)
        masked[:, start : start + width] = mel.mean()
    return masked


def _rank(mel: Mel, rng: np.random.Generator) -> Mel:
    """AMSER's compression: rank 5 to 60, low ranks more often."""
    return truncate_rank(mel, int(np.exp(rng.uniform(np.log(5), np.log(60)))))


def _quantise(mel: Mel, rng: np.random.Generator) -> Mel:
    """The noise of a uniform quantiser of 3 to 8 bits over the range."""
    step = DYNAMIC_RANGE / 2 ** rng.uniform(3, 8)
    return mel + rng.uniform(-step / 2, step / 2, mel.shape).astype(np.float32)


_CHAIN: tuple[tuple[float, Callable[[Mel, np.random.Generator], Mel]], ...] = (
    (0.6, _speed),
    (0.35, _size),
    (0.6, _warp),
    (0.3, _blur),
    (0.3, _contrast),
    (0.12, _telephone),
    (0.6, _colour),
    (0.1, _reverb),
    (0.2, _noise),
    (0.3, _mask),
    (0.5, _rank),
    (0.1, _quantise),
)
"""(probability, change), in the order of the physical chain: speaker, microphone, room, then the codec."""


def augment(mel: Mel, rng: np.random.Generator, strength: float = 1.0) -> Mel:
    """A random variation of a log-Mel; the time axis may change by up to 18 %. The codec's changes come last.

    `strength` scales the probability of every change.
    """
    for probability, change in _CHAIN:
        if change is _rank:  # Whisper clamps 80 dB below the peak before the codec sees the Mel
            mel = np.maximum(mel, mel.max() - DYNAMIC_RANGE)
        if rng.random() < probability * strength:
            mel = change(mel, rng).astype(np.float32)
    return mel
