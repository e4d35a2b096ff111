"""How Whisper decodes: the options of openai-whisper's ``transcribe``, with its defaults."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Literal

from scenarios.errors import AmserError

TEMPERATURES = (0.0, 0.2, 0.4, 0.6, 0.8, 1.0)


class DecodingOptionError(AmserError, ValueError):
    """An option that this model does not have, or a combination that Whisper does not decode."""


@dataclass(frozen=True, slots=True)
class WhisperOptions:
    """Options of one recognizer; the defaults are those of ``whisper.transcribe`` (openai-whisper 20250625).

    language: a code such as "en"; None lets a multilingual model detect it for each utterance.
    beam_size: hypotheses kept at temperature 0; None is greedy.  prompt: text put before the first window.
    temperatures: tried in turn while the text repeats itself (``compression_ratio_threshold``, of zlib) or is
    improbable (``logprob_threshold``, mean natural logarithm of the tokens' probabilities); above 0 tokens are
    sampled, from ``seed`` for every utterance alone, so a text never depends on what was recognized before.
    no_speech_threshold: a window that is more probably silence, and improbable as words, gives no words.
    condition_on_previous_text: later windows of an utterance see the words of the earlier ones.
    timestamps: whether the model marks times, by which ``transcribe`` finds where the next window begins.
    word_timestamps: start and end of each word from the cross attention; costs a further pass.
    padding: what fills a window after the speech, "zero" as ``transcribe`` does, or the "floor" of the Mel.
    """

    language: str | None = "en"
    beam_size: int | None = None
    prompt: str | None = None
    temperatures: tuple[float, ...] = TEMPERATURES
    compression_ratio_threshold: float | None = 2.4
    logprob_threshold: float | None = -1.0
    no_speech_threshold: float | None = 0.6
    condition_on_previous_text: bool = True
    timestamps: bool = True
    word_timestamps: bool = False
    padding: Literal["zero", "floor"] = "zero"
    seed: int = 0

    def __post_init__(self) -> None:
        if not self.temperatures or min(self.temperatures) < 0.0:
            raise DecodingOptionError(f"temperatures must be one or more numbers from 0, found {self.temperatures}")
        if self.beam_size is not None and self.beam_size < 1:
            raise DecodingOptionError(f"beam_size must be at least 1, found {self.beam_size}")
        if self.word_timestamps and not self.timestamps:
            raise DecodingOptionError("word_timestamps needs timestamps")

    def fingerprint(self) -> str:
        """Text that changes with any option that can change a word."""
        return ",".join(f"{field.name}={getattr(self, field.name)!r}" for field in fields(self))

    def gives_up(self, compression_ratio: float, avg_logprob: float, no_speech_prob: float) -> bool:
        """Whether a decoded window is tried again at the next temperature."""
        repeats = self.compression_ratio_threshold is not None and compression_ratio > self.compression_ratio_threshold
        improbable = self.logprob_threshold is not None and avg_logprob < self.logprob_threshold
        silent = self.no_speech_threshold is not None and no_speech_prob > self.no_speech_threshold
        return (repeats or improbable) and not (silent and improbable)

    def is_silence(self, avg_logprob: float, no_speech_prob: float) -> bool:
        """Whether a decoded window holds no words."""
        if self.no_speech_threshold is None or no_speech_prob <= self.no_speech_threshold:
            return False
        return self.logprob_threshold is None or avg_logprob <= self.logprob_threshold


CLOSED_VOCABULARY = WhisperOptions(
    temperatures=(0.0,), condition_on_previous_text=False, timestamps=False, padding="floor"
)
"""For ``nano``, which was trained on floor-padded Mels without timestamps and knows nothing to sample."""


def fingerprint(weights_hash: str, options: WhisperOptions) -> str:
    """Text that changes with the weights or the way of decoding: what names a recognizer in caches and tables."""
    return f"whisper-transcribe-1:{weights_hash}:{options.fingerprint()}"
