"""Many trainings at once: the folds of a cross-validation as the members of one network.

All folds meet the same batches, in which each counts only the utterances of its own training speakers; so the wide
products are shared, and sixteen folds cost a CPU little more than two. Weights, gradients, optimiser and statistics
are each fold's own, and nothing of its test speakers reaches it: a test changes theirs and finds the same network.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from recognizers.emotion.state_network import SMALLEST_DEVIATION, VOICES, StateDims, StateNetwork, agreed
from recognizers.training.logistic import fit_logistic
from recognizers.training.predictions import Ints
from recognizers.training.state_examples import StateExamples

WARM_UP = 20
"""Steps in which the learning rate grows to its full size."""


@dataclass(frozen=True)
class StateRecipe:
    """How a state network is trained; fixed in advance, nothing in it is chosen on a corpus's test speakers."""

    seed: int = 1
    epochs: int = 25
    batch: int = 64
    learning_rate: float = 1e-3
    """At its highest; half a cosine down to nothing."""
    decay: float = 0.01
    """AdamW's."""
    smoothing: float = 0.1
    """Of the labels."""
    penalty: float = 0.03
    """Of the second voice, a logistic regression: on the squares of its weights."""


def train_stacked(
    examples: StateExamples, parts: Sequence[Ints], codecs: Sequence[str], dims: StateDims, recipe: StateRecipe
) -> StateNetwork:
    """A member for each of `parts` (its training utterances' places), trained through all `codecs`; and after these for
    each a second one, the regression without co-attention, fitted to its minimum.

    What co-attention learns alone is level with the regression, and errs on other utterances (docs/results/emotion.md).
    To train it on from the regression's weights was worse than either. Of words alone there is no second voice."""
    masks = torch.zeros(len(parts), len(examples), dtype=torch.bool)
    for mask, part in zip(masks, parts, strict=True):
        mask[torch.from_numpy(part)] = True
    rng = np.random.default_rng(recipe.seed)
    numbers = np.array([examples.codecs.index(codec) for codec in codecs])
    used = np.flatnonzero(masks.any(dim=0).numpy())
    batches = math.ceil(len(used) / recipe.batch)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(recipe.seed)
        network = StateNetwork(dims, len(examples.known.labels), len(parts)).train()
        _standardise(network, examples, masks, codecs)
        optimiser = torch.optim.AdamW(network.parameters(), weight_decay=recipe.decay)
        for epoch in range(recipe.epochs):
            for number, places in enumerate(np.array_split(rng.permutation(used), batches)):
                for group in optimiser.param_groups:
                    group["lr"] = recipe.learning_rate * _share(epoch * batches + number, recipe.epochs * batches)
                batch = examples.take(places, rng.choice(numbers, len(places)))
                counted = masks[:, torch.from_numpy(places)].float()
                loss = _loss(network(batch), examples.targets[places], counted, recipe.smoothing)
                optimiser.zero_grad()
                loss.backward()
                optimiser.step()
    if dims.modalities == "text":
        return network.eval()
    return network.beside(_regression(network, examples, masks, codecs, recipe.penalty)).eval()


def probabilities(network: StateNetwork, examples: StateExamples, codec: str) -> Tensor:
    """Of every part of a training, its voices together, for every utterance: (K, N, classes)."""
    voices = 1 if network.dims.modalities == "text" else VOICES
    with torch.no_grad():
        return torch.cat([agreed(network(batch), voices) for batch in examples.slices(codec)], dim=1)


def _regression(
    network: StateNetwork, examples: StateExamples, masks: Tensor, codecs: Sequence[str], penalty: float
) -> StateNetwork:
    """The logistic regression on plain mean and deviation of each of `network`'s parts, as members of a network whose
    attention is at rest; with the same statistics."""
    pooled = torch.cat([examples.pooled(codec) for codec in codecs])
    rows = masks[:, None].expand(-1, len(codecs), -1).flatten(1)
    fit = fit_logistic(pooled, examples.targets.repeat(len(codecs)), rows, penalty)
    weight = fit.weights / fit.deviation[:, :, None]  # of the states as they are
    bias = fit.biases - (fit.mean[:, None] @ weight)[:, 0]
    found = StateNetwork(network.dims, network.classes, network.members)
    found.load_state_dict(network.state_dict())
    with torch.no_grad():
        for layer in (found.score, found.word_score, found.classify_words):  # equal attention, and nothing of the words
            layer.weight.zero_()
            layer.bias.zero_()
        found.classify.weight.copy_(weight * found.pooled_deviation[:, :, None])
        found.classify.bias.copy_(bias + (found.pooled_mean[:, None] @ weight)[:, 0])
    return found


def _share(step: int, steps: int) -> float:
    """Of the highest learning rate: a short rise, then half a cosine."""
    return min(1.0, (step + 1) / WARM_UP) * 0.5 * (1 + math.cos(math.pi * step / steps))


def _loss(logits: Tensor, targets: Tensor, counted: Tensor, smoothing: float) -> Tensor:
    """Sum over the members of each one's mean cross-entropy on what it may see: (K, B, C), (B,), (K, B)."""
    each = nn.functional.cross_entropy(
        logits.flatten(0, 1), targets.repeat(len(logits)), reduction="none", label_smoothing=smoothing
    )
    return ((each.view_as(counted) * counted).sum(dim=1) / counted.sum(dim=1).clamp(min=1)).sum()


def _standardise(network: StateNetwork, examples: StateExamples, masks: Tensor, codecs: Sequence[str]) -> None:
    """Give every member the statistics of its own training set, through all codecs."""
    pooled = torch.stack([examples.pooled(codec) for codec in codecs])
    for place, mask in enumerate(masks):
        rows = pooled[:, mask].flatten(0, 1)
        mean, deviation = rows.chunk(2, dim=1)
        # Of the states themselves: within an utterance, and between utterances.
        spread = (deviation.square().mean(dim=0) + mean.var(dim=0, unbiased=False)).sqrt()
        network.mix_mean[place] = mean.mean(dim=0)
        network.mix_deviation[place] = spread.clamp(min=SMALLEST_DEVIATION)
        network.pooled_mean[place] = rows.mean(dim=0)
        network.pooled_deviation[place] = rows.std(dim=0).clamp(min=SMALLEST_DEVIATION)
