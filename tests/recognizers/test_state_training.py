"""AMSER's network on encoder states: what it computes, its size, and that a fold learns nothing of its test speaker."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch

from recognizers.emotion.state_network import (
    VOICES,
    StateBatch,
    StateDims,
    StateNetwork,
    agreed,
    collate_states,
    statistics,
)
from recognizers.emotion.states import Stretches
from recognizers.emotion.types import EmotionError
from recognizers.training.logistic import fit_logistic
from recognizers.training.predictions import Labels, codec_losses, network_differences, prediction_rows, scored
from recognizers.training.speaker_folds import network_predictions, speaker_folds, yardstick_predictions
from recognizers.training.stacked import StateRecipe, probabilities, train_stacked
from recognizers.training.state_examples import StateExamples

DIMS = StateDims(layers=(1, 2), state_width=8, width=8, heads=2)
QUICK = StateRecipe(epochs=2, batch=16)
SPEAKERS = 5
EACH = 6


def stretches(rng: np.random.Generator, shift: float = 0.0, count: int = 4) -> Stretches:
    mean = rng.normal(size=(count, 2, 8)).astype(np.float32)
    mean[:, :, 0] += shift
    return Stretches(mean, rng.uniform(0.5, 1.5, mean.shape).astype(np.float32), np.full(count, 8, dtype=np.float32))


def examples(seed: int = 0, strange: str | None = None) -> StateExamples:
    """Two classes that differ in one state, five speakers; the states of the speaker `strange` are nonsense."""
    rng = np.random.default_rng(seed)
    speakers = tuple(str(n // EACH) for n in range(SPEAKERS * EACH))
    targets = np.arange(len(speakers), dtype=np.int64) % 2
    heard = {codec: [stretches(rng, 2.0 * t) for t in targets] for codec in ("raw", "small")}
    other = np.random.default_rng(99)
    for rows in heard.values():
        for place, speaker in enumerate(speakers):
            if speaker == strange:
                rows[place] = stretches(other, 50.0)
    words = {codec: [rng.normal(size=(2, 8)).astype(np.float32) for _ in targets] for codec in heard}
    known = Labels(tuple(f"u{n}" for n in range(len(speakers))), speakers, targets, ("calm", "angry"), "made")
    return StateExamples(known, heard, words)


def test_stretches_keep_the_utterances_mean_and_deviation() -> None:
    # The law of total variance: exact but for the rounding of float32.
    rng = np.random.default_rng(3)
    steps = rng.normal(2.0, 3.0, size=(19, 2, 8)).astype(np.float32)
    parts = [steps[:8], steps[8:16], steps[16:]]
    kept = Stretches(
        np.stack([p.mean(0) for p in parts]), np.stack([p.var(0) for p in parts]), np.array([8, 8, 3], np.float32)
    )
    np.testing.assert_allclose(kept.statistics(), [steps.mean(0), steps.std(0)], rtol=1e-5, atol=1e-5)
    batch = collate_states([kept], [np.zeros((1, 8), np.float32)])
    pooled = statistics(batch, (batch.steps / batch.steps.sum())[None])
    np.testing.assert_allclose(pooled[0, 0], kept.statistics().ravel(), rtol=1e-4, atol=1e-4)


def test_the_untrained_network_has_no_opinion_and_attends_equally() -> None:
    batch = examples().slices("raw")[0]
    network = StateNetwork(DIMS, 3).eval()
    assert torch.equal(network(batch), torch.zeros(1, len(batch.tokens), 3))


@pytest.mark.parametrize("modalities", ["both", "audio", "text"])
def test_an_ablation_does_not_see_what_it_leaves_out(modalities: str) -> None:
    torch.manual_seed(1)
    network = StateNetwork(dataclasses.replace(DIMS, modalities=modalities), 3).eval()
    for parameter in network.parameters():
        torch.nn.init.normal_(parameter, std=0.3)
    batch = examples().slices("raw")[0]
    said = dataclasses.replace(batch, words=batch.words + 1)
    sounded = dataclasses.replace(batch, mean=batch.mean + 1)
    found = network(batch)
    assert torch.equal(network(said), found) == (modalities == "audio")
    assert torch.equal(network(sounded), found) == (modalities == "text")


def test_an_utterance_does_not_depend_on_its_neighbours() -> None:
    torch.manual_seed(2)
    network = StateNetwork(DIMS, 3).eval()
    for parameter in network.parameters():
        torch.nn.init.normal_(parameter, std=0.3)
    rng = np.random.default_rng(5)
    short, long = stretches(rng, count=2), stretches(rng, count=9)
    words = [rng.normal(size=(n, 8)).astype(np.float32) for n in (1, 6)]
    alone = network(collate_states([short], words[:1]))
    beside = network(collate_states([short, long], words))[:, :1]
    # The padding is masked, so only the order of the sums differs.
    torch.testing.assert_close(alone, beside, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(("layers", "width"), [((2, 3, 4), 512), ((2, 3), 384)])
def test_the_network_takes_less_than_two_megabytes(layers: tuple[int, ...], width: int) -> None:
    network = StateNetwork(StateDims(layers=layers, state_width=width), 5, VOICES)
    numbers = [*network.parameters(), *network.buffers()]
    assert 4 * sum(n.numel() for n in numbers) < 2e6  # in fp32: weights in fp16 take half


def test_the_folds_cover_every_speaker_once_and_share_none() -> None:
    known = examples().known
    folds = speaker_folds(known.speakers)
    assert sorted(np.concatenate([fold.test for fold in folds])) == list(range(len(known.ids)))
    owners = np.array(known.speakers)
    for fold in folds:
        assert set(owners[fold.test]) == {fold.name}
        assert fold.name not in set(owners[fold.train])
        assert sorted(np.concatenate([judge for _, judge in fold.inner])) == sorted(fold.train)
        for fit, judge in fold.inner:
            assert not set(owners[fit]) & set(owners[judge])
            assert fold.name not in {*owners[fit], *owners[judge]}


def test_folds_need_enough_named_speakers() -> None:
    with pytest.raises(EmotionError, match="found 3"):
        speaker_folds(["a", "b", "c"])
    with pytest.raises(EmotionError, match="named speakers"):
        speaker_folds(["a", "b", "c", "d", ""])


def test_a_fold_is_the_same_whatever_its_test_speaker_says() -> None:
    # Statistics, batches and gradients of a fold must not know its test speaker: with other recordings of that
    # speaker the fold's network comes out the same, bit by bit, though other folds' networks do not.
    folds = speaker_folds(examples().known.speakers)
    parts = [fold.train for fold in folds]
    plain, strange = (
        train_stacked(data, parts, ["raw", "small"], DIMS, QUICK) for data in (examples(), examples(strange="2"))
    )
    for name, value in plain.state_dict().items():
        torch.testing.assert_close(value[2], strange.state_dict()[name][2], rtol=0, atol=1e-6)
    assert not torch.equal(plain.classify.weight[1], strange.classify.weight[1])


def test_the_yardstick_of_a_fold_is_the_same_whatever_its_test_speaker_says() -> None:
    # What was chosen too: layers, penalty and the inner accuracy.
    (_, plain), (_, strange) = (
        yardstick_predictions(data, ["raw", "small"], ["raw"], (1, 2)) for data in (examples(), examples(strange="2"))
    )
    assert plain[2].layers == strange[2].layers
    assert plain[2].penalty == strange[2].penalty
    assert plain[2].accuracy == strange[2].accuracy


def test_the_same_seed_trains_the_same_network_and_another_does_not() -> None:
    parts = [fold.train for fold in speaker_folds(examples().known.speakers)]
    one, two, other = (
        train_stacked(examples(), parts, ["raw"], DIMS, dataclasses.replace(QUICK, seed=seed)) for seed in (1, 1, 2)
    )
    assert torch.equal(one.project.weight, two.project.weight)
    assert not torch.equal(one.project.weight, other.project.weight)


def test_a_member_alone_says_what_it_said_among_the_others() -> None:
    data = examples()
    stack = train_stacked(data, [fold.train for fold in speaker_folds(data.known.speakers)], ["raw"], DIMS, QUICK)
    alone = stack.only([3, SPEAKERS + 3])  # both voices
    inside, outside = probabilities(stack, data, "raw")[3:4], probabilities(alone, data, "raw")
    torch.testing.assert_close(inside, outside, rtol=1e-4, atol=1e-5)


def test_the_second_voice_is_the_regression_on_mean_and_deviation() -> None:
    # Fitted apart: the same logits, up to the order of sums in products of ten thousand terms.
    data = examples()
    parts = [fold.train for fold in speaker_folds(data.known.speakers)]
    stack = train_stacked(data, parts, ["raw", "small"], DIMS, QUICK)
    masks = torch.zeros(len(parts), 2, len(data), dtype=torch.bool)
    for mask, part in zip(masks, parts, strict=True):
        mask[:, torch.from_numpy(part)] = True
    features = torch.cat([data.pooled(codec) for codec in ("raw", "small")])
    fit = fit_logistic(features, data.targets.repeat(2), masks.flatten(1), QUICK.penalty)
    with torch.no_grad():
        second = torch.cat([stack(batch) for batch in data.slices("raw")], dim=1)[SPEAKERS:]
    torch.testing.assert_close(second, fit.logits(data.pooled("raw")).transpose(0, 1), rtol=1e-3, atol=1e-3)


def test_voices_agree_by_the_mean_of_their_logarithms() -> None:
    # Two voices of one member: the geometric mean of their probabilities, normalised.
    chances = torch.tensor([[[0.8, 0.2]], [[0.1, 0.9]]])
    product = (chances[0] * chances[1]).sqrt()
    torch.testing.assert_close(agreed(chances.log(), 2)[0], product / product.sum(), rtol=1e-5, atol=1e-6)


def test_network_and_yardstick_find_an_easy_difference_in_unheard_speakers() -> None:
    # The classes lie two deviations apart in the mean of one state over 32 steps: few utterances can be mistaken.
    data = examples()
    learnt = network_predictions(data, ["raw", "small"], ["raw"], DIMS, StateRecipe(epochs=40, batch=8))
    fitted, _ = yardstick_predictions(data, ["raw", "small"], ["raw"], (1, 2))
    for found in (learnt["raw"], fitted["raw"]):
        assert (found == data.known.targets).mean() > 0.8


def test_logistic_regression_agrees_with_scikit_learn() -> None:
    linear_model = pytest.importorskip("sklearn.linear_model")
    rng = np.random.default_rng(4)
    features, targets = rng.normal(size=(80, 5)), rng.integers(0, 3, 80)
    features[:, 0] += targets
    masks = np.stack([np.arange(80) < 60, np.arange(80) >= 20])
    found = fit_logistic(
        torch.tensor(features, dtype=torch.float32), torch.tensor(targets), torch.tensor(masks), penalty=0.1
    )
    for place, mask in enumerate(masks):
        part = features[mask]
        scaled = (features - part.mean(0)) / part.std(0)
        # scikit-learn minimises C x the summed loss + |w|^2 / 2: the same minimum for C = 1 / (penalty x rows).
        model = linear_model.LogisticRegression(C=1 / (0.1 * mask.sum()), tol=1e-8, max_iter=1000)
        expected = model.fit(scaled[mask], targets[mask]).predict_proba(scaled)
        ours = found.logits(torch.tensor(features, dtype=torch.float32))[:, place].softmax(dim=1)
        np.testing.assert_allclose(ours, expected, atol=2e-3)  # both stop at a small gradient, not at none


def test_a_batch_mixes_codecs_and_is_as_long_as_its_longest() -> None:
    data = examples()
    batch = data.take(np.array([0, 7]), np.array([1, 0]))
    assert isinstance(batch, StateBatch)
    assert batch.mean.shape == (2, 4, 16)
    first, second = data.take(np.array([0]), np.array([1])), data.take(np.array([7]), np.array([0]))
    torch.testing.assert_close(batch.mean, torch.cat([first.mean, second.mean]))


def test_scores_are_means_over_seeds_and_differences_are_paired() -> None:
    known = examples().known
    right, wrong = known.targets, 1 - known.targets
    rows = [
        prediction_rows(
            known, {"raw": right, "small": right if seed == 1 else wrong}, network="a", training="t", seed=seed
        )
        for seed in (1, 2)
    ]
    rows.append(prediction_rows(known, {"raw": wrong, "small": wrong}, network="b", training="t", seed=0))
    import pandas as pd

    table = pd.concat(rows)
    found = scored(table).set_index(["network", "codec"])["accuracy"]
    assert found["a", "raw"] == 1.0
    assert found["a", "small"] == 0.5
    assert found["b", "raw"] == 0.0
    loss = codec_losses(table, "small", "raw").set_index("network")["difference"]
    assert loss["a"] == -0.5
    assert loss["b"] == 0.0
    ahead = network_differences(table, "a", "b", "t").set_index("codec")
    assert ahead.loc["raw", "difference"] == 1.0
