"""What an emotion network reaches on a corpus at every compress rate, over folds and seeds, with its intervals."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from recognizers.emotion.networks import parameter_count
from recognizers.emotion.recognizer import EmotionRecognizer, predict
from recognizers.emotion.types import RATES, EmotionError
from recognizers.scores import (
    CLASS_METRICS,
    ClassScores,
    Counts,
    Score,
    class_scores,
    differences,
    score_classes,
    scores,
)
from recognizers.training.emotion.examples import Examples, compressed

__all__ = ["Evaluation", "Predictions", "evaluate_weights"]

Ints = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Predictions:
    """True and predicted classes of a test set, or of all folds and seeds of a cross-validation side by side."""

    ids: tuple[str, ...]
    true: Ints
    predicted: dict[float, Ints]
    """By compress rate."""
    folds: tuple[str, ...]
    """The fold of each utterance."""
    speakers: tuple[str, ...]
    seeds: tuple[int, ...] = ()
    """The seed of each prediction's training. With several seeds every utterance occurs once for each; empty
    where nothing was trained."""


@dataclass(frozen=True)
class Evaluation:
    """What an architecture reaches on a corpus."""

    architecture: str
    corpus: str
    labels: tuple[str, ...]
    protocol: str
    trained: str
    """`across rates`, `clean`, or where shipped weights come from."""
    parameters: int
    words: str
    """Where the words come from."""
    predictions: Predictions
    modalities: str = "both"
    """`both`, or `audio` or `text` where the network never sees the other."""

    @property
    def utterances(self) -> int:
        """Utterances that were tested, each counted once however many seeds there are."""
        return len(set(self.predictions.ids))

    @property
    def seeds(self) -> tuple[int, ...]:
        """The seeds that were trained; empty where nothing was trained."""
        return tuple(dict.fromkeys(self.predictions.seeds))

    def scores(self, rate: float) -> ClassScores:
        """Scores over all utterances of all folds and seeds at a compress rate.

        The accuracies are the means over the seeds; F1 is of the summed confusion.
        """
        return score_classes(self.predictions.true, self.predictions.predicted[rate], len(self.labels))

    def interval(self, rate: float) -> dict[str, Score]:
        """Every metric, the mean over the seeds, with its 95 % bootstrap interval over speakers or utterances.

        What is drawn comes with its predictions of all seeds, so the interval is that of the mean over the seeds: it
        holds the chance of the speakers, not that of the seeds, which `over_seeds` shows.
        """
        return scores(self._counts(rate), _means_over_seeds)

    def over_folds(self, rate: float) -> dict[str, tuple[float, float]]:
        """Mean and standard deviation over the folds of every metric; the deviation is nan with one fold."""
        return self._over(self.predictions.folds, rate)

    def over_seeds(self, rate: float) -> dict[str, tuple[float, float]]:
        """Mean and standard deviation over the seeds of every metric; the deviation is nan with one seed."""
        return self._over(self.predictions.seeds or (0,) * len(self.predictions.ids), rate)

    def of_seed(self, seed: int, rate: float) -> ClassScores:
        """Scores of the trainings with one seed."""
        return self._score(np.array(self.predictions.seeds) == seed, rate)

    def of_fold(self, name: str) -> Evaluation:
        """What the trainings that left out `name` reach on it."""
        found = self.predictions
        places = np.flatnonzero(np.array(found.folds) == name)
        kept = Predictions(
            tuple(found.ids[i] for i in places),
            found.true[places],
            {rate: guesses[places] for rate, guesses in found.predicted.items()},
            (name,) * len(places),
            tuple(found.speakers[i] for i in places),
            tuple(found.seeds[i] for i in places) if found.seeds else (),
        )
        return replace(self, protocol=f"{self.protocol.rpartition(', ')[0]}, {name} alone", predictions=kept)

    def _over(self, parts: Sequence[str] | Sequence[int], rate: float) -> dict[str, tuple[float, float]]:
        names = np.array(parts)
        rows = [self._score(names == name, rate) for name in dict.fromkeys(parts)]
        return {metric: _mean_and_deviation(getattr(row, metric) for row in rows) for metric in CLASS_METRICS}

    def _score(self, inside: npt.NDArray[np.bool_], rate: float) -> ClassScores:
        found = self.predictions
        return score_classes(found.true[inside], found.predicted[rate][inside], len(self.labels))

    def _counts(self, rate: float) -> Counts:
        """Confusions by utterance and seed, shape (utterances, seeds, labels, labels)."""
        found, size = self.predictions, len(self.labels)
        seeds = np.array(found.seeds or (0,) * len(found.ids))
        names, place = np.unique(seeds, return_inverse=True)
        cells = np.zeros((len(seeds), len(names), size, size))
        cells[np.arange(len(seeds)), place, found.true, found.predicted[rate]] = 1.0
        return Counts.of(found.ids, cells, found.speakers)

    def loss(self, rate: float, full: float) -> dict[str, Score]:
        """Every metric at `rate` minus that at `full`, paired by utterance, with its 95 % interval."""
        return differences(self._counts(rate), self._counts(full), _means_over_seeds)

    def minus(self, other: Evaluation, rate: float) -> dict[str, Score]:
        """Every metric minus that of `other`, paired by utterance, with its 95 % interval.

        Raises `EmotionError` where the two tested other utterances, or with other numbers of seeds.
        """
        if self.predictions.ids != other.predictions.ids:
            raise EmotionError("two evaluations are compared on the same utterances and seeds in the same order")
        return differences(self._counts(rate), other._counts(rate), _means_over_seeds)


def _means_over_seeds(sums: npt.NDArray[np.float64]) -> dict[str, npt.NDArray[np.float64]]:
    return {name: found.mean(axis=-1) for name, found in class_scores(sums).items()}


def _mean_and_deviation(values: Iterable[float]) -> tuple[float, float]:
    found = list(values)
    return float(np.mean(found)), float(np.std(found, ddof=1)) if len(found) > 1 else float("nan")


def evaluate_weights(recognizer: EmotionRecognizer, examples: Examples, rates: Sequence[float] = RATES) -> Evaluation:
    """Apply trained weights to a test set at every rate. Raises `EmotionError` if the classes differ."""
    if recognizer.labels != examples.labels:
        raise EmotionError(
            f"the weights of {recognizer.name} know {', '.join(recognizer.labels)}, the corpus {examples.corpus} has "
            f"{', '.join(examples.labels)}; weights are tested on a corpus with all of their classes"
        )
    origin = recognizer.spec.trained_on
    trained = str(origin.get("corpus", "unknown"))
    if examples.digest and origin.get("corpus_digest") == examples.digest:
        trained += ", the corpus that is tested"  # its figures say nothing of other speech
    predicted = {rate: _guess(recognizer, compressed(examples.mels, rate), examples.words(rate)) for rate in rates}
    found = Predictions(examples.ids, examples.targets, predicted, ("test",) * len(examples), examples.speakers)
    return Evaluation(
        architecture=recognizer.name,
        corpus=examples.corpus,
        labels=examples.labels,
        protocol="test set",
        trained=trained,
        parameters=parameter_count(recognizer.network),
        words=examples.text_source if recognizer.spec.modalities != "audio" else "none",
        predictions=found,
        modalities=recognizer.spec.modalities,
    )


def _guess(recognizer: EmotionRecognizer, mels: Sequence[Any], texts: Sequence[str]) -> Ints:
    probabilities = predict(recognizer.network, recognizer.tokenizer, mels, texts, recognizer.spec.modalities)
    return np.asarray(probabilities.argmax(axis=1), dtype=np.int64)
