"""Loss: whether an upload arrives."""

from __future__ import annotations

from abc import ABC, abstractmethod

import numpy as np


class Loss(ABC):
    """Whether the payload of an upload arrives."""

    __slots__ = ()

    name: str
    lossless = False
    """True when nothing is ever lost; an engine may then skip the draw."""

    @abstractmethod
    def probability(self, packets: int) -> float:
        """Probability that an upload of so many packets is lost."""

    def lost(self, rng: np.random.Generator, packets: int) -> bool:
        """Draw whether an upload is lost."""
        return bool(rng.random() < self.probability(packets))


class NoLoss(Loss):
    """Every payload arrives."""

    name = "none"
    lossless = True

    def probability(self, packets: int) -> float:
        """Zero."""
        return 0.0

    def lost(self, rng: np.random.Generator, packets: int) -> bool:
        """Never; draws nothing."""
        return False


class PayloadLoss(Loss):
    """A whole payload is lost with the same probability, whatever its size."""

    __slots__ = ("_probability",)
    name = "payload"

    def __init__(self, probability: float) -> None:
        self._probability = probability

    def probability(self, packets: int) -> float:
        """The given probability."""
        return self._probability
