"""One Mel, one encoder pass, two tasks: words and emotion of the same utterances.

A network that reads the states of the recognizer's own encoder takes them from the pass that found the words."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from channel.mel import rebanded
from recognizers.measurement.protocols import (
    Deferred,
    Emotion,
    EmotionRecognizer,
    Mel,
    Overhearing,
    Recognizer,
    Transcript,
)

if TYPE_CHECKING:
    from recognizers.emotion.states import Stretches


def transcribed(
    recognizer: Recognizer, emotion: EmotionRecognizer | None, mels: Sequence[Mel]
) -> tuple[Sequence[Transcript], Sequence[Stretches | None]]:
    """The words of every Mel, and what ``emotion`` may read of the pass that found them (None: nothing)."""
    if isinstance(emotion, Overhearing):
        own = recognizer.loaded() if isinstance(recognizer, Deferred) else recognizer
        if found := emotion.overhear(own, mels):
            return found
    return recognizer.transcribe(mels), [None] * len(mels)


def classified(
    emotion: EmotionRecognizer, mels: Sequence[Mel], texts: Sequence[str], heard: Sequence[Stretches | None]
) -> list[Emotion]:
    """The emotion of every Mel and its words; the network hears by itself what was not overheard."""
    found: dict[int, Emotion] = {}
    if isinstance(emotion, Overhearing):
        known = {place: one for place, one in enumerate(heard) if one is not None}
        felt = emotion.classify_heard(list(known.values()), [texts[place] for place in known])
        found = dict(zip(known, felt, strict=True))
    left = [place for place in range(len(mels)) if place not in found]
    if left:
        # A recognizer of 128 bands has the payload's Mel in 128; the network hears the same in its own.
        bands = [rebanded(mels[place], emotion.bands) for place in left]
        found |= zip(left, emotion.classify(bands, [texts[place] for place in left]), strict=True)
    return [found[place] for place in range(len(mels))]
