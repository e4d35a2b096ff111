"""Yoon, Byun and Jung, "Multimodal speech emotion recognition using audio and text", SLT 2018.

As in the authors' code: audio as 12 cepstra and energy with first and second differences (39 numbers a frame)
through a one-way GRU whose last state is joined with 35 utterance-level numbers; text through a one-way GRU; both
projected linearly to half their width (MDRE), joined, classified. With `attention` (MDREA) the audio vector asks
the words instead. Dropout before and after each GRU.

Departures: no openSMILE. The cepstra are the cosine transform of the uploaded log-Mel, and its 35 prosody functionals
(pitch among them, which a Mel does not show) are replaced by 35 functionals of tracks that the Mel does show. Theirs
share one bias among the units of a projection; at most 60 words are read, of theirs 128; the training is the one of all
networks here (theirs: sigmoid cross-entropy, Adam at 1e-3, batches of 128, validation within epochs). The small size
has other widths, the mean of each eight frames, and two normalisations that theirs has not (`normalise`).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from recognizers.emotion.batch import Batch
from recognizers.emotion.layers import EmotionNetwork, Recurrence, WordVectors, pool_frames
from recognizers.emotion.types import BANDS

CEPSTRA = 12
FUNCTIONALS = 35


@dataclass(frozen=True)
class YoonDims:
    """Sizes of Yoon's network."""

    word_width: int = 32
    width: int = 64
    """Of both GRUs."""
    project: int = 48
    """Of the text."""
    project_audio: int = 48
    attention: bool = False
    """False: MDRE. True: MDREA."""
    frame_stride: int = 8
    audio_dropout: float = 0.3
    text_dropout: float = 0.5
    frames: int = 1500
    """Most frames; the rest is cut."""
    normalise: bool = True
    """Normalise each frame's cepstra over themselves, and each functional over the batch; not published."""


AS_PUBLISHED = YoonDims(300, 200, 100, 117, False, 1, 0.3, 0.7, 750, False)
"""GRU 200, projected to 100, and with 35 functionals to 117; every frame of 7.5 s; dropout 0.3 on audio and 0.7 on text
(the code's 0.7 and 0.3 are what is kept)."""


class Cepstra(nn.Module):
    """(B, 80, T) log-Mel to (B, 39, T): 12 cepstra and energy, their first and second differences over +-2
    frames."""

    basis: Tensor

    def __init__(self) -> None:
        super().__init__()
        order = torch.arange(1, CEPSTRA + 1)[:, None]
        band = torch.arange(BANDS)[None, :] + 0.5
        self.register_buffer(
            "basis", torch.cos(math.pi * order * band / BANDS) / math.sqrt(BANDS / 2), persistent=False
        )

    def forward(self, mel: Tensor, mask: Tensor) -> Tensor:
        """`mask` (B, T) is True on real frames; the result is zero beyond."""
        energy = torch.logsumexp(mel * (4 * math.log(10)), dim=1) / math.log(10) / 4
        base = torch.cat([self.basis @ mel, energy[:, None]], dim=1) * mask[:, None]
        first = self._difference(base, mask)
        return torch.cat([base, first, self._difference(first, mask)], dim=1)

    @staticmethod
    def _difference(tracks: Tensor, mask: Tensor) -> Tensor:
        """HTK's regression over two frames on either side; the first and last frame are repeated."""
        held = _hold_last(tracks, mask)
        padded = nn.functional.pad(held, (2, 2), mode="replicate")
        near, far = padded[:, :, 3:-1] - padded[:, :, 1:-3], padded[:, :, 4:] - padded[:, :, :-4]
        return (near + 2 * far) / 10 * mask[:, None]


def _hold_last(tracks: Tensor, mask: Tensor) -> Tensor:
    """Repeat each track's last real value beyond its end: (B, C, T)."""
    last = (mask.sum(dim=1) - 1).clamp(min=0)
    place = torch.minimum(torch.arange(tracks.shape[2], device=tracks.device)[None, :], last[:, None])
    return tracks.gather(2, place[:, None, :].expand_as(tracks))


