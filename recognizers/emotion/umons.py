"""UMONS: the transformer-based joint encoding of Delbrouck et al., Challenge-HML at ACL 2020 (`Model_LA` of
its code).

As published: trainable word vectors into a one-way LSTM; Mel frames into a linear layer; blocks in which text
attends to itself, and audio attends to itself and then, guided, to the text that the block was given (not to
what the block has made of it); post-norm with the deviation over n - 1, and a residual around the whole block;
between blocks a "glimpse" layer of soft attention over time that keeps the length, a ReLU layer of the
feed-forward width deep; dropout there and on the attention's weights too; masks in the first block only; one
such glimpse per modality at the end, projected, summed, normalised, projected.

Departures: the Mel is Whisper's, standardised band by band (theirs follows DCTTS), always through the linear layer,
where one version of their code has an LSTM; beyond the end of an utterance
steps are zero, where theirs carry the LSTM's state over padding and the linear layer's bias; the training is the
one of all networks here (theirs: Adam at 1e-4, batches of 32, the rate halved twice). The small size has other
widths, two blocks, and the mean of each twelve frames for one frame of every sixteen.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn

from recognizers.emotion.batch import Batch
from recognizers.emotion.layers import (
    Attention,
    EmotionNetwork,
    FeedForward,
    Recurrence,
    WordVectors,
    pool_frames,
)
from recognizers.emotion.types import BANDS


@dataclass(frozen=True)
class UmonsDims:
    """Sizes of the UMONS network."""

    word_width: int = 32
    width: int = 48
    heads: int = 4
    feed_forward: int = 96
    blocks: int = 2
    words: int = 20
    """Most words; the rest is cut."""
    steps: int = 50
    """Most audio steps; the rest is cut."""
    frame_stride: int = 12
    frame_mean: bool = True
    """Mean of every `frame_stride` frames; False keeps one frame of them, as published."""
    joint: int = 96
    """Width of the sum of both modalities."""
    dropout: float = 0.1
    guide: Literal["input", "updated"] = "input"
    """The text that guides the audio: what the block was given, as published, or what its text part made of that, with
    which the shipped small weights were trained."""


AS_PUBLISHED = UmonsDims(300, 512, 4, 1024, 4, 60, 60, 16, False, 1024, 0.1)
"""Width 512, 4 heads, feed-forward 1024, 4 blocks, 60 words and 60 frames: the command in the published
README."""


class PostNorm(nn.Module):
    """gain * (x - mean) / (deviation + 1e-6) + shift, with the deviation over n - 1."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.weight, self.bias = nn.Parameter(torch.ones(width)), nn.Parameter(torch.zeros(width))

    def forward(self, steps: Tensor) -> Tensor:
        """Of any shape (..., width)."""
        centred = steps - steps.mean(dim=-1, keepdim=True)
        scaled: Tensor = self.weight * centred / (steps.std(dim=-1, keepdim=True) + 1e-6) + self.bias
        return scaled


class Glimpses(nn.Module):
    """Soft attention over time, `length` times: (B, L, width) to (B, length, width)."""

    def __init__(self, width: int, hidden: int, length: int, dropout: float) -> None:
        super().__init__()
        self.score = FeedForward(width, hidden, length, dropout)

    def forward(self, steps: Tensor, mask: Tensor | None = None) -> Tensor:
        """`mask` (B, L) is True on steps that count."""
        scores = self.score(steps)
        if mask is not None:
            scores = scores.masked_fill(~mask[:, :, None], -1e9)
        seen: Tensor = scores.softmax(dim=1).transpose(1, 2) @ steps
        return seen


