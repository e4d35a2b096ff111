"""Fills the cache: codes, recognizes and classifies the cells that are not known yet, in batches."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from typing import TYPE_CHECKING

import numpy as np

from channel.mel import log_mel, rebanded
from recognizers.corpora.types import Corpus
from recognizers.emotion.types import Emotion
from recognizers.measurement.protocols import (
    Audio,
    Deferred,
    EmotionRecognizer,
    Mel,
    Overhearing,
    Recognizer,
    Transcript,
)
from recognizers.measurement.shipped_tables import MeasuredEmotion, NoTable
from recognizers.measurement.store import Store, digest, felt_key, recognized_key
from recognizers.measurement.table_cells import Cell, Coded, Felt, Said, coded_value, is_coded, is_felt, is_recognized
from scenarios.errors import AmserError, Exit
from scenarios.plugins import told

if TYPE_CHECKING:
    from recognizers.emotion.states import Stretches

SAMPLE_RATE_HZ = 16_000
BATCH_BYTES = 64 * 2**20  # Mels held in memory before they are recognized
BATCH_CELLS = 256
FIRST_SLICE = 16  # Mels in the recognizer's first call; later calls are sized to take about SLICE_S
SLICE_S = 8.0


class MeasurementError(AmserError):
    """An utterance cannot be measured; says which, under which codec, and why."""

    exit_code = Exit.FAILED


@dataclass
class Known:
    """Results that are known, by key; filled from the cache and then by the work."""

    coded: dict[str, Coded] = field(default_factory=dict)
    recognized: dict[str, Said] = field(default_factory=dict)
    felt: dict[str, Felt] = field(default_factory=dict)


@dataclass
class Measuring:
    """One run over a corpus: what to measure with, what is known, and where results are kept."""

    corpus: Corpus
    recognizer: Recognizer | None
    emotion: EmotionRecognizer | None
    store: Store
    bands: int
    advance: Callable[[int], None]
    done: int = 0
    known: Known = field(default_factory=Known)
    recognizer_id: str = ""
    emotion_id: str = ""
    slice: int = field(default_factory=lambda: FIRST_SLICE)
    overheard: dict[str, Stretches] = field(default_factory=dict)
    """What the recognizer's encoder gave for Mels of the batch under way, by digest, for the emotion network."""

    def __post_init__(self) -> None:
        if self.recognizer is not None:
            self.recognizer_id = digest(self.recognizer.fingerprint())
        if self.emotion is not None:
            self.emotion_id = digest(self.emotion.fingerprint())

    def recognized(self, mel: str) -> Said:
        """What the recognizer made of a Mel, by the Mel's digest."""
        return self.known.recognized[recognized_key(mel, self.recognizer_id)]

    def felt(self, mel: str) -> Felt:
        """What the emotion network made of a Mel, by the Mel's digest."""
        return self.known.felt[self._felt_key(mel)]

    def words(self, mel: str) -> str:
        """The hypothesis of a Mel, empty without a recognizer."""
        return "" if self.recognizer is None else self.recognized(mel)["text"]

    def recall(self, cells: Sequence[Cell]) -> None:
        """Read from the cache whatever it knows of ``cells``."""
        coded = self.store.get((cell.key for cell in cells), is_coded)
        self.known.coded |= {
            cell.key: coded[cell.key]
            for cell in cells
            if cell.key in coded and ("mel" in coded[cell.key] or not cell.codec.carries_speech)
        }
        mels = {coded["mel"] for coded in self.known.coded.values() if "mel" in coded}
        if self.recognizer is not None:
            keys = [recognized_key(mel, self.recognizer_id) for mel in mels]
            self.known.recognized |= self.store.get(keys, is_recognized)
        if self.emotion is not None:
            said = [mel for mel in mels if not self._unrecognized(mel)]
            self.known.felt |= self.store.get((self._felt_key(mel) for mel in said), is_felt)

    def is_complete(self, cell: Cell) -> bool:
        """Whether everything asked for is known of ``cell``."""
        coded = self.known.coded.get(cell.key)
        if coded is None:
            return False
        mel = coded.get("mel")
        return mel is None or not (self._unrecognized(mel) or self._unfelt(mel))

    def work(self, cells: Iterable[Cell]) -> None:
        """Measure ``cells`` (those of one utterance next to one another), keeping every batch at once."""
        coded: dict[str, Coded] = {}
        mels: dict[str, Mel] = {}
        held = 0
        for _, group in groupby(cells, key=lambda cell: cell.utterance.id):
            members = list(group)
            audio, reference = self._audio(members)
            for cell in members:
                value, mel = self._code(cell, audio, reference)
                coded[cell.key] = value
                if mel is not None and "mel" in value and value["mel"] not in mels:
                    mels[value["mel"]] = mel
                    held += mel.nbytes
            if held > BATCH_BYTES or len(coded) >= BATCH_CELLS:
                self._finish(coded, mels)
                coded, mels, held = {}, {}, 0
        self._finish(coded, mels)

    def _finish(self, coded: dict[str, Coded], mels: Mapping[str, Mel]) -> None:
        self.store.put(coded)
        self.known.coded |= coded
        self._recognize({mel: samples for mel, samples in mels.items() if self._unrecognized(mel)})
        self._feel({mel: samples for mel, samples in mels.items() if self._unfelt(mel)})
        self.overheard = {}
        self.done += len(coded)
        self.advance(self.done)

    def _audio(self, cells: Sequence[Cell]) -> tuple[Audio, Mel | None]:
        utterance = cells[0].utterance
        if utterance.path is not None:
            spoken = any(cell.codec.carries_speech for cell in cells)
            try:
                audio = self.corpus.load_audio(utterance)
                return audio, log_mel(audio, bands=self.bands) if spoken else None
            except Exception as error:
                raise MeasurementError(f"cannot use the audio of '{utterance.id}': {error}") from error
        for cell in cells:
            if cell.codec.carries_speech:
                raise self._silent(cell)
        return np.zeros(round(utterance.duration_s * SAMPLE_RATE_HZ), dtype=np.float32), None

    def _silent(self, cell: Cell) -> MeasurementError | NoTable:
        """Why a cell of a corpus without audio cannot be measured."""
        name, codec = self.corpus.name, cell.codec.name
        if not self.corpus.remedy:
            return MeasurementError(
                f"corpus '{name}' has no audio, and codec '{codec}' needs some: "
                "use codecs of kind 'fixed', or a corpus with audio such as 'shipped'"
            )
        understood = "" if self.recognizer is None else f" with recognizer '{self.recognizer.name}'"
        felt = "" if self.emotion is None else f" and emotion network '{self.emotion.name}'"
        return NoTable(
            f"no measured table of corpus '{name}' holds codec '{codec}'{understood}{felt}; {self.corpus.remedy}"
        )

    def _code(self, cell: Cell, audio: Audio, reference: Mel | None) -> tuple[Coded, Mel | None]:
        try:
            payload = cell.codec.encode(audio)
            mel = cell.codec.decode(payload.data) if cell.codec.carries_speech else None
        except Exception as error:
            name, codec = cell.utterance.id, cell.codec.name
            raise MeasurementError(f"utterance '{name}' fails under codec '{codec}': {told(error)}") from error
        if mel is not None and mel.shape[0] != self.bands:
            raise MeasurementError(
                f"codec '{cell.codec.name}' gives {mel.shape[0]} Mel bands, the recognizer takes {self.bands}"
            )
        return coded_value(payload, mel, reference), mel

    def _recognize(self, mels: Mapping[str, Mel]) -> None:
        if self.recognizer is None:
            return
        # Mels of like length go together, which spares padding, and every slice is kept at once.
        left = sorted(mels, key=lambda mel: mels[mel].shape[1])
        while left:
            part, left = left[: self.slice], left[self.slice :]
            started_s = time.monotonic()
            self._recognize_slice({mel: mels[mel] for mel in part}, self.recognizer)
            self._pace(time.monotonic() - started_s)

    def _recognize_slice(self, mels: Mapping[str, Mel], recognizer: Recognizer) -> None:
        transcripts, heard = transcribed(recognizer, self.emotion, list(mels.values()))
        self.overheard |= {mel: one for mel, one in zip(mels, heard, strict=True) if one is not None}
        found = {
            recognized_key(mel, self.recognizer_id): Said(
                text=said.text, avg_logprob=float(said.avg_logprob), no_speech_prob=float(said.no_speech_prob)
            )
            for mel, said in zip(mels, transcripts, strict=True)
        }
        self.store.put(found)
        self.known.recognized |= found

    def _pace(self, spent_s: float) -> None:
        """Larger slices for a fast recognizer, smaller ones for a slow one: little is lost when killed."""
        if spent_s < SLICE_S / 2.0:
            self.slice = min(2 * self.slice, BATCH_CELLS)
        elif spent_s > 2.0 * SLICE_S:
            self.slice = max(self.slice // 2, 1)

    def _feel(self, mels: Mapping[str, Mel]) -> None:
        if self.emotion is None or not mels:
            return
        heard = [self.overheard.get(mel) for mel in mels]
        felt = classified(self.emotion, list(mels.values()), [self.words(mel) for mel in mels], heard)
        found = {self._felt_key(mel): Felt(label=one.label) for mel, one in zip(mels, felt, strict=True)}
        self.store.put(found)
        self.known.felt |= found

    def _felt_key(self, mel: str) -> str:
        words = "" if isinstance(self.emotion, MeasuredEmotion) else self.words(mel)
        return felt_key(mel, words, self.emotion_id)

    def _unrecognized(self, mel: str) -> bool:
        if self.recognizer is None:
            return False
        return recognized_key(mel, self.recognizer_id) not in self.known.recognized

    def _unfelt(self, mel: str) -> bool:
        if self.emotion is None:
            return False
        return self._unrecognized(mel) or self._felt_key(mel) not in self.known.felt


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
