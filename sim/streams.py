"""Random numbers by name: one independent stream for each purpose, so that codecs can be compared in pairs.

Two points of a sweep that share seed, replication and site draw the same arrivals, the same utterances and
the same channel (common random numbers), because no stream depends on the codec or on how many numbers
another stream has used.
"""

from __future__ import annotations

from dataclasses import dataclass
from zlib import crc32

import numpy as np


@dataclass(frozen=True)
class Streams:
    """The random streams of one replication at one site."""

    seed: int
    replication: int
    site: int = 0

    def __call__(self, *names: str) -> np.random.Generator:
        """The generator called ``names``, e.g. ``streams("arrivals", "phones")``; always from its beginning."""
        words = [self.seed & 0xFFFFFFFF, self.seed >> 32, self.replication, self.site]
        words += [crc32(name.encode()) for name in names]
        return np.random.Generator(np.random.PCG64(np.random.SeedSequence(words)))
