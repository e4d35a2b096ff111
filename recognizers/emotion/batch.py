"""Utterances side by side in tensors, padded to the longest."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from recognizers.emotion.tokenizers import Tokenizer
from recognizers.emotion.types import BANDS, EmotionError, Mel

LONGEST_FRAMES = 1500
"""15 s; of a longer utterance the middle is used (IEMOCAP's longest turns last 34 s)."""
SHORTEST_FRAMES = 16
LONGEST_WORDS = 60
FRAME_STEP = 32
"""Batches are padded to a multiple of it: PyTorch keeps compiled kernels for every shape that it meets."""


@dataclass(frozen=True)
class Batch:
    """B utterances."""

    mel: Tensor
    """(B, bands, T) float32; zero beyond each utterance's end."""
    frames: Tensor
    """(B,) int64: real frames."""
    pieces: Tensor
    """(B, W, P) int64: piece ids of every word; 0 pads."""
    words: Tensor
    """(B,) int64: real words, at least 1 (an utterance without words has one that says so)."""

    @property
    def frame_mask(self) -> Tensor:
        """(B, T) bool: True on real frames."""
        return torch.arange(self.mel.shape[2], device=self.mel.device)[None, :] < self.frames[:, None]

    @property
    def word_mask(self) -> Tensor:
        """(B, W) bool: True on real words."""
        return torch.arange(self.pieces.shape[1], device=self.words.device)[None, :] < self.words[:, None]

    def first(self, frames: int) -> Batch:
        """The same utterances cut after so many frames."""
        return Batch(self.mel[:, :, :frames], self.frames.clamp(max=frames), self.pieces, self.words)

    def to(self, device: torch.device) -> Batch:
        """The same utterances on another device."""
        return Batch(self.mel.to(device), self.frames.to(device), self.pieces.to(device), self.words.to(device))


def checked_mel(mel: Mel) -> Mel:
    """A Mel that the networks take: (80, T), finite, padded to `SHORTEST_FRAMES`, the middle of a long
    one."""
    if mel.ndim != 2 or mel.shape[0] != BANDS or mel.shape[1] == 0:
        raise EmotionError(f"a Mel has shape ({BANDS}, frames), found {mel.shape}")
    if not np.isfinite(mel).all():
        raise EmotionError("the Mel holds values that are not finite numbers")
    if mel.shape[1] > LONGEST_FRAMES:
        start = (mel.shape[1] - LONGEST_FRAMES) // 2
        return mel[:, start : start + LONGEST_FRAMES]
    if mel.shape[1] < SHORTEST_FRAMES:
        fill = np.full((BANDS, SHORTEST_FRAMES - mel.shape[1]), mel.min(), dtype=mel.dtype)
        return np.concatenate([mel, fill], axis=1)
    return mel


def collate(mels: Sequence[Mel], texts: Sequence[str], tokenizer: Tokenizer) -> Batch:
    """Put utterances into one batch. Raises `EmotionError` for a Mel of the wrong shape."""
    checked = [checked_mel(mel) for mel in mels]
    rows = [tokenizer.encode(text, LONGEST_WORDS) for text in texts]
    longest = -(-max(mel.shape[1] for mel in checked) // FRAME_STEP) * FRAME_STEP
    most_words = max(len(row) for row in rows)
    padded = np.zeros((len(checked), BANDS, longest), dtype=np.float32)
    pieces = np.zeros((len(rows), most_words, rows[0].shape[1]), dtype=np.int64)
    for place, (mel, row) in enumerate(zip(checked, rows, strict=True)):
        padded[place, :, : mel.shape[1]] = mel
        pieces[place, : len(row)] = row
    return Batch(
        torch.from_numpy(padded),
        torch.tensor([mel.shape[1] for mel in checked]),
        torch.from_numpy(pieces),
        torch.tensor([len(row) for row in rows]),
    )
