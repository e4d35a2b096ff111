"""The baselines against their sources: UMONS's block written down once more from its equations, the sizes by
arithmetic, and that the published sizes run and train."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
import pytest
import torch

from recognizers.emotion.networks import ARCHITECTURES, NetworkSpec, build_network
from recognizers.emotion.recognizer import predict
from recognizers.emotion.types import EmotionError
from recognizers.emotion.umons import Block, UmonsDims
from recognizers.training.emotion.recipe import Recipe, for_size, train_network
from tests.recognizers.test_emotion import LABELS, a_mel, examples_of_tones

Floats = npt.NDArray[np.float64]
BASELINES = ("umons", "xu", "yoon")
DIMS = UmonsDims(word_width=6, width=12, heads=3, feed_forward=10, blocks=2, words=5, steps=7)


@pytest.fixture(autouse=True)
def one_thread() -> None:
    torch.set_num_threads(1)


class Published:
    """A block of UMONS as published, in NumPy and double precision, on the weights of ours.

    x is the text and y the audio that enter; SA(x) = norm(s + FFN(s)) with s = norm(x + MHA(x, x));
    SGA(y, x) = norm(t + FFN(t)) with t = norm(u + MHA(u, x)) and u = norm(y + MHA(y, y)); x' = x + SA(x),
    y' = y + SGA(y, x); and unless it is the last, norm(x' + glimpses(x')), norm(y' + glimpses(y')).
    """

    def __init__(self, block: Block, heads: int) -> None:
        self.weights = {name: tensor.detach().double().numpy() for name, tensor in block.state_dict().items()}
        self.heads = heads

    def linear(self, name: str, x: Floats) -> Floats:
        return np.asarray(x @ self.weights[f"{name}.weight"].T + self.weights[f"{name}.bias"])

    def norm(self, number: int, x: Floats) -> Floats:
        mean, deviation = x.mean(-1, keepdims=True), x.std(-1, ddof=1, keepdims=True)
        gain, shift = (self.weights[f"norms.{number}.{part}"] for part in ("weight", "bias"))
        return np.asarray(gain * (x - mean) / (deviation + 1e-6) + shift)

    def feed(self, name: str, x: Floats) -> Floats:
        return self.linear(f"{name}.3", np.maximum(self.linear(f"{name}.0", x), 0))

    def attend(self, name: str, query: Floats, key: Floats, counts: npt.NDArray[np.int64] | None) -> Floats:
        q, k, v = (self.linear(f"{name}.{part}", x) for part, x in (("query", query), ("key", key), ("value", key)))
        mixed = np.zeros_like(query)
        width = query.shape[-1] // self.heads
        for row in range(len(query)):
            for head in range(self.heads):
                part = slice(head * width, (head + 1) * width)
                real = None if counts is None else counts[row]
                scores = q[row][:, part] @ k[row][:real, part].T / math.sqrt(width)
                mixed[row][:, part] = softmax(scores, axis=1) @ v[row][:real, part]
        return self.linear(f"{name}.out", mixed)

    def glimpses(self, name: str, x: Floats, counts: npt.NDArray[np.int64] | None) -> Floats:
        scores = self.feed(f"{name}.score", x)
        seen = np.zeros_like(x)
        for row in range(len(x)):
            real = None if counts is None else counts[row]
            seen[row] = softmax(scores[row][:real], axis=0).T @ x[row][:real]
        return seen

    def __call__(self, x: Floats, y: Floats, counts: tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]] | None,
                 last: bool) -> tuple[Floats, Floats]:  # fmt: skip
        nx, ny = counts if counts else (None, None)
        s = self.norm(0, x + self.attend("text_self", x, x, nx))
        u = self.norm(2, y + self.attend("audio_self", y, y, ny))
        t = self.norm(3, u + self.attend("audio_guided", u, x, nx))
        x, y = x + self.norm(1, s + self.feed("text_feed", s)), y + self.norm(4, t + self.feed("audio_feed", t))
        if last:
            return x, y
        return (
            self.norm(5, x + self.glimpses("text_glimpses", x, nx)),
            self.norm(6, y + self.glimpses("audio_glimpses", y, ny)),
        )


def softmax(scores: Floats, axis: int) -> Floats:
    powers = np.exp(scores - scores.max(axis=axis, keepdims=True))
    return np.asarray(powers / powers.sum(axis=axis, keepdims=True))


def a_block(*, last: bool, dims: UmonsDims = DIMS) -> Block:
    with torch.random.fork_rng():
        torch.manual_seed(5)
        block = Block(dims, last=last)
        for parameter in block.parameters():  # norms and biases too, lest one be left out and nobody see it
            torch.nn.init.normal_(parameter, std=0.4)
    return block.eval()


@pytest.mark.parametrize("last", [False, True])
@pytest.mark.parametrize("masked", [True, False])
def test_a_block_of_umons_is_the_published_one(last: bool, masked: bool) -> None:
    """Single against double precision through six layers: 1e-4 of values of order one."""
    block = a_block(last=last)
    rng = np.random.default_rng(1)
    x, y = rng.normal(size=(2, DIMS.words, DIMS.width)), rng.normal(size=(2, DIMS.steps, DIMS.width))
    counts = (np.array([3, 5]), np.array([7, 4])) if masked else None
    masks = None
    if counts:
        masks = tuple(
            torch.arange(length)[None] < torch.from_numpy(n)[:, None]
            for length, n in zip((DIMS.words, DIMS.steps), counts, strict=True)
        )
    with torch.inference_mode():
        ours = block(torch.from_numpy(x).float(), torch.from_numpy(y).float(), masks)
    for found, wanted in zip(ours, Published(block, DIMS.heads)(x, y, counts, last), strict=True):
        np.testing.assert_allclose(found.numpy(), wanted, rtol=1e-4, atol=1e-4)


def test_dropout_is_where_it_was_published() -> None:
    """Per block on each of three attentions' weights, in five feed-forward or glimpse layers, and on residuals."""
    rates = [module.p for module in a_block(last=False).modules() if isinstance(module, torch.nn.Dropout)]
    assert rates == [0.1] * 8


def gru(inputs: int, width: int) -> int:
    """Three gates with two biases each, as PyTorch and CuDNN have them."""
    return 3 * width * (inputs + width + 2)


def dense(inputs: int, outputs: int) -> int:
    return inputs * outputs + outputs


def published_counts(rows: int) -> dict[str, int]:
    """Parameters by the layer sizes of the papers' code, with our 80 bands, four classes and `rows` word vectors."""
    attention, feed = 4 * dense(512, 512), dense(512, 1024) + dense(1024, 512)
    glimpse = dense(512, 1024) + dense(1024, 60)
    block = 3 * attention + 2 * feed + 5 * 2 * 512
    lstm = 4 * 512 * (300 + 512 + 2)
    flat = dense(512, 1024) + dense(1024, 1) + dense(512, 1024)
    umons = 4 * block + 3 * (2 * glimpse + 2 * 2 * 512) + lstm + dense(80, 512) + 2 * flat + 2 * 1024 + dense(1024, 4)
    both = 2 * gru(512, 100) + 2 * gru(300, 100) + 2 * gru(400, 100)
    xu = dense(80, 512) + both + 4 * dense(200, 200) + dense(200, 200) + dense(200, 1) + dense(200, 4)
    yoon = gru(39, 200) + gru(300, 200) + dense(235, 117) + dense(200, 100) + dense(217, 4)
    return {"umons": umons + 300 * rows, "xu": xu + 300 * rows, "yoon": yoon + 300 * rows}


@pytest.mark.parametrize("name", BASELINES)
def test_published_sizes_have_the_published_parameters(name: str) -> None:
    """By the layer sizes of each source, to the last one."""
    network, tokenizer = build_network(NetworkSpec.of(name, LABELS, size="published"))
    assert sum(part.numel() for part in network.parameters()) == published_counts(tokenizer.size)[name]


def test_only_what_was_published_is_called_so() -> None:
    assert {name for name, one in ARCHITECTURES.items() if "published" in one.sizes} == set(BASELINES)
    with pytest.raises(EmotionError, match="unknown size 'published' of amser; known: small"):
        NetworkSpec.of("amser", LABELS, size="published")


def test_a_published_size_has_its_published_learning_rate() -> None:
    assert [for_size(Recipe(), name, "published").learning_rate for name in BASELINES] == [1e-4, 1e-3, 1e-3]
    assert for_size(Recipe(), "umons", "small") == Recipe()
    assert for_size(Recipe(learning_rate=0.5), "umons", "published").learning_rate == 0.5


@pytest.mark.parametrize("name", BASELINES)
def test_published_sizes_answer_alike_in_any_batch(name: str) -> None:
    """As the small ones: 900 frames are more than Xu and Yoon read."""
    network, tokenizer = build_network(NetworkSpec.of(name, LABELS, size="published"))
    rng = np.random.default_rng(1)
    mels, texts = [a_mel(rng, frames) for frames in (40, 333, 900)], ["stop it now", "", "turn on the light please"]
    together = predict(network, tokenizer, mels, texts)
    alone = np.concatenate([predict(network, tokenizer, [m], [t]) for m, t in zip(mels, texts, strict=True)])
    np.testing.assert_allclose(together, alone, atol=2e-5)


@pytest.mark.slow
@pytest.mark.parametrize("name", BASELINES)
def test_published_sizes_train_on_a_cpu(name: str) -> None:
    """A few steps on eight utterances of four classes that Mel and words tell apart fit them better than none."""
    train = examples_of_tones(8, 1)
    recipe = Recipe(epochs=4, batch=4, augment=0, no_words=0, label_smoothing=0, across_rates=False, averaging=0)
    history = train_network(
        NetworkSpec.of(name, LABELS, size="published"), train, train, for_size(recipe, name, "published")
    ).history
    assert history[-1].dev_loss < history[0].dev_loss and np.isfinite([e.train_loss for e in history]).all()
