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

from recognizers.emotion.state_network import SMALLEST_DEVIATION, StateDims, StateNetwork
from recognizers.training.state_examples import Ints, StateExamples

__all__ = ["StateRecipe", "probabilities", "train_stacked"]

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


def train_stacked(
    examples: StateExamples, parts: Sequence[Ints], codecs: Sequence[str], dims: StateDims, recipe: StateRecipe
) -> StateNetwork:
    """A member for each of `parts` (its training utterances' places), trained through all `codecs`."""
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
    return network.eval()


def probabilities(network: StateNetwork, examples: StateExamples, codec: str) -> Tensor:
    """Of every member for every utterance: (K, N, classes)."""
    with torch.no_grad():
        return torch.cat([network(batch) for batch in examples.slices(codec)], dim=1).softmax(dim=2)


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
