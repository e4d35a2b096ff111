"""What an emotion network says, and what can go wrong with one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from scenarios.errors import AmserError, Exit

Mel = npt.NDArray[np.float32]
"""Whisper's normalised log-Mel spectrogram, shape (bands, frames), one frame every 10 ms."""

BANDS = 80
"""Mel bands of every Whisper up to large-v2, and of these networks."""

RATES: tuple[float, ...] = (0.125, 0.1875, 0.25, 0.5, 1.0)
"""The compress rates of the AMSER poster: rank / 80."""


class EmotionError(AmserError, ValueError):
    """A network cannot be loaded, trained or asked: says what, where and what to do."""

    exit_code = Exit.MISSING


@dataclass(frozen=True, slots=True)
class Emotion:
    """What the network says of one utterance."""

    label: str
    """The most probable class."""
    probabilities: Mapping[str, float]
    """Probability of every class; they sum to 1."""


def rank_of_rate(rate: float) -> int:
    """The rank that a compress rate stands for: 12.5 % of 80 bands is rank 10."""
    if not 0 < rate <= 1:
        raise EmotionError(f"a compress rate lies above 0 and at most 1, found {rate}")
    return max(1, round(rate * BANDS))
