"""What an encoder hears of a whole corpus through a codec, computed once and kept in files.

A corpus of an hour takes minutes through every codec, so the work is cut into blocks of utterances, each a file that
is written whole or not at all: what was cut off goes on with the next block. States are kept in half precision.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from channel.codecs import Codec
from recognizers.corpora import Corpus, Utterance
from recognizers.emotion.states import EncoderStates, Stretches
from recognizers.measurement.store import digest
from recognizers.training.predictions import Ints

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
    states: EncoderStates,
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
    corpus: Corpus, utterances: tuple[Utterance, ...], codec: Codec, states: EncoderStates
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
