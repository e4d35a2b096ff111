"""Training of an emotion network: seeded, early stopped on a dev set, averaged weights, compressed Mels if
wanted."""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from recognizers.emotion.batch import Batch, collate
from recognizers.emotion.layers import EmotionNetwork
from recognizers.emotion.networks import NetworkSpec, build_network
from recognizers.emotion.recognizer import ablated, predict
from recognizers.emotion.tokenizers import Tokenizer
from recognizers.emotion.types import EmotionError, Mel, rank_of_rate
from recognizers.scores.class_scores import score_classes
from recognizers.training.emotion.augment import any_rank, vary
from recognizers.training.emotion.examples import Examples, compressed, project


@dataclass(frozen=True)
class Recipe:
    """How a network is trained. The same for all architectures, so that they are compared on equal terms."""

    epochs: int = 30
    """Most epochs; the learning rate follows one cycle over them."""
    patience: int = 10
    """Epochs without a better dev loss before it stops."""
    batch: int = 32
    learning_rate: float = 2e-3
    """Of small networks; `for_size` takes the published one of a published size."""
    weight_decay: float = 0.02
    label_smoothing: float = 0.1
    class_weights: bool = True
    """Weigh each class by the inverse of its count."""
    across_rates: bool = True
    """Half of the training Mels are truncated: with a recognizer's words to one of the rates at which it heard them,
    else to a random rank of 6 to 80. False trains on clean Mels."""
    augment: float = 1.0
    """Strength of the other variations; 0 for none."""
    no_words: float = 0.1
    """Share of training utterances that lose their words, and words that are lost from the others."""
    averaging: float = 0.98
    """Of the exponential moving average of the weights that is evaluated and kept."""
    seed: int = 1


PUBLISHED_RATES = {"umons": 1e-4, "xu": 1e-3, "yoon": 1e-3}
"""The learning rates of the papers' code."""


def for_size(recipe: Recipe, architecture: str, size: str) -> Recipe:
    """The recipe with the learning rate that belongs to a size, unless it has one of its own."""
    if size != "published" or recipe.learning_rate != Recipe.learning_rate:
        return recipe
    return dataclasses.replace(recipe, learning_rate=PUBLISHED_RATES[architecture])


@dataclass(frozen=True)
class Epoch:
    """One line of the training's history."""

    number: int
    train_loss: float
    dev_loss: float
    dev_accuracy: float
    dev_unweighted_accuracy: float


@dataclass(frozen=True)
class Trained:
    """A trained network: the weights of the best epoch on the dev set."""

    network: EmotionNetwork
    tokenizer: Tokenizer
    spec: NetworkSpec
    history: tuple[Epoch, ...]
    best: Epoch


def train_network(
    spec: NetworkSpec,
    train: Examples,
    dev: Examples,
    recipe: Recipe,
    on_epoch: Callable[[Epoch], None] | None = None,
    prepare: Callable[[EmotionNetwork], None] | None = None,
    device: str = "cpu",
) -> Trained:
    """Train a network on `train`; `dev` chooses the epoch. The same seed gives the same weights on one
    machine.

    `prepare` may change the fresh network, such as filling its word vectors from GloVe. The network comes back on the
    CPU, wherever it was trained. Raises `EmotionError` if a set is empty, its labels are not those of the spec, or a
    GPU's memory does not hold it.
    """
    for name, part in (("training", train), ("dev", dev)):
        if not len(part) or part.labels != spec.labels:
            raise EmotionError(f"the {name} set has {len(part)} examples of {part.labels}, the network {spec.labels}")
    rng = np.random.default_rng([recipe.seed, 1])
    place = torch.device(device)
    with torch.random.fork_rng(devices=[] if place.type == "cpu" else [place]):
        torch.manual_seed(recipe.seed)
        network, tokenizer = build_network(spec)
        standardise(network, train.mels)
        if prepare:
            prepare(network)
        try:
            history, best = _Run(network.to(place), tokenizer, spec, recipe, train, dev, rng).fit(on_epoch)
        except torch.OutOfMemoryError as error:
            raise EmotionError(f"{device}: no memory left for {spec.architecture}; take a smaller --batch") from error
    return Trained(network.cpu(), tokenizer, spec, tuple(history), best)


