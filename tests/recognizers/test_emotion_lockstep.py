"""Trainings in lockstep against the same networks alone, and batches on the device against the plain ones."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from recognizers.emotion.batch import collate
from recognizers.emotion.examples import Examples, truncate_rank
from recognizers.emotion.layers import Recurrence, looped_recurrence
from recognizers.emotion.lockstep import Lockstep, Runner, smoothed_loss, train_in_lockstep
from recognizers.emotion.networks import ARCHITECTURES, NetworkSpec, build_network
from recognizers.emotion.recognizer import predict
from recognizers.emotion.resident import Resident
from recognizers.emotion.training import Recipe
from recognizers.emotion.words import HashedWords

CPU = torch.device("cpu")


@pytest.fixture(autouse=True)
def one_thread() -> None:
    torch.set_num_threads(1)


def examples(count: int = 36, labels: tuple[str, ...] = ("high", "low"), seed: int = 3) -> Examples:
    """Bands that are loud for the first class above, for the second below."""
    rng = np.random.default_rng(seed)
    targets = np.arange(count) % len(labels)
    mels = []
    for target in targets:
        mel = rng.normal(0, 0.2, (80, int(rng.integers(30, 90))))
        mel[40 * target : 40 * target + 40] += 0.4
        mels.append(mel.astype(np.float32))
    texts = tuple(" ".join(rng.choice(["yes", "no", "stop", "please"], int(rng.integers(0, 5)))) for _ in mels)
    names = tuple(f"s{place % 4}" for place in range(count))
    return Examples(
        tuple(map(str, range(count))), tuple(mels), texts, targets.astype(np.int64), names, names, labels, "t", "d", {}
    )


@pytest.mark.parametrize(("kind", "both_ways"), [("gru", True), ("gru", False), ("lstm", True), ("lstm", False)])
def test_the_loop_is_pytorchs_recurrence(kind: str, both_ways: bool) -> None:
    """Same equations, other order of summation: single precision agrees to 1e-5."""
    torch.manual_seed(1)
    recurrence = Recurrence(kind, 5, 7, both_ways=both_ways)
    steps, lengths = torch.randn(4, 9, 5), torch.tensor([9, 1, 4, 6])
    with looped_recurrence():
        looped = recurrence(steps, lengths)
    torch.testing.assert_close(looped, recurrence(steps, lengths), atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_stacked_networks_answer_as_each_alone(name: str) -> None:
    found = examples()
    spec = NetworkSpec.of(name, found.labels)
    places = np.arange(len(found))
    runners = [Runner(places[:20], places[20:], seed, True) for seed in (1, 2, 3)]
    data = Resident(found, build_network(spec)[1], "both", CPU)
    together = Lockstep(spec, data, found, runners, Recipe())
    for rate in (1.0, 0.125):
        stacked = together.predict([r.dev for r in runners], rate)
        for number, runner in enumerate(runners):
            part = found.take(runner.dev)
            mels = [truncate_rank(mel, 10) if rate < 1 else mel for mel in part.mels]
            alone = predict(together.network(number), HashedWords(), mels, part.texts)
            np.testing.assert_allclose(stacked[number], alone, atol=2e-4)


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_one_step_is_the_step_of_each_network_alone(name: str) -> None:
    """Gradients of the sum of the losses are each network's own: against plain PyTorch, without dropout."""
    found = examples(16)
    spec = NetworkSpec.of(name, found.labels)
    places = np.arange(len(found))
    runners = [Runner(places, places, seed, False) for seed in (4, 5)]
    data = Resident(found, build_network(spec)[1], "both", CPU)
    together = Lockstep(spec, data, found, runners, Recipe())
    networks = [together.network(number) for number in range(2)]
    indices = torch.from_numpy(np.stack([places[:8], places[8:]]))
    together.shape.eval()  # no dropout, stored statistics in the normalisation
    logits = together.logits(together.params | together.buffers, data.plain(indices.flatten()), 8)
    real = torch.ones(2, 8, dtype=torch.bool)
    smoothed_loss(logits, data.targets[indices], together.weights, real, 0.1).sum().backward()  # type: ignore[no-untyped-call]
    for number, network in enumerate(networks):
        part = found.take(indices[number].numpy())
        loss = nn.CrossEntropyLoss(together.weights[number], label_smoothing=0.1)
        loss(network(collate(part.mels, part.texts, HashedWords())), torch.from_numpy(part.targets)).backward()
        for key, parameter in network.named_parameters():
            mine = together.params[key].grad
            if parameter.grad is None:  # norms of UMONS's last block are unused
                assert mine is None
                continue
            assert mine is not None
            torch.testing.assert_close(mine[number], parameter.grad, atol=2e-4, rtol=2e-3)


