"""The one bootstrap: against theory, against the truth of synthetic corpora, paired, by speaker, and repeatable."""

from __future__ import annotations

import math
import warnings
from functools import partial

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from benchmarks.corpus_coverage import ALSO_WRONG, WER, Case, hits, of_speakers, pair, uneven
from recognizers.scores import (
    CLASS_METRICS,
    Counts,
    Score,
    class_counts,
    class_scores,
    differences,
    labels_of,
    scores,
    word_counts,
    word_scores,
)


def corpus(errors: object, words: object, prefix: str = "u", speakers: object = ()) -> Counts:
    pairs = np.stack(np.broadcast_arrays(np.asarray(errors, float), np.asarray(words, float)), axis=-1)
    return Counts.of([f"{prefix}{i:05d}" for i in range(len(pairs))], pairs, speakers)  # type: ignore[arg-type]


def wer(counts: Counts, level: float = 0.95) -> Score:
    return scores(counts, word_scores, level)["wer"]


def width(found: Score) -> float:
    return found.high - found.low


def test_interval_of_a_binomial_rate() -> None:
    """2,000 utterances of one word, one word in ten wrong: the deviation is sqrt(p (1 - p) / n) = 0.0067.

    2,000 resamples give each end to about 3 % of its distance from the middle; the tolerance is seven times that.
    """
    found = wer(corpus(np.arange(2000) % 10 == 0, 1))
    half = 1.96 * math.sqrt(0.1 * 0.9 / 2000)
    assert found[::3] == (0.1, 2000) and found.over == "utterances"
    assert found.low == pytest.approx(0.1 - half, abs=0.2 * half)
    assert found.high == pytest.approx(0.1 + half, abs=0.2 * half)


def test_a_narrower_level_lies_inside() -> None:
    counts = corpus(np.arange(100) % 7 == 0, 3)
    inner, outer = wer(counts, 0.8), wer(counts, 0.95)
    assert outer.low < inner.low < inner.value < inner.high < outer.high


def test_the_order_of_rows_changes_nothing() -> None:
    rng = np.random.default_rng(3)
    names, pairs = [f"u{i}" for i in range(40)], np.stack([rng.integers(0, 3, 40), rng.integers(3, 9, 40)], axis=-1)
    order = rng.permutation(40)
    assert wer(Counts.of(names, pairs)) == wer(Counts.of([names[i] for i in order], pairs[order]))


def test_uploads_do_not_narrow_an_interval() -> None:
    """Ten times the uploads of each utterance: the same corpus, so the same interval to the last bit.

    Uploads drawn at random weigh utterances unequally, by 1 / sqrt(uploads of each): from 20 of each on the interval
    is that of the corpus within its own noise, and 100 times more leave it there instead of dividing it by ten.
    """
    rng = np.random.default_rng(5)
    words = rng.integers(3, 12, 60)
    errors = rng.binomial(words, 0.1)
    plain = wer(corpus(errors, words))
    assert wer(corpus(10 * errors, 10 * words)) == plain
    for uploads in (20, 2000):
        drawn = rng.multinomial(60 * uploads, np.full(60, 1 / 60))
        assert width(wer(corpus(drawn * errors, drawn * words))) == pytest.approx(width(plain), rel=0.15)


def test_rows_of_one_utterance_are_one_observation() -> None:
    """Three seeds that agree know no more of the corpus than one."""
    true = np.arange(80) % 4 == 0
    names = [f"u{i}" for i in range(80)]
    once, thrice = (
        Counts.of(names, np.stack([true, np.ones(80)], -1)),
        Counts.of(names * 3, np.stack([np.tile(true, 3), np.ones(240)], -1)),
    )
    assert wer(once) == wer(thrice)


def test_speakers_are_drawn_whole_where_there_are_enough() -> None:
    """Half of the speakers are never understood: what matters is how many of them are drawn, Binomial(k, 1/2) of k.

    With 16 speakers its 2.5 and 97.5 percentiles are 4/16 and 12/16; the 160 utterances alone would give 0.42 to 0.58.
    With 7 speakers utterances are drawn, and the interval says so.
    """
    speakers = [f"s{i % 16}" for i in range(160)]
    found = wer(corpus([i % 2 for i in range(160)], 1, speakers=speakers))
    assert found == Score(0.5, *(stats.binom.ppf([0.025, 0.975], 16, 0.5) / 16).tolist(), 160, "speakers")
    few = wer(corpus([i % 2 for i in range(160)], 1, speakers=[f"s{i % 7}" for i in range(160)]))
    assert few.over == "utterances" and width(few) < 0.2
    unknown = wer(corpus([i % 2 for i in range(160)], 1, speakers=["", *speakers[1:]]))
    assert unknown.over == "utterances"


