"""Random capacities: continuous-time Markov chains over rates, written down only as far as anybody looks."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Sequence

import numpy as np

from channel.links.errors import LinkError
from channel.links.stretches import Stretches, WrittenCapacity

_CHUNK = 512  # sojourns drawn at once


class MarkovCapacity(WrittenCapacity):
    """A rate that jumps between states; sojourns are exponential, jumps follow a matrix.

    ``rates_bps`` and ``dwells_s`` (mean sojourns) of the n states; ``jumps`` (n, n) has the probabilities to go from a
    row's state to a column's, None for all others alike.  The chain begins in its stationary distribution.
    The path is drawn in chunks when it is asked for, so two links with generators of the same seed meet the
    same path however they look at it.
    """

    __slots__ = ("_dwells", "_jumps", "_mean", "_rates", "_rng", "_state")

    def __init__(
        self,
        rates_bps: Sequence[float],
        dwells_s: Sequence[float],
        jumps: Sequence[Sequence[float]] | None,
        rng: np.random.Generator,
    ) -> None:
        n = len(rates_bps)
        if n < 2 or len(dwells_s) != n or min(dwells_s) <= 0.0 or min(rates_bps) < 0.0:
            raise LinkError("a Markov capacity needs two states or more, each with a rate and a time above 0 s")
        matrix = np.full((n, n), 1.0 / (n - 1)) if jumps is None else np.array(jumps, dtype=float)
        if jumps is None:
            np.fill_diagonal(matrix, 0.0)
        share = stationary(np.asarray(dwells_s, dtype=float), matrix)
        self._rates = [float(r) for r in rates_bps]
        self._mean = float(share @ np.asarray(self._rates))
        if self._mean <= 0.0:
            raise LinkError("a Markov capacity needs a state above 0 bit/s that it keeps coming back to")
        self._dwells = np.asarray(dwells_s, dtype=float)
        self._jumps = [np.cumsum(row).tolist() for row in matrix]
        self._rng = rng
        self._state = int(rng.choice(n, p=share))
        super().__init__(Stretches([0.0], [0.0], []))

    @property
    def mean_rate_bps(self) -> float:
        """Mean over the stationary distribution."""
        return self._mean

    def _write(self) -> None:
        """Write down one more chunk of the path."""
        lengths = self._rng.exponential(size=_CHUNK)
        picks = self._rng.random(_CHUNK)
        state, last = self._state, len(self._rates) - 1
        for length, pick in zip(lengths.tolist(), picks.tolist(), strict=True):
            self._add(self._rates[state], self._written.starts_s[-1] + length * float(self._dwells[state]))
            state = min(bisect_right(self._jumps[state], pick), last)
        self._state = state


def stationary(dwells_s: np.ndarray, jumps: np.ndarray) -> np.ndarray:
    """Share of time in each state (n,): the jump chain's stationary vector weighted with the sojourns.

    Of a chain that falls apart into several closed parts this is one of many solutions.
    """
    n = len(dwells_s)
    # pi (P - I) = 0 with the sum of pi = 1, in the least-squares sense.
    system = np.vstack([jumps.T - np.eye(n), np.ones(n)])
    visits = np.linalg.lstsq(system, np.append(np.zeros(n), 1.0), rcond=None)[0]
    share = np.clip(visits, 0.0, None) * dwells_s
    return np.asarray(share / math.fsum(share))
