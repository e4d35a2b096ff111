"""Utterances that stay on one device (a GPU), and batches that are cut and varied there.

The same variations as `augment.vary`, for many utterances at once. A Mel's bands are mixed by one matrix for
each utterance, the projection on its first directions times the warping of its bands.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from recognizers.emotion.augment import DECIBEL, HIGHEST_RANK, LOWEST_RANK
from recognizers.emotion.batch import FRAME_STEP, LONGEST_WORDS, SHORTEST_FRAMES, Batch, checked_mel
from recognizers.emotion.examples import Examples
from recognizers.emotion.types import BANDS, rank_of_rate
from recognizers.emotion.words import NO_WORDS, Tokenizer

__all__ = ["Resident"]


class Resident:
    """The Mels, their column bases and the words of examples as tensors on a device."""

    def __init__(self, examples: Examples, tokenizer: Tokenizer, modalities: str, device: torch.device) -> None:
        self.device, self.modalities = device, modalities
        checked = [checked_mel(mel) for mel in examples.mels]
        self.frames = torch.tensor([mel.shape[1] for mel in checked], device=device)
        longest = int(self.frames.max())
        self.mels = torch.zeros(len(checked), BANDS, longest, device=device)
        for place, mel in enumerate(checked):
            self.mels[place, :, : mel.shape[1]] = torch.from_numpy(np.ascontiguousarray(mel)).to(device)
        self.bases = self._bases()
        self.targets = torch.from_numpy(examples.targets).to(device)
        self._tokenizer, self._examples = tokenizer, examples
        self._words: dict[float, tuple[Tensor, Tensor]] = {}

    def _bases(self, group: int = 512) -> Tensor:
        """(N, bands, bands): left singular vectors, the strongest first, as in `examples.column_basis`."""
        found = []
        for start in range(0, len(self.mels), group):
            wide = self.mels[start : start + group].double()
            found.append(torch.linalg.eigh(wide @ wide.transpose(1, 2))[1].flip(2).float())
        return torch.cat(found)

    def words(self, rate: float = 1.0) -> tuple[Tensor, Tensor]:
        """Piece ids (N, W, P) and word counts (N,) of what was heard at a rate."""
        if rate not in self._words:
            rows = [self._tokenizer.encode(text, LONGEST_WORDS) for text in self._examples.words(rate)]
            pieces = np.zeros((len(rows), max(map(len, rows)), rows[0].shape[1]), dtype=np.int64)
            for place, row in enumerate(rows):
                pieces[place, : len(row)] = row
            counts = torch.tensor([len(row) for row in rows], device=self.device)
            self._words[rate] = torch.from_numpy(pieces).to(self.device), counts
        return self._words[rate]

    def plain(self, places: Tensor, rate: float = 1.0) -> Batch:
        """The utterances at `places` as the server has them at a compress rate."""
        pieces, counts = (part[places] for part in self.words(rate))
        mels, frames = self.mels[places], self.frames[places]
        if rate < 1:
            kept = self.bases[places][:, :, : rank_of_rate(rate)]
            mels = kept @ (kept.transpose(1, 2) @ mels)
        return self._batch(mels, frames, pieces, counts)

    def varied(
        self, places: Tensor, across: Tensor, strength: float, no_words: float, rng: torch.Generator
    ) -> Batch:
        """Random variations of the utterances at `places` (B,); those with `across` (B,) may lose rank."""
        rows, lengths = self.words()
        pieces, counts = _spoilt(rows[places], lengths[places], no_words, rng)
        mels, frames = self.mels[places], self.frames[places]
        mels = mels[:, :, : int(frames.max())]
        mels = self._mixing(places, across, strength, rng) @ mels
        if strength > 0:
            mels, frames = _stretched(mels, frames, strength, rng)
            level = torch.randn(len(places), 1, 1, generator=rng, device=self.device) * (3.0 * strength * DECIBEL)
            mels = _gaps(mels + level, frames, strength, rng)
        return self._batch(mels, frames, pieces, counts)

    def _mixing(self, places: Tensor, across: Tensor, strength: float, rng: torch.Generator) -> Tensor:
        """(B, bands, bands): projection on a random number of directions, then the warping of the bands."""
        size, device = len(places), self.device
        low, high = math.log(LOWEST_RANK), math.log(HIGHEST_RANK)
        ranks = (low + (high - low) * _uniform(rng, size, 1, device=device)).exp().round()
        cut = across[:, None] & (_uniform(rng, size, 1, device=device) < 0.5)
        kept = (torch.arange(BANDS, device=device) < ranks) | ~cut
        bases = self.bases[places]
        mixing = (bases * kept[:, None, :]) @ bases.transpose(1, 2)
        if strength <= 0:
            return mixing
        bands = torch.arange(BANDS, device=device)
        tract = 1 + 0.06 * strength * (2 * _uniform(rng, size, 1, device=device) - 1)
        shift = strength * 1.5 * (2 * _uniform(rng, size, 1, device=device) - 1)
        warped = (bands * tract + shift).clamp(0, BANDS - 1)
        positions = torch.where(_uniform(rng, size, 1, device=device) < 0.8, warped, bands.float())
        warp = (1 - (positions[:, :, None] - bands).abs()).clamp(min=0)  # linear interpolation as a matrix
        return warp @ mixing

    def _batch(self, mels: Tensor, frames: Tensor, pieces: Tensor, counts: Tensor) -> Batch:
        if self.modalities == "text":
            mels, frames = torch.zeros_like(mels[:, :, :SHORTEST_FRAMES]), torch.full_like(frames, SHORTEST_FRAMES)
        if self.modalities == "audio":
            pieces, counts = torch.zeros_like(pieces[:, :1]), torch.ones_like(counts)
            pieces[:, 0, 0] = NO_WORDS
        longest = -(-int(frames.max()) // FRAME_STEP) * FRAME_STEP
        mels = nn.functional.pad(mels, (0, max(0, longest - mels.shape[2])))[:, :, :longest]
        mask = torch.arange(longest, device=self.device)[None, :] < frames[:, None]
        return Batch(mels * mask[:, None], frames, pieces[:, : int(counts.max())], counts)


def _uniform(rng: torch.Generator, *shape: int, device: torch.device) -> Tensor:
    return torch.rand(*shape, generator=rng, device=device)


def _spoilt(pieces: Tensor, counts: Tensor, share: float, rng: torch.Generator) -> tuple[Tensor, Tensor]:
    """Words as a bad recogniser leaves them: all lost (in a `share` of the utterances), or some of them."""
    size, longest, _ = pieces.shape
    real = torch.arange(longest, device=pieces.device)[None, :] < counts[:, None]
    heard = _uniform(rng, size, 1, device=pieces.device) >= share
    kept = real & heard & (_uniform(rng, size, longest, device=pieces.device) >= share)
    order = (~kept).to(torch.uint8).sort(dim=1, stable=True).indices  # the words that stay, in their order, first
    moved = pieces.gather(1, order[:, :, None].expand_as(pieces))
    left = kept.sum(dim=1)
    moved = moved * (torch.arange(longest, device=pieces.device)[None, :] < left[:, None])[:, :, None]
    moved[:, 0, 0] = torch.where(left == 0, NO_WORDS, moved[:, 0, 0])
    return moved, left.clamp(min=1)


def _stretched(mels: Tensor, frames: Tensor, strength: float, rng: torch.Generator) -> tuple[Tensor, Tensor]:
    """Rate of speech by 15 % in four of five utterances: linear interpolation along time."""
    size, device = len(mels), mels.device
    faster = 1 + 0.15 * strength * (2 * _uniform(rng, size, device=device) - 1)
    faster = torch.where(_uniform(rng, size, device=device) < 0.8, faster, 1.0)
    after = (frames / faster).round().long().clamp(min=SHORTEST_FRAMES)
    steps = torch.arange(int(after.max()), device=device)[None, :]
    positions = steps * ((frames - 1) / (after - 1))[:, None]
    positions = torch.minimum(positions, (frames - 1)[:, None].float())
    low = torch.minimum(positions.long(), (frames - 2)[:, None])
    weight = (positions - low)[:, None, :]
    place = low[:, None, :].expand(-1, BANDS, -1)
    return mels.gather(2, place) * (1 - weight) + mels.gather(2, place + 1) * weight, after


def _gaps(mels: Tensor, frames: Tensor, strength: float, rng: torch.Generator) -> Tensor:
    """Up to two gaps of 10 bands and two of a tenth of the time, at the utterance's mean."""
    size, bands, longest = mels.shape
    device = mels.device
    steps = torch.arange(longest, device=device)[None, :]
    real = (steps < frames[:, None])[:, None, :]
    mean = (mels * real).sum(dim=(1, 2), keepdim=True) / (bands * frames[:, None, None])
    hidden = torch.zeros(size, bands, longest, dtype=torch.bool, device=device)
    gaps = ((1, torch.full_like(frames, bands), 10 * strength), (2, frames, frames * 0.1 * strength))
    for along, extent, widest in gaps:
        count = torch.randint(0, 3, (size,), generator=rng, device=device)
        for number in range(2):
            most = torch.as_tensor(widest, device=device).round().clamp(min=2).expand(size)
            width = 1 + (_uniform(rng, size, device=device) * (most - 1)).long()
            start = (_uniform(rng, size, device=device) * (extent - width).clamp(min=1)).long()
            line = torch.arange(mels.shape[along], device=device)[None, :]
            inside = (line >= start[:, None]) & (line < (start + width)[:, None]) & (count > number)[:, None]
            hidden |= inside[:, :, None] if along == 1 else inside[:, None, :]
    return torch.where(hidden, mean, mels)


def group_places(places: Sequence[npt.NDArray[np.int64]], device: torch.device) -> tuple[Tensor, Tensor]:
    """Sets of places of different sizes as (K, most) with a mask; a set's first place fills it up."""
    most = max(map(len, places))
    full = np.stack([np.concatenate([part, np.full(most - len(part), part[0])]) for part in places])
    real = np.stack([np.arange(most) < len(part) for part in places])
    return torch.from_numpy(full).to(device), torch.from_numpy(real).to(device)
