"""Whisper behind the channel: Mels of real frames in, transcripts out, decoded greedily in batches."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from recognizers.measurement.doubt import is_doubtful
from recognizers.whisper.padding import floor_of
from recognizers.whisper.placing import padded_batch

if TYPE_CHECKING:
    from whisper.model import Whisper

__all__ = ["MelShapeError", "Transcript", "WhisperRecognizer"]

Mel = npt.NDArray[np.float32]


class MelShapeError(ValueError):
    """A Mel that this recogniser cannot take."""


@dataclass(frozen=True)
class Transcript:
    """What Whisper heard in one utterance.

    text: as decoded. avg_logprob: mean log-probability of its tokens. no_speech_prob: probability that there
    is no speech for this model (of the most speech-like window). tokens: decoded tokens. compression_ratio:
    of the text, large for a text that repeats itself. windows: pieces that an utterance longer than the
    context was cut into. doubtful: better not acted upon: no speech, or improbable words."""

    text: str
    avg_logprob: float
    no_speech_prob: float
    tokens: int
    compression_ratio: float
    windows: int
    doubtful: bool


@dataclass(frozen=True)
class _Window:
    """A piece of an utterance: which one, and its frames, not longer than the context."""

    utterance: int
    mel: Mel
    floor: float


class WhisperRecognizer:
    """A Whisper model of any size. One instance serves one thread."""

    def __init__(
        self,
        model: Whisper,
        name: str,
        weights_hash: str,
        description: str,
        batch_size: int = 16,
        tokens: Sequence[int] | None = None,
    ) -> None:
        """`model` on its device; `weights_hash` names the weights in caches; `batch_size` windows are decoded
        at once; `tokens`: ids of those the model can say, ascending, where that is not its whole vocabulary."""
        self.model = model.eval()
        self.name = name
        self.weights_hash = weights_hash
        self.description = description
        self.batch_size = batch_size
        self.tokens = tokens
        self.n_mels = int(model.dims.n_mels)
        self.context_frames = 2 * int(model.dims.n_audio_ctx)
        self.context_s = self.context_frames / 100

    @property
    def bands(self) -> int:
        """Mel bands it takes (the same as `n_mels`)."""
        return self.n_mels

    def fingerprint(self) -> str:
        """Text that changes with the weights or the way of decoding."""
        return f"whisper-greedy-1:{self.weights_hash}"

    def transcribe(self, mels: Sequence[Mel]) -> list[Transcript]:
        """One transcript for each Mel of shape (n_mels, frames), real frames only, in order.

        Longer utterances than the context are cut into windows, without overlap. Raises `MelShapeError`.
        """
        windows = [w for i, mel in enumerate(mels) for w in self._windows(i, mel)]
        # Neighbours in length take about as many tokens, so few wait for the longest text of their batch.
        order = sorted(range(len(windows)), key=lambda i: windows[i].mel.shape[1])
        heard: list[Any] = [None] * len(windows)
        for start in range(0, len(order), self.batch_size):
            picked = order[start : start + self.batch_size]
            for i, result in zip(picked, self._decode([windows[i] for i in picked]), strict=True):
                heard[i] = result
        parts: list[list[Any]] = [[] for _ in mels]
        for window, result in zip(windows, heard, strict=True):
            parts[window.utterance].append(result)
        return [_join(results) for results in parts]

    def _windows(self, index: int, mel: Mel) -> list[_Window]:
        mel = np.asarray(mel, dtype=np.float32)
        if mel.ndim != 2 or mel.shape[0] != self.n_mels or mel.shape[1] == 0:
            raise MelShapeError(
                f"Mel {index} has shape {mel.shape}; {self.name} takes ({self.n_mels}, frames) with at least one frame"
            )
        if not np.isfinite(mel).all():
            raise MelShapeError(f"Mel {index} holds values that are not finite")
        floor = floor_of(mel)
        starts = range(0, mel.shape[1], self.context_frames)
        return [_Window(index, mel[:, s : s + self.context_frames], floor) for s in starts]

    def _decode(self, windows: Sequence[_Window]) -> list[Any]:
        import torch

        import whisper
        from recognizers.whisper.greedy import GreedyTask

        device = self.model.device
        # fp16=False in DecodingOptions expects float32 features; half precision is for accelerators only.
        half = device.type != "cpu"
        options = whisper.DecodingOptions(language="en", without_timestamps=True, fp16=half)
        with torch.inference_mode():
            floors = [w.floor for w in windows]
            batch = padded_batch([w.mel for w in windows], floors, self.context_frames, device, half=half)
            return list(GreedyTask(self.model, options, self.tokens).run(batch))


def _join(results: Sequence[Any]) -> Transcript:
    """One transcript of the windows of an utterance."""
    from whisper.utils import compression_ratio

    text = " ".join(r.text.strip() for r in results if r.text.strip())
    weights = np.array([len(r.tokens) + 1 for r in results], dtype=float)
    logprob = float(np.average([r.avg_logprob for r in results], weights=weights))
    silence = float(min(r.no_speech_prob for r in results))
    return Transcript(
        text=text,
        avg_logprob=logprob,
        no_speech_prob=silence,
        tokens=sum(len(r.tokens) for r in results),
        compression_ratio=float(compression_ratio(text)) if text else 0.0,
        windows=len(results),
        doubtful=is_doubtful(silence, logprob),
    )
