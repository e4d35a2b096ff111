"""One utterance on its way through Whisper's windows: where the next begins, and what was said so far.

The rules are those of ``whisper.transcribe`` (openai-whisper 20250625): a window ends at its last timestamp, or with
its frames where the model marked none or marked the end of speech; a window of probable silence is passed over;
segments without length or text are dropped; a text that needed a high temperature is no prompt for what follows.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from recognizers.whisper.options import WhisperOptions

if TYPE_CHECKING:
    import torch
    from whisper.decoding import DecodingResult
    from whisper.tokenizer import Tokenizer

Mel = npt.NDArray[np.float32]

FRAMES_PER_POSITION = 2
FRAMES_PER_SECOND = 100
SECONDS_PER_POSITION = FRAMES_PER_POSITION / FRAMES_PER_SECOND
TRUSTED_TEMPERATURE = 0.5
"""A text sampled above it is not shown to the model again."""


@dataclass(frozen=True, slots=True)
class Word:
    """A word with its start and end in seconds and its probability."""

    text: str
    start_s: float
    end_s: float
    probability: float


@dataclass(frozen=True, slots=True)
class Segment:
    """A stretch of speech as the model cut it; ``words`` only where word timestamps were asked for."""

    start_s: float
    end_s: float
    text: str
    tokens: tuple[int, ...]
    words: tuple[Word, ...] = ()


@dataclass
class Listening:
    """The state of one utterance; ``frames`` are its real ones."""

    index: int
    mel: Mel
    floor: float
    context_frames: int
    options: WhisperOptions
    language: str
    tokenizer: Tokenizer
    said: list[int]
    random_state: torch.Tensor
    prompt_from: int = 0
    seek: int = 0
    last_speech_s: float = 0.0
    results: list[DecodingResult] = field(default_factory=list)
    segments: list[Segment] = field(default_factory=list)
    prompt_length: int = field(init=False)

    def __post_init__(self) -> None:
        self.prompt_length = len(self.said)

    @property
    def finished(self) -> bool:
        """Whether all frames were heard."""
        return self.seek >= int(self.mel.shape[1])

    @property
    def window(self) -> Mel:
        """The real frames of the next window, (bands, at most ``context_frames``)."""
        return self.mel[:, self.seek : self.seek + self.context_frames]

    @property
    def prompt(self) -> tuple[int, ...]:
        """Tokens that the model sees before the next window."""
        return tuple(self.said[self.prompt_from :])

    @property
    def text(self) -> str:
        """All words so far."""
        return str(self.tokenizer.decode(self.said[self.prompt_length :])).strip()

    def hear(self, result: DecodingResult, align: Aligner | None) -> None:
        """Take in the next window's result and move on to the window after it."""
        self.results.append(result)
        frames = self.window.shape[1]
        if self.options.is_silence(result.avg_logprob, result.no_speech_prob):
            self.seek += frames
            return
        found, advance = cut(result.tokens, self.seek, frames, self.tokenizer)
        if align is not None:
            found, advance = align(self, found, advance, ends_with_speech(result.tokens, self.tokenizer))
        self.seek += advance
        kept = [segment for segment in found if segment.start_s != segment.end_s and segment.text.strip()]
        self.segments += kept
        self.said += [token for segment in kept for token in segment.tokens]
        if not self.options.condition_on_previous_text or result.temperature > TRUSTED_TEMPERATURE:
            self.prompt_from = len(self.said)


def ends_with_speech(tokens: list[int], tokenizer: Tokenizer) -> bool:
    """Whether a single timestamp closes the text: nothing is said after it in this window."""
    begin = int(tokenizer.timestamp_begin)
    return len(tokens) > 1 and tokens[-2] < begin <= tokens[-1]


def cut(tokens: list[int], seek: int, frames: int, tokenizer: Tokenizer) -> tuple[list[Segment], int]:
    """A window's tokens as segments, and the frames to move on by."""
    begin = int(tokenizer.timestamp_begin)
    marked = [token >= begin for token in tokens]
    ends = [i + 1 for i, (one, next_one) in enumerate(pairwise(marked)) if one and next_one]
    offset_s = seek / FRAMES_PER_SECOND
    if not ends:
        marks = [token - begin for token in tokens if token >= begin]
        length_s = marks[-1] * SECONDS_PER_POSITION if marks and marks[-1] else frames / FRAMES_PER_SECOND
        return [_segment(tokens, offset_s, offset_s + length_s, tokenizer)], frames
    closed = ends_with_speech(tokens, tokenizer)
    if closed:
        ends.append(len(tokens))
    segments = []
    for first, end in pairwise([0, *ends]):
        piece = tokens[first:end]
        start_s = offset_s + (piece[0] - begin) * SECONDS_PER_POSITION
        segments.append(_segment(piece, start_s, offset_s + (piece[-1] - begin) * SECONDS_PER_POSITION, tokenizer))
    return segments, frames if closed else (tokens[ends[-1] - 1] - begin) * FRAMES_PER_POSITION


def _segment(tokens: list[int], start_s: float, end_s: float, tokenizer: Tokenizer) -> Segment:
    words = [token for token in tokens if token < tokenizer.eot]
    return Segment(start_s, end_s, str(tokenizer.decode(words)), tuple(tokens))


@dataclass(frozen=True)
class Aligner:
    """Word times from the cross attention, by openai-whisper's own ``add_word_timestamps``."""

    model: Any

    def __call__(
        self, heard: Listening, segments: list[Segment], advance: int, closed: bool
    ) -> tuple[list[Segment], int]:
        """The segments with their words, and the frames to move on by: to the end of the last word."""
        import torch
        from whisper.timing import add_word_timestamps

        from recognizers.whisper.placing import padded_batch

        window = heard.window
        fill = 0.0 if heard.options.padding == "zero" else heard.floor
        half = self.model.device.type != "cpu"
        mel = padded_batch([window], [fill], heard.context_frames, self.model.device, half=half)[0]
        rows: list[dict[str, Any]] = [
            {"seek": heard.seek, "start": s.start_s, "end": s.end_s, "text": s.text, "tokens": list(s.tokens)}
            for s in segments
        ]
        with torch.no_grad():
            add_word_timestamps(
                segments=rows, model=self.model, tokenizer=heard.tokenizer, mel=mel, num_frames=window.shape[1],
                last_speech_timestamp=heard.last_speech_s,
            )  # fmt: skip
        ends = [word["end"] for row in rows for word in row["words"]]
        if ends:
            heard.last_speech_s = ends[-1]
            if not closed and ends[-1] > heard.seek / FRAMES_PER_SECOND:
                advance = round(ends[-1] * FRAMES_PER_SECOND) - heard.seek
        return [_aligned(row) for row in rows], advance


def _aligned(row: dict[str, Any]) -> Segment:
    words = tuple(
        Word(str(w["word"]), float(w["start"]), float(w["end"]), float(w["probability"])) for w in row["words"]
    )
    return Segment(float(row["start"]), float(row["end"]), str(row["text"]), tuple(row["tokens"]), words)
