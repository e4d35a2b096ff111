"""AMSER's emotion network: our reading of the ICASSP 2025 poster.

The poster shows a Mel spectrogram and Whisper's words joined by co-attention; sizes, encoders and loss are
not published. What stands here is this project's choice: a small convolutional encoder of the Mel, hashed
word vectors with a convolution over the words, multi-head co-attention in both directions (each modality
asks the other; as in ViLBERT, Lu et al. 2019), attentive statistics pooling and a linear layer.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from recognizers.emotion.batch import Batch
from recognizers.emotion.layers import (
    Attention,
    AttentionPooling,
    EmotionNetwork,
    FeedForward,
    WordVectors,
    pool_frames,
)
from recognizers.emotion.types import BANDS

KERNELS = (5, 3)
STRIDES = ((2, 2), (2, 2), (2, 1))
"""Of the convolutions over bands and time."""
BANDS_LEFT = BANDS // 8


@dataclass(frozen=True)
class AmserDims:
    """Sizes of the AMSER network."""

    frame_pool: int = 2
    """The Mel's frames that are averaged into one: 2 makes 50 frames a second."""
    channels: tuple[int] = (96,)
    """Of the first convolution; the second has `width`. Each halves the frames: 12.5 steps a second
    remain."""
    maps: tuple[int, ...] = ()
    """Of three convolutions over bands and time that take the place of `channels`; none for those over time."""
    word_width: int = 32
    width: int = 64
    """Of both modalities in the co-attention."""
    heads: int = 4
    blocks: int = 1
    """Co-attention blocks."""
    dropout: float = 0.3