def functionals(mel: Tensor, mask: Tensor) -> Tensor:
    """(B, 80, T) standardised Mel to (B, 35): mean, deviation, 10th, 50th and 90th centile of seven tracks.

    Tracks: mean level; level of the low, middle and high bands against it; the slope of the spectrum; its
    movement from frame to frame; the movement of the level.
    """
    level = mel.mean(dim=1)
    low, middle, high = (part.mean(dim=1) - level for part in torch.split(mel, [26, 28, 26], dim=1))
    ramp = torch.linspace(-1, 1, BANDS, device=mel.device)
    slope = (mel * ramp[None, :, None]).mean(dim=1)
    movement = nn.functional.pad((mel[:, :, 1:] - mel[:, :, :-1]).abs().mean(dim=1), (1, 0))
    change = nn.functional.pad(level[:, 1:] - level[:, :-1], (1, 0))
    tracks = torch.stack([level, low, middle, high, slope, movement, change], dim=1)
    weight = mask[:, None].to(tracks.dtype)
    count = weight.sum(dim=2).clamp(min=1)
    mean = (tracks * weight).sum(dim=2) / count
    deviation = (((tracks - mean[:, :, None]) ** 2 * weight).sum(dim=2) / count + 1e-6).sqrt()
    ordered = tracks.masked_fill(~mask[:, None], float("inf")).sort(dim=2).values
    places = [(share * (count[:, 0] - 1)).round().long() for share in (0.1, 0.5, 0.9)]
    centiles = [ordered.gather(2, place[:, None, None].expand(-1, 7, 1)).squeeze(2) for place in places]
    return torch.cat([mean, deviation, *centiles], dim=1)


class YoonNetwork(EmotionNetwork):
    """Two recurrent encoders, joined at their ends."""

    def __init__(self, dims: YoonDims, classes: int, word_rows: int) -> None:
        super().__init__()
        self.dims = dims
        self.cepstra = Cepstra()
        self.cepstra_norm = nn.LayerNorm(3 * (CEPSTRA + 1)) if dims.normalise else nn.Identity()
        self.prosody_norm = nn.BatchNorm1d(FUNCTIONALS) if dims.normalise else nn.Identity()
        self.audio_recurrence = Recurrence("gru", 3 * (CEPSTRA + 1), dims.width, both_ways=False)
        self.word_vectors = WordVectors(word_rows, dims.word_width)
        self.word_recurrence = Recurrence("gru", dims.word_width, dims.width, both_ways=False)
        self.audio_dropout, self.text_dropout = nn.Dropout(dims.audio_dropout), nn.Dropout(dims.text_dropout)
        audio_width = dims.width if dims.attention else dims.project_audio
        self.project_audio = nn.Linear(dims.width + FUNCTIONALS, audio_width)
        self.project_text = nn.Linear(dims.width, dims.project)
        joint = 2 * dims.width if dims.attention else dims.project_audio + dims.project
        self.classify = nn.Linear(joint, classes)

    def forward(self, batch: Batch) -> Tensor:
        """Logits, shape (B, classes)."""
        batch = batch.first(self.dims.frames)
        audio = self.project_audio(self._audio(batch))
        vectors = self.text_dropout(self.word_vectors(batch.pieces))
        words = self.word_recurrence(vectors, batch.words)
        if self.dims.attention:
            scores = (words @ audio[:, :, None]).squeeze(2).masked_fill(~batch.word_mask, -1e9)
            text = (scores.softmax(dim=1)[:, :, None] * words).sum(dim=1)
        else:
            text = self.project_text(self.text_dropout(_last(words, batch.words)))
        logits: Tensor = self.classify(torch.cat([audio, text], dim=1))
        return logits

    def _audio(self, batch: Batch) -> Tensor:
        """(B, width + 35): the last state of the GRU over the cepstra, and the functionals."""
        mask = batch.frame_mask
        frames = self.cepstra(batch.mel, mask)
        pooled, lengths = pool_frames(frames, batch.frames, self.dims.frame_stride)
        steps = self.cepstra_norm(pooled.transpose(1, 2))
        states = self.audio_recurrence(self.audio_dropout(steps), lengths)
        prosody = self.prosody_norm(functionals(self.standardised(batch), mask))
        return torch.cat([self.audio_dropout(_last(states, lengths)), prosody], dim=1)


def _last(states: Tensor, lengths: Tensor) -> Tensor:
    """The state at each sequence's last real step: (B, L, width) to (B, width)."""
    return states[torch.arange(len(states), device=states.device), lengths - 1]
