"""The states of Whisper's encoder: what is read of a pass, how it is kept, and the weights that need it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from whisper.model import ModelDimensions, Whisper

from channel.codecs import build_codec
from recognizers.corpora import Corpus, open_corpus
from recognizers.emotion.state_network import VOICES, StateDims, StateNetwork
from recognizers.emotion.state_recognizer import StateRecognizer, StateSpec, load_states, save_states
from recognizers.emotion.states import PAIR, STRETCH, Stretches, WhisperStates, overheard
from recognizers.emotion.types import EmotionError, Mel
from recognizers.measurement.measure import measure
from recognizers.measurement.parts_from_spec import emotion_of
from recognizers.training.stacked import StateRecipe
from recognizers.training.state_evaluation import StateStudy, check_disjoint
from recognizers.training.state_examples import hear_corpus
from recognizers.training.state_training import train_states
from recognizers.whisper import WhisperRecognizer
from recognizers.whisper.options import WhisperOptions
from scenarios.schema.server import EmotionSpec

DIMS = ModelDimensions(80, 200, 16, 2, 3, 51865, 64, 16, 2, 1)


@pytest.fixture(scope="module")
def model() -> Whisper:
    torch.manual_seed(0)
    made = Whisper(DIMS).eval()
    torch.nn.init.normal_(made.decoder.token_embedding.weight)
    torch.nn.init.normal_(made.decoder.positional_embedding)
    return made


def mel_of(frames: int) -> Mel:
    return np.random.default_rng(frames).normal(size=(80, frames)).astype(np.float32)


def states_of(model: Whisper, layers: tuple[int, ...] = (1, 3), **options: bool) -> WhisperStates:
    return WhisperStates(model, "made", "digest", layers, **options)


def test_the_short_pass_is_the_encoder_of_a_short_context(model: Whisper) -> None:
    # openai-whisper's own encoder with the positions cut to these frames: its output is ln_post of the last block.
    frames = 2 * PAIR * STRETCH  # one stretch
    short = Whisper(replace(DIMS, n_audio_ctx=frames // 2)).eval()
    own = {n: v for n, v in model.state_dict().items() if not n.endswith("encoder.positional_embedding")}
    short.load_state_dict(own, strict=False)
    short.encoder.positional_embedding.copy_(model.encoder.positional_embedding[: frames // 2])
    mel = mel_of(frames)
    seen: list[torch.Tensor] = []
    hook = short.encoder.blocks[2].register_forward_hook(lambda *args: seen.append(args[2]))
    with torch.inference_mode():
        short.encoder(torch.from_numpy(mel)[None])
    hook.remove()
    (found,) = states_of(model, short=True).heard([mel])
    pairs = seen[0][0].unflatten(0, (-1, PAIR)).mean(1)
    np.testing.assert_allclose(found.mean[0, 1], pairs.mean(0), rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(found.variance[0, 1], pairs.var(0, unbiased=False), rtol=1e-3, atol=1e-5)


def test_the_states_are_those_of_the_words_own_window(model: Whisper) -> None:
    """One pass, two tasks: what the recognizer's encoder gives on the way is what the network hears by itself.

    Windows of different lengths, in another order than they are encoded in, and one longer than the context, of which
    the first window counts.  Batches only change the order of sums."""
    recognizer = WhisperRecognizer(model, "made", "digest", "", options=WhisperOptions(temperatures=(0.0,)))
    states = states_of(model)
    assert states.shared_with(recognizer) is recognizer
    mels = [mel_of(frames) for frames in (150, 61, 400, 900)]
    said, found = overheard(recognizer, mels, states.layers)
    assert [one.text for one in said] == [one.text for one in recognizer.transcribe(mels)]
    for one, other in zip(found, states.heard(mels), strict=True):
        for name in ("mean", "variance", "steps"):
            np.testing.assert_allclose(getattr(one, name), getattr(other, name), rtol=1e-4, atol=1e-5)
    assert not model.encoder.blocks[0]._forward_hooks


def test_only_the_same_whisper_with_the_same_silence_shares_its_pass(model: Whisper) -> None:
    floor = WhisperOptions(padding="floor")
    for states, recognizer in (
        (states_of(model), WhisperRecognizer(model, "made", "other", "")),
        (states_of(model), WhisperRecognizer(model, "made", "digest", "", options=floor)),
        (states_of(model, short=True), WhisperRecognizer(model, "made", "digest", "")),
        (states_of(model), object()),
    ):
        assert states.shared_with(recognizer) is None


def test_a_short_pass_hears_no_silence(model: Whisper) -> None:
    mel = mel_of(100)
    window, short = states_of(model).heard([mel])[0], states_of(model, short=True).heard([mel])[0]
    assert short.mean.shape == window.mean.shape
    assert not np.allclose(short.mean, window.mean)  # the window attends to the silence too
    whole = mel_of(400)  # nothing to fill: both are the same pass
    np.testing.assert_allclose(
        states_of(model).heard([whole])[0].mean, states_of(model, short=True).heard([whole])[0].mean, atol=1e-5
    )


@pytest.mark.parametrize("frames", [1, 2, 3, 31, 33, 65, 400, 401, 1000])
def test_every_frame_is_in_one_step(model: Whisper, frames: int) -> None:
    (found,) = states_of(model).heard([mel_of(frames)])
    encoded = min(-(-frames // 2), DIMS.n_audio_ctx)  # the encoder halves the frames; its context ends
    assert found.steps.sum() == -(-encoded // PAIR)
    assert (found.steps[:-1] == STRETCH).all()
    assert found.mean.shape == (len(found.steps), 2, 16)


def test_states_refuse_layers_and_mels_that_do_not_exist(model: Whisper) -> None:
    with pytest.raises(EmotionError, match="blocks 1 to 3, asked for \\[4\\]"):
        states_of(model, (4,))
    with pytest.raises(EmotionError, match="shape \\(80, frames\\)"):
        states_of(model).heard([np.zeros((40, 10), np.float32)])


def test_word_vectors_are_the_decoders_embeddings(model: Whisper) -> None:
    from whisper.tokenizer import get_tokenizer

    states = states_of(model)
    tokens = get_tokenizer(True, num_languages=model.num_languages).encode(" Das will sie abgeben.")
    expected = model.decoder.token_embedding.weight[tokens].detach()
    np.testing.assert_array_equal(states.word_vectors("Das will sie abgeben. "), expected)
    np.testing.assert_array_equal(states.word_vectors("  "), np.zeros((1, 16), np.float32))


class Counting:
    """An encoder that counts what it hears."""

    identity, layers, width, bands = "counting", (1,), 4, 80

    def __init__(self) -> None:
        self.count = 0

    def heard(self, mels: list[Mel]) -> list[Stretches]:
        self.count += len(mels)
        means = [np.full((2, 1, 4), mel.shape[1] % 100, np.float32) for mel in mels]
        return [Stretches(mean, mean + 1, np.array([8, 3], np.float32)) for mean in means]

    def word_vectors(self, text: str) -> np.ndarray:
        return np.zeros((1, 4), np.float32)

    def shared_with(self, recognizer: object) -> None:
        return None


@pytest.fixture(scope="module")
def few() -> Corpus:
    shipped = open_corpus("shipped")
    return replace(shipped, utterances=shipped.utterances[:3], digest="")


def test_a_corpus_is_heard_once(few: Corpus, tmp_path: Path) -> None:
    encoder = Counting()
    first = hear_corpus(few, build_codec("raw"), encoder, tmp_path)
    again = hear_corpus(few, build_codec("raw"), encoder, tmp_path)
    assert encoder.count == 3
    for one, two in zip(first.stretches, again.stretches, strict=True):
        for name in ("mean", "variance", "steps"):
            np.testing.assert_array_equal(getattr(one, name), getattr(two, name))
    expected = [2 * round(u.duration_s * 16000) for u in few.utterances]  # 16-bit samples
    assert first.payload_bytes.tolist() == expected
    hear_corpus(few, build_codec("mu-law"), encoder, tmp_path)
    assert encoder.count == 6


def test_the_same_people_are_refused_as_strangers(few: Corpus) -> None:
    with pytest.raises(EmotionError, match="same utterances"):
        check_disjoint(few, few)
    part = replace(few, utterances=few.utterances[:2], digest="")
    with pytest.raises(EmotionError, match="in both"):
        check_disjoint(part, few)


def weights(path: Path, model: Whisper, members: int = 2) -> StateNetwork:
    dims = StateDims((1, 3), 16, 8, 2)
    torch.manual_seed(3)
    network = StateNetwork(dims, 2, members).eval()
    for parameter in network.parameters():
        torch.nn.init.normal_(parameter, std=0.2)
    states = states_of(model).identity
    save_states(path, network, StateSpec(("calm", "angry"), dims, members, "made", states, {"corpus": "none"}))
    return network


@pytest.fixture
def found_whisper(model: Whisper, monkeypatch: pytest.MonkeyPatch) -> None:
    class Loaded:
        name, weights_hash = "made", "digest"

        def __init__(self) -> None:
            self.model = model

    monkeypatch.setattr("recognizers.whisper.load_whisper", lambda name: Loaded())


@pytest.mark.usefixtures("found_whisper")
def test_weights_come_back_and_classify_alone_as_in_company(model: Whisper, tmp_path: Path) -> None:
    path = tmp_path / "states.safetensors"
    weights(path, model)
    loaded = emotion_of(EmotionSpec(weights=str(path)))
    assert isinstance(loaded, StateRecognizer)
    mels = [mel_of(60), mel_of(150)]
    both = loaded.classify(mels, ["one", ""])
    assert both[0].label == loaded.classify(mels[:1], ["one"])[0].label
    assert sum(both[1].probabilities.values()) == pytest.approx(1.0, abs=1e-5)
    with pytest.raises(EmotionError, match="2 Mels but 1 texts"):
        loaded.classify(mels, ["one"])


@pytest.mark.usefixtures("found_whisper")
def test_what_was_trained_on_a_corpus_comes_back_as_weights(model: Whisper, tmp_path: Path) -> None:
    """Eight utterances are fewer than the 64 numbers that stand for each, so a hyperplane parts any two halves of them:
    the regression among the members has to find it, and classes follow from the file as they did in the training."""
    shipped = open_corpus("shipped").utterances[:8]
    said = tuple(replace(u, emotion=("calm", "angry")[n % 2]) for n, u in enumerate(shipped))
    corpus = replace(open_corpus("shipped"), utterances=said, digest="eight")
    study = StateStudy(states_of(model), "made", tmp_path, trained=("raw", "amser-25"), recipe=StateRecipe(epochs=3))
    spec = train_states(corpus, study, None, tmp_path / "states.safetensors")
    assert spec.labels == ("angry", "calm") and spec.members == VOICES and spec.trained_on["utterances"] == 8
    loaded = emotion_of(EmotionSpec(weights=str(tmp_path / "states.safetensors")))
    codec = build_codec("raw")
    mels = [codec.decode(codec.encode(corpus.load_audio(u)).data) for u in said]
    found = loaded.classify(mels, [""] * 8)
    assert [one.label for one in found] == [u.emotion for u in said]
    with pytest.raises(EmotionError, match="needs two"):
        train_states(replace(corpus, utterances=said[::2]), study, None, tmp_path / "never.safetensors")


@pytest.mark.usefixtures("found_whisper")
def test_weights_of_another_encoder_or_damaged_ones_are_refused(model: Whisper, tmp_path: Path) -> None:
    path = tmp_path / "states.safetensors"
    network = weights(path, model)
    spec = load_states(path).spec
    with pytest.raises(EmotionError, match="trained on the states of made"):
        StateRecognizer(network, spec, states_of(model, (1, 2)), "")
    save_states(path, network, replace(spec, members=3))
    with pytest.raises(EmotionError, match="do not fit the network"):
        load_states(path)
    save_states(path, network, replace(spec, members=10**6))
    with pytest.raises(EmotionError, match="outside"):
        load_states(path)
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(EmotionError, match="not a safetensors file"):
        load_states(path)


@pytest.mark.usefixtures("found_whisper")
def test_a_measurement_hears_each_mel_once_for_words_and_emotion(
    model: Whisper, few: Corpus, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the recognizer's own encoder the network runs no pass; its classes are those that it finds by itself."""
    path = tmp_path / "states.safetensors"
    weights(path, model)
    recognizer = WhisperRecognizer(model, "made", "digest", "", options=WhisperOptions(temperatures=(0.0,)))
    codecs = {name: build_codec(name) for name in ("raw", "amser-12.5")}
    passes: list[int] = []
    alone = WhisperStates.heard

    def counted(self: WhisperStates, mels: list[Mel]) -> list[Stretches]:
        passes.append(len(mels))
        return alone(self, mels)

    monkeypatch.setattr(WhisperStates, "heard", counted)
    both = measure(few, codecs, recognizer, load_states(path), cache_dir=tmp_path / "both")
    assert not passes
    measure(few, codecs, recognizer, cache_dir=tmp_path / "apart")
    again = measure(few, codecs, recognizer, load_states(path), cache_dir=tmp_path / "apart")
    assert sum(passes) == 2 * len(few)  # words were known: the network hears for itself
    assert both["emotion_predicted"].tolist() == again["emotion_predicted"].tolist()
