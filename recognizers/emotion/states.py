"""The states of Whisper's encoder, as an emotion network reads them.

They are those of the window of 30 s that the words need: one Mel, one encoder pass, two tasks. A pass of the network's
own over the real frames alone takes a twelfth of that work, but who hears without the silence that Whisper was trained
with hears worse (docs/results/emotion.md), and it is work that a server with the window's states need not do.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from recognizers.emotion.types import EmotionError, Mel

if TYPE_CHECKING:
    import torch
    from whisper.model import Whisper

    from recognizers.whisper import Transcript, WhisperRecognizer

Floats = npt.NDArray[np.float32]

PAIR = 2
"""Encoder frames (20 ms) that are averaged into one step: 40 ms."""
STRETCH = 8
"""Steps in a stretch: 0.32 s, about a syllable or two. The network attends to stretches: their means and variances
keep the utterance's mean and deviation over steps, in an eighth of their memory."""
MOST_TOKENS = 64
FILL = 0.0
"""What fills the window after the speech: zeros of the normalised log-Mel, as in ``whisper.transcribe``."""
READ: Mapping[str, tuple[int, ...]] = {"base": (2, 3, 4), "tiny.en": (1, 2, 3)}
"""Blocks whose states are read: the middle ones. The first know little of the voice, the last ones little but words."""


@dataclass(frozen=True)
class Stretches:
    """One utterance as the encoder heard it, stretch by stretch."""

    mean: Floats
    """(stretches, layers, width): mean of the states over a stretch."""
    variance: Floats
    """(stretches, layers, width): of the states within a stretch. Not their mean square: some states hardly leave a
    large value, and a difference of squares in half precision would be noise."""
    steps: Floats
    """(stretches,): steps in each; only the last can have fewer than `STRETCH`."""

    def statistics(self) -> Floats:
        """Mean and deviation of the states over the utterance, (2, layers, width)."""
        weights = (self.steps / self.steps.sum())[:, None, None]
        mean = (weights * self.mean).sum(axis=0)
        variance = (weights * (self.variance + (self.mean - mean) ** 2)).sum(axis=0)
        return np.stack([mean, np.sqrt(variance)]).astype(np.float32)


class WhisperStates:
    """A Whisper's encoder, asked for the states of some of its first blocks."""

    def __init__(self, model: Whisper, name: str, weights_hash: str, layers: Sequence[int], *, short: bool = False):
        """`short` hears the real frames alone and not the window that the words need: the measured alternative."""
        depth = int(model.dims.n_audio_layer)
        if not layers or not all(1 <= layer <= depth for layer in layers):
            raise EmotionError(f"{name} has encoder blocks 1 to {depth}, asked for {list(layers)}")
        self.model, self.name, self.weights_hash, self.short = model, name, weights_hash, short
        self._layers = tuple(sorted(layers))

    @property
    def identity(self) -> str:
        """Weights, blocks and way of reading."""
        way = "short" if self.short else "window"
        return f"states-1:{self.weights_hash}:{way}:{'+'.join(map(str, self._layers))}:{STRETCH}"

    @property
    def layers(self) -> tuple[int, ...]:
        """Blocks that are read, counted from 1."""
        return self._layers

    @property
    def bands(self) -> int:
        """Mel bands that it hears."""
        return int(self.model.dims.n_mels)

    @property
    def width(self) -> int:
        """Width of the encoder's states, which is that of the word embeddings too."""
        return int(self.model.dims.n_audio_state)

    def heard(self, mels: Sequence[Mel]) -> list[Stretches]:
        """By a pass of its own for each, for whoever has no words to share it with; a CPU gains nothing by batches."""
        import torch

        with torch.inference_mode():
            return [stretches_of(self._states(mel)) for mel in mels]

    def shared_with(self, recognizer: object) -> WhisperRecognizer | None:
        """The recognizer, if it is the same Whisper and fills its windows with the same silence."""
        from recognizers.whisper import WhisperRecognizer

        if self.short or not isinstance(recognizer, WhisperRecognizer):
            return None
        alike = recognizer.weights_hash == self.weights_hash and recognizer.options.padding == "zero"
        return recognizer if alike else None

    def _states(self, mel: Mel) -> torch.Tensor:
        """(frames / 2, layers, width) of one Mel."""
        import torch
        from torch.nn import functional

        from recognizers.whisper.padding import pad_with_floor

        if mel.ndim != 2 or mel.shape[0] != self.bands or mel.shape[1] == 0:
            raise EmotionError(f"a Mel has shape ({self.bands}, frames), found {mel.shape}")
        encoder = self.model.encoder
        most = 2 * int(self.model.dims.n_audio_ctx)
        real = -(-min(mel.shape[1], most) // 2)
        frames = mel[:, :most] if self.short else pad_with_floor(mel, most, FILL)
        weight = encoder.conv1.weight
        steps = torch.from_numpy(np.ascontiguousarray(frames))[None].to(weight.device, weight.dtype)
        steps = functional.gelu(encoder.conv2(functional.gelu(encoder.conv1(steps)))).transpose(1, 2)
        steps = (steps + encoder.positional_embedding[: steps.shape[1]]).to(steps.dtype)
        found = []
        for number, block in enumerate(encoder.blocks[: self._layers[-1]], start=1):
            steps = block(steps)
            if number in self._layers:
                found.append(steps[0, :real].float().cpu())
        return torch.stack(found, dim=1)

    def word_vectors(self, text: str) -> Floats:
        """The decoder's own embeddings of the words' tokens; a row of zeros where there are no words."""
        from whisper.tokenizer import get_tokenizer

        tokenizer = get_tokenizer(self.model.is_multilingual, num_languages=self.model.num_languages)
        tokens = tokenizer.encode(" " + text.strip())[:MOST_TOKENS] if text.strip() else []
        if not tokens:
            return np.zeros((1, self.width), dtype=np.float32)
        table = self.model.decoder.token_embedding.weight.detach()
        return np.asarray(table[tokens].float().cpu().numpy(), dtype=np.float32)


def overheard(
    recognizer: WhisperRecognizer, mels: Sequence[Mel], layers: Sequence[int]
) -> tuple[list[Transcript], list[Stretches]]:
    """What a recognizer understands, and what its encoder gave on the way."""
    found = recognizer.overheard(mels, layers)
    return [said for said, _ in found], [stretches_of(states) for _, states in found]


def stretches_of(states: torch.Tensor) -> Stretches:
    """Moments of (frames, layers, width) over stretches; an odd last frame is a step of its own."""
    import torch

    if len(states) % PAIR:
        states = torch.cat([states, states[-1:]])
    parts = states.unflatten(0, (-1, PAIR)).mean(dim=1).split(STRETCH)
    return Stretches(
        np.stack([part.mean(0).numpy() for part in parts]),
        np.stack([part.var(0, unbiased=False).numpy() for part in parts]),
        np.array([len(part) for part in parts], dtype=np.float32),
    )
