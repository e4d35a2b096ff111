"""Ours against openai-whisper's `transcribe`, which defines what Whisper says of an utterance.

Random checkpoints reach every branch: their texts are improbable and repetitive, so that temperatures are climbed,
windows end at timestamps, and prompts are carried.  Texts are compared exactly: both sides run the same weights in
float32, and sampling draws the same numbers."""

from typing import Any

import numpy as np
import pytest
import torch
from whisper.model import ModelDimensions, Whisper

from recognizers.whisper.options import CLOSED_VOCABULARY, DecodingOptionError, WhisperOptions
from recognizers.whisper.recognizer import WhisperRecognizer
from tests.recognizers.stock_whisper import stock_transcribe

ENGLISH, MULTILINGUAL, LARGE_V3 = 51_864, 51_865, 51_866
CONTEXT = 400


def random_whisper(n_vocab: int, n_mels: int = 80, seed: int = 1) -> Whisper:
    """Two layers of 32, a context of 4 s and 8 tokens, whose decoder looks at the audio (large cross attention)."""
    torch.manual_seed(seed)
    dims = ModelDimensions(n_mels, CONTEXT // 2, 32, 2, 2, n_vocab, 448, 32, 2, 2)
    model = Whisper(dims)
    torch.nn.init.normal_(model.decoder.positional_embedding)
    torch.nn.init.normal_(model.decoder.token_embedding.weight)
    for block in model.decoder.blocks:
        for linear in (block.cross_attn.query, block.cross_attn.key, block.cross_attn.value, block.cross_attn.out):
            torch.nn.init.normal_(linear.weight)
    model.dims.n_text_ctx = 16
    return model.eval()


def mels(count: int, longest: int, n_mels: int = 80) -> list[np.ndarray]:
    rng = np.random.default_rng(4)
    lengths = rng.integers(40, longest, count)
    return [np.cumsum(rng.normal(0, 0.1, (n_mels, int(n))), axis=1).astype(np.float32) % 1.5 for n in lengths]


CASES: dict[str, tuple[int, dict[str, Any]]] = {
    "defaults": (ENGLISH, {}),
    "greedy alone": (ENGLISH, {"temperature": (0.0,)}),
    "sampled from the start": (ENGLISH, {"temperature": (0.6,)}),
    "two temperatures": (ENGLISH, {"temperature": (0.0, 0.4), "logprob_threshold": -0.5}),
    "no thresholds": (
        ENGLISH,
        {"logprob_threshold": None, "compression_ratio_threshold": None, "no_speech_threshold": None},
    ),
    "silence everywhere": (ENGLISH, {"no_speech_threshold": 0.0}),
    "no memory": (ENGLISH, {"condition_on_previous_text": False}),
    "beam": (ENGLISH, {"beam_size": 3, "temperature": (0.0,)}),
    "beam, then sampling": (MULTILINGUAL, {"beam_size": 2, "language": "de"}),
    "prompt": (ENGLISH, {"initial_prompt": "turn on the light"}),
    "detected language": (MULTILINGUAL, {"language": None, "temperature": (0.0,)}),
    "128 bands": (LARGE_V3, {"language": "fr", "temperature": (0.0, 0.2)}),
    "no timestamps": (ENGLISH, {"without_timestamps": True}),
    "word timestamps": (ENGLISH, {"word_timestamps": True, "temperature": (0.0,)}),
}

OURS = {"temperature": "temperatures", "initial_prompt": "prompt"}


def options_of(stock: dict[str, Any]) -> WhisperOptions:
    renamed = {OURS.get(name, name): value for name, value in stock.items()}
    if "without_timestamps" in renamed:
        renamed["timestamps"] = not renamed.pop("without_timestamps")
    return WhisperOptions(**renamed)


@pytest.mark.parametrize("case", CASES)
def test_texts_and_segments_are_transcribes(case: str) -> None:
    n_vocab, options = CASES[case]
    n_mels = 128 if n_vocab == LARGE_V3 else 80
    model = random_whisper(n_vocab, n_mels)
    asked = {"language": "en"} | options
    recognizer = WhisperRecognizer(model, "random", "", "", batch_size=3, options=options_of(asked))
    spoken = mels(3, 700, n_mels)
    heard = recognizer.transcribe(spoken)
    texts = set()
    for mel, ours in zip(spoken, heard, strict=True):
        stock = stock_transcribe(model, mel, **asked)
        assert ours.text == stock["text"].strip()
        assert ours.language == stock["language"]
        kept = [s for s in stock["segments"] if s["text"]]
        assert [s.tokens for s in ours.segments] == [tuple(s["tokens"]) for s in kept]
        assert [s.start_s for s in ours.segments] == pytest.approx([s["start"] for s in kept])
        assert [s.end_s for s in ours.segments] == pytest.approx([s["end"] for s in kept])
        words = [[w["word"] for w in s.get("words", [])] for s in kept]
        assert [[w.text for w in s.words] for s in ours.segments] == words
        texts.add(ours.text)
    assert len(texts) > 1 or case == "silence everywhere"  # the comparison is not of one text with itself


def test_an_utterance_sounds_the_same_in_any_company() -> None:
    """Sampling draws from the utterance's own numbers, so neither order nor neighbours change a text."""
    recognizer = WhisperRecognizer(random_whisper(ENGLISH), "random", "", "", batch_size=2)
    spoken = mels(3, 500)
    together = recognizer.transcribe(spoken)
    assert any(one.temperature > 0 for one in together)
    backwards = recognizer.transcribe(spoken[::-1])[::-1]
    assert [one.text for one in together] == [one.text for one in backwards]
    state = torch.random.get_rng_state()
    recognizer.transcribe(spoken[:1])
    assert torch.equal(state, torch.random.get_rng_state())  # the global generator is as it was


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"language": "english"}, "language 'english' is unknown"),
        ({"language": "de"}, "knows English only, not"),
        ({"beam_size": 0}, "beam_size must be at least 1"),
        ({"temperatures": ()}, "temperatures must be"),
        ({"temperatures": (-0.1,)}, "temperatures must be"),
        ({"word_timestamps": True, "timestamps": False}, "word_timestamps needs timestamps"),
    ],
)
def test_options_that_cannot_be_followed_are_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(DecodingOptionError, match=message):
        WhisperRecognizer(random_whisper(ENGLISH), "random", "", "", options=WhisperOptions(**options))


def test_a_closed_vocabulary_has_neither_timestamps_nor_beams() -> None:
    model = random_whisper(ENGLISH)
    WhisperRecognizer(model, "closed", "", "", tokens=[1, 2, 3], options=CLOSED_VOCABULARY)
    with pytest.raises(DecodingOptionError, match="closed vocabulary"):
        WhisperRecognizer(model, "closed", "", "", tokens=[1, 2, 3])


def test_every_option_that_can_change_a_word_is_in_the_fingerprint() -> None:
    model = random_whisper(MULTILINGUAL)
    changed = [
        {}, {"language": "de"}, {"beam_size": 2}, {"prompt": "a"}, {"temperatures": (0.0,)}, {"seed": 1},
        {"compression_ratio_threshold": 2.0}, {"logprob_threshold": None}, {"no_speech_threshold": 0.5},
        {"condition_on_previous_text": False}, {"timestamps": False}, {"padding": "floor"},
    ]  # fmt: skip
    prints = {WhisperRecognizer(model, "m", "", "", options=WhisperOptions(**o)).fingerprint() for o in changed}
    assert len(prints) == len(changed)
