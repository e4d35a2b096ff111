"""Labelled utterances as an encoder heard them through several codecs, padded and in memory."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from torch import Tensor

from recognizers.emotion.state_network import StateBatch, collate_states, statistics
from recognizers.emotion.states import Floats, Stretches
from recognizers.emotion.types import EmotionError
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
