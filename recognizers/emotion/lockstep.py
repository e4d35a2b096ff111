"""Many trainings of one architecture in lockstep: the folds, seeds and recipes of a cross-validation as one
stacked network.

A small network keeps no GPU busy. Here K of them, each with its own weights, training set and dev set, make
every step together: their weights are stacked along a first axis and PyTorch's `vmap` runs the same code for
all. Every network gets the gradients, the optimiser (AdamW works number by number), the clipping, the
averaging and the early stopping that it would have alone.
"""

from __future__ import annotations

import copy
import time
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.func import functional_call, stack_module_state

from recognizers.emotion.batch import Batch
from recognizers.emotion.examples import Examples
from recognizers.emotion.layers import EmotionNetwork, looped_recurrence
from recognizers.emotion.networks import NetworkSpec, build_network
from recognizers.emotion.resident import Resident, group_places
from recognizers.emotion.training import Epoch, Recipe, standardise
from recognizers.emotion.types import EmotionError

__all__ = ["Runner", "train_in_lockstep"]

Places = npt.NDArray[np.int64]
Tensors = dict[str, Tensor]
CLIP = 3.0


@dataclass
class Runner:
    """One of the trainings: its sets (places in the examples), its seed, and later its best epoch."""

    train: Places
    dev: Places
    seed: int
    across_rates: bool
    history: list[Epoch] = field(default_factory=list)
    best: Epoch | None = None
    running: bool = True