def test_padded_utterances_do_not_count_in_the_loss() -> None:
    logits, targets = torch.randn(1, 5, 3), torch.tensor([[0, 1, 2, 0, 0]])
    weights, real = torch.tensor([[1.0, 2.0, 0.5]]), torch.tensor([[True, True, True, False, False]])
    plain = nn.CrossEntropyLoss(weights[0], label_smoothing=0.1)(logits[0, :3], targets[0, :3])
    torch.testing.assert_close(smoothed_loss(logits, targets, weights, real, 0.1)[0], plain)


def test_variations_without_strength_only_lose_rank() -> None:
    found = examples(12)
    data = Resident(found, HashedWords(), "both", CPU)
    rng = torch.Generator().manual_seed(1)
    places, ones = torch.arange(12), torch.ones(12, dtype=torch.bool)
    clean = data.varied(places, ~ones, 0.0, 0.0, rng)
    batch = collate(found.mels, found.texts, HashedWords())
    torch.testing.assert_close(clean.mel, batch.mel, atol=1e-4, rtol=0)
    assert torch.equal(clean.pieces, batch.pieces) and torch.equal(clean.words, batch.words)
    cut = data.varied(places, ones, 0.0, 0.0, rng)
    ranks = [int(torch.linalg.matrix_rank(mel[:, :n], rtol=1e-3)) for mel, n in zip(cut.mel, cut.frames, strict=True)]
    assert any(rank < 30 for rank in ranks) and any(rank >= 30 for rank in ranks)


def test_words_that_are_lost_leave_the_others_in_order() -> None:
    found = examples(30)
    data = Resident(found, HashedWords(), "both", CPU)
    places, ones = torch.arange(30), torch.ones(30, dtype=torch.bool)
    some = data.varied(places, ones, 1.0, 0.3, torch.Generator().manual_seed(2))
    for place, text in enumerate(found.texts):
        rows = HashedWords().encode(text, 60).tolist()
        kept = some.pieces[place, : int(some.words[place])].tolist()
        rest = iter(rows)
        assert kept[0][0] == 1 or all(row in rest for row in kept)  # a subsequence, or the sign of no words
    none = data.varied(places, ones, 1.0, 1.0, torch.Generator().manual_seed(2))
    assert torch.equal(none.words, torch.ones(30, dtype=torch.long)) and (none.pieces[:, 0, 0] == 1).all()


def trained(seed: int = 1, **options: Any) -> Lockstep:
    found = examples()
    places = np.arange(len(found))
    runners = [Runner(np.delete(places, test), test, 1, across) for across in (True, False) for test in [places[::3]]]
    recipe = Recipe(epochs=6, batch=8, seed=seed, **options)
    return train_in_lockstep(NetworkSpec.of("amser", found.labels), found, runners, recipe)


def test_lockstep_learns_and_repeats() -> None:
    first, second = trained(), trained()
    for runner in first.runners:
        assert runner.best is not None and runner.best.dev_accuracy == 1.0  # the classes differ in every frame
    for name, tensor in first.best.items():
        assert torch.equal(tensor, second.best[name])
