"""What the four networks share: standardised input, word vectors, masked recurrence, attention and
pooling."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from recognizers.emotion.batch import Batch
from recognizers.emotion.types import BANDS


class EmotionNetwork(nn.Module, ABC):
    """A network from (Mel, words) to one logit per class.

    The Mel is standardised band by band with the mean and deviation of the training set, which travel with
    the weights.
    """

    band_mean: Tensor
    band_deviation: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("band_mean", torch.zeros(BANDS))
        self.register_buffer("band_deviation", torch.ones(BANDS))

    def standardised(self, batch: Batch) -> Tensor:
        """(B, bands, T): the standardised Mel, zero beyond each utterance's end."""
        scale = 1 / self.band_deviation
        mel = batch.mel * scale[:, None]
        mel -= (self.band_mean * scale)[:, None]  # in place: the Mel is by far the largest tensor
        mel *= batch.frame_mask[:, None, :]
        return mel

    @abstractmethod
    def forward(self, batch: Batch) -> Tensor:
        """Logits, shape (B, classes)."""


class WordVectors(nn.Module):
    """The mean of a word's piece vectors: (B, W, P) ids to (B, W, width)."""

    def __init__(self, size: int, width: int) -> None:
        super().__init__()
        self.table = nn.Embedding(size, width, padding_idx=0)
        nn.init.normal_(self.table.weight, std=0.5)
        with torch.no_grad():
            self.table.weight[0] = 0.0

    def forward(self, pieces: Tensor) -> Tensor:
        """Word vectors, shape (B, W, width); zero for padding."""
        real = (pieces != 0).sum(dim=2, keepdim=True)
        vectors: Tensor = self.table(pieces).sum(dim=2) / real.clamp(min=1).sqrt()
        return vectors


class Recurrence(nn.Module):
    """A GRU or LSTM over sequences of different lengths; each sees only its own real steps."""

    def __init__(self, kind: str, inputs: int, width: int, *, both_ways: bool) -> None:
        super().__init__()
        cell = nn.GRU if kind == "gru" else nn.LSTM
        self.cell = cell(inputs, width, batch_first=True, bidirectional=both_ways)
        self.outputs = width * (2 if both_ways else 1)

    def forward(self, steps: Tensor, lengths: Tensor) -> Tensor:
        """(B, L, inputs) and (B,) lengths to (B, L, outputs), zero beyond each end."""
        packed = pack_padded_sequence(steps, lengths.cpu(), batch_first=True, enforce_sorted=False)
        found, _ = self.cell(packed)
        unpacked, _ = pad_packed_sequence(found, batch_first=True, total_length=steps.shape[1])
        return unpacked


class Attention(nn.Module):
    """Multi-head scaled dot-product attention (Vaswani et al. 2017), with dropout on its weights."""

    def __init__(self, width: int, heads: int, dropout: float = 0.0) -> None:
        super().__init__()
        self.heads = heads
        self.dropout = nn.Dropout(dropout)
        self.query, self.key, self.value = (nn.Linear(width, width) for _ in range(3))
        self.out = nn.Linear(width, width)

    def forward(self, query: Tensor, key: Tensor, mask: Tensor | None = None) -> Tensor:
        """Queries (B, Q, width) over keys (B, K, width); `mask` (B, K) is True on keys that count."""
        b, q, width = query.shape
        split = (b, -1, self.heads, width // self.heads)
        queries, keys, values = (
            part.view(split).transpose(1, 2) for part in (self.query(query), self.key(key), self.value(key))
        )
        scores = queries @ keys.transpose(2, 3) / math.sqrt(width // self.heads)
        if mask is not None:
            scores = scores.masked_fill(~mask[:, None, None, :], -1e9)
        mixed = self.dropout(scores.softmax(dim=3)) @ values
        merged: Tensor = self.out(mixed.transpose(1, 2).reshape(b, q, width))
        return merged


class FeedForward(nn.Sequential):
    """Linear, ReLU, dropout, linear."""

    def __init__(self, inputs: int, hidden: int, outputs: int, dropout: float) -> None:
        super().__init__(nn.Linear(inputs, hidden), nn.ReLU(), nn.Dropout(dropout), nn.Linear(hidden, outputs))


class AttentionPooling(nn.Module):
    """Weighted mean, and with `spread` also the weighted deviation, over the real steps.

    Okabe et al., "Attentive statistics pooling for deep speaker embedding", Interspeech 2018.
    """

    def __init__(self, width: int, hidden: int, *, spread: bool) -> None:
        super().__init__()
        self.score = nn.Sequential(nn.Linear(width, hidden), nn.Tanh(), nn.Linear(hidden, 1))
        self.spread = spread
        self.outputs = width * (2 if spread else 1)

    def forward(self, steps: Tensor, mask: Tensor) -> Tensor:
        """(B, L, width) with a mask (B, L) to (B, outputs)."""
        scores = self.score(steps).squeeze(2).masked_fill(~mask, -1e9)
        weights = scores.softmax(dim=1)[:, :, None]
        mean: Tensor = (weights * steps).sum(dim=1)
        if not self.spread:
            return mean
        variance = (weights * (steps - mean[:, None, :]) ** 2).sum(dim=1)
        return torch.cat([mean, (variance + 1e-5).sqrt()], dim=1)


def pool_frames(tracks: Tensor, lengths: Tensor, stride: int) -> tuple[Tensor, Tensor]:
    """Mean over every `stride` real frames: (B, C, L), (B,) to (B, C, ceil(L / stride)), (B,).

    What lies beyond the end must be zero and stays so.
    """
    if stride == 1:
        return tracks, lengths
    b, channels, longest = tracks.shape
    groups = -(-longest // stride)
    if groups * stride != longest:
        tracks = nn.functional.pad(tracks, (0, groups * stride - longest))
    sums = tracks.reshape(b, channels, groups, stride).sum(dim=3)
    real = (lengths[:, None] - stride * torch.arange(groups, device=lengths.device)[None, :]).clamp(1, stride)
    return sums / real[:, None, :], -(-lengths // stride)
