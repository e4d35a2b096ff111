"""OpenAI's own tiny.en on people's speech: ours against `whisper.transcribe`, from audio to text.

Texts are compared exactly.  Ours hears the Mel that a device computes, which differs from Whisper's by 1e-4 and in the
last frame, whose window whisper.transcribe lets reach into 30 s of added silence; no text of these depends on that."""

import numpy as np
import pytest
import torch
import whisper

from channel.mel import log_mel
from recognizers.corpora import open_corpus
from recognizers.scores.word_errors import WordErrors, normalise, word_errors
from recognizers.whisper import ModelUnavailable, load_whisper
from recognizers.whisper.recognizer import WhisperRecognizer

SECOND = 16_000


@pytest.fixture(scope="module")
def tiny() -> WhisperRecognizer:
    try:
        return load_whisper("tiny.en")
    except ModelUnavailable as missing:
        pytest.skip(str(missing))


@pytest.fixture(scope="module")
def audios() -> list[np.ndarray]:
    corpus = open_corpus("librispeech-short")
    assert len(corpus.utterances) == 40
    return [corpus.load_audio(utterance) for utterance in corpus.utterances]


def stock(recognizer: WhisperRecognizer, audio: np.ndarray) -> str:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return str(whisper.transcribe(recognizer.model, audio, language="en", fp16=False)["text"]).strip()


@pytest.mark.slow
def test_people_are_understood_as_by_transcribe(tiny: WhisperRecognizer, audios: list[np.ndarray]) -> None:
    heard = [t.text for t in tiny.transcribe([log_mel(audio) for audio in audios[::2]])]
    assert heard == [stock(tiny, audio) for audio in audios[::2]]
    references = [utterance.text for utterance in open_corpus("librispeech-short").utterances[::2]]
    errors = sum((word_errors(*pair) for pair in zip(references, heard, strict=True)), WordErrors())
    # 3.5 to 4.3 % on larger parts of this corpus; twice that would be another recognizer.
    assert errors.rate < 0.08


@pytest.mark.slow
def test_audio_beyond_thirty_seconds_is_understood_as_by_transcribe(
    tiny: WhisperRecognizer, audios: list[np.ndarray]
) -> None:
    recording = np.concatenate(sorted(audios, key=len)[-8:])[: 75 * SECOND]
    assert recording.size == 75 * SECOND
    (heard,) = tiny.transcribe([log_mel(recording)])
    assert heard.text == stock(tiny, recording)
    assert heard.windows >= 3 and heard.segments[-1].end_s <= 75.5


@pytest.mark.slow
def test_silence_and_noise_give_no_words_as_with_transcribe(tiny: WhisperRecognizer) -> None:
    rng = np.random.default_rng(0)
    levels = (0.0, 0.001, 0.01, 0.1)
    quiet = [(level * rng.normal(size=5 * SECOND)).astype(np.float32) for level in levels]
    heard = [t.text for t in tiny.transcribe([log_mel(audio) for audio in quiet])]
    assert heard == [stock(tiny, audio) for audio in quiet]
    assert [normalise(text) for text in heard] == [""] * len(quiet)  # some is full stops, to transcribe too


@pytest.mark.slow
def test_word_times_follow_the_audio(tiny: WhisperRecognizer, audios: list[np.ndarray]) -> None:
    """Two seconds of silence before an utterance move its words by two seconds (to the 20 ms of a position, and the
    median filter's seven positions)."""
    from dataclasses import replace

    timed = tiny.with_options(replace(tiny.options, word_timestamps=True))
    audio = sorted(audios, key=len)[10]
    early, late = timed.transcribe([log_mel(audio), log_mel(np.concatenate([np.zeros(2 * SECOND, np.float32), audio]))])
    words = [[word for segment in t.segments for word in segment.words] for t in (early, late)]
    assert [w.text for w in words[0]] == [w.text for w in words[1]] and len(words[0]) > 4
    shifts = [b.end_s - a.end_s for a, b in zip(*words, strict=True)]
    assert np.median(shifts) == pytest.approx(2.0, abs=0.15)
