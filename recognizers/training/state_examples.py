"""Labelled utterances as an encoder heard them through several codecs, kept on disk as it is heard, and padded."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from channel.codecs import Codec
from recognizers.corpora import Corpus, Utterance
from recognizers.emotion.state_network import StateBatch, collate_states, statistics
from recognizers.emotion.states import Floats, Stretches, WhisperStates
from recognizers.emotion.types import EmotionError
from recognizers.measurement.store import digest
from recognizers.training.predictions import Ints, Labels


class StateExamples:
    """N utterances under several codecs.

    In memory in fp16, one tensor for all codecs: a batch mixes them, an utterance's codec drawn anew every time.
    """

    def __init__(
        self, known: Labels, heard: Mapping[str, Sequence[Stretches]], words: Mapping[str, Sequence[Floats]]
    ) -> None:
        """`heard` and `words` hold N entries for every codec. Raises `EmotionError` where they do not."""
        self.known, self.codecs = known, tuple(heard)
        for codec, rows in heard.items():
            if len(rows) != len(known.ids) or len(words[codec]) != len(known.ids):
                raise EmotionError(f"codec {codec}: {len(rows)} utterances were heard, {len(known.ids)} are known")
        every = collate_states(
            [row for rows in heard.values() for row in rows], [row for codec in heard for row in words[codec]]
        )
        self.batch = StateBatch(every.mean.half(), every.variance.half(), every.steps, every.words.half(), every.tokens)
        self.targets = torch.from_numpy(known.targets)

    def __len__(self) -> int:
        return len(self.known.ids)

    def take(self, places: Ints, codecs: Ints) -> StateBatch:
        """The utterances `places`, each through its codec (a place in `codecs`), as long as the longest of them."""
        rows = torch.from_numpy(codecs * len(self) + places)
        steps, tokens = self.batch.steps[rows], self.batch.tokens[rows]
        longest, most = int((steps > 0).sum(dim=1).max()), int(tokens.max())
        return StateBatch(
            self.batch.mean[rows, :longest].float(),
            self.batch.variance[rows, :longest].float(),
            steps[:, :longest],
            self.batch.words[rows, :most].float(),
            tokens,
        )

    def slices(self, codec: str) -> list[StateBatch]:
        """All utterances through one codec, in order, a batch at a time."""
        number = np.full(len(self), self.codecs.index(codec), dtype=np.int64)
        return [self.take(p, number[p]) for p in np.array_split(np.arange(len(self)), -(-len(self) // 64))]

    def pooled(self, codec: str) -> Tensor:
        """(N, 2 x width): plain mean and deviation over time of every utterance."""
        return torch.cat(
            [statistics(b, (b.steps / b.steps.sum(dim=1, keepdim=True))[None])[0] for b in self.slices(codec)]
        )


BLOCK = 48
"""Utterances in a file."""


@dataclass(frozen=True)
class HeardCorpus:
    """The utterances of a corpus through one codec, in the corpus's order."""

    stretches: tuple[Stretches, ...]
    payload_bytes: Ints
    """(N,)."""


def hear_corpus(
    corpus: Corpus,
    codec: Codec,
    states: WhisperStates,
    folder: Path,
    *,
    advance: Callable[[int, int], None] | None = None,
) -> HeardCorpus:
    """Encode, decode and hear every utterance; finished blocks in `folder` are read."""
    key = digest("heard-1", corpus.digest, codec.fingerprint(), states.identity)
    folder.mkdir(parents=True, exist_ok=True)
    stretches: list[Stretches] = []
    sizes: list[int] = []
    for first in range(0, len(corpus.utterances), BLOCK):
        path = folder / f"{key}-{first}.npz"
        if not path.exists():
            _write(path, *_heard(corpus, corpus.utterances[first : first + BLOCK], codec, states))
        block, payloads = _read(path)
        stretches += block
        sizes += payloads
        if advance:
            advance(len(stretches), len(corpus.utterances))
    return HeardCorpus(tuple(stretches), np.array(sizes, dtype=np.int64))


def _heard(
    corpus: Corpus, utterances: tuple[Utterance, ...], codec: Codec, states: WhisperStates
) -> tuple[list[Stretches], list[int]]:
    payloads = [codec.encode(corpus.load_audio(utterance)) for utterance in utterances]
    found = states.heard([codec.decode(payload.data) for payload in payloads])
    return found, [len(payload.data) for payload in payloads]


def _write(path: Path, block: list[Stretches], payloads: list[int]) -> None:
    temporary = path.with_suffix(".part")
    with temporary.open("wb") as file:
        np.savez(
            file,
            mean=np.concatenate([one.mean for one in block]).astype(np.float16),
            variance=np.concatenate([one.variance for one in block]).astype(np.float16),
            steps=np.concatenate([one.steps for one in block]),
            lengths=np.array([len(one.steps) for one in block]),
            payloads=np.array(payloads),
        )
    temporary.replace(path)


def _read(path: Path) -> tuple[list[Stretches], list[int]]:
    with np.load(path, allow_pickle=False) as kept:
        ends = np.cumsum(kept["lengths"])[:-1]
        parts = [np.split(kept[name].astype(np.float32), ends) for name in ("mean", "variance", "steps")]
        return [Stretches(*one) for one in zip(*parts, strict=True)], kept["payloads"].tolist()
