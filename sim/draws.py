"""Random numbers by name and count: (seed, replication, site, purpose, group; device, k, i) gives the draw.

Philox4x32-10 (Salmon, Moraes, Dror and Shaw, SC 2011) turns a counter into random words under a key.  The key is a
digest of what is drawn and for whom, the counter says for which device and for which of its utterances.  No draw
depends on how many were made before it, so a device, a group or a longer run changes nothing of what was there, and
the points of a sweep that share a seed meet the same arrivals and the same channel (common random numbers).

``philox`` is integer arithmetic in 64-bit words that may wrap: the same source gives the same numbers for integers of
Python, for arrays of NumPy's int64 and compiled by Numba.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

MASK = 0xFFFFFFFF
Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


class Key(NamedTuple):
    """The two 32-bit words under which one purpose of one group draws."""

    low: int
    high: int


def philox(c0: Any, c1: Any, c2: Any, c3: Any, low: Any, high: Any) -> Any:
    """Four random words of 32 bits for a counter of four and a key of two; all integers or all arrays."""
    for _ in range(10):
        # Products of 32-bit words may set the sign of an int64; the masks take the right halves all the same.
        first, second = 0xD2511F53 * c0, 0xCD9E8D57 * c2
        c0, c1, c2, c3 = (
            ((second >> 32) & MASK) ^ c1 ^ low,
            second & MASK,
            ((first >> 32) & MASK) ^ c3 ^ high,
            first & MASK,
        )
        low, high = (low + 0x9E3779B9) & MASK, (high + 0xBB67AE85) & MASK
    return c0, c1, c2, c3


def uniforms(low: Any, high: Any, device: Any, k: Any, i: Any) -> Any:
    """Two independent uniform numbers in [0, 1) with 53 bits: the ``i``-th pair of a device's ``k``-th utterance."""
    a, b, c, d = philox(device & MASK, i & MASK, k & MASK, (k >> 32) & MASK, low, high)
    return (
        ((a >> 5) * 67108864.0 + (b >> 6)) / 9007199254740992.0,
        ((c >> 5) * 67108864.0 + (d >> 6)) / 9007199254740992.0,
    )


@dataclass(frozen=True)
class Draws:
    """The random numbers of one replication at one site."""

    seed: int
    replication: int
    site: int = 0

    def key(self, purpose: str, name: str = "") -> Key:
        """The key of a purpose, such as ``arrivals``, of a group or cell."""
        return Key(*(int(word) for word in np.frombuffer(self._digest(purpose, name, 8), dtype="<u4")))

    def generator(self, purpose: str, name: str = "") -> np.random.Generator:
        """A generator of its own, for what belongs to a whole cell or comes from a user's class."""
        words = np.frombuffer(self._digest(purpose, name, 16), dtype="<u8")
        return np.random.Generator(np.random.Philox(key=words))

    def of_devices(self, purpose: str, name: str = "") -> Callable[[Ints, int], Floats]:
        """A function of (device numbers, i) that gives the ``i``-th uniform number of each, shape (devices,)."""
        low, high = self.key(purpose, name)

        def drawn(devices: Ints, i: int) -> Floats:
            pair: tuple[Floats, Floats] = uniforms(low, high, np.asarray(devices, np.int64), 0, i // 2)
            return pair[i % 2]

        return drawn

    def pairs(self, purpose: str, name: str = "") -> Callable[[int, int, int], tuple[float, float]]:
        """A function of (device, k, i) that gives the ``i``-th pair of uniform numbers of its ``k``-th step."""
        low, high = self.key(purpose, name)

        def drawn(device: int, k: int, i: int) -> tuple[float, float]:
            first, second = uniforms(low, high, device, k, i)
            return float(first), float(second)

        return drawn

    def _digest(self, purpose: str, name: str, size: int) -> bytes:
        text = f"{self.seed}|{self.replication}|{self.site}|{purpose}|{name}"
        return blake2b(text.encode(), digest_size=size).digest()


class Chance:
    """One uniform number after the other for one utterance: ``chance()`` is in [0, 1)."""

    __slots__ = ("_i", "_spare", "device", "k", "key")

    def __init__(self, key: Key, device: int, k: int, turn: int = 0) -> None:
        self.key, self.device, self.k = key, device, k
        self._i = turn << 20  # more pairs than any attempt draws
        self._spare = -1.0

    def __call__(self) -> float:
        """The next number."""
        if self._spare >= 0.0:
            number, self._spare = self._spare, -1.0
            return number
        number, self._spare = uniforms(self.key.low, self.key.high, self.device, self.k, self._i)
        self._i += 1
        return float(number)