class _Run:
    """The state of one training run."""

    def __init__(
        self,
        network: EmotionNetwork,
        tokenizer: Tokenizer,
        spec: NetworkSpec,
        recipe: Recipe,
        train: Examples,
        dev: Examples,
        rng: np.random.Generator,
    ) -> None:
        self.network, self.tokenizer, self.spec, self.recipe = network, tokenizer, spec, recipe
        self.train, self.dev, self.rng = train, dev, rng
        self.device = next(network.parameters()).device
        weights = _class_weights(train, recipe)
        self.loss = nn.CrossEntropyLoss(weights, label_smoothing=recipe.label_smoothing).to(self.device)
        self.average = copy.deepcopy(network).requires_grad_(False)
        self.steps = 0
        self.rates = _rates_heard(train) if recipe.across_rates else ()
        rates = (1.0, 0.125) if recipe.across_rates else (1.0,)
        self.dev_sets = [(compressed(dev.mels, rate), dev.words(rate)) for rate in rates]

    def fit(self, on_epoch: Callable[[Epoch], None] | None) -> tuple[list[Epoch], Epoch]:
        """Train; leaves the averaged weights of the best epoch in the network."""
        batches = -(-len(self.train) // self.recipe.batch)
        optimizer = torch.optim.AdamW(self.network.parameters(), weight_decay=self.recipe.weight_decay)
        schedule = torch.optim.lr_scheduler.OneCycleLR(
            optimizer,
            self.recipe.learning_rate,
            epochs=self.recipe.epochs,
            steps_per_epoch=batches,
            pct_start=0.15,
        )
        history: list[Epoch] = []
        best: Epoch | None = None
        kept: dict[str, Tensor] = {}
        for number in range(1, self.recipe.epochs + 1):
            losses = [self._step(batch, targets, optimizer, schedule) for batch, targets in self._batches()]
            epoch = self._judge(number, float(np.mean(losses)))
            history.append(epoch)
            if on_epoch:
                on_epoch(epoch)
            if best is None or epoch.dev_loss < best.dev_loss:
                best, kept = epoch, copy.deepcopy(self.average.state_dict())
            elif number - best.number >= self.recipe.patience:
                break
        if best is None:
            raise EmotionError(f"a recipe needs at least one epoch, found {self.recipe.epochs}")
        self.network.load_state_dict(kept)
        self.network.eval()
        return history, best

    def _batches(self) -> Iterator[tuple[Batch, Tensor]]:
        """The shuffled training set; utterances of like length share a batch, which spares padding."""
        recipe, train = self.recipe, self.train
        noisy = np.array([mel.shape[1] for mel in train.mels]) * self.rng.uniform(0.8, 1.25, len(train))
        order = np.argsort(noisy, kind="stable")
        chunks = [order[start : start + recipe.batch] for start in range(0, len(order), recipe.batch)]
        for place in self.rng.permutation(len(chunks)):
            chosen = chunks[place]
            sent = [self._sent(i) for i in chosen]
            mels = [vary(mel, self.rng, recipe.augment) for mel, _ in sent]
            texts = [self._spoilt(text) for _, text in sent]
            mels_seen, texts_seen = ablated(mels, texts, self.spec.modalities)
            yield collate(mels_seen, texts_seen, self.tokenizer), torch.from_numpy(train.targets[chosen])

    def _sent(self, place: int) -> tuple[Mel, str]:
        """A training utterance as the server has it: half of the Mels truncated, with what was heard in them."""
        train, rng = self.train, self.rng
        if not self.recipe.across_rates or rng.random() < 0.5:
            return train.mels[place], train.texts[place]
        rate = float(rng.choice(self.rates)) if self.rates else None
        rank = any_rank(rng) if rate is None else rank_of_rate(rate)
        words = train.texts if rate is None else train.words(rate)
        return project(train.mels[place], train.bases[place], rank), words[place]

    def _spoilt(self, text: str) -> str:
        """Words as a bad recognizer leaves them: all lost, or some."""
        if self.rng.random() < self.recipe.no_words:
            return ""
        return " ".join(word for word in text.split() if self.rng.random() >= self.recipe.no_words)

    def _step(
        self,
        batch: Batch,
        targets: Tensor,
        optimizer: torch.optim.Optimizer,
        schedule: torch.optim.lr_scheduler.LRScheduler,
    ) -> float:
        self.network.train()
        optimizer.zero_grad(set_to_none=True)
        loss: Tensor = self.loss(self.network(batch.to(self.device)), targets.to(self.device))
        loss.backward()
        nn.utils.clip_grad_norm_(self.network.parameters(), 3.0)
        optimizer.step()
        schedule.step()
        self.steps += 1
        keep = min(self.recipe.averaging, (1 + self.steps) / (10 + self.steps))
        with torch.no_grad():
            theirs = self.network.state_dict()
            for name, mine in self.average.state_dict().items():
                if mine.is_floating_point():
                    mine.lerp_(theirs[name], 1 - keep)
                else:
                    mine.copy_(theirs[name])
        return float(loss.detach())

    def _judge(self, number: int, train_loss: float) -> Epoch:
        """Dev loss of the averaged weights, and with `across_rates` the mean over full rate and 12.5 %."""
        weights = _class_weights(self.dev, self.recipe, of=self.train).numpy()[self.dev.targets]
        losses, scores = [], []
        for mels, texts in self.dev_sets:
            found = predict(self.average, self.tokenizer, mels, texts, self.spec.modalities)
            likelihood = found[np.arange(len(self.dev)), self.dev.targets]
            losses.append(float(np.average(-np.log(np.maximum(likelihood, 1e-6)), weights=weights)))
            scores.append(score_classes(self.dev.targets, found.argmax(axis=1).astype(np.int64), len(self.dev.labels)))
        return Epoch(
            number,
            train_loss,
            float(np.mean(losses)),
            float(np.mean([s.accuracy for s in scores])),
            float(np.mean([s.unweighted_accuracy for s in scores])),
        )


def _rates_heard(train: Examples) -> tuple[float, ...]:
    """The compress rates at which a recognizer heard the words; none where they are the same at any rate."""
    rates = tuple(rate for rate in train.texts_at if rate < 1)
    if not rates and train.text_source not in ("reference", "none"):
        raise EmotionError(
            f"training across rates needs the words that {train.text_source} hears in truncated Mels; have them "
            "recognized at some rates below 1, or train on clean Mels"
        )
    return rates


def _class_weights(part: Examples, recipe: Recipe, of: Examples | None = None) -> Tensor:
    """(classes,): inverse counts of the training set with mean 1 over its utterances, or ones."""
    source = of or part
    classes = len(source.labels)
    counts = np.maximum(np.bincount(source.targets, minlength=classes), 1)
    weights = len(source) / (classes * counts) if recipe.class_weights else np.ones(classes)
    return torch.tensor(weights, dtype=torch.float32)


def standardise(network: EmotionNetwork, mels: Sequence[Mel]) -> None:
    """Give the network the training set's mean and deviation of every band."""
    frames = np.concatenate([mel[:, ::4] for mel in mels], axis=1).astype(np.float64)
    network.band_mean.copy_(torch.from_numpy(frames.mean(axis=1)))
    network.band_deviation.copy_(torch.from_numpy(np.maximum(frames.std(axis=1), 1e-3)))
