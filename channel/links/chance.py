"""What is random about one upload, drawn from a source of uniform numbers that the caller gives."""

from __future__ import annotations

import math
from collections.abc import Callable

Uniform = Callable[[], float]
"""Gives one number after the other, uniform in [0, 1) and independent."""


def geometric(uniform: Uniform, probability: float) -> int:
    """Trials up to the first success, 1 or more, by inversion."""
    if probability >= 1.0:
        return 1
    return 1 + math.floor(math.log1p(-uniform()) / math.log1p(-probability))