class Block(nn.Module):
    """Self-attention of the text; self- and guided attention of the audio; glimpses unless it is the last."""

    def __init__(self, dims: UmonsDims, *, last: bool) -> None:
        super().__init__()
        width, drop, hidden = dims.width, dims.dropout, dims.feed_forward
        self.text_self, self.audio_self, self.audio_guided = (Attention(width, dims.heads, drop) for _ in range(3))
        self.text_feed, self.audio_feed = (FeedForward(width, hidden, width, drop) for _ in range(2))
        self.norms = nn.ModuleList([PostNorm(width) for _ in range(5 if last else 7)])
        self.guide = dims.guide
        self.dropout = nn.Dropout(drop)
        self.last = last
        if not last:
            self.text_glimpses = Glimpses(width, dims.feed_forward, dims.words, drop)
            self.audio_glimpses = Glimpses(width, dims.feed_forward, dims.steps, drop)

    def forward(self, text: Tensor, audio: Tensor, masks: tuple[Tensor, Tensor] | None) -> tuple[Tensor, Tensor]:
        """Text (B, words, width) and audio (B, steps, width)."""
        text_mask, audio_mask = masks if masks is not None else (None, None)
        read = self.norms[0](text + self.dropout(self.text_self(text, text, text_mask)))
        read = text + self.norms[1](read + self.dropout(self.text_feed(read)))
        guide = text if self.guide == "input" else read
        heard = self.norms[2](audio + self.dropout(self.audio_self(audio, audio, audio_mask)))
        heard = self.norms[3](heard + self.dropout(self.audio_guided(heard, guide, text_mask)))
        heard = audio + self.norms[4](heard + self.dropout(self.audio_feed(heard)))
        if self.last:
            return read, heard
        read = self.norms[5](read + self.dropout(self.text_glimpses(read, text_mask)))
        heard = self.norms[6](heard + self.dropout(self.audio_glimpses(heard, audio_mask)))
        return read, heard


class UmonsNetwork(EmotionNetwork):
    """Transformer blocks in which audio is guided by text."""

    def __init__(self, dims: UmonsDims, classes: int, word_rows: int) -> None:
        super().__init__()
        self.dims = dims
        self.word_vectors = WordVectors(word_rows, dims.word_width)
        self.word_recurrence = Recurrence("lstm", dims.word_width, dims.width, both_ways=False)
        self.project_audio = nn.Linear(BANDS, dims.width)
        self.blocks = nn.ModuleList([Block(dims, last=place == dims.blocks - 1) for place in range(dims.blocks)])
        flats = (Glimpses(dims.width, dims.feed_forward, 1, dims.dropout) for _ in range(2))
        self.flat_text, self.flat_audio = flats
        self.join_text, self.join_audio = (nn.Linear(dims.width, dims.joint) for _ in range(2))
        self.norm = PostNorm(dims.joint)
        self.classify = nn.Linear(dims.joint, classes)

    def forward(self, batch: Batch) -> Tensor:
        """Logits, shape (B, classes)."""
        text, word_mask = self._text(batch)
        audio, step_mask = self._audio(batch)
        for place, block in enumerate(self.blocks):
            text, audio = block(text, audio, (word_mask, step_mask) if place == 0 else None)
        read = self.join_text(self.flat_text(text).squeeze(1))
        heard = self.join_audio(self.flat_audio(audio).squeeze(1))
        logits: Tensor = self.classify(self.norm(read + heard))
        return logits

    def _text(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """Always `dims.words` long, because the unmasked blocks make the length part of the result."""
        counts = batch.words.clamp(max=self.dims.words)
        pieces = _fixed(batch.pieces, self.dims.words)
        text = self.word_recurrence(self.word_vectors(pieces), counts)
        return text, torch.arange(self.dims.words, device=counts.device)[None, :] < counts[:, None]

    def _audio(self, batch: Batch) -> tuple[Tensor, Tensor]:
        mel = self.standardised(batch)
        stride = self.dims.frame_stride
        if self.dims.frame_mean:
            pooled, lengths = pool_frames(mel, batch.frames, stride)
        else:
            pooled, lengths = mel[:, :, ::stride], -(-batch.frames // stride)
        lengths = lengths.clamp(max=self.dims.steps)
        mask = torch.arange(self.dims.steps, device=lengths.device)[None, :] < lengths[:, None]
        return self.project_audio(_fixed(pooled.transpose(1, 2), self.dims.steps)) * mask[:, :, None], mask


def _fixed(steps: Tensor, length: int) -> Tensor:
    """Cut or zero-pad (B, L, C) to (B, length, C)."""
    return nn.functional.pad(steps[:, :length], (0, 0, 0, max(0, length - steps.shape[1])))
