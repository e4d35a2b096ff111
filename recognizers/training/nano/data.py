"""What nano learns from: log-Mels in half precision, and batches of varied ones.

Three kinds of example: synthetic commands (recognizers.training.speech), human spoken digits (a corpus folder, see
`read_digits`), and, for the no-speech token, sounds that are no command at all: noise, silence, and open
human speech. The encoder's CTC head hears the words of the open speech too."""

from __future__ import annotations

import re
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from channel.mel import log_mel
from recognizers.corpora.audio import read_audio
from recognizers.corpora.manifest import open_manifest
from recognizers.corpora.types import Utterance
from recognizers.training.nano.augment import augment
from recognizers.whisper.nano import CONTEXT_FRAMES, Vocabulary, english_tokenizer
from recognizers.whisper.padding import floor_of, pad_with_floor

if TYPE_CHECKING:
    import torch

HELD_OUT_DIGIT_SPEAKERS = ("theo", "yweweler")
"""fsdd speakers that no training hears (the last two by name, chosen before any result)."""


OPEN_SHARE = 0.12
"""Share of the batches that are open speech."""


def read_synthetic(folder: Path, split: str) -> list[Utterance]:
    """The clips of one part of a folder that recognizers.training.speech.synthesis wrote; speakers are its voices."""
    return list(open_manifest(folder).select(split=split).utterances)


def read_digits(folder: Path, held_out: bool) -> list[Utterance]:
    """Human spoken digits (fsdd): the held-out speakers, or the others."""
    return [u for u in open_manifest(folder).utterances if (u.speaker in HELD_OUT_DIGIT_SPEAKERS) == held_out]


def read_open_speech(folder: Path, held_out: bool) -> list[Utterance]:
    """Open speech, which nano must not answer: half of the speakers of a corpus for training, half held
    out."""
    chosen = [u for u in open_manifest(folder).utterances if (zlib.crc32(u.speaker.encode()) % 2 == 0) == held_out]
    return [replace(u, text=" ".join(re.sub("[^a-z ]", "", u.text.lower()).split())) for u in chosen]


class Features:
    """Log-Mels of a list of examples, float16, (frames, 80) each."""

    def __init__(self, examples: Sequence[Utterance]) -> None:
        from rich.console import Console
        from rich.progress import track

        self.examples = list(examples)
        read = (read_audio(example.path) for example in self.examples if example.path)
        shown = track(read, "log-Mels", total=len(self.examples), console=Console(stderr=True))
        self._mels = [log_mel(audio).T.astype(np.float16) for audio in shown]

    def __len__(self) -> int:
        return len(self.examples)

    def frames(self, index: int) -> int:
        """Frames of one example."""
        return len(self._mels[index])

    def mel(self, index: int) -> npt.NDArray[np.float32]:
        """The log-Mel of one example, (80, frames)."""
        return np.ascontiguousarray(self._mels[index].T, dtype=np.float32)


def noise_mel(rng: np.random.Generator) -> npt.NDArray[np.float32]:
    """Something that holds no words: digital silence, or noise of a random colour, level and slow swing."""
    frames = int(rng.integers(60, CONTEXT_FRAMES))
    if rng.random() < 0.2:
        return np.full((80, frames), -1.5, dtype=np.float32)
    colour = np.cumsum(rng.normal(0, rng.uniform(0.005, 0.06), 80))[:, None]
    swing = np.interp(np.arange(frames), np.linspace(0, frames, 8), rng.normal(0, rng.uniform(0, 0.15), 8))
    scatter = np.log10(rng.exponential(1.0, (80, frames)) + 1e-3) / 4
    mel = rng.uniform(-0.8, 0.8) + colour + swing + scatter
    return np.asarray(np.maximum(mel, mel.max() - 2.0), dtype=np.float32)


@dataclass(frozen=True)
class Batch:
    """mel (B, 80, F) float32, inputs and targets (B, L) in row numbers (-100 = not trained), lengths (B,) of real
    frames, spoken: the words, for CTC (None: nothing that CTC is to hear)."""

    mel: torch.Tensor
    inputs: torch.Tensor
    targets: torch.Tensor
    lengths: npt.NDArray[np.int64]
    spoken: list[str | None]


class Speller:
    """Texts to rows of nano's vocabulary, remembered."""

    def __init__(self, vocabulary: Vocabulary) -> None:
        self._tokenizer = english_tokenizer()
        self._vocabulary = vocabulary
        self._known: dict[str, list[int]] = {}
        specials = (
            self._tokenizer.sot,
            self._tokenizer.no_timestamps,
            self._tokenizer.eot,
            self._tokenizer.no_speech,
        )
        self.sot, self.no_timestamps, self.eot, self.no_speech = vocabulary.compact(specials)

    def rows(self, text: str) -> list[int]:
        """The rows of a sentence."""
        if text not in self._known:
            self._known[text] = self._vocabulary.compact(self._tokenizer.encode(" " + text))
        return self._known[text]


