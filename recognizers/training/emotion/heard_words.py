"""The recognizer's own words for every utterance at every compress rate, instead of the reference
transcript."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Protocol

from recognizers.emotion.types import RATES, Mel
from recognizers.measurement.bar import Advance
from recognizers.training.emotion.examples import Examples, compressed


class Recognizer(Protocol):
    """What turns Mels into transcripts."""

    @property
    def name(self) -> str:
        """Name for reports."""

    def transcribe(self, mels: Sequence[Mel], /) -> Sequence[Any]:
        """One transcript with `.text` for each Mel."""


def with_heard_words(
    examples: Examples,
    recognizer: Recognizer,
    rates: Sequence[float] = RATES,
    *,
    advance: Advance | None = None,
) -> Examples:
    """The examples with what the recognizer hears in the Mel of each rate; rate 1 stands for all others."""
    texts_at = {}
    for done, rate in enumerate(dict.fromkeys((1.0, *rates)), start=1):
        heard = recognizer.transcribe(compressed(examples.mels, rate))
        texts_at[rate] = tuple(str(transcript.text) for transcript in heard)
        if advance:
            advance(done, len(rates))
    return replace(examples, texts=texts_at[1.0], texts_at=texts_at, text_source=recognizer.name)
