"""Accuracy as the field reports it: weighted and unweighted, F1, confusion, with bootstrap intervals."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

__all__ = ["METRICS", "Scores", "bootstrap", "confusion", "paired_difference", "score"]

Ints = npt.NDArray[np.int64]
RESAMPLES = 2000


@dataclass(frozen=True)
class Scores:
    """How well predictions fit. All but the confusion are shares between 0 and 1."""

    accuracy: float
    """WA: share of right predictions."""
    unweighted_accuracy: float
    """UA: mean recall over the classes that occur."""
    f1_weighted: float
    """Mean F1 over classes, weighted by their true counts."""
    f1_macro: float
    """Mean F1 over the classes that occur."""
    confusion: Ints
    """(classes, classes): rows are true, columns predicted."""

    @property
    def count(self) -> int:
        """Utterances."""
        return int(self.confusion.sum())


METRICS = ("accuracy", "unweighted_accuracy", "f1_weighted", "f1_macro")


def confusion(true: Ints, predicted: Ints, classes: int) -> Ints:
    """Counts (classes, classes): rows are true, columns predicted."""
    return np.bincount(true * classes + predicted, minlength=classes**2).reshape(classes, classes).astype(np.int64)


def score(true: Ints, predicted: Ints, classes: int) -> Scores:
    """All metrics of (N,) true and predicted classes. An absent class is left out of the means."""
    counts = confusion(true, predicted, classes)
    values = _metrics(counts[None])
    accuracy, unweighted, weighted_f1, macro_f1 = (float(values[name][0]) for name in METRICS)
    return Scores(accuracy, unweighted, weighted_f1, macro_f1, counts)


def _metrics(counts: npt.NDArray[np.int64]) -> dict[str, npt.NDArray[np.float64]]:
    """Metrics of a stack of confusion matrices (R, C, C)."""
    hits = np.diagonal(counts, axis1=1, axis2=2).astype(float)
    true, guessed = counts.sum(axis=2), counts.sum(axis=1)
    present = true > 0
    recall = hits / np.maximum(true, 1)
    f1 = 2 * hits / np.maximum(true + guessed, 1)
    total = np.maximum(true.sum(axis=1), 1)
    classes = np.maximum(present.sum(axis=1), 1)
    return {
        "accuracy": hits.sum(axis=1) / total,
        "unweighted_accuracy": (recall * present).sum(axis=1) / classes,
        "f1_weighted": (f1 * true).sum(axis=1) / total,
        "f1_macro": (f1 * present).sum(axis=1) / classes,
    }


def _resampled(
    true: Ints, guesses: tuple[Ints, ...], classes: int, rng: np.random.Generator, groups: Ints | None
) -> list[dict[str, npt.NDArray[np.float64]]]:
    """Metrics of each prediction under the same resamples: of utterances, or of whole groups (speakers)."""
    members = [np.flatnonzero(groups == group) for group in np.unique(groups)] if groups is not None else None
    stacks: list[list[Ints]] = [[] for _ in guesses]
    for _ in range(RESAMPLES):
        if members is None:
            drawn = rng.integers(0, len(true), len(true))
        else:
            drawn = np.concatenate([members[i] for i in rng.integers(0, len(members), len(members))])
        for stack, guess in zip(stacks, guesses, strict=True):
            stack.append(confusion(true[drawn], guess[drawn], classes))
    return [_metrics(np.stack(stack)) for stack in stacks]


def bootstrap(
    true: Ints, predicted: Ints, classes: int, rng: np.random.Generator, groups: Ints | None = None
) -> dict[str, tuple[float, float]]:
    """95 % percentile intervals of every metric (Efron 1979), over utterances, or over groups such as
    speakers."""
    (found,) = _resampled(true, (predicted,), classes, rng, groups)
    return {name: _interval(values) for name, values in found.items()}


def paired_difference(
    true: Ints, first: Ints, second: Ints, classes: int, rng: np.random.Generator, groups: Ints | None = None
) -> dict[str, tuple[float, float]]:
    """95 % intervals of `first` minus `second` under the same resamples, which is tighter than two
    intervals."""
    one, two = _resampled(true, (first, second), classes, rng, groups)
    return {name: _interval(one[name] - two[name]) for name in METRICS}


def _interval(values: npt.NDArray[np.float64]) -> tuple[float, float]:
    low, high = np.quantile(values, [0.025, 0.975])
    return float(low), float(high)
