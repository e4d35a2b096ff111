"""How often the 95 % intervals of word errors contain the truth of corpora that are drawn from a known one.

    python -m benchmarks.corpus_coverage [--corpora 600]

A corpus is a number of utterances of 3 to 20 words, each word wrong with the utterance's own probability.  ``even``:
0.1 for all.  ``uneven``: Beta(0.2, 1.8), most utterances clear and some hopeless.  ``speakers``: Beta(2, 18) for each
speaker, 15 utterances each.  The word error rate of all possible speech is 0.1 in each.  ``pair``: a second codec errs
on 5 % of the words that the first understood (uneven), so that the true difference is 0.05 * 0.9 = 0.045.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np
import numpy.typing as npt

from recognizers.scores import Counts, Score, differences, scores, word_scores
from sim.figures.statistics import proportion_interval

WER = 0.1
ALSO_WRONG = 0.05
EACH = 15
"""Utterances of a speaker."""

Ints = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Case:
    """A kind of corpus: draws one and gives its interval."""

    name: str
    truth: float
    found: Callable[[np.random.Generator], Score]


def _words(rng: np.random.Generator, count: int) -> Ints:
    return rng.integers(3, 21, count)


def _corpus(errors: Ints, words: Ints, speakers: int = 0) -> Counts:
    names = [f"u{i:05d}" for i in range(len(words))]
    owners = [f"s{i // EACH}" for i in range(len(words))] if speakers else ()
    return Counts.of(names, np.stack([errors, words], axis=-1), owners)


def even(count: int, rng: np.random.Generator) -> Score:
    """Independent errors."""
    words = _words(rng, count)
    return scores(_corpus(rng.binomial(words, WER), words), word_scores)["wer"]


def uneven(count: int, rng: np.random.Generator) -> Score:
    """Most utterances clear, some hopeless."""
    words = _words(rng, count)
    return scores(_corpus(rng.binomial(words, rng.beta(0.2, 1.8, count)), words), word_scores)["wer"]


def of_speakers(count: int, known: bool, rng: np.random.Generator) -> Score:
    """Speakers who differ; ``known``: their names are told."""
    words = _words(rng, count * EACH)
    errors = rng.binomial(words, np.repeat(rng.beta(2, 18, count), EACH))
    return scores(_corpus(errors, words, count if known else 0), word_scores)["wer"]


def pair(count: int, rng: np.random.Generator) -> Score:
    """A second codec minus the first."""
    words = _words(rng, count)
    first = rng.binomial(words, rng.beta(0.2, 1.8, count))
    second = first + rng.binomial(words - first, ALSO_WRONG)
    return differences(_corpus(second, words), _corpus(first, words), word_scores)["wer"]


CASES = (
    *(Case(f"even, {n} utterances", WER, partial(even, n)) for n in (20, 50, 100, 200)),
    *(Case(f"uneven, {n} utterances", WER, partial(uneven, n)) for n in (20, 50, 100, 200)),
    *(Case(f"pair, {n} utterances", ALSO_WRONG * (1 - WER), partial(pair, n)) for n in (20, 50, 100)),
    *(Case(f"{n} speakers", WER, partial(of_speakers, n, True)) for n in (5, 8, 12, 20)),
    *(Case(f"{n} speakers, names unknown", WER, partial(of_speakers, n, False)) for n in (8, 20)),
)


def hits(case: Case, corpora: int, seed: int = 1) -> tuple[int, list[Score]]:
    """How many of so many corpora have an interval with the truth in it, and all of them."""
    rng = np.random.default_rng(seed)
    found = [case.found(rng) for _ in range(corpora)]
    return sum(f.low <= case.truth <= f.high for f in found), found


def main(arguments: list[str] | None = None) -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--corpora", type=int, default=600)
    given = parser.parse_args(arguments)
    sys.stdout.write(
        "| corpora | drawn | contained | share | its 95 % interval | mean half width |\n"
        "| --- | --- | --- | --- | --- | --- |\n"
    )
    for case in CASES:
        inside, found = hits(case, given.corpora)
        share = proportion_interval(inside, given.corpora)
        half = float(np.nanmean([f.high - f.low for f in found])) / 2
        sys.stdout.write(
            f"| {case.name} | {found[0].over} | {inside} of {given.corpora} | {share.mean:.1%} | "
            f"{share.low:.1%} to {share.high:.1%} | {100 * half:.1f} points |\n"
        )
        sys.stdout.flush()


if __name__ == "__main__":
    main()
