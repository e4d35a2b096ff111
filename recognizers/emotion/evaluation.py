"""Cross-validation of emotion networks at every compress rate: what `amser evaluate` does.

Every fold's predictions are a JSON file that is written when the fold is done. A run that was cut off goes
on with the folds that are missing; a changed corpus, recipe or network has another folder.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from recognizers.emotion.examples import Examples, compressed
from recognizers.emotion.metrics import METRICS, Scores, bootstrap, paired_difference, score
from recognizers.emotion.networks import NetworkSpec, build_network, parameter_count
from recognizers.emotion.protocol import Fold, leave_one_out
from recognizers.emotion.recognizer import EmotionRecognizer, predict
from recognizers.emotion.training import Epoch, Recipe, describe_recipe, train_network
from recognizers.emotion.types import RATES, EmotionError
from recognizers.emotion.weights import start_from
from recognizers.emotion.words import Tokenizer

__all__ = ["Evaluation", "Predictions", "Together", "cross_validate", "difference", "evaluate_weights"]

Ints = npt.NDArray[np.int64]
CODE_VERSION = 1
"""Raised when a change of the code changes results; finished folds of another version are not reused."""


@dataclass(frozen=True)
class Predictions:
    """True and predicted classes of a test set, or of all folds of a cross-validation side by side."""

    ids: tuple[str, ...]
    true: Ints
    predicted: dict[float, Ints]
    """By compress rate."""
    folds: tuple[str, ...]
    """The fold of each utterance."""
    speakers: tuple[str, ...]


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

    def scores(self, rate: float) -> Scores:
        """Scores over all utterances of all folds at a compress rate."""
        return score(self.predictions.true, self.predictions.predicted[rate], len(self.labels))

    def interval(self, rate: float, seed: int = 1) -> dict[str, tuple[float, float]]:
        """95 % bootstrap intervals over speakers (over utterances, where fewer than five are known)."""
        rng = np.random.default_rng([seed, 4])
        found = self.predictions
        return bootstrap(found.true, found.predicted[rate], len(self.labels), rng, _groups(found))

    def spread(self, rate: float) -> dict[str, tuple[float, float]]:
        """Mean and standard deviation over the folds of every metric; the deviation is nan with one fold."""
        found = self.predictions
        names = np.array(found.folds)
        rows = []
        for name in dict.fromkeys(found.folds):
            inside = names == name
            rows.append(score(found.true[inside], found.predicted[rate][inside], len(self.labels)))
        values = {metric: [getattr(row, metric) for row in rows] for metric in METRICS}
        return {
            metric: (float(np.mean(v)), float(np.std(v, ddof=1)) if len(v) > 1 else float("nan"))
            for metric, v in values.items()
        }

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
        raise EmotionError("two evaluations are compared on the same utterances in the same order")
    rng = np.random.default_rng([seed, 5])
    guesses = (one.predicted[rate], two.predicted[rate])
    return paired_difference(one.true, *guesses, len(first.labels), rng, _groups(one))


def _groups(found: Predictions) -> Ints | None:
    names, places = np.unique(np.array(found.speakers), return_inverse=True)
    return places.astype(np.int64) if len(names) >= 5 and "" not in names else None


def evaluate_weights(recognizer: EmotionRecognizer, examples: Examples, rates: Sequence[float] = RATES) -> Evaluation:
    """Apply trained weights to a test set at every rate. Raises `EmotionError` if the classes differ."""
    if recognizer.labels != examples.labels:
        raise EmotionError(f"the weights know {recognizer.labels}, the corpus {examples.labels}")
    predicted = {rate: _guess(recognizer, compressed(examples.mels, rate), examples.words(rate)) for rate in rates}
    found = Predictions(examples.ids, examples.targets, predicted, ("test",) * len(examples), examples.speakers)
    return Evaluation(
        architecture=recognizer.name,
        corpus=examples.corpus,
        labels=examples.labels,
        protocol="test set",
        trained=str(recognizer.spec.trained_on.get("corpus", "unknown")),
        parameters=parameter_count(recognizer.network),
        words=examples.text_source,
        predictions=found,
    )


def _guess(recognizer: EmotionRecognizer, mels: Sequence[Any], texts: Sequence[str]) -> Ints:
    probabilities = predict(recognizer.network, recognizer.tokenizer, mels, texts, recognizer.spec.modalities)
    return np.asarray(probabilities.argmax(axis=1), dtype=np.int64)


def cross_validate(
    architecture: str,
    examples: Examples,
    folder: Path,
    *,
    by: str = "speaker",
    folds: int | None = None,
    size: str = "small",
    modalities: str = "both",
    recipe: Recipe | None = None,
    tokenizer: Tokenizer | None = None,
    rates: Sequence[float] = RATES,
    start: Path | None = None,
    on_fold: Callable[[str, int, int], None] | None = None,
    together: Together | None = None,
) -> Evaluation:
    """Train and test every fold; finished folds in `folder` are read, not trained again.

    `on_fold(name, done, total)` is called after each. Fold k is trained with the recipe's seed plus k, and every
    fold from the weights `start`, if given. With `together` all missing folds are trained in lockstep instead.
    """
    recipe = recipe or Recipe()
    spec = NetworkSpec.of(architecture, examples.labels, size=size, tokenizer=tokenizer, modalities=modalities)
    parts = leave_one_out(examples, by, folds)
    if together and start:
        raise EmotionError("folds in lockstep start from fresh weights; leave one of the two out")
    place = folder / f"{architecture}-{_key(spec, examples, recipe, parts, rates, start, together is not None)}"
    if together:
        run_folds_together(spec, examples, parts, [(recipe, place)], together, rates)
    rows = []
    for number, fold in enumerate(parts):
        rows.append(_finished(place, fold) or _run_fold(spec, examples, fold, recipe, number, rates, place, start))
        if on_fold:
            on_fold(fold.name, number + 1, len(parts))
    return Evaluation(
        architecture=architecture,
        corpus=examples.corpus,
        labels=examples.labels,
        protocol=f"leave one {by} out, {len(parts)} folds",
        trained=("across rates" if recipe.across_rates else "clean") + (" from shipped" if start else ""),
        parameters=parameter_count(build_network(spec)[0]),
        words=examples.text_source if modalities != "audio" else "none",
        predictions=_joined(rows, rates),
    )


def _key(
    spec: NetworkSpec,
    examples: Examples,
    recipe: Recipe,
    parts: Sequence[Fold],
    rates: Sequence[float],
    start: Path | None,
    lockstep: bool,
) -> str:
    """Twelve hex digits that change with whatever changes the results."""
    texts = [examples.texts, *(examples.words(rate) for rate in rates)]
    content = {
        "code": CODE_VERSION,
        "spec": dataclasses.asdict(spec),
        "ids": examples.ids,
        "corpus": examples.digest,
        "texts": hashlib.sha256(json.dumps(texts).encode()).hexdigest(),
        "recipe": describe_recipe(recipe),
        "folds": [fold.name for fold in parts],
        "rates": list(rates),
        "start": hashlib.sha256(start.read_bytes()).hexdigest() if start else None,
        **({"lockstep": True} if lockstep else {}),
    }
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:12]


def _finished(place: Path, fold: Fold) -> dict[str, Any] | None:
    path = place / f"fold-{fold.name}.json"
    if not path.exists():
        return None
    try:
        row: dict[str, Any] = json.loads(path.read_text())
    except ValueError:  # a damaged file counts as missing
        return None
    return row


def _run_fold(
    spec: NetworkSpec,
    examples: Examples,
    fold: Fold,
    recipe: Recipe,
    number: int,
    rates: Sequence[float],
    place: Path,
    start: Path | None,
) -> dict[str, Any]:
    seeded = dataclasses.replace(recipe, seed=recipe.seed + number)
    prepare = start_from(start) if start else None
    trained = train_network(spec, examples.take(fold.train), examples.take(fold.dev), seeded, prepare=prepare)
    test = examples.take(fold.test)
    network, tokenizer = trained.network, trained.tokenizer
    guesses = {
        rate: predict(network, tokenizer, compressed(test.mels, rate), test.words(rate), spec.modalities)
        for rate in rates
    }
    return _written(place, examples, fold, guesses, trained.history, trained.best, seeded.seed)


@dataclass(frozen=True)
class Together:
    """Train the missing folds in lockstep (`recognizers.emotion.lockstep`), on any device of PyTorch."""

    device: str = "cpu"
    until: float = float("inf")
    """A time of `time.monotonic` at which training ends with the best epoch so far."""
    on_epoch: Callable[[int, float], None] | None = None


def run_folds_together(
    spec: NetworkSpec,
    examples: Examples,
    folds: Sequence[Fold],
    recipes: Sequence[tuple[Recipe, Path]],
    together: Together,
    rates: Sequence[float] = RATES,
) -> None:
    """Train all folds under all recipes at once and write those that are missing in each recipe's folder.

    The recipes may differ in their seed and in `across_rates` only. Raises `EmotionError` if they differ in more.
    """
    from recognizers.emotion.lockstep import Runner, train_in_lockstep

    first = recipes[0][0]
    alike = {dataclasses.replace(recipe, seed=0, across_rates=True) for recipe, _ in recipes}
    if len(alike) > 1:
        raise EmotionError("trainings in lockstep may differ in their seed and across_rates only")
    missing = [
        (recipe, place, number, fold)
        for recipe, place in recipes
        for number, fold in enumerate(folds)
        if _finished(place, fold) is None
    ]
    if not missing:
        return
    runners = [Runner(f.train, f.dev, r.seed + number, r.across_rates) for r, _, number, f in missing]
    trained = train_in_lockstep(spec, examples, runners, first, together.device, together.on_epoch, together.until)
    tests = [fold.test for *_, fold in missing]
    guesses = {rate: trained.predict(tests, rate) for rate in rates}
    for number, ((_, place, _, fold), runner) in enumerate(zip(missing, runners, strict=True)):
        if runner.best is None:
            raise EmotionError(f"a recipe needs at least one epoch, found {first.epochs}")
        own = {rate: found[number] for rate, found in guesses.items()}
        _written(place, examples, fold, own, runner.history, runner.best, runner.seed)


def _written(
    place: Path,
    examples: Examples,
    fold: Fold,
    probabilities: Mapping[float, npt.NDArray[np.float32]],
    history: Sequence[Epoch],
    best: Epoch,
    seed: int,
) -> dict[str, Any]:
    """A finished fold as the JSON file that a later run reads; whole or not at all."""
    test = examples.take(fold.test)
    row = {
        "fold": fold.name,
        "ids": test.ids,
        "speakers": test.speakers,
        "true": test.targets.tolist(),
        "predicted": {str(rate): found.argmax(axis=1).tolist() for rate, found in probabilities.items()},
        "history": [dataclasses.asdict(epoch) for epoch in history],
        "best_epoch": best.number,
        "seed": seed,
    }
    place.mkdir(parents=True, exist_ok=True)
    temporary = place / f"fold-{fold.name}.part"
    temporary.write_text(json.dumps(row))
    temporary.replace(place / f"fold-{fold.name}.json")
    return row


def _joined(rows: Sequence[dict[str, Any]], rates: Sequence[float]) -> Predictions:
    return Predictions(
        ids=tuple(identity for row in rows for identity in row["ids"]),
        true=np.array([value for row in rows for value in row["true"]], dtype=np.int64),
        predicted={
            rate: np.array([value for row in rows for value in row["predicted"][str(rate)]], dtype=np.int64)
            for rate in rates
        },
        folds=tuple(row["fold"] for row in rows for _ in row["ids"]),
        speakers=tuple(speaker for row in rows for speaker in row["speakers"]),
    )
