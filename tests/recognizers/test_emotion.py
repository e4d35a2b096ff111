"""The four emotion networks: one interface, independent of the batch, saved without pickle, learning what
is there."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import save_file

from recognizers.emotion import Emotion, EmotionError, rank_of_rate
from recognizers.emotion.batch import collate
from recognizers.emotion.networks import ARCHITECTURES, NetworkSpec, build_network
from recognizers.emotion.recognizer import EmotionRecognizer, load_emotion, predict
from recognizers.emotion.tokenizers import HashedWords, Vocabulary, split_words, tokenizer_from
from recognizers.emotion.weights import FORMAT, load_network, save_network
from recognizers.training.emotion.augment import _stretch, vary
from recognizers.training.emotion.examples import Examples, compressed, truncate_rank
from recognizers.training.emotion.recipe import Recipe, train_network

LABELS = ("angry", "happy", "neutral", "sad")
NAMES = tuple(ARCHITECTURES)


@pytest.fixture(autouse=True)
def one_thread() -> None:
    torch.set_num_threads(1)


def a_mel(rng: np.random.Generator, frames: int) -> np.ndarray[Any, np.dtype[np.float32]]:
    return rng.normal(0.3, 0.4, (80, frames)).astype(np.float32)


def a_network(name: str, **options: Any) -> tuple[Any, Any, NetworkSpec]:
    with torch.random.fork_rng():
        torch.manual_seed(3)
        spec = NetworkSpec.of(name, LABELS, **options)
        network, tokenizer = build_network(spec)
    network.eval()
    return network, tokenizer, spec


@pytest.mark.parametrize(("name", "size"), [*((name, "small") for name in NAMES), ("amser", "image")])
def test_a_result_does_not_depend_on_its_neighbours_in_the_batch(name: str, size: str) -> None:
    network, tokenizer, _ = a_network(name, size=size)
    rng = np.random.default_rng(1)
    mels = [a_mel(rng, frames) for frames in (40, 97, 333, 160)]
    texts = ["stop it now", "", "turn on the light in the kitchen please", "play"]
    together = predict(network, tokenizer, mels, texts)
    alone = np.concatenate([predict(network, tokenizer, [m], [t]) for m, t in zip(mels, texts, strict=True)])
    # Only the order of floating-point sums may differ.
    np.testing.assert_allclose(together, alone, atol=2e-5)
    np.testing.assert_allclose(together.sum(axis=1), 1, atol=1e-5)


@pytest.mark.parametrize("name", NAMES)
def test_small_networks_are_small_and_use_both_inputs(name: str) -> None:
    network, tokenizer, _ = a_network(name)
    assert sum(part.numel() for part in network.parameters()) < 300_000
    rng = np.random.default_rng(2)
    mel, other = a_mel(rng, 120), a_mel(rng, 120)
    base = predict(network, tokenizer, [mel], ["i hate this"])
    assert np.abs(base - predict(network, tokenizer, [other], ["i hate this"])).max() > 1e-6
    assert np.abs(base - predict(network, tokenizer, [mel], ["i love this"])).max() > 1e-6


SIZES = [(name, size) for name, architecture in ARCHITECTURES.items() for size in architecture.sizes]


@pytest.mark.parametrize(("name", "size"), SIZES)
def test_all_sizes_run_even_on_one_frame(name: str, size: str) -> None:
    network, tokenizer, _ = a_network(name, size=size)
    batch = collate([a_mel(np.random.default_rng(3), 1)], ["hello there"], tokenizer)
    with torch.inference_mode():
        assert network(batch).shape == (1, 4)


def test_variants_of_xu_and_yoon_run() -> None:
    import dataclasses

    rng = np.random.default_rng(4)
    for name, change in (("xu", {"alignment": "additive"}), ("yoon", {"attention": True})):
        spec = NetworkSpec.of(name, LABELS)
        network, tokenizer = build_network(dataclasses.replace(spec, dims={**spec.dims, **change}))
        assert predict(network, tokenizer, [a_mel(rng, 50)], ["go"]).shape == (1, 4)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("frames", [1, 7, 16, 1501, 3000])
def test_any_length_is_classified(name: str, frames: int) -> None:
    network, tokenizer, _ = a_network(name)
    found = predict(network, tokenizer, [a_mel(np.random.default_rng(5), frames)], ["word " * 100])
    assert np.isfinite(found).all()


def test_weights_survive_the_file_and_the_recognizer_answers(tmp_path: Path) -> None:
    network, tokenizer, spec = a_network("amser")
    path = tmp_path / "emotion.safetensors"
    save_network(path, network, spec)
    assert path.stat().st_size < 1_000_000
    recognizer = load_emotion(path)
    assert isinstance(recognizer, EmotionRecognizer)
    assert (recognizer.name, recognizer.labels) == ("amser", LABELS)
    mels = [a_mel(np.random.default_rng(6), 100)]
    (answer,) = recognizer.classify(mels, ["wonderful"])
    assert isinstance(answer, Emotion)
    assert answer.label == max(answer.probabilities, key=lambda label: answer.probabilities[label])
    # Half precision keeps 11 bits of every weight: probabilities move by about a thousandth.
    before = predict(network, tokenizer, mels, ["wonderful"])[0]
    np.testing.assert_allclose(list(answer.probabilities.values()), before, atol=5e-3)
    assert load_emotion(path).fingerprint() == recognizer.fingerprint()
    assert recognizer.classify([], []) == []


def test_hostile_or_wrong_weights_are_one_clear_error(tmp_path: Path) -> None:
    network, _, spec = a_network("yoon")
    good = tmp_path / "good.safetensors"
    save_network(good, network, spec)
    (tmp_path / "noise.safetensors").write_bytes(b"\x80\x04pickle" * 9)
    save_file({"a": torch.zeros(2)}, tmp_path / "other.safetensors")
    described = {
        "architecture": "yoon",
        "labels": LABELS,
        "words": {"kind": "hashed", "buckets": 8, "pieces": 4},
    }
    for name, dims in (
        ("huge", {"width": 10**9}),
        ("less", {"width": -4}),
        ("odd", {"depth": 3}),
        ("fit", {}),
    ):
        header = {"format": FORMAT, "spec": json.dumps({**described, "dims": dims})}
        save_file({"a": torch.zeros(2)}, tmp_path / f"{name}.safetensors", metadata=header)
    messages = {
        "missing": "no such weights file",
        "noise": "not a safetensors file",
        "other": "not an emotion network",
        "huge": "outside 0 to",
        "less": "outside 0 to",
        "odd": "has no size",
        "fit": "do not fit",
    }
    for name, message in messages.items():
        with pytest.raises(EmotionError, match=message):
            load_network(tmp_path / f"{name}.safetensors")
    with pytest.raises(EmotionError, match="one text"):
        load_emotion(good).classify([a_mel(np.random.default_rng(1), 20)], [])
    with pytest.raises(EmotionError, match=r"found \(40, 20\)"):
        load_emotion(good).classify([np.zeros((40, 20), dtype=np.float32)], [""])


def examples_of_tones(count: int, seed: int, speakers: int = 4) -> Examples:
    """Four classes: two told apart by the Mel only (high or low bands), two by the words only."""
    rng = np.random.default_rng(seed)
    targets = np.arange(count, dtype=np.int64) % 4
    mels, texts = [], []
    for target in targets:
        mel = a_mel(rng, int(rng.integers(40, 80))) * 0.3
        mel[(slice(50, 70) if target % 2 else slice(10, 30))] += 0.8
        mels.append(mel)
        texts.append("i love this" if target < 2 else "i hate that")
    names = tuple(f"s{place // 4 % speakers}" for place in range(count))
    ids = tuple(str(place) for place in range(count))
    return Examples(ids, tuple(mels), tuple(texts), targets, names, ("",) * count, LABELS, "tones", "0", {})


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_training_learns_what_needs_both_modalities(name: str) -> None:
    train, dev = examples_of_tones(96, 1), examples_of_tones(32, 2)
    recipe = Recipe(epochs=14, batch=16, learning_rate=5e-3, no_words=0.0, averaging=0.9, label_smoothing=0.0)
    trained = train_network(NetworkSpec.of(name, LABELS), train, dev, recipe)
    # Either modality alone cannot pass 50 %; the classes do not overlap, so both together can reach 100 %.
    assert trained.best.dev_accuracy > 0.9
    deaf = predict(trained.network, trained.tokenizer, dev.mels, [""] * len(dev))
    assert (deaf.argmax(axis=1) == dev.targets).mean() < 0.8


def test_the_same_seed_gives_the_same_weights() -> None:
    train, dev = examples_of_tones(32, 1), examples_of_tones(16, 2)
    runs = [
        train_network(NetworkSpec.of("yoon", LABELS), train, dev, Recipe(epochs=1, seed=seed)).network.state_dict()
        for seed in (5, 5, 6)
    ]
    assert all(torch.equal(runs[0][key], runs[1][key]) for key in runs[0])
    assert any(not torch.equal(runs[0][key], runs[2][key]) for key in runs[0])


def test_training_refuses_what_it_cannot_use() -> None:
    train = examples_of_tones(8, 1)
    with pytest.raises(EmotionError, match="dev set has 0"):
        train_network(NetworkSpec.of("xu", LABELS), train, train.take([]), Recipe(epochs=1))
    with pytest.raises(EmotionError, match="known: amser, umons, xu, yoon"):
        NetworkSpec.of("lstm", LABELS)


def test_memory_that_runs_out_is_one_message(monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 GiB.")

    monkeypatch.setattr("recognizers.training.emotion.recipe._Run.fit", full)
    train = examples_of_tones(8, 1)
    with pytest.raises(EmotionError, match="no memory left for xu; take a smaller --batch"):
        train_network(NetworkSpec.of("xu", LABELS), train, train, Recipe(epochs=1))


@given(rank=st.integers(1, 79), frames=st.integers(16, 200), seed=st.integers(0, 99))
@settings(max_examples=25, deadline=None)
def test_truncation_is_the_best_of_its_rank(rank: int, frames: int, seed: int) -> None:
    mel = a_mel(np.random.default_rng(seed), frames)
    found = truncate_rank(mel, rank)
    # Eckart and Young: the squared error is the sum of the squared singular values that were left out.
    values = np.linalg.svd(mel.astype(np.float64), compute_uv=False)
    np.testing.assert_allclose(((mel - found) ** 2).sum(), (values[rank:] ** 2).sum(), rtol=1e-3, atol=1e-3)
    assert np.linalg.matrix_rank(found.astype(np.float64), tol=1e-2) <= rank


def test_rates_are_ranks() -> None:
    assert [rank_of_rate(rate) for rate in (0.125, 0.1875, 0.25, 0.5, 1.0)] == [10, 15, 20, 40, 80]
    mels = [a_mel(np.random.default_rng(1), 90)]
    assert compressed(mels, 1.0)[0] is mels[0]
    with pytest.raises(EmotionError, match="at most 1"):
        rank_of_rate(1.5)


def test_stretching_keeps_the_rank() -> None:
    """Interpolation along either axis is linear, so training may truncate before it stretches."""
    rng = np.random.default_rng(8)
    mel = a_mel(rng, 120)
    low = truncate_rank(mel, 5)
    for _ in range(20):
        stretched = _stretch(low, rng, 1.0)
        assert np.linalg.matrix_rank(stretched.astype(np.float64), tol=1e-2) <= 5
    varied = vary(mel, rng)
    assert varied.shape[0] == 80
    assert 0.8 * 120 < varied.shape[1] < 1.25 * 120


@given(st.text(max_size=80))
@settings(max_examples=60, deadline=None)
def test_any_text_is_words(text: str) -> None:
    for tokenizer in (HashedWords(64, 8), Vocabulary.of(["go on", "stop"])):
        rows = tokenizer.encode(text, 10)
        assert 1 <= len(rows) <= 10
        assert (rows[:, 0] != 0).all()
        assert 0 <= rows.min() <= rows.max() < tokenizer.size
        assert np.array_equal(rows, tokenizer_from(tokenizer.describe()).encode(text, 10))


def test_misspelt_words_share_pieces_and_vocabularies_do_not() -> None:
    assert split_words("Don't STOP, it's 7:30!") == ["don't", "stop", "it's", "7", "30"]
    hashed = HashedWords()
    right, wrong, other = (set(hashed.encode(word, 1)[0]) - {0} for word in ("wonderful", "wonderfull", "radio"))
    assert len(right & wrong) > 0.6 * len(right)
    assert len(right & other) <= 1
    vocabulary = Vocabulary.of(["go go stop", "go"], at_least=2)
    assert vocabulary.words == ("go",)
    assert vocabulary.encode("go stop", 9).ravel().tolist() == [3, 2]


@pytest.mark.parametrize(("name", "size"), SIZES)
def test_a_network_makes_no_tensor_on_another_device(name: str, size: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """PyTorch's meta device computes shapes only and refuses tensors of the CPU, as a GPU would.

    Packing reads the lengths on the CPU, so the recurrences are left out.
    """
    monkeypatch.setattr(
        "recognizers.emotion.layers.Recurrence.forward",
        lambda self, steps, lengths: steps.new_zeros(*steps.shape[:2], self.outputs),
    )
    network, _ = build_network(NetworkSpec.of(name, ("a", "b", "c"), size=size))
    batch = collate([np.zeros((80, 300), np.float32)] * 2, ["turn it on", ""], HashedWords())
    with torch.inference_mode():
        logits = network.to("meta").eval()(batch.to(torch.device("meta")))
    assert logits.shape == (2, 3) and logits.device.type == "meta"