def test_differences_are_paired_by_utterance() -> None:
    """Two codecs that fail on the same hard utterances: the spread of the utterances cancels.

    For independent errors the pairs would be as wide as sqrt(2) single intervals; here the codecs differ in 4 of 200
    utterances only, whose deviation is sqrt(0.02 * 0.98 / 200) = 0.0099 (a word each).
    """
    hard = np.arange(200) % 3 == 0
    other = hard.copy()
    other[[1, 50, 100, 151]] = True
    first, second = corpus(other, 1), corpus(hard, 1)
    found = differences(first, second, word_scores)["wer"]
    assert found.value == pytest.approx(0.02) and found.n == 200
    assert width(found) == pytest.approx(2 * 1.96 * math.sqrt(0.02 * 0.98 / 200), rel=0.2)
    assert width(found) < 0.3 * math.hypot(width(wer(first)), width(wer(second)))
    back = differences(second, first, word_scores)["wer"]
    assert back[:3] == pytest.approx([-found.value, -found.high, -found.low])


def test_corpora_that_share_nothing_differ_as_independent_ones() -> None:
    """Deviation sqrt(p (1 - p) (1/n + 1/m)) for shares of independent samples of n = m = 400 one-word utterances."""
    wrong = np.arange(400) % 5 == 0
    found = differences(corpus(wrong, 1, "a"), corpus(wrong, 1, "b"), word_scores)["wer"]
    assert found.value == 0 and found.n == 800
    assert width(found) == pytest.approx(2 * 1.96 * math.sqrt(0.2 * 0.8 * 2 / 400), rel=0.15)


def test_what_the_corpus_cannot_tell_has_no_interval() -> None:
    """No error in 30 utterances bounds nothing; of one utterance nothing can be drawn; no words, no rate."""
    for counts, value in ((corpus(np.zeros(30), 4), 0.0), (corpus([1], 4), 0.25)):
        found = wer(counts)
        assert found.value == value and math.isnan(found.low) and math.isnan(found.high)
    assert all(math.isnan(x) for x in wer(corpus([], 1))[:3])
    same = corpus(np.arange(9) % 2, 3)
    assert math.isnan(differences(same, same, word_scores)["wer"].low)


def test_a_table_is_scored_by_its_uploads() -> None:
    """By hand: weights 3, 1 and 2 make (3 + 0 + 2 * 1) errors in (3 * 2 + 4 + 2 * 4) words, and 3 + 1 of 6 right."""
    table = pd.DataFrame(
        {
            "utterance": ["a", "b", "b", "c", "d"],
            "speaker": [None] * 5,
            "substitutions": [1.0, 0.0, 1.0, 9.0, np.nan],
            "deletions": 0.0,
            "insertions": 0.0,
            "reference_words": [2.0, 4.0, 4.0, 9.0, np.nan],
            "emotion": ["sad", "sad", "sad", "angry", None],
            "emotion_predicted": ["sad", "sad", "calm", "angry", "sad"],
        }
    )
    uploads = [3, 1, 2, 0, 5]
    words = wer(word_counts(table, uploads))
    assert words.value == pytest.approx(5 / 18) and words.n == 2
    labels = labels_of(table)
    assert labels == ("angry", "calm", "sad")
    felt = scores(class_counts(table, labels, uploads), class_scores)
    assert tuple(felt) == CLASS_METRICS
    assert felt["accuracy"].value == pytest.approx(4 / 6) and felt["accuracy"].n == 2


@pytest.mark.slow
@pytest.mark.parametrize(
    ("case", "least"),
    [
        (Case("uneven, 30 utterances", WER, partial(uneven, 30)), 0.87),
        (Case("uneven, 120 utterances", WER, partial(uneven, 120)), 0.91),
        (Case("pair, 100 utterances", ALSO_WRONG * (1 - WER), partial(pair, 100)), 0.91),
        (Case("20 speakers", WER, partial(of_speakers, 20, True)), 0.87),
    ],
    ids=lambda value: value.name if isinstance(value, Case) else "",
)
def test_intervals_cover_the_truth_of_synthetic_corpora(case: Case, least: float) -> None:
    """The percentile bootstrap is first-order exact: it covers less than 95 % by an error of order 1 / n.

    Of 400 corpora an honest 95 % interval covers 91.7 % or more in 999 of 1,000 cases; 30 uneven utterances, or 20
    speakers, cost about 4 points of coverage more (``docs/results/coverage.md``).
    """
    assert least <= hits(case, 400)[0] / 400 <= 0.985


@pytest.mark.slow
def test_utterances_of_the_same_speakers_are_too_sure() -> None:
    """Utterances of a speaker share its rate of errors, so drawing utterances is too narrow for other speakers."""
    known, unknown = (
        hits(Case("", WER, partial(of_speakers, 20, told)), 200, seed=10)[0] / 200 for told in (True, False)
    )
    assert unknown < known - 0.1


def test_a_score_that_no_draw_changes_has_no_interval_and_no_warning() -> None:
    """A codec that gives raw speech's classes: SciPy would tell the user of an interval that was not asked for."""
    one = corpus(np.tile([1, 0], 20), 2)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        (found,) = [s for name, s in differences(one, one, word_scores).items() if name == "wer"]
    assert found.value == 0.0 and math.isnan(found.low) and math.isnan(found.high)
