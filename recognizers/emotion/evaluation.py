"""What an emotion network reaches on a corpus at every compress rate, over folds and seeds, with its intervals."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from recognizers.emotion.examples import Examples, compressed
from recognizers.emotion.metrics import METRICS, Scores, bootstrap, paired_difference, score
from recognizers.emotion.networks import parameter_count
from recognizers.emotion.recognizer import EmotionRecognizer, predict
from recognizers.emotion.types import RATES, EmotionError

__all__ = ["Evaluation", "Predictions", "difference", "evaluate_weights"]

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

    def scores(self, rate: float) -> Scores:
        """Scores over all utterances of all folds and seeds at a compress rate.

        The accuracies are the means over the seeds; F1 is of the summed confusion.
        """
        return score(self.predictions.true, self.predictions.predicted[rate], len(self.labels))

    def interval(self, rate: float, seed: int = 1) -> dict[str, tuple[float, float]]:
        """95 % bootstrap intervals over speakers (over utterances, where fewer than five are known).

        What is drawn comes with its predictions of all seeds, so the interval is that of the mean over the seeds: it
        holds the chance of the speakers, not that of the seeds, which `over_seeds` shows.
        """
        rng = np.random.default_rng([seed, 4])
        found = self.predictions
        return bootstrap(found.true, found.predicted[rate], len(self.labels), rng, _groups(found))

    def over_folds(self, rate: float) -> dict[str, tuple[float, float]]:
        """Mean and standard deviation over the folds of every metric; the deviation is nan with one fold."""
        return self._over(self.predictions.folds, rate)

    def over_seeds(self, rate: float) -> dict[str, tuple[float, float]]:
        """Mean and standard deviation over the seeds of every metric; the deviation is nan with one seed."""
        return self._over(self.predictions.seeds or (0,) * len(self.predictions.ids), rate)

    def of_seed(self, seed: int, rate: float) -> Scores:
        """Scores of the trainings with one seed."""
        return self._score(np.array(self.predictions.seeds) == seed, rate)

    def _over(self, parts: Sequence[str] | Sequence[int], rate: float) -> dict[str, tuple[float, float]]:
        names = np.array(parts)
        rows = [self._score(names == name, rate) for name in dict.fromkeys(parts)]
        return {metric: _mean_and_deviation(getattr(row, metric) for row in rows) for metric in METRICS}

    def _score(self, inside: npt.NDArray[np.bool_], rate: float) -> Scores:
        found = self.predictions
        return score(found.true[inside], found.predicted[rate][inside], len(self.labels))

    def loss(self, rate: float, full: float, seed: int = 1) -> dict[str, tuple[float, float]]:
        """95 % intervals of the metrics at `rate` minus those at `full` (paired bootstrap over speakers)."""
        found = self.predictions
        rng = np.random.default_rng([seed, 6])
        guesses = (found.predicted[rate], found.predicted[full])
        return paired_difference(found.true, *guesses, len(self.labels), rng, _groups(found))


def difference(first: Evaluation, second: Evaluation, rate: float, seed: int = 1) -> dict[str, tuple[float, float]]:
    """95 % intervals of `first` minus `second` on the same utterances (paired bootstrap over speakers)."""
    one, two = first.predictions, second.predictions
    if one.ids != two.ids:
        raise EmotionError("two evaluations are compared on the same utterances and seeds in the same order")
    rng = np.random.default_rng([seed, 5])
    guesses = (one.predicted[rate], two.predicted[rate])
    return paired_difference(one.true, *guesses, len(first.labels), rng, _groups(one))


def _mean_and_deviation(values: Iterable[float]) -> tuple[float, float]:
    found = list(values)
    return float(np.mean(found)), float(np.std(found, ddof=1)) if len(found) > 1 else float("nan")


def _groups(found: Predictions) -> Ints | None:
    """What the bootstrap draws as a whole: speakers; else, with several seeds, utterances; else None for each row."""
    names = np.unique(np.array(found.speakers))
    if len(names) >= 5 and "" not in names:
        owners = found.speakers
    elif len(set(found.seeds)) > 1:
        owners = found.ids  # one utterance's predictions by several seeds are no independent draws
    else:
        return None
    return np.unique(np.array(owners), return_inverse=True)[1].astype(np.int64)


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
