"""Classes against scikit-learn, and which classes the means run over."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import accuracy_score, balanced_accuracy_score, confusion_matrix, f1_score

from recognizers.scores import CLASS_METRICS, class_scores, confusion, score_classes

CASES = st.integers(2, 6).flatmap(
    lambda classes: st.tuples(
        st.just(classes),
        st.lists(st.tuples(st.integers(0, classes - 1), st.integers(0, classes - 1)), min_size=1, max_size=60),
    )
)


@given(CASES)
@settings(max_examples=40, deadline=None)
@pytest.mark.filterwarnings("ignore:y_pred contains classes not in y_true", "ignore:A single label was found")
def test_scores_agree_with_scikit_learn(case: tuple[int, list[tuple[int, int]]]) -> None:
    """Any predictions, also with classes that are never true and such as are never predicted."""
    classes, pairs = case
    true, predicted = (np.array(side, dtype=np.int64) for side in zip(*pairs, strict=True))
    occur = np.unique(true)
    found = score_classes(true, predicted, classes)
    assert found.count == len(pairs)
    assert np.array_equal(found.confusion, confusion_matrix(true, predicted, labels=range(classes)))
    assert found.accuracy == pytest.approx(accuracy_score(true, predicted))
    assert found.unweighted_accuracy == pytest.approx(balanced_accuracy_score(true, predicted))
    for ours, average in ((found.f1_weighted, "weighted"), (found.f1_macro, "macro")):
        theirs = f1_score(true, predicted, labels=occur, average=average, zero_division=0)
        assert ours == pytest.approx(theirs)


def test_a_class_that_is_never_true_is_no_class_of_the_mean() -> None:
    """Recall 1 and 2/3, F1 1 and 0.8: the slip into a third class costs its own class, not the mean a third."""
    found = score_classes(np.array([0, 0, 1, 1, 1]), np.array([0, 0, 1, 1, 2]), 3)
    assert found.unweighted_accuracy == pytest.approx((1 + 2 / 3) / 2)
    assert found.f1_macro == pytest.approx((1 + 0.8) / 2)


def test_weights_count_like_repeats() -> None:
    once = np.array([[2.0, 1.0], [0.0, 3.0]])
    repeated = confusion(np.array([0, 0, 0, 1, 1, 1]), np.array([0, 0, 1, 1, 1, 1]), 2)
    stacked = class_scores(np.stack([once, 10 * once]))
    for name in CLASS_METRICS:
        expected = class_scores(repeated)[name]
        assert [class_scores(once)[name], *stacked[name]] == pytest.approx([expected] * 3, rel=1e-12)


def test_nothing_predicted_has_no_score() -> None:
    assert all(math.isnan(value) for value in class_scores(np.zeros((2, 2))).values())
