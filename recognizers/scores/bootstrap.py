"""The one bootstrap: percentile intervals of any score of summed counts, and of differences between two.

A corpus is a sample of what people say, so an accuracy is known as well as its utterances let it be known: they are
drawn with replacement (Efron and Tibshirani, An Introduction to the Bootstrap, 1993, chapter 13; for word error rates
Bisani and Ney, ICASSP 2004).  Utterances of one speaker resemble each other, so whole speakers are drawn where every
utterance names one and there are at least ``FEWEST_SPEAKERS``.  Fewer speakers say next to nothing about how speakers
differ (of three there are only ten different draws); utterances are drawn then, and the interval's ``over`` says so: it
holds for these speakers and not for others.

Percentiles and not BCa: that one covers one or two points better below 50 utterances, but takes a jackknife of
quadratic size, and has no answer where the draws hardly differ.
"""

from __future__ import annotations

import hashlib
import math
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Scorer = Callable[[Floats], Mapping[str, Floats]]
"""From summed counts, shape (resamples, ...), to scores by name, each of shape (resamples,)."""

RESAMPLES = 2000
"""They place the ends of a 95 % interval to about 3 % of its half width."""
FEWEST_SPEAKERS = 8
SPEAKERS, UTTERANCES = "speakers", "utterances"
DRAWN_AT_ONCE = 4_000_000


class Score(NamedTuple):
    """A score with its interval; ``low`` and ``high`` are NaN where none can be given."""

    value: float
    low: float
    high: float
    n: int
    """Different utterances behind it, whatever was drawn."""
    over: str
    """What was drawn: ``utterances`` or ``speakers``."""


@dataclass(frozen=True)
class Counts:
    """What is summed before it is divided, by utterance: word errors and words, or a confusion of classes."""

    utterances: tuple[str, ...]
    """Different names, sorted."""
    speakers: tuple[str, ...]
    """Of each utterance; empty where unknown."""
    values: Floats
    """Shape (utterances, ...)."""

    @classmethod
    def of(cls, utterances: Sequence[str], values: npt.ArrayLike, speakers: Sequence[str] = ()) -> Counts:
        """Counts of rows; rows of one utterance (several codecs, several seeds) are added up.

        ``values`` has a row for each of ``utterances``; without ``speakers`` they are unknown.
        """
        rows = np.asarray(values, dtype=np.float64)
        names, first, place = np.unique(np.asarray(utterances, dtype=str), return_index=True, return_inverse=True)
        whole = np.zeros((len(names), *rows.shape[1:]))
        np.add.at(whole, place, rows)
        owners = tuple(str(speakers[i]) for i in first) if len(speakers) else ("",) * len(names)
        return cls(tuple(names.tolist()), owners, whole)

    def beside(self, other: Counts) -> Counts:
        """Both in one, shape (utterances, 2, ...); an utterance that one of them lacks counts nothing there."""
        shape = self.values.shape[1:]
        rows = np.zeros((len(self.utterances) + len(other.utterances), 2, *shape))
        rows[: len(self.utterances), 0] = self.values
        rows[len(self.utterances) :, 1] = other.values
        return Counts.of((*self.utterances, *other.utterances), rows, (*self.speakers, *other.speakers))


def scores(counts: Counts, scorer: Scorer, level: float = 0.95) -> dict[str, Score]:
    """Every score of ``counts`` with its interval at ``level``, deterministic by the names of what is drawn.

    Two codecs of the same utterances meet the same draws.  No interval is given (NaN) where fewer than two can be
    drawn, or where no draw differs from the others: a corpus without an error does not bound the rate of errors.
    """
    names, values, over = _drawable(counts)
    found = {name: float(value[0]) for name, value in scorer(values.sum(axis=0)[None]).items()}
    ends = _intervals(names, values, scorer, level) if len(names) > 1 else [(math.nan, math.nan)] * len(found)
    n = len(counts.utterances)
    return {name: Score(v, *e, n, over) for (name, v), e in zip(found.items(), ends, strict=True)}


def differences(first: Counts, second: Counts, scorer: Scorer, level: float = 0.95) -> dict[str, Score]:
    """Every score of ``first`` minus that of ``second``, paired: each draw takes an utterance in both.

    What is hard to understand under both cancels, so this interval is tighter than two separate ones suggest.
    """

    def difference(sums: Floats) -> dict[str, Floats]:
        one, two = scorer(sums[:, 0]), scorer(sums[:, 1])
        return {name: one[name] - two[name] for name in one}

    return scores(first.beside(second), difference, level)


def _drawable(counts: Counts) -> tuple[Sequence[str], Floats, str]:
    """The names of what is drawn as a whole, its counts, and what it is."""
    known = set(counts.speakers)
    if "" in known or len(known) < FEWEST_SPEAKERS:
        return counts.utterances, counts.values, UTTERANCES
    by_speaker = Counts.of(counts.speakers, counts.values)
    return by_speaker.utterances, by_speaker.values, SPEAKERS


def _intervals(names: Sequence[str], values: Floats, scorer: Scorer, level: float) -> list[tuple[float, float]]:
    from scipy import stats

    count = len(names)
    flat = values.reshape(count, -1)

    def statistic(drawn: npt.NDArray[np.int64], axis: int = -1) -> Floats:
        rows = drawn.reshape(-1, count)
        # How often each is in each draw, then one product: a tenth of the time of summing picked rows of a confusion.
        places = rows + count * np.arange(len(rows))[:, None]
        often = np.bincount(places.ravel(), minlength=rows.size).reshape(rows.shape).astype(np.float64)
        sums = (often @ flat).reshape(len(rows), *values.shape[1:])
        with np.errstate(invalid="ignore", divide="ignore"):
            return np.stack(list(scorer(sums).values()))

    with warnings.catch_warnings():
        # Scores that no draw changes have no interval, which `_ends` says; SciPy's own warning speaks of BCa.
        warnings.simplefilter("ignore", stats.DegenerateDataWarning)
        distribution: Any = stats.bootstrap(
            (np.arange(count),),
            statistic,
            n_resamples=RESAMPLES,
            batch=max(1, min(RESAMPLES, DRAWN_AT_ONCE // count)),
            vectorized=True,
            method="percentile",
            rng=_generator(names),
        ).bootstrap_distribution
    return [_ends(np.asarray(row, dtype=np.float64), level) for row in distribution]


def _ends(drawn: Floats, level: float) -> tuple[float, float]:
    """Percentiles of the draws that have a score; a draw may hold no word at all."""
    known = drawn[np.isfinite(drawn)]
    if not known.size or known.min() == known.max():
        return math.nan, math.nan
    low, high = np.quantile(known, [(1.0 - level) / 2.0, (1.0 + level) / 2.0])
    return float(low), float(high)


def _generator(names: Sequence[str]) -> np.random.Generator:
    digest = hashlib.sha256("\0".join(names).encode()).digest()
    return np.random.default_rng(int.from_bytes(digest[:16], "big"))
