"""Whisper behind the channel: Mels of real frames in, transcripts out, decoded as ``transcribe`` does, in batches.

``whisper.transcribe`` takes audio and one utterance at a time.  The server has Mels, and many of them, so its loop
over windows is followed here (``listening``), with the windows of many utterances encoded and decoded together.
Calling ``transcribe`` itself, with its Mel patched, was the simpler way; it decodes one by one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from recognizers.scores.doubt import is_doubtful
from recognizers.whisper.listening import Aligner, Listening, Segment
from recognizers.whisper.options import DecodingOptionError, WhisperOptions, fingerprint
from recognizers.whisper.padding import floor_of
from recognizers.whisper.placing import padded_batch
from recognizers.whisper.tap import Tap
from scenarios.errors import AmserError

if TYPE_CHECKING:
    import torch
    from whisper.decoding import DecodingOptions, DecodingResult
    from whisper.model import Whisper

Mel = npt.NDArray[np.float32]


class MelShapeError(AmserError, ValueError):
    """A Mel that this recognizer cannot take."""


@dataclass(frozen=True)
class Transcript:
    """What Whisper heard in one utterance.

    text: as decoded. avg_logprob: mean log-probability of its tokens. no_speech_prob: probability that there
    is no speech for this model (of the most speech-like window). tokens: decoded tokens. compression_ratio:
    of the text, large for a text that repeats itself. windows: passes of the decoder's window over the utterance.
    temperature: the highest that a window needed. language: given or detected. doubtful: better not acted upon:
    no speech, or improbable words. segments: with times where the model marks them."""

    text: str
    avg_logprob: float
    no_speech_prob: float
    tokens: int
    compression_ratio: float
    windows: int
    temperature: float
    language: str
    doubtful: bool
    segments: tuple[Segment, ...]


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
        options: WhisperOptions | None = None,
    ) -> None:
        """`model` on its device; `weights_hash` names the weights in caches; `batch_size` windows are decoded
        at once; `tokens`: ids of those the model can say, ascending, where that is not its whole vocabulary.

        Raises `DecodingOptionError` for options that the model cannot follow."""
        self.model = model.eval()
        self.name = name
        self.weights_hash = weights_hash
        self.description = description
        self.batch_size = batch_size
        self.tokens = tokens
        self.options = _checked(options or WhisperOptions(), model, name, tokens)
        self.n_mels = int(model.dims.n_mels)
        self.context_frames = 2 * int(model.dims.n_audio_ctx)
        self.context_s = self.context_frames / 100

    def with_options(self, options: WhisperOptions) -> WhisperRecognizer:
        """The same weights, decoded otherwise. Raises `DecodingOptionError`."""
        return WhisperRecognizer(
            self.model, self.name, self.weights_hash, self.description, self.batch_size, self.tokens, options
        )

    @property
    def bands(self) -> int:
        """Mel bands it takes (the same as `n_mels`)."""
        return self.n_mels

    def fingerprint(self) -> str:
        """Text that changes with the weights or the way of decoding."""
        return fingerprint(self.weights_hash, self.options)

    def transcribe(self, mels: Sequence[Mel]) -> list[Transcript]:
        """One transcript for each Mel of shape (n_mels, frames), real frames only, in order.

        Utterances longer than the context take several windows. Raises `MelShapeError`.
        """
        return [_transcript(one) for one in self._heard(mels, None)]

    def overheard(self, mels: Sequence[Mel], layers: Sequence[int]) -> list[tuple[Transcript, torch.Tensor]]:
        """The same, each with what blocks of the encoder gave on the way, counted from 1.

        Those are the states of the real frames of an utterance's first window: (frames / 2, layers, width)."""
        with Tap(self.model.encoder, layers) as tap:
            return [(_transcript(one), tap.states(one.index)) for one in self._heard(mels, tap)]

    def _heard(self, mels: Sequence[Mel], tap: Tap | None) -> list[Listening]:
        import torch

        with torch.inference_mode():
            heard = [self._listening(i, self._checked_mel(i, mel)) for i, mel in enumerate(mels)]
            while waiting := [one for one in heard if not one.finished]:
                for batch in self._batches(waiting):
                    self._hear(batch, tap)
        return heard

    def _checked_mel(self, index: int, mel: Mel) -> Mel:
        mel = np.asarray(mel, dtype=np.float32)
        if mel.ndim != 2 or mel.shape[0] != self.n_mels or mel.shape[1] == 0:
            raise MelShapeError(
                f"Mel {index} has shape {mel.shape}; {self.name} takes ({self.n_mels}, frames) with at least one frame"
            )
        if not np.isfinite(mel).all():
            raise MelShapeError(f"Mel {index} holds values that are not finite")
        return mel

    def _listening(self, index: int, mel: Mel) -> Listening:
        import torch
        from whisper.tokenizer import get_tokenizer

        floor = floor_of(mel)
        language = self.options.language or self._language(mel, floor)
        several, count = self.model.is_multilingual, self.model.num_languages
        tokenizer = get_tokenizer(several, num_languages=count, language=language, task="transcribe")
        said = tokenizer.encode(" " + self.options.prompt.strip()) if self.options.prompt else []
        state = torch.Generator().manual_seed(self.options.seed).get_state()
        return Listening(index, mel, floor, self.context_frames, self.options, language, tokenizer, said, state)

    def _language(self, mel: Mel, floor: float) -> str:
        """The most probable language of the first window, which ``transcribe`` fills with digital silence."""
        batch = padded_batch(
            [mel[:, : self.context_frames]], [floor], self.context_frames, self.model.device, half=self._half
        )
        _, probabilities = self.model.detect_language(batch)
        return str(max(probabilities[0], key=probabilities[0].get))

    @property
    def _half(self) -> bool:
        # fp16=False in DecodingOptions expects float32 features; half precision is for accelerators only.
        return bool(self.model.device.type != "cpu")

    def _batches(self, waiting: Sequence[Listening]) -> Iterator[list[Listening]]:
        """Windows that start from the same tokens.  Neighbours in length take about as many tokens, so few wait for
        the longest text of their batch."""

        def start(one: Listening) -> tuple[str, tuple[int, ...]]:
            return one.language, one.prompt

        ordered = sorted(waiting, key=lambda one: (start(one), one.window.shape[1]))
        for _, group in groupby(ordered, key=start):
            members = list(group)
            for first in range(0, len(members), self.batch_size):
                yield members[first : first + self.batch_size]

    def _hear(self, batch: Sequence[Listening], tap: Tap | None) -> None:
        from recognizers.whisper.greedy import encode

        fills = [0.0 if self.options.padding == "zero" else one.floor for one in batch]
        windows = [one.window for one in batch]
        device = self.model.device
        if tap is not None:
            tap.expect([(one.index, 0 if one.seek else -(-one.window.shape[1] // 2)) for one in batch])
        states = encode(self.model, padded_batch(windows, fills, self.context_frames, device, half=self._half))
        align = Aligner(self.model) if self.options.word_timestamps else None
        for i, (one, result) in enumerate(zip(batch, self._decode(batch, states), strict=True)):
            one.hear(self._retried(one, result, states[i : i + 1]), align)

    def _decode(self, batch: Sequence[Listening], states: torch.Tensor) -> list[DecodingResult]:
        from recognizers.whisper.greedy import GreedyTask

        temperature = self.options.temperatures[0]
        if temperature > 0.0:
            return [self._sampled(one, states[i : i + 1], temperature) for i, one in enumerate(batch)]
        options = self._options(batch[0], 0.0)
        if self.options.beam_size is not None:
            import whisper

            # openai-whisper's beams share one utterance's states, so each utterance is searched by itself.
            return [whisper.decode(self.model, one[None], options)[0] for one in states]
        return list(GreedyTask(self.model, options, self.tokens).run(states))

    def _retried(self, one: Listening, result: DecodingResult, states: torch.Tensor) -> DecodingResult:
        """The result, or that of the first higher temperature that gives an acceptable one; else the last."""
        for temperature in self.options.temperatures[1:]:
            if not self.options.gives_up(result.compression_ratio, result.avg_logprob, result.no_speech_prob):
                break
            result = self._sampled(one, states, temperature)
        return result

    def _sampled(self, one: Listening, states: torch.Tensor, temperature: float) -> DecodingResult:
        """A text sampled with the utterance's own random numbers.  Whisper draws from the global generator, which is
        put back afterwards."""
        import torch
        import whisper

        with torch.random.fork_rng(devices=[self.model.device] if self._half else []):
            torch.random.set_rng_state(one.random_state)
            (result,) = whisper.decode(self.model, states, self._options(one, temperature))
            one.random_state = torch.random.get_rng_state()
        return result

    def _options(self, one: Listening, temperature: float) -> DecodingOptions:
        import whisper

        options = whisper.DecodingOptions(
            language=one.language,
            temperature=temperature,
            prompt=list(one.prompt),
            without_timestamps=not self.options.timestamps,
            fp16=self._half,
        )
        return replace(options, beam_size=self.options.beam_size) if temperature == 0.0 else options


def _checked(options: WhisperOptions, model: Any, name: str, tokens: Sequence[int] | None) -> WhisperOptions:
    from whisper.tokenizer import LANGUAGES

    if options.language is not None and options.language not in LANGUAGES:
        raise DecodingOptionError(f"language {options.language!r} is unknown to Whisper; give a code such as en or de")
    if not model.is_multilingual and options.language not in (None, "en"):
        raise DecodingOptionError(f"{name} knows English only, not {options.language!r}; use a model without .en")
    if tokens is not None and (options.timestamps or options.beam_size is not None):
        raise DecodingOptionError(f"{name} has a closed vocabulary: neither timestamps nor beams")
    return replace(options, language="en") if not model.is_multilingual else options


def _transcript(heard: Listening) -> Transcript:
    """One transcript of the windows of an utterance."""
    from whisper.utils import compression_ratio

    results, text = heard.results, heard.text
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
        temperature=max(float(r.temperature) for r in results),
        language=heard.language,
        doubtful=is_doubtful(silence, logprob),
        segments=tuple(heard.segments),
    )