class Lockstep:
    """K networks that train side by side."""

    def __init__(
        self,
        spec: NetworkSpec,
        data: Resident,
        examples: Examples,
        runners: list[Runner],
        recipe: Recipe,
        prepare: Callable[[EmotionNetwork], None] | None = None,
    ):
        self.spec, self.data, self.runners, self.recipe = spec, data, runners, recipe
        networks = [self._fresh(spec, examples, runner, prepare) for runner in runners]
        self.shape = copy.deepcopy(networks[0]).to(data.device)
        params, buffers = stack_module_state(networks)
        self.params: Tensors = {
            n: p.detach().to(data.device).requires_grad_(p.requires_grad) for n, p in params.items()
        }
        self.buffers: Tensors = {n: b.detach().to(data.device) for n, b in buffers.items()}
        self.average = {n: t.detach().clone() for n, t in (self.params | self.buffers).items()}
        self.best = {n: t.clone() for n, t in self.average.items()}
        self.across = torch.tensor([r.across_rates for r in runners], device=data.device)
        self.weights = self._class_weights(examples)
        self.rng = np.random.default_rng([recipe.seed, 7])
        self.draw = torch.Generator(device=data.device).manual_seed(recipe.seed)
        self.lengths = data.frames.cpu().numpy()
        self.steps = 0

    @staticmethod
    def _fresh(
        spec: NetworkSpec, examples: Examples, runner: Runner, prepare: Callable[[EmotionNetwork], None] | None
    ) -> EmotionNetwork:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(runner.seed)
            network, _ = build_network(spec)
        standardise(network, [examples.mels[i] for i in runner.train])
        if prepare:
            prepare(network)
        return network

    def _class_weights(self, examples: Examples) -> Tensor:
        """(K, classes): inverse counts of each training set, or ones."""
        classes = len(examples.labels)
        rows = []
        for runner in self.runners:
            counts = np.maximum(np.bincount(examples.targets[runner.train], minlength=classes), 1)
            rows.append(len(runner.train) / (classes * counts) if self.recipe.class_weights else np.ones(classes))
        return torch.tensor(np.array(rows), dtype=torch.float32, device=self.data.device)

    def logits(self, tensors: Tensors, batch: Batch, size: int) -> Tensor:
        """(K, size, classes) of a batch of K x size utterances, each network on its own."""

        def one(mine: Tensors, mel: Tensor, frames: Tensor, pieces: Tensor, words: Tensor) -> Tensor:
            found: Tensor = functional_call(self.shape, mine, (Batch(mel, frames, pieces, words),))
            return found

        parts = [part.unflatten(0, (-1, size)) for part in (batch.mel, batch.frames, batch.pieces, batch.words)]
        with looped_recurrence():
            found: Tensor = torch.vmap(one, randomness="different")(tensors, *parts)
        return found

    def fit(
        self,
        on_epoch: Callable[[int, float], None] | None = None,
        until: float = float("inf"),
        on_stopped: Callable[[int], None] | None = None,
    ) -> None:
        """Train until every network has stopped, or the clock (`time.monotonic`) passes `until`.

        `on_stopped(number)` is called for each network as soon as its training has ended.
        """
        recipe = self.recipe
        chunks = -(-max(len(r.train) for r in self.runners) // recipe.batch)
        optimizer = torch.optim.AdamW(list(self.params.values()), weight_decay=recipe.weight_decay)
        schedule = torch.optim.lr_scheduler.OneCycleLR(
            optimizer, recipe.learning_rate, epochs=recipe.epochs, steps_per_epoch=chunks, pct_start=0.15
        )
        for number in range(1, recipe.epochs + 1):
            losses = []
            for places, real in self._batches(chunks):
                losses.append(self._step(places, real, optimizer))
                schedule.step()
            mean = torch.stack(losses).mean(dim=0).cpu().numpy()
            running = [place for place, runner in enumerate(self.runners) if runner.running]
            self._judge(number, mean)
            if on_epoch:
                on_epoch(number, float(mean.mean()))
            last = number == recipe.epochs or time.monotonic() > until
            for place in running:
                self.runners[place].running &= not last
                if on_stopped and not self.runners[place].running:
                    on_stopped(place)
            if not any(runner.running for runner in self.runners):
                return

    def _batches(self, chunks: int) -> list[tuple[Tensor, Tensor]]:
        """The shuffled training sets, (K, size) places and masks; utterances of like length share a batch."""
        orders = []
        for runner in self.runners:
            noisy = self.lengths[runner.train] * self.rng.uniform(0.8, 1.25, len(runner.train))
            orders.append(np.array_split(runner.train[np.argsort(noisy, kind="stable")], chunks))
        return [
            group_places([order[place] for order in orders], self.data.device) for place in self.rng.permutation(chunks)
        ]

    def _step(self, places: Tensor, real: Tensor, optimizer: torch.optim.Optimizer) -> Tensor:
        recipe, size = self.recipe, places.shape[1]
        flat = places.flatten()
        across = self.across.repeat_interleave(size)
        batch = self.data.varied(flat, across, recipe.augment, recipe.no_words, self.draw)
        self.shape.train()
        optimizer.zero_grad(set_to_none=True)
        logits = self.logits(self.params | self.buffers, batch, size)
        losses = smoothed_loss(logits, self.data.targets[places], self.weights, real, recipe.label_smoothing)
        losses.sum().backward()
        self._clip()
        optimizer.step()
        self.steps += 1
        keep = min(recipe.averaging, (1 + self.steps) / (10 + self.steps))
        with torch.no_grad():
            for name, theirs in (self.params | self.buffers).items():
                if theirs.is_floating_point():
                    self.average[name].lerp_(theirs, 1 - keep)
                else:
                    self.average[name].copy_(theirs)
        return losses.detach()

    def _clip(self) -> None:
        """Each network's gradient to a norm of at most `CLIP`."""
        grads = [p.grad for p in self.params.values() if p.grad is not None]
        squares = torch.stack([g.flatten(1).square().sum(dim=1) for g in grads]).sum(dim=0)
        scale = (CLIP / (squares.sqrt() + 1e-6)).clamp(max=1.0)
        for grad in grads:
            grad.mul_(scale.view(-1, *[1] * (grad.dim() - 1)))

    @torch.no_grad()
    def probabilities(self, tensors: Tensors, places: Tensor, rate: float) -> Tensor:
        """(K, size, classes) of (K, size) places at a compress rate; in parts that fit a device's memory."""
        self.shape.eval()
        found = []
        for start in range(0, places.shape[1], 64):
            part = places[:, start : start + 64]
            found.append(self.logits(tensors, self.data.plain(part.flatten(), rate), part.shape[1]).softmax(dim=2))
        return torch.cat(found, dim=1)

    def _judge(self, number: int, train_losses: npt.NDArray[np.float32]) -> None:
        """Dev loss of the averaged weights; `across_rates` takes the mean over full rate and 12.5 %."""
        places, real = group_places([r.dev for r in self.runners], self.data.device)
        targets = self.data.targets[places]
        share = self.weights.gather(1, targets) * real
        rows = []
        for rate in (1.0, 0.125):
            found = self.probabilities(self.average, places, rate)
            likelihood = found.gather(2, targets[:, :, None]).squeeze(2).clamp(min=1e-6)
            right = (found.argmax(dim=2) == targets) & real
            loss = -(likelihood.log() * share).sum(dim=1) / share.sum(dim=1)
            recalls = (right * share).sum(dim=1) / share.sum(dim=1)
            rows.append(torch.stack([loss, right.sum(dim=1) / real.sum(dim=1), recalls]))
        full, low = (row.cpu().numpy() for row in rows)
        better = []
        for place, runner in enumerate(self.runners):
            values = (full[:, place] + low[:, place]) / 2 if runner.across_rates else full[:, place]
            epoch = Epoch(number, float(train_losses[place]), *(float(value) for value in values))
            better.append(self._keep(runner, epoch))
        chosen = torch.tensor(better, device=self.data.device)
        for name, tensor in self.best.items():
            tensor[chosen] = self.average[name][chosen]

    def _keep(self, runner: Runner, epoch: Epoch) -> bool:
        """Write the epoch down; True if it is the best so far of a training that still runs."""
        if not runner.running:
            return False
        runner.history.append(epoch)
        if runner.best is None or epoch.dev_loss < runner.best.dev_loss:
            runner.best = epoch
            return True
        runner.running = epoch.number - runner.best.number < self.recipe.patience
        return False

    def predict(self, number: int, places: Places, rate: float) -> npt.NDArray[np.float32]:
        """Class probabilities (N, classes) of one network's best weights at places of the examples."""
        own = {name: tensor[number : number + 1] for name, tensor in self.best.items()}
        full, _ = group_places([places], self.data.device)
        return np.asarray(self.probabilities(own, full, rate)[0].cpu().numpy())

    def network(self, place: int) -> EmotionNetwork:
        """One of the networks with its best weights, on the CPU."""
        network, _ = build_network(self.spec)
        network.load_state_dict({name: tensor[place].cpu() for name, tensor in self.best.items()}, strict=False)
        return network.eval()


def smoothed_loss(logits: Tensor, targets: Tensor, weights: Tensor, real: Tensor, smoothing: float) -> Tensor:
    """(K,): PyTorch's weighted cross-entropy with label smoothing, over the real utterances of each network.

    `logits` (K, B, C), `targets` and `real` (K, B), `weights` (K, C).
    """
    log = logits.log_softmax(dim=2)
    own = weights.gather(1, targets) * real
    hit = -(log.gather(2, targets[:, :, None]).squeeze(2) * own).sum(dim=1)
    spread = -((log * weights[:, None, :]).sum(dim=2) * real).sum(dim=1) / log.shape[2]
    return ((1 - smoothing) * hit + smoothing * spread) / own.sum(dim=1)


def train_in_lockstep(
    spec: NetworkSpec,
    examples: Examples,
    runners: list[Runner],
    recipe: Recipe,
    device: str | torch.device = "cpu",
    *,
    prepare: Callable[[EmotionNetwork], None] | None = None,
    on_epoch: Callable[[int, float], None] | None = None,
    until: float = float("inf"),
    on_stopped: Callable[[Lockstep, int], None] | None = None,
) -> Lockstep:
    """Train all runners on `examples`; each ends with the weights of its best epoch.

    `prepare` may change each fresh network; `on_stopped(lockstep, number)` is called as soon as a network's
    training has ended, when its best weights are final. Seeded: the same runners give the same result on the same
    machine, but not the same as each would give alone, because they share one stream of random variations. Raises
    `EmotionError` for an empty set, no epoch, or too little memory on the device.
    """
    if recipe.epochs < 1:
        raise EmotionError(f"a recipe needs at least one epoch, found {recipe.epochs}")
    for runner in runners:
        if not len(runner.train) or not len(runner.dev):
            raise EmotionError("a training in lockstep has an empty training or dev set")
    where = torch.device(device)
    _, tokenizer = build_network(spec)
    try:
        data = Resident(examples, tokenizer, spec.modalities, where)
        with torch.random.fork_rng(devices=[where] if where.type == "cuda" else []):
            torch.manual_seed(recipe.seed)
            together = Lockstep(spec, data, examples, runners, recipe, prepare)
            together.fit(on_epoch, until, (lambda number: on_stopped(together, number)) if on_stopped else None)
    except torch.cuda.OutOfMemoryError as error:
        raise EmotionError(
            f"{where}: its memory does not hold the corpus and {len(runners)} trainings side by side; train fewer at "
            f"once (--at-once), or on the CPU"
        ) from error
    return together
