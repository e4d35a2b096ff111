"""Words as numbers: hashed pieces of words, which need no vocabulary and no download, or a vocabulary of
its own.

Hashed pieces follow fastText (Bojanowski et al., "Enriching word vectors with subword information", TACL
2017): a word is the mean of the vectors of its character n-grams and of itself, each found by a hash in one
table. A word that the recognizer misspelt shares most of its pieces with the right one.
"""

from __future__ import annotations

import re
import zlib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from recognizers.emotion.types import EmotionError

_WORD = re.compile(r"[^\W_]+(?:'[^\W_]+)?")
PAD = 0
"""The id of no piece; its vector is zero."""
NO_WORDS = 1
"""The id that stands for an utterance without words, so that attention always has a key."""
UNKNOWN = 2
"""The id of a word outside the vocabulary."""


def split_words(text: str) -> list[str]:
    """Lower-case words of a transcript; punctuation is dropped, an apostrophe within a word stays."""
    return _WORD.findall(text.lower())


class Tokenizer(Protocol):
    """Turns a transcript into one row of piece ids for each word."""

    @property
    def size(self) -> int:
        """Rows that the embedding table needs."""

    def encode(self, text: str, longest: int) -> npt.NDArray[np.int64]:
        """Piece ids, shape (words, pieces), at least one and at most `longest` words; 0 pads."""

    def describe(self) -> dict[str, Any]:
        """What `tokenizer_from` needs to build it again."""


@dataclass(frozen=True)
class HashedWords:
    """Each word is its character 3- to 5-grams and itself, hashed (CRC-32) into `buckets` rows."""

    buckets: int = 2048
    pieces: int = 16
    """Most pieces of one word; longer words lose their last n-grams."""
    _known: dict[str, tuple[int, ...]] = field(default_factory=dict, compare=False, repr=False)

    @property
    def size(self) -> int:
        """Rows of the table: the buckets and the reserved ids."""
        return self.buckets + UNKNOWN

    def encode(self, text: str, longest: int) -> npt.NDArray[np.int64]:
        """See `Tokenizer.encode`."""
        return _rows([self._pieces(word) for word in split_words(text)[:longest]], self.pieces)

    def describe(self) -> dict[str, Any]:
        """See `Tokenizer.describe`."""
        return {"kind": "hashed", "buckets": self.buckets, "pieces": self.pieces}

    def _pieces(self, word: str) -> tuple[int, ...]:
        known = self._known.get(word)
        if known is None:
            marked = f"<{word}>"
            grams = [marked[i : i + n] for n in (3, 4, 5) for i in range(len(marked) - n + 1)]
            chosen = [f"={word}", *grams][: self.pieces]
            known = tuple(zlib.crc32(gram.encode()) % self.buckets + UNKNOWN for gram in chosen)
            self._known[word] = known
        return known


@dataclass(frozen=True)
class Vocabulary:
    """Each known word is one row; every other word is `UNKNOWN`."""

    words: tuple[str, ...]

    @classmethod
    def of(cls, texts: Iterable[str], at_least: int = 1) -> Vocabulary:
        """The words of the training transcripts (and of nothing else), the most frequent first."""
        counts = Counter(word for text in texts for word in split_words(text))
        ranked = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
        return cls(tuple(word for word, count in ranked if count >= at_least))

    @property
    def size(self) -> int:
        """Rows of the table: the words and the reserved ids."""
        return len(self.words) + UNKNOWN + 1

    def encode(self, text: str, longest: int) -> npt.NDArray[np.int64]:
        """See `Tokenizer.encode`."""
        ids = self._ids()
        return _rows([(ids.get(word, UNKNOWN),) for word in split_words(text)[:longest]], 1)

    def describe(self) -> dict[str, Any]:
        """See `Tokenizer.describe`."""
        return {"kind": "vocabulary", "words": list(self.words)}

    def _ids(self) -> dict[str, int]:
        ids: dict[str, int] | None = self.__dict__.get("_cached")
        if ids is None:
            ids = {word: place for place, word in enumerate(self.words, start=UNKNOWN + 1)}
            self.__dict__["_cached"] = ids
        return ids


def _rows(words: Sequence[tuple[int, ...]], pieces: int) -> npt.NDArray[np.int64]:
    rows = np.full((max(1, len(words)), pieces), PAD, dtype=np.int64)
    rows[0, 0] = NO_WORDS
    for place, ids in enumerate(words):
        rows[place, : len(ids)] = ids
    return rows


def tokenizer_from(description: Mapping[str, Any]) -> Tokenizer:
    """Build a tokenizer from its description in a weights file. Raises `EmotionError` for an unknown one."""
    kind = description.get("kind")
    if kind == "hashed":
        return HashedWords(int(description["buckets"]), int(description["pieces"]))
    if kind == "vocabulary":
        return Vocabulary(tuple(str(word) for word in description["words"]))
    raise EmotionError(f"unknown kind of words {kind!r} in the weights; known: hashed, vocabulary")
