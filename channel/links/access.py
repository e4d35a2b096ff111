"""Access: the delay between having data and being allowed to send it."""

from __future__ import annotations

from abc import ABC, abstractmethod

import numpy as np


class Access(ABC):
    """A delay before the first byte may leave."""

    __slots__ = ()

    name: str
    source: str
    constant_s: float | None = None
    """The delay when it never changes, else None; an engine may then skip the draw."""

    @property
    @abstractmethod
    def mean_s(self) -> float:
        """Mean delay in seconds."""

    @abstractmethod
    def delay(self, rng: np.random.Generator) -> float:
        """Draw one delay in seconds."""


class FixedAccess(Access):
    """Always the same delay, 0 for a channel that is granted at once."""

    __slots__ = ("constant_s",)
    name = "fixed"
    source = "given in the scenario"

    def __init__(self, delay_s: float = 0.0) -> None:
        self.constant_s: float = delay_s

    @property
    def mean_s(self) -> float:
        """The delay."""
        return self.constant_s

    def delay(self, rng: np.random.Generator) -> float:
        """Return the delay; draws nothing."""
        return self.constant_s
