"""The part of Whisper's English vocabulary that nano uses.

nano speaks a closed vocabulary, so only some hundred of the 51,864 rows of Whisper's token embedding (which
is also its output layer) are ever used. `Vocabulary` holds their official token ids; row numbers are
positions in that list."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any


def english_tokenizer() -> Any:  # whisper ships no type hints
    """Whisper's tokenizer of the English-only models (51,864 tokens)."""
    from whisper.tokenizer import get_tokenizer

    return get_tokenizer(multilingual=False)


@dataclass(frozen=True)
class Vocabulary:
    """Official token ids in use, ascending; `rows[i]` is the id of compact row i."""

    rows: tuple[int, ...]

    def compact(self, tokens: Iterable[int]) -> list[int]:
        """Official ids to row numbers; KeyError for a token outside the vocabulary."""
        index = {token: row for row, token in enumerate(self.rows)}
        return [index[token] for token in tokens]


def vocabulary_of(words: Iterable[str]) -> Vocabulary:
    """The vocabulary for sentences made of `words`: their tokens and the four specials that decoding
    needs."""
    tokenizer = english_tokenizer()
    tokens = {tokenizer.sot, tokenizer.eot, tokenizer.no_timestamps, tokenizer.no_speech}
    for word in words:
        tokens.update(tokenizer.encode(" " + word))
    return Vocabulary(tuple(sorted(tokens)))
