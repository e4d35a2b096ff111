"""Trainings in lockstep against the same networks alone, and batches on the device against the plain ones."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from recognizers.emotion.batch import collate
from recognizers.emotion.cross_validation import Together, cross_validate
from recognizers.emotion.evaluation import Evaluation
from recognizers.emotion.examples import Examples, truncate_rank
from recognizers.emotion.layers import Recurrence, looped_recurrence
from recognizers.emotion.lockstep import Lockstep, Runner, smoothed_loss, train_in_lockstep
from recognizers.emotion.networks import ARCHITECTURES, NetworkSpec, build_network
from recognizers.emotion.recognizer import predict
from recognizers.emotion.resident import Resident
from recognizers.emotion.training import Recipe
from recognizers.emotion.types import EmotionError
from recognizers.emotion.weights import save_network, start_from
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


@pytest.mark.parametrize(("name", "size"), [*((name, "small") for name in ARCHITECTURES), ("amser", "image")])
def test_stacked_networks_answer_as_each_alone(name: str, size: str) -> None:
    found = examples()
    spec = NetworkSpec.of(name, found.labels, size=size)
    places = np.arange(len(found))
    runners = [Runner(places[:20], places[20:], seed, True) for seed in (1, 2, 3)]
    data = Resident(found, build_network(spec)[1], "both", CPU)
    together = Lockstep(spec, data, found, runners, Recipe())
    for rate in (1.0, 0.125):
        stacked = [together.predict(n, r.dev, rate) for n, r in enumerate(runners)]
        for number, runner in enumerate(runners):
            part = found.take(runner.dev)
            mels = [truncate_rank(mel, 10) if rate < 1 else mel for mel in part.mels]
            alone = predict(together.network(number), HashedWords(), mels, part.texts)
            np.testing.assert_allclose(stacked[number], alone, atol=2e-4)


@pytest.mark.parametrize(("name", "size"), [*((name, "small") for name in ARCHITECTURES), ("amser", "image")])
def test_one_step_is_the_step_of_each_network_alone(name: str, size: str) -> None:
    """Gradients of the sum of the losses are each network's own: against plain PyTorch, without dropout."""
    found = examples(16)
    spec = NetworkSpec.of(name, found.labels, size=size)
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


def test_the_best_weights_are_final_when_a_training_stops() -> None:
    """What is written at that moment is what the end of the whole lockstep would give."""
    found = examples()
    places = np.arange(len(found))
    early: dict[int, Any] = {}

    def stopped(lockstep: Lockstep, number: int) -> None:
        assert number not in early and not lockstep.runners[number].running
        early[number] = lockstep.predict(number, places, 1.0)

    tests = [places[:9], places[9:14]]
    runners = [Runner(np.delete(places, test), test, seed, True) for seed, test in enumerate(tests)]
    recipe = Recipe(epochs=12, patience=1, batch=8)
    together = train_in_lockstep(NetworkSpec.of("amser", found.labels), found, runners, recipe, on_stopped=stopped)
    assert early.keys() == {0, 1}
    for number, probabilities in early.items():
        np.testing.assert_allclose(together.predict(number, places, 1.0), probabilities, atol=1e-6)


def cross_validated(folder: Path, **options: Any) -> Evaluation:
    recipe = Recipe(epochs=options.pop("epochs", 12), patience=1, batch=8, learning_rate=2e-2)
    return cross_validate("amser", examples(), folder, recipe=recipe, **options)


def test_a_killed_lockstep_keeps_the_folds_that_had_stopped(tmp_path: Path) -> None:
    """Dies in the first epoch after a fold has stopped; the same command trains the others and those only."""

    def die(number: int, loss: float) -> None:
        if list(tmp_path.rglob("fold-*.json")):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        cross_validated(tmp_path, together=Together(on_epoch=die))
    kept = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("fold-*.json")}
    assert 1 <= len(kept) < 4
    told: list[tuple[int, int]] = []
    whole = cross_validated(tmp_path, together=Together(), on_fold=lambda _, done, total: told.append((done, total)))
    assert told == [(done, 4) for done in range(len(kept) + 1, 5)]
    assert all(path.stat().st_mtime_ns == time for path, time in kept.items())
    assert sorted(whole.predictions.ids, key=int) == [str(place) for place in range(36)]


def test_groups_bound_what_is_trained_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sizes = []

    def spied(spec: NetworkSpec, found: Examples, runners: list[Runner], *args: Any, **options: Any) -> Lockstep:
        sizes.append(len(runners))
        return train_in_lockstep(spec, found, runners, *args, **options)

    monkeypatch.setattr("recognizers.emotion.lockstep.train_in_lockstep", spied)
    found = cross_validated(tmp_path, epochs=1, seeds=2, together=Together(at_once=3))
    assert sizes == [3, 3, 2]  # four folds of two seeds
    assert found.seeds == (1, 1001) and found.utterances == 36


def test_memory_that_runs_out_is_one_message(monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*args: Any) -> None:
        raise torch.cuda.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB")

    monkeypatch.setattr(Lockstep, "fit", full)
    with pytest.raises(EmotionError, match=r"^cpu: its memory does not hold .* 2 trainings side by side; train fewer"):
        trained()


def test_a_lockstep_starts_from_other_weights(tmp_path: Path) -> None:
    """With next to no learning every network keeps the donor's weights, to the 11 bits that its file has."""
    found, path = examples(), tmp_path / "w.safetensors"
    spec, places = NetworkSpec.of("yoon", found.labels), np.arange(len(found))
    torch.manual_seed(5)
    donor, _ = build_network(spec)
    save_network(path, donor, spec)
    recipe = Recipe(epochs=1, batch=8, learning_rate=1e-9)
    runners = [Runner(places[:20], places[20:], seed, True) for seed in (1, 2)]
    together = train_in_lockstep(spec, found, runners, recipe, prepare=start_from(path))
    for number in range(2):
        own = together.network(number).get_parameter("project_audio.weight")
        torch.testing.assert_close(own, donor.get_parameter("project_audio.weight"), atol=1e-3, rtol=1e-3)
    assert list(tmp_path.iterdir()) == [path]
    whole = cross_validate("yoon", found, tmp_path / "folds", recipe=recipe, start=path, together=Together())
    assert whole.trained == "across rates from shipped" and whole.utterances == len(found)
