"""Classes found against classes that are true: accuracy, unweighted accuracy and F1, all from one confusion."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

CLASS_METRICS = ("accuracy", "unweighted_accuracy", "f1_weighted", "f1_macro")


@dataclass(frozen=True)
class ClassScores:
    """How well predictions fit. All but the confusion are shares between 0 and 1, NaN without any prediction."""

    accuracy: float
    """WA: share of right predictions."""
    unweighted_accuracy: float
    """UA: mean recall over the classes that are true at least once."""
    f1_weighted: float
    """Mean F1 over the classes, weighted by how often each is true."""
    f1_macro: float
    """Mean F1 over the classes that are true at least once."""
    confusion: Ints
    """(classes, classes): rows are true, columns predicted."""

    @property
    def count(self) -> int:
        """Predictions."""
        return int(self.confusion.sum())


def score_classes(true: Ints, predicted: Ints, classes: int) -> ClassScores:
    """All metrics of true and predicted classes, each of shape (N,) and in ``range(classes)``."""
    counts = confusion(true, predicted, classes)
    found = class_scores(counts)
    return ClassScores(**{name: float(found[name]) for name in CLASS_METRICS}, confusion=counts)


def confusion(true: Ints, predicted: Ints, classes: int) -> Ints:
    """Counts (classes, classes): rows are true, columns predicted."""
    return np.bincount(true * classes + predicted, minlength=classes**2).reshape(classes, classes).astype(np.int64)


def class_scores(counts: npt.ArrayLike) -> dict[str, Floats]:
    """``CLASS_METRICS`` of confusions (..., classes, classes), each of shape (...); counts may be weighted.

    The means of UA and macro F1 run over the classes that are true at least once: scikit-learn's
    ``balanced_accuracy_score``, and its ``f1_score(labels=np.unique(true), average="macro")``.  A network may know
    classes that the corpus has none of.  Scikit-learn without ``labels`` counts each of them as an F1 of 0 once it is
    predicted, so that one slip would cost macro F1 as much as a whole class; here it lowers the recall of the class
    that was true.
    """
    matrix = np.asarray(counts, dtype=np.float64)
    hits = np.diagonal(matrix, axis1=-2, axis2=-1)
    true, guessed = matrix.sum(axis=-1), matrix.sum(axis=-2)
    present = true > 0
    recall = np.divide(hits, true, out=np.zeros_like(true), where=present)
    f1 = np.divide(2.0 * hits, true + guessed, out=np.zeros_like(true), where=present)
    with np.errstate(invalid="ignore"):
        total, classes = true.sum(axis=-1), present.sum(axis=-1)
        return {
            "accuracy": hits.sum(axis=-1) / total,
            "unweighted_accuracy": recall.sum(axis=-1) / classes,
            "f1_weighted": (f1 * true).sum(axis=-1) / total,
            "f1_macro": f1.sum(axis=-1) / classes,
        }
