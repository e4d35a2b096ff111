"""What an accelerator does with a batch: rebuild the Mels, recognize the words, feel the emotions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from amser.live.decoders import Decoders
from amser.live.errors import LiveError
from channel.codecs import CodecError
from recognizers.measurement.fill_cache import classified, transcribed
from recognizers.measurement.protocols import EmotionRecognizer, Mel, Recognizer
from scenarios import Scenario
from scenarios.paths import has_plugins
from scenarios.plugins import trust
from scenarios.schema.codec import CodecSpec
from scenarios.schema.corpus import MeasuredCorpusSpec, MixtureCorpusSpec, OneCorpusSpec
from scenarios.schema.server import EmotionSpec, RecognizerSpec

if TYPE_CHECKING:
    from recognizers.emotion.states import Stretches


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
        found = iter(self._understood(good) if good else [])
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

    def _understood(self, mels: Sequence[Mel]) -> list[Heard]:
        """Words and emotions of a batch, by one pass of the encoder where both are read from it."""
        heard = [Heard()] * len(mels)
        states: Sequence[Stretches | None] = [None] * len(mels)
        if self.recognizer is not None:
            said, states = transcribed(self.recognizer, self.emotion, mels)
            heard = [
                Heard(one.text, float(one.avg_logprob), float(one.no_speech_prob), frames=mel.shape[1])
                for one, mel in zip(said, mels, strict=True)
            ]
        if self.emotion is None:
            return heard
        felt = classified(self.emotion, mels, [one.text for one in heard], states)
        return [
            replace(one, emotion=emotion.label, probabilities=dict(emotion.probabilities))
            for one, emotion in zip(heard, felt, strict=True)
        ]

    def _warm(self, largest: int) -> None:
        """Load weights, compile and reach the memory of the largest batch before the first upload pays for it."""
        from channel.mel import log_mel

        noise = np.random.default_rng(0).normal(0.0, 0.01, 16_000).astype(np.float32)
        mel = log_mel(noise, self.decoders.bands)
        for size in (1, largest):
            self._understood([mel] * size)


def equipment_of(scenario: Scenario, base_dir: Path, device: str = "cpu", threads: int = 1) -> Equipment:
    """The recognizer, network and codecs of a scenario in ``base_dir``."""
    if isinstance(scenario.corpus, MixtureCorpusSpec):
        raise LiveError("a server recognizes one language: take one corpus, not a mixture (--set corpus=shipped)")
    return Equipment(
        recognizer=scenario.recognizer,
        emotion=scenario.emotion,
        codecs=scenario.codecs,
        corpus=scenario.corpus,
        device=device,
        threads=threads,
        largest=scenario.server.batching.largest,
        plugins=base_dir if has_plugins(scenario) else None,
    )
