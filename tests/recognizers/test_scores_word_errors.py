"""Word errors: counts against jiwer and against the definition."""

import math

import jiwer
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recognizers.scores import WordErrors, normalise, word_errors, word_scores

WORDS = st.lists(st.sampled_from(["turn", "the", "light", "on", "off", "kitchen"]), max_size=8).map(" ".join)


def test_counts_of_a_known_case():
    # "now" inserted, "the" deleted, "kitchen" replaced: cost 3, and shifting instead would cost 4. Eight
    # words.
    errors = word_errors("turn on the light in the kitchen please", "now turn on light in the bathroom please")
    assert errors == WordErrors(substitutions=1, deletions=1, insertions=1, reference_words=8)
    assert errors.rate == pytest.approx(3 / 8)


def test_whispers_normaliser_works_on_both_sides():
    assert normalise("Set a TIMER, for twenty minutes!") == "set a timer for 20 minutes"
    assert word_errors("set a timer for twenty minutes", "Set a timer for 20 minutes.").errors == 0


def test_empty_sides():
    assert word_errors("", "two words") == WordErrors(insertions=2)
    assert math.isnan(word_errors("", "two words").rate)
    assert word_errors("two words", "") == WordErrors(deletions=2, reference_words=2)
    assert word_errors("", "") == WordErrors()
    assert word_errors("um", "") == WordErrors(), "a filler is no word for the normaliser"


@settings(max_examples=40)
@given(st.lists(st.tuples(WORDS, WORDS), min_size=1, max_size=6))
def test_a_corpus_sums_counts_before_dividing(pairs):
    references, hypotheses = zip(*pairs, strict=True)
    total = sum((word_errors(r, h) for r, h in pairs), WordErrors())
    if all(references):  # jiwer refuses empty references
        assert total.rate == pytest.approx(jiwer.wer(list(references), list(hypotheses)))


@settings(max_examples=60)
@given(WORDS, WORDS)
def test_counts_close_the_balance(reference, hypothesis):
    # Words heard = words said - deletions + insertions; no alignment can break it.
    e = word_errors(reference, hypothesis)
    assert len(hypothesis.split()) == e.reference_words - e.deletions + e.insertions
    assert e.reference_words == len(reference.split())


def test_rates_of_summed_counts():
    """1 error in 2 words and none in 8: 10 %, not the mean of 50 % and 0; without words there is no rate."""
    one, two = word_errors("turn on", "turn off"), word_errors("a b c d e f g h", "a b c d e f g h")
    sums = np.array([[e.errors, e.reference_words] for e in (one, two, one + two, WordErrors(insertions=1))], float)
    rates = word_scores(sums)["wer"]
    assert rates[:3] == pytest.approx([0.5, 0.0, 0.1]) and math.isnan(rates[3])
