"""Cross-validation of emotion networks: what `amser evaluate` does.

Every fold's predictions are a JSON file that is written as soon as the fold's training has ended. A run that was
cut off goes on with the folds that are missing; a changed corpus, recipe, seed or network has another folder.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from recognizers.emotion.layers import EmotionNetwork
from recognizers.emotion.networks import NetworkSpec, build_network, parameter_count
from recognizers.emotion.recognizer import predict
from recognizers.emotion.types import RATES, EmotionError
from recognizers.emotion.weights import start_from
from recognizers.training.emotion.evaluation import Evaluation, Predictions
from recognizers.training.emotion.examples import Examples, compressed
from recognizers.training.emotion.folds import Fold, leave_one_out
from recognizers.training.emotion.glove import Glove
from recognizers.training.emotion.recipe import Epoch, Recipe, describe_recipe, for_size, train_network

__all__ = ["SEED_STEP", "cross_validate"]

CODE_VERSION = 3
"""Raised when a change of the code changes results; finished folds of another version are not reused."""
SEED_STEP = 1000
"""Between the seeds of one cross-validation: fold k is trained with its seed plus k, and no two shall meet."""
LONGEST_NAME = 100
"""Most characters of a fold's name in its file's; file systems end at 255."""


@dataclass(frozen=True)
class _Job:
    """The training of one fold with one seed."""

    fold: Fold
    recipe: Recipe
    place: Path
    """Folder of the finished folds of its seed."""
    seed: int
    """The seed that all folds of its training share."""

    @property
    def path(self) -> Path:
        name = re.sub(r"[^\w+.-]", "_", self.fold.name)[:LONGEST_NAME]
        if name != self.fold.name:  # many speakers, or such as no file system takes
            name += "-" + hashlib.sha256(self.fold.name.encode()).hexdigest()[:12]
        return self.place / f"fold-{name}.json"

    def finished(self) -> dict[str, Any] | None:
        if not self.path.exists():
            return None
        try:
            row: dict[str, Any] = json.loads(self.path.read_text())
        except ValueError:  # a damaged file counts as missing
            return None
        return row

    def write(
        self,
        examples: Examples,
        probabilities: Mapping[float, npt.NDArray[np.float32]],
        history: Sequence[Epoch],
        best: Epoch,
    ) -> None:
        """The predictions as the JSON file that a later run reads; whole or not at all."""
        test = examples.take(self.fold.test)
        row = {
            "fold": self.fold.name,
            "ids": test.ids,
            "speakers": test.speakers,
            "true": test.targets.tolist(),
            "predicted": {str(rate): found.argmax(axis=1).tolist() for rate, found in probabilities.items()},
            "history": [dataclasses.asdict(epoch) for epoch in history],
            "best_epoch": best.number,
            "seed": self.recipe.seed,
        }
        self.place.mkdir(parents=True, exist_ok=True)
        temporary = self.path.with_suffix(".part")
        temporary.write_text(json.dumps(row))
        temporary.replace(self.path)


@dataclass(frozen=True)
class _Work:
    """What all trainings of a cross-validation share."""

    spec: NetworkSpec
    examples: Examples
    rates: Sequence[float]
    prepare: Callable[[EmotionNetwork], None] | None
    finished: Callable[[_Job], None]
    """Called when a job has been written."""
    device: str


def cross_validate(
    architecture: str,
    examples: Examples,
    folder: Path,
    *,
    by: str = "speaker",
    folds: int | None = None,
    only: str | None = None,
    size: str = "small",
    modalities: str = "both",
    recipe: Recipe | None = None,
    seeds: int = 1,
    rates: Sequence[float] = RATES,
    start: Path | None = None,
    glove: Glove | None = None,
    on_fold: Callable[[str, int, int], None] | None = None,
    device: str = "cpu",
) -> Evaluation:
    """Train and test every fold; finished folds in `folder` are read, not trained again.

    With `seeds` above 1 every fold is trained that often, with the recipe's seed and others `SEED_STEP` apart. Fold k
    is trained with its seed plus k, and every fold from the weights `start` or the word vectors `glove`, if given.
    `only` names the one fold that is trained and tested, as it would be among all.
    `on_fold(name, done, total)` is called after each.
    """
    recipe = for_size(recipe or Recipe(), architecture, size)
    if start and glove:
        raise EmotionError("a training starts from weights or from GloVe vectors; leave one of the two out")
    tokenizer, width = (glove.vocabulary, glove.width) if glove else (None, None)
    spec = NetworkSpec.of(
        architecture, examples.labels, size=size, tokenizer=tokenizer, modalities=modalities, word_width=width
    )
    parts = leave_one_out(examples, by, folds)
    chosen = _chosen(parts, only)
    jobs = []
    for seed in range(recipe.seed, recipe.seed + seeds * SEED_STEP, SEED_STEP):
        seeded = dataclasses.replace(recipe, seed=seed)
        key = _key(spec, examples, seeded, parts, rates, start, glove, device)
        place = folder / f"{architecture}-{key}"
        jobs += [_Job(parts[number], dataclasses.replace(recipe, seed=seed + number), place, seed) for number in chosen]
    missing = [job for job in jobs if job.finished() is None]
    done = len(jobs) - len(missing)

    def finished(job: _Job) -> None:
        nonlocal done
        done += 1
        if on_fold:
            on_fold(job.fold.name, done, len(jobs))

    prepare = start_from(start) if start else glove.fill if glove else None
    work = _Work(spec, examples, rates, prepare, finished, device)
    _train(work, missing)
    return Evaluation(
        architecture=architecture,
        corpus=examples.corpus,
        labels=examples.labels,
        protocol=f"leave one {by} out, " + (f"{only} alone" if only else f"{len(parts)} folds"),
        trained=_described(recipe, start, _word_vectors(glove, modalities)),
        parameters=parameter_count(build_network(spec)[0]),
        words=examples.text_source if modalities != "audio" else "none",
        predictions=_joined(jobs, rates),
        modalities=modalities,
    )


def _chosen(parts: Sequence[Fold], only: str | None) -> list[int]:
    """The numbers of the folds that are wanted."""
    names = [fold.name for fold in parts]
    if only is not None and only not in names:
        raise EmotionError(f"there is no fold {only!r}; the folds are {', '.join(names)}")
    return [number for number, name in enumerate(names) if only in (None, name)]


def _described(recipe: Recipe, start: Path | None, words: str) -> str:
    rates = "across rates" if recipe.across_rates else "clean"
    return rates + (" from shipped" if start else "") + (f", {words}" if words else "")


def _word_vectors(glove: Glove | None, modalities: str) -> str:
    if modalities == "audio":
        return ""
    return f"{'frozen ' if glove.frozen else ''}words of {glove.source}" if glove else "hashed pieces of words"


def _key(
    spec: NetworkSpec,
    examples: Examples,
    recipe: Recipe,
    parts: Sequence[Fold],
    rates: Sequence[float],
    start: Path | None,
    glove: Glove | None,
    device: str,
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
        **({"glove": glove.describe()} if glove else {}),
        **({"device": device.partition(":")[0]} if device != "cpu" else {}),
    }
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:12]


def _train(work: _Work, jobs: Sequence[_Job]) -> None:
    examples, rates, modalities = work.examples, work.rates, work.spec.modalities
    for job in jobs:
        train, dev, test = (examples.take(part) for part in (job.fold.train, job.fold.dev, job.fold.test))
        trained = train_network(work.spec, train, dev, job.recipe, prepare=work.prepare, device=work.device)
        network, tokenizer = trained.network, trained.tokenizer
        guesses = {
            rate: predict(network, tokenizer, compressed(test.mels, rate), test.words(rate), modalities)
            for rate in rates
        }
        job.write(examples, guesses, trained.history, trained.best)
        work.finished(job)


def _joined(jobs: Sequence[_Job], rates: Sequence[float]) -> Predictions:
    """All finished jobs side by side."""
    rows = []
    for job in jobs:
        row = job.finished()
        if row is None:
            raise EmotionError(f"{job.path}: the finished fold is gone; run again, only what is missing is trained")
        rows.append((job.seed, row))
    return Predictions(
        ids=tuple(identity for _, row in rows for identity in row["ids"]),
        true=np.array([value for _, row in rows for value in row["true"]], dtype=np.int64),
        predicted={
            rate: np.array([value for _, row in rows for value in row["predicted"][str(rate)]], dtype=np.int64)
            for rate in rates
        },
        folds=tuple(row["fold"] for _, row in rows for _ in row["ids"]),
        speakers=tuple(speaker for _, row in rows for speaker in row["speakers"]),
        seeds=tuple(seed for seed, row in rows for _ in row["ids"]),
    )
