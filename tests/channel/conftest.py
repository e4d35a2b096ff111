"""Speech-like signals for the codec tests: real speech is not needed to check a codec's arithmetic."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import pytest


def _voice(samples: int, seed: int = 1) -> npt.NDArray[np.float32]:
    """A buzz with moving pitch through moving resonances, in syllables with pauses, and some noise."""
    rng = np.random.default_rng(seed)
    t = np.arange(samples) / 16_000
    pitch = 120.0 + 30.0 * np.sin(2 * np.pi * 0.7 * t + seed)
    phase = 2 * np.pi * np.cumsum(pitch) / 16_000
    first, second = 500 + 250 * np.sin(2 * np.pi * 1.3 * t), 1500 + 600 * np.sin(2 * np.pi * 0.9 * t + 1)
    sound = np.zeros(samples)
    for harmonic in range(1, 40):
        frequency = harmonic * pitch
        gain = 1 / (1 + ((frequency - first) / 120) ** 2) + 0.5 / (1 + ((frequency - second) / 180) ** 2)
        sound += np.where(frequency < 7800, gain, 0.0) * np.sin(harmonic * phase)
    syllables = np.clip(np.sin(2 * np.pi * 2.2 * t + seed), 0.0, 1.0) ** 0.7
    audio = 0.15 * sound * syllables + 0.001 * rng.standard_normal(samples)
    return np.clip(audio, -1.0, 1.0).astype(np.float32)


@pytest.fixture(scope="session")
def speech() -> npt.NDArray[np.float32]:
    """Three seconds."""
    return _voice(48_000)


@pytest.fixture(scope="session")
def voice() -> Callable[..., npt.NDArray[np.float32]]:
    """``voice(samples, seed)``: another voice for each seed."""
    return _voice
