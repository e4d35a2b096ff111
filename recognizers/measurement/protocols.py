"""What the measurement needs of a recognizer and an emotion network."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt

from recognizers.emotion.types import Emotion

if TYPE_CHECKING:
    from recognizers.emotion.states import Stretches

Mel = npt.NDArray[np.float32]
Audio = npt.NDArray[np.float32]


class Transcript(Protocol):
    """What the recognizer understood."""

    @property
    def text(self) -> str:
        """Hypothesis."""

    @property
    def avg_logprob(self) -> float:
        """Mean log-probability of the decoded tokens; NaN where the recognizer has none."""

    @property
    def no_speech_prob(self) -> float:
        """Probability that there is no speech; NaN where the recognizer has none."""


class Recognizer(Protocol):
    """Mel spectrograms in, transcripts out, in batches of the recognizer's choice."""

    @property
    @abstractmethod
    def name(self) -> str:
        """Name for reports."""

    @property
    @abstractmethod
    def bands(self) -> int:
        """Mel bands it takes."""

    @abstractmethod
    def fingerprint(self) -> str:
        """Text that changes with the weights or the decoding options."""

    @abstractmethod
    def transcribe(self, mels: Sequence[Mel], /) -> Sequence[Transcript]:
        """One transcript for each Mel of shape (bands, frames), in order."""


class EmotionRecognizer(Protocol):
    """Mel spectrograms and the recognizer's words in, emotions out."""

    @property
    def name(self) -> str:
        """Name for reports."""

    @property
    def bands(self) -> int:
        """Mel bands it takes."""

    def fingerprint(self) -> str:
        """Text that changes with the weights."""

    def classify(self, mels: Sequence[Mel], texts: Sequence[str], /) -> Sequence[Emotion]:
        """One emotion for each Mel and its words, in order."""


@runtime_checkable
class Overhearing(EmotionRecognizer, Protocol):
    """An emotion network that reads the states of an encoder, and so can share the recognizer's pass."""

    def overhear(
        self, recognizer: Recognizer, mels: Sequence[Mel], /
    ) -> tuple[Sequence[Transcript], Sequence[Stretches]] | None:
        """The recognizer's transcripts with what its encoder heard on the way; None where it is another's encoder."""

    def classify_heard(self, heard: Sequence[Stretches], texts: Sequence[str], /) -> Sequence[Emotion]:
        """One emotion for each utterance that was overheard and its words, in order."""


@runtime_checkable
class Deferred(Recognizer, Protocol):
    """A recognizer that stands for one that is loaded when it is needed."""

    def loaded(self) -> Recognizer:
        """The recognizer itself."""
