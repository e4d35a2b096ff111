"""Xu et al., "Learning alignment for multimodal emotion recognition from speech", Interspeech 2019.

As in the authors' recipe (`AlignClassModel` in didi/delta): frames through a dense layer and a GRU both ways; words
through a GRU both ways; attention with the words as queries and the speech as keys, so each word gets its aligned
speech vector; both side by side into another GRU both ways; attention pooling; dense layer. `alignment` chooses the
recipe's multi-head attention or the paper's additive form, tanh(W1 s + W2 w + b).

Departures: the 80 bands of Whisper's Mel, standardised, for the recipe's 257-bin spectrum (the paper has 34
descriptors); a mask on the speech keys, which the recipe has not, so that a result does not depend on the batch; at
most 60 words of theirs 100; one clip an utterance, where theirs also trains on halves that overlap; the training is the
one of all networks here (theirs: Adam at 1e-3, batches of 64, 150 epochs without early stop). The small size has other
widths and ten frames stacked into one step.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn

from recognizers.emotion.batch import Batch
from recognizers.emotion.layers import Attention, AttentionPooling, EmotionNetwork, Recurrence, WordVectors
from recognizers.emotion.types import BANDS


@dataclass(frozen=True)
class XuDims:
    """Sizes of Xu's network."""

    word_width: int = 32
    dense: int = 64
    width: int = 32
    """Of a GRU in each direction."""
    heads: int = 4
    frame_stack: int = 10
    alignment: Literal["multi-head", "additive"] = "multi-head"
    dropout: float = 0.4
    frames: int = 1500
    """Most frames; the rest is cut."""


AS_PUBLISHED = XuDims(300, 512, 100, 8, 1, "multi-head", 0.5, 700)
"""Dense 512, GRU 100 in each direction, 8 heads, every frame of 7 s: multimodal-align-emotion.yml of the recipe."""


class AdditiveAlignment(nn.Module):
    """softmax over frames of v . tanh(W1 s + W2 w + b), the form of the paper."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.speech, self.word = nn.Linear(width, width), nn.Linear(width, width, bias=False)
        self.score = nn.Linear(width, 1, bias=False)

    def forward(self, words: Tensor, speech: Tensor, mask: Tensor) -> Tensor:
        """Words (B, W, width) and speech (B, L, width) to aligned speech (B, W, width)."""
        joined = torch.tanh(self.speech(speech)[:, None] + self.word(words)[:, :, None])
        scores = self.score(joined).squeeze(3).masked_fill(~mask[:, None, :], -1e9)
        aligned: Tensor = scores.softmax(dim=2) @ speech
        return aligned


class XuNetwork(EmotionNetwork):
    """Each word with its own piece of the speech."""

    def __init__(self, dims: XuDims, classes: int, word_rows: int) -> None:
        super().__init__()
        self.stack, self.frames = dims.frame_stack, dims.frames
        both = 2 * dims.width
        self.dense = nn.Sequential(nn.Linear(BANDS * dims.frame_stack, dims.dense), nn.ReLU(), nn.Dropout(dims.dropout))
        self.speech_recurrence = Recurrence("gru", dims.dense, dims.width, both_ways=True)
        self.word_vectors = WordVectors(word_rows, dims.word_width)
        self.word_recurrence = Recurrence("gru", dims.word_width, dims.width, both_ways=True)
        self.align: nn.Module = (
            Attention(both, dims.heads) if dims.alignment == "multi-head" else AdditiveAlignment(both)
        )
        self.joint_recurrence = Recurrence("gru", 2 * both, dims.width, both_ways=True)
        self.pool = AttentionPooling(both, both, spread=False)
        self.dropout = nn.Dropout(dims.dropout)
        self.classify = nn.Linear(both, classes)

    def forward(self, batch: Batch) -> Tensor:
        """Logits, shape (B, classes)."""
        batch = batch.first(self.frames)
        steps, lengths = self._stacked(batch)
        speech = self.dropout(self.speech_recurrence(self.dense(steps), lengths))
        vectors = self.dropout(self.word_vectors(batch.pieces))
        words = self.dropout(self.word_recurrence(vectors, batch.words))
        mask = torch.arange(speech.shape[1], device=speech.device)[None, :] < lengths[:, None]
        aligned = self.dropout(self.align(words, speech, mask))
        joint = self.joint_recurrence(torch.cat([aligned, words], dim=2), batch.words)
        logits: Tensor = self.classify(self.dropout(self.pool(joint, batch.word_mask)))
        return logits

    def _stacked(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """(B, L, 80 x stack) and (B,): neighbouring frames side by side, zeros beyond the end."""
        mel = self.standardised(batch)
        b, bands, longest = mel.shape
        steps = -(-longest // self.stack)
        padded = nn.functional.pad(mel, (0, steps * self.stack - longest))
        stacked = padded.view(b, bands, steps, self.stack).permute(0, 2, 1, 3).reshape(b, steps, -1)
        return stacked, -(-batch.frames // self.stack)