class Context(nn.Module):
    """Each step with two neighbours on either side: x + ReLU(conv5(x)), zero beyond the end.

    A convolution instead of a recurrence: a tenth of the time on a CPU, and commands are short.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.convolution = nn.Conv1d(width, width, 5, padding=2)

    def forward(self, steps: Tensor, mask: Tensor) -> Tensor:
        """(B, L, width) with its mask (B, L)."""
        steps = steps * mask[:, :, None]
        around: Tensor = self.convolution(steps.transpose(1, 2)).relu().transpose(1, 2)
        return (steps + around) * mask[:, :, None]


class MelEncoder(nn.Module):
    """(B, 80, T) to (B, T / 8, width): two strided convolutions along time and one that adds context."""

    def __init__(self, dims: AmserDims) -> None:
        super().__init__()
        self.frame_pool = dims.frame_pool
        layers = []
        before = BANDS
        for size, channels in zip(KERNELS, (*dims.channels, dims.width), strict=True):
            convolution = nn.Conv1d(before, channels, size, stride=2, padding=size // 2, bias=False)
            layers.append(nn.Sequential(convolution, nn.BatchNorm1d(channels), nn.ReLU()))
            before = channels
        self.layers = nn.ModuleList(layers)
        self.dropout = nn.Dropout(dims.dropout)
        self.context = Context(dims.width)

    def forward(self, mel: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        """Steps (B, L, width) and their mask (B, L)."""
        x, lengths = pool_frames(mel, lengths, self.frame_pool)
        for layer in self.layers:
            x = layer(x)
            lengths = -(-lengths // 2)
            mask = _mask(x, lengths)
            # Zeros beyond the end: a result must not depend on the neighbours in the batch.
            x = x * mask[:, None, :]
        steps = self.dropout(x.transpose(1, 2))
        return self.context(steps, mask), mask


class ImageEncoder(nn.Module):
    """The same with convolutions over bands and time, then one over time, and one that adds context.

    Filters that slide along the bands too need few utterances: a formant or a harmonic looks alike wherever it
    lies. They see the Mel twice: as it is, and without the utterance's mean of every band, which takes voice and
    microphone away and leaves the melody.
    """

    def __init__(self, dims: AmserDims) -> None:
        super().__init__()
        self.frame_pool = dims.frame_pool
        layers = []
        before = 2
        for stride, maps in zip(STRIDES, dims.maps, strict=True):
            convolution = nn.Conv2d(before, maps, 3, stride=stride, padding=1, bias=False)
            layers.append(nn.Sequential(convolution, nn.BatchNorm2d(maps), nn.ReLU()))
            before = maps
        self.layers = nn.ModuleList(layers)
        project = nn.Conv1d(before * BANDS_LEFT, dims.width, 3, padding=1, bias=False)
        self.project = nn.Sequential(nn.Dropout(dims.dropout), project, nn.BatchNorm1d(dims.width), nn.ReLU())
        self.dropout = nn.Dropout(dims.dropout)
        self.context = Context(dims.width)

    def forward(self, mel: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        """Steps (B, L, width) and their mask (B, L)."""
        x, lengths = pool_frames(mel, lengths, self.frame_pool)
        mean = x.sum(dim=2, keepdim=True) / lengths[:, None, None]
        mask = _mask(x, lengths)
        x = torch.stack([x, (x - mean) * mask[:, None, :]], dim=1)
        for (_, in_time), layer in zip(STRIDES, self.layers, strict=True):
            x = layer(x)
            lengths = -(-lengths // in_time)
            mask = _mask(x, lengths)
            x = x * mask[:, None, None, :]
        x = self.project(x.flatten(1, 2)) * mask[:, None, :]
        steps = self.dropout(x.transpose(1, 2))
        return self.context(steps, mask), mask


def _mask(x: Tensor, lengths: Tensor) -> Tensor:
    """(B, L), True on the real steps of `x` (B, ..., L)."""
    return torch.arange(x.shape[-1], device=x.device)[None, :] < lengths[:, None]


class CoAttention(nn.Module):
    """One block: audio steps ask the words, words ask the audio steps; residual, normalised, feed-forward."""

    def __init__(self, width: int, heads: int, dropout: float) -> None:
        super().__init__()
        self.asks = nn.ModuleList([Attention(width, heads) for _ in range(2)])
        self.feeds = nn.ModuleList([FeedForward(width, 2 * width, width, dropout) for _ in range(2)])
        self.norms = nn.ModuleList([nn.LayerNorm(width) for _ in range(4)])
        self.dropout = nn.Dropout(dropout)

    def forward(self, audio: Tensor, audio_mask: Tensor, text: Tensor, text_mask: Tensor) -> tuple[Tensor, Tensor]:
        """Audio (B, L, width) and text (B, W, width), each enriched by the other."""
        heard = self.norms[0](audio + self.dropout(self.asks[0](audio, text, text_mask)))
        read = self.norms[1](text + self.dropout(self.asks[1](text, audio, audio_mask)))
        heard = self.norms[2](heard + self.feeds[0](heard))
        read = self.norms[3](read + self.feeds[1](read))
        return heard, read


class AmserNetwork(EmotionNetwork):
    """Mel and words, joined by co-attention."""

    def __init__(self, dims: AmserDims, classes: int, word_rows: int) -> None:
        super().__init__()
        self.mel_encoder = ImageEncoder(dims) if dims.maps else MelEncoder(dims)
        self.word_vectors = WordVectors(word_rows, dims.word_width)
        self.word_dropout = nn.Dropout(dims.dropout)
        self.word_project = nn.Linear(dims.word_width, dims.width)
        self.word_context = Context(dims.width)
        self.blocks = nn.ModuleList([CoAttention(dims.width, dims.heads, dims.dropout) for _ in range(dims.blocks)])
        self.pool_audio = AttentionPooling(dims.width, dims.width // 2, spread=True)
        self.pool_text = AttentionPooling(dims.width, dims.width // 2, spread=False)
        pooled = self.pool_audio.outputs + self.pool_text.outputs
        self.classify = nn.Sequential(nn.Dropout(dims.dropout), nn.Linear(pooled, classes))

    def forward(self, batch: Batch) -> Tensor:
        """Logits, shape (B, classes)."""
        audio, audio_mask = self.mel_encoder(self.standardised(batch), batch.frames)
        words = self.word_project(self.word_dropout(self.word_vectors(batch.pieces)))
        text_mask = batch.word_mask
        text = self.word_context(words, text_mask)
        for block in self.blocks:
            audio, text = block(audio, audio_mask, text, text_mask)
        pooled = torch.cat([self.pool_audio(audio, audio_mask), self.pool_text(text, text_mask)], dim=1)
        logits: Tensor = self.classify(pooled)
        return logits
