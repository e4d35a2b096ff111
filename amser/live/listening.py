"""What an accelerator does with a batch: rebuild the Mels, recognize the words, feel the emotions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from amser.live.decoders import Decoders
from channel.codecs import CodecError
from channel.mel import rebanded
from recognizers.measurement.protocols import Emotion, EmotionRecognizer, Mel, Recognizer
from scenarios.plugins import trust
from scenarios.schema.codec import CodecSpec
from scenarios.schema.corpus import MeasuredCorpusSpec, OneCorpusSpec
from scenarios.schema.server import EmotionSpec, RecognizerSpec


@dataclass(frozen=True)
class Equipment:
    """What the server recognizes with; it is pickled into the accelerators' processes.

    ``corpus`` gives the language, as it does in a measurement; ``plugins`` is the folder of the user's own classes.
    """

    recognizer: RecognizerSpec
    emotion: EmotionSpec
    codecs: Mapping[str, CodecSpec] = field(default_factory=dict)
    corpus: OneCorpusSpec | None = None
    device: str = "cpu"
    threads: int = 1
    largest: int = 8
    plugins: Path | None = None


@dataclass(frozen=True)
class Job:
    """A payload, and the key of its codec."""

    codec: str
    data: bytes


@dataclass(frozen=True)
class Heard:
    """What came of one payload; ``refused`` says why nothing did.

    ``probabilities`` are by emotion; log-probability and probability of no speech are NaN where the recognizer has
    none.
    """

    text: str = ""
    avg_logprob: float = float("nan")
    no_speech_prob: float = float("nan")
    emotion: str | None = None
    probabilities: Mapping[str, float] = field(default_factory=dict)
    frames: int = 0
    refused: str | None = None


class Listener:
    """Recognizer and emotion network, loaded."""

    def __init__(self, equipment: Equipment) -> None:
        from recognizers.measurement.parts_from_spec import emotion_of, recognizer_of

        if equipment.plugins is not None:
            trust(equipment.plugins)
        found = recognizer_of(equipment.recognizer, equipment.corpus, device=equipment.device)
        # Measured corpora have classes of cross-validation, which no weights give: here there are weights alone.
        labelled = None if isinstance(equipment.corpus, MeasuredCorpusSpec) else equipment.corpus
        self.recognizer: Recognizer | None = found
        self.emotion: EmotionRecognizer | None = emotion_of(equipment.emotion, labelled)
        self.decoders = Decoders(80 if found is None else found.bands, equipment.codecs)
        self._warm(equipment.largest)

    def hear(self, jobs: Sequence[Job]) -> list[Heard]:
        """One answer for each job, in order; a payload that cannot be decoded is refused and harms no other."""
        mels, why = self._mels(jobs)
        good = [mel for mel in mels if mel is not None]
        texts = [Heard()] * len(good) if self.recognizer is None or not good else self._words(self.recognizer, good)
        if self.emotion is not None and good:
            texts = self._feelings(self.emotion, good, texts)
        found = iter(texts)
        return [Heard(refused=reason) if mel is None else next(found) for mel, reason in zip(mels, why, strict=True)]

    def _mels(self, jobs: Sequence[Job]) -> tuple[list[Mel | None], list[str]]:
        mels: list[Mel | None] = []
        why: list[str] = []
        for job in jobs:
            try:
                mels.append(self.decoders.get(job.codec).decode(job.data))
                why.append("")
            except CodecError as error:
                mels.append(None)
                why.append(str(error))
        return mels, why

    def _words(self, recognizer: Recognizer, mels: Sequence[Mel]) -> list[Heard]:
        said = recognizer.transcribe(mels)
        return [
            Heard(one.text, float(one.avg_logprob), float(one.no_speech_prob), frames=mel.shape[1])
            for one, mel in zip(said, mels, strict=True)
        ]

    def _feelings(self, network: EmotionRecognizer, mels: Sequence[Mel], heard: Sequence[Heard]) -> list[Heard]:
        felt = network.classify([rebanded(mel, network.bands) for mel in mels], [one.text for one in heard])
        return [
            replace(one, emotion=emotion.label, probabilities=_by_label(emotion))
            for one, emotion in zip(heard, felt, strict=True)
        ]

    def _warm(self, largest: int) -> None:
        """Load weights, compile and reach the memory of the largest batch before the first upload pays for it."""
        from channel.mel import log_mel

        noise = np.random.default_rng(0).normal(0.0, 0.01, 16_000).astype(np.float32)
        mel = log_mel(noise, self.decoders.bands)
        for size in (1, largest):
            if self.recognizer is not None:
                self.recognizer.transcribe([mel] * size)
            if self.emotion is not None:
                self.emotion.classify([rebanded(mel, self.emotion.bands)] * size, [""] * size)


def _by_label(emotion: Emotion) -> dict[str, float]:
    found = emotion.probabilities
    return {str(k): float(v) for k, v in found.items()} if isinstance(found, Mapping) else {}
