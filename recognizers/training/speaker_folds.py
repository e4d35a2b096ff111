"""Leave one speaker out, with everything chosen among the speakers that are left.

The yardstick chooses its layers and its penalty, for each fold anew, by leaving groups of the training speakers out.
The network chooses nothing: its recipe is fixed (`StateRecipe`). Neither ever meets a test speaker before the test.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import torch
from torch import Tensor

from recognizers.emotion.state_network import StateDims
from recognizers.emotion.types import EmotionError
from recognizers.training.logistic import fit_logistic
from recognizers.training.predictions import Ints
from recognizers.training.stacked import StateRecipe, probabilities, train_stacked
from recognizers.training.state_examples import StateExamples

INNER_GROUPS = 3
PENALTIES = (0.3, 0.03)


@dataclass(frozen=True)
class SpeakerFold:
    """One speaker who is tested, and all the others; places are those of the examples."""

    name: str
    train: Ints
    test: Ints
    inner: tuple[tuple[Ints, Ints], ...]
    """Splits of `train` into a part to fit on and the speakers to judge it by."""


@dataclass(frozen=True)
class Choice:
    """What the yardstick chose in one fold."""

    fold: str
    layers: tuple[int, ...]
    penalty: float
    accuracy: float
    """Of the inner groups, over all codecs that it was trained on."""


def speaker_folds(speakers: Sequence[str]) -> tuple[SpeakerFold, ...]:
    """A fold for each speaker. Raises `EmotionError` for fewer than four, or utterances without a speaker."""
    names = sorted(set(speakers))
    if len(names) <= INNER_GROUPS or "" in names:
        raise EmotionError(
            f"leaving one speaker out, and groups of the others, needs more than {INNER_GROUPS} named speakers; "
            f"found {len([name for name in names if name])}"
        )
    owners = np.array(speakers)
    folds = []
    for name in names:
        others = [other for other in names if other != name]
        groups = [others[start::INNER_GROUPS] for start in range(INNER_GROUPS)]
        train = owners != name
        inner = [(train & ~np.isin(owners, group), train & np.isin(owners, group)) for group in groups]
        splits = tuple((np.flatnonzero(fit), np.flatnonzero(judge)) for fit, judge in inner)
        folds.append(SpeakerFold(name, np.flatnonzero(train), np.flatnonzero(~train), splits))
    return tuple(folds)


def network_predictions(
    examples: StateExamples, codecs: Sequence[str], tested: Sequence[str], dims: StateDims, recipe: StateRecipe
) -> dict[str, Ints]:
    """The class (N,) of every utterance through each tested codec, by the network that never heard its speaker."""
    folds = speaker_folds(examples.known.speakers)
    network = train_stacked(examples, [fold.train for fold in folds], codecs, dims, recipe)
    guessed = {codec: probabilities(network, examples, codec).argmax(dim=2).numpy() for codec in tested}
    return {codec: _assembled(found, folds) for codec, found in guessed.items()}


def yardstick_predictions(
    examples: StateExamples, codecs: Sequence[str], tested: Sequence[str], layers: Sequence[int]
) -> tuple[dict[str, Ints], list[Choice]]:
    """The same of the logistic regression; `layers` are those that the examples' states hold."""
    folds = speaker_folds(examples.known.speakers)
    parts = [part for fold in folds for part in (fold.train, *(fit for fit, _ in fold.inner))]
    masks = torch.zeros(len(parts), len(codecs), len(examples), dtype=torch.bool)
    for mask, part in zip(masks, parts, strict=True):
        mask[:, torch.from_numpy(part)] = True
    pooled = {codec: examples.pooled(codec) for codec in dict.fromkeys((*codecs, *tested))}
    best: dict[str, Choice] = {}
    found = {codec: np.zeros(len(examples), dtype=np.int64) for codec in tested}
    for chosen in _layer_sets(layers):
        cut = {codec: _of_layers(rows, layers, chosen) for codec, rows in pooled.items()}
        features, fit = torch.cat([cut[codec] for codec in codecs]), None
        for penalty in PENALTIES:
            fit = fit_logistic(features, examples.targets.repeat(len(codecs)), masks.flatten(1), penalty, fit)
            guesses = {codec: fit.logits(rows).argmax(dim=2).numpy().T for codec, rows in cut.items()}
            for place, fold in enumerate(folds):
                first = place * (1 + INNER_GROUPS)
                choice = Choice(fold.name, chosen, penalty, _inner_accuracy(examples, codecs, guesses, fold, first))
                if fold.name not in best or choice.accuracy > best[fold.name].accuracy:
                    best[fold.name] = choice
                    for codec in tested:
                        found[codec][fold.test] = guesses[codec][first][fold.test]
    return found, [best[fold.name] for fold in folds]


def _layer_sets(layers: Sequence[int]) -> list[tuple[int, ...]]:
    """Two neighbouring layers or more."""
    return [tuple(layers[a:b]) for a, b in combinations(range(len(layers) + 1), 2) if b - a >= 2]


def _of_layers(rows: Tensor, layers: Sequence[int], chosen: Sequence[int]) -> Tensor:
    """The columns of pooled states (N, 2 x layers x width) that belong to some of the layers."""
    split = rows.view(len(rows), 2, len(layers), -1)
    return split[:, :, [list(layers).index(layer) for layer in chosen]].flatten(1)


def _inner_accuracy(
    examples: StateExamples, codecs: Sequence[str], guesses: dict[str, Ints], fold: SpeakerFold, first: int
) -> float:
    right = [
        guesses[codec][first + 1 + number][judge] == examples.known.targets[judge]
        for codec in codecs
        for number, (_, judge) in enumerate(fold.inner)
    ]
    return float(np.concatenate(right).mean())


def _assembled(guessed: Ints, folds: Sequence[SpeakerFold]) -> Ints:
    """From the guesses (folds, N) of all networks those of each utterance's own fold."""
    found = np.zeros(guessed.shape[1], dtype=np.int64)
    for row, fold in zip(guessed, folds, strict=True):
        found[fold.test] = row[fold.test]
    return found