def collate(
    mels: Sequence[npt.NDArray[np.float32]],
    commands: Sequence[str],
    speller: Speller,
    frames: int,
    rng: np.random.Generator,
    spoken: Sequence[str] | None = None,
) -> Batch:
    """Pad varied Mels with their own floor to `frames`, and spell the commands ('': not a command, no speech for the
    decoder); `spoken`: the words for CTC, the commands unless given.

    A tenth of the decoder's inputs become random rows, so that it listens instead of reciting sentences it
    has seen."""
    import torch

    mel = np.stack([pad_with_floor(m, frames) for m in mels])
    spelled = [speller.rows(text) if text else None for text in commands]
    width = max(len(rows or []) for rows in spelled) + 3
    inputs = np.full((len(mels), width - 1), speller.eot, dtype=np.int64)
    targets = np.full((len(mels), width - 1), -100, dtype=np.int64)
    for i, rows in enumerate(spelled):
        if rows is None:
            inputs[i, 0], targets[i, 0] = speller.sot, speller.no_speech
            continue
        sequence = np.array([speller.sot, speller.no_timestamps, *rows, speller.eot])
        targets[i, : len(sequence) - 1] = sequence[1:]
        swapped = rng.random(len(sequence)) < 0.1
        swapped[:2] = False
        sequence[swapped] = rng.choice(rows, swapped.sum())
        inputs[i, : len(sequence) - 1] = sequence[:-1]
    lengths = np.array([min(m.shape[1], frames) for m in mels])
    words = [text or None for text in (commands if spoken is None else spoken)]
    return Batch(torch.from_numpy(mel), torch.from_numpy(inputs), torch.from_numpy(targets), lengths, words)


class Sampler:
    """Endless training batches: synthetic commands by length, with a share of digits and of no-commands in
    each."""

    def __init__(self, commands: Features, digits: Features | None, others: Features | None, speller: Speller) -> None:
        self._commands, self._digits, self._others, self._speller = commands, digits, others, speller
        self._order: list[npt.NDArray[np.int64]] = []
        # Voices built from recordings of people are few but nearer to speech than a formant synthesiser.
        formant = np.array([e.speaker.startswith("espeak") for e in commands.examples])
        self._weights = np.where(formant, 0.8, 1.4)

    def next(self, size: int, full_context: bool, rng: np.random.Generator, strength: float = 1.0) -> Batch:
        """One batch of about `size` examples; padded to the longest, or to the whole context."""
        if self._others is not None and rng.random() < OPEN_SHARE:
            return self._open_speech(self._others, size, rng, strength)
        n_digits = rng.binomial(size, 0.08) if self._digits else 0
        n_others = rng.binomial(size, 0.07)
        if not self._order:
            self._order = self._shuffle(size, rng)
        picked = [
            (self._commands.mel(i), self._commands.examples[i].text)
            for i in self._order.pop()[: size - n_digits - n_others]
        ]
        for _ in range(n_digits if self._digits else 0):
            assert self._digits is not None
            i = int(rng.integers(len(self._digits)))
            picked.append((self._digits.mel(i), self._digits.examples[i].text))
        mels = [self._shift(augment(mel, rng, strength), rng) for mel, _ in picked]
        longest = min(CONTEXT_FRAMES, max(m.shape[1] for m in mels))
        mels = [m[:, :longest] for m in mels] + [self._other(longest, rng) for _ in range(n_others)]
        spare = int(rng.integers(0, 17))
        frames = CONTEXT_FRAMES if full_context else min(CONTEXT_FRAMES, longest + spare)
        texts = [text for _, text in picked] + [""] * n_others
        return collate(mels, texts, self._speller, frames + frames % 2, rng)

    def _open_speech(self, others: Features, size: int, rng: np.random.Generator, strength: float) -> Batch:
        """Whole utterances of open speech: their words for CTC, no speech for the decoder."""
        fitting = [i for i in range(len(others)) if others.frames(i) < 0.85 * CONTEXT_FRAMES]
        picked = rng.choice(fitting, size)
        mels = [augment(others.mel(int(i)), rng, strength)[:, :CONTEXT_FRAMES] for i in picked]
        frames = max(m.shape[1] for m in mels)
        spoken = [others.examples[i].text for i in picked]
        return collate(mels, [""] * size, self._speller, frames + frames % 2, rng, spoken)

    def _shuffle(self, size: int, rng: np.random.Generator) -> list[npt.NDArray[np.int64]]:
        """An epoch's batches: order by length with some disorder, cut, shuffle the cuts."""
        chosen = np.repeat(np.arange(len(self._commands)), rng.poisson(self._weights))
        lengths = np.array([self._commands.frames(int(i)) for i in chosen])
        order = chosen[np.argsort(lengths * rng.uniform(0.85, 1.15, lengths.size))]
        batches = [order[i : i + size] for i in range(0, order.size, size)]
        return [batches[i] for i in rng.permutation(len(batches))]

    @staticmethod
    def _shift(mel: npt.NDArray[np.float32], rng: np.random.Generator) -> npt.NDArray[np.float32]:
        """Start somewhere else: up to 0.3 s of floor before, sometimes, so that digits do not all begin at
        once."""
        if rng.random() < 0.7:
            return mel
        return np.pad(mel, ((0, 0), (int(rng.integers(0, 30)), 0)), constant_values=floor_of(mel))

    def _other(self, longest: int, rng: np.random.Generator) -> npt.NDArray[np.float32]:
        if self._others is None or rng.random() < 0.35:
            return noise_mel(rng)[:, :longest]
        mel = augment(self._others.mel(int(rng.integers(len(self._others)))), rng)
        start = int(rng.integers(0, max(1, mel.shape[1] - longest + 1)))
        return mel[:, start : start + longest]
