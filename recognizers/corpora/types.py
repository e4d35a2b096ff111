"""What a corpus is: utterances with what is known of them, a line for each file that could not be used."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from recognizers.corpora.audio import read_audio
from recognizers.corpora.faults import CorpusError, Fault
from scenarios.textfile import TextFileError, read_lines

EMOTION_NAMES: Mapping[str, str] = {
    "ang": "angry", "anger": "angry", "angry": "angry",
    "hap": "happy", "happiness": "happy", "happy": "happy", "joy": "happy",
    "sad": "sad", "sadness": "sad",
    "neu": "neutral", "neutral": "neutral",
    "exc": "excited", "excited": "excited", "excitement": "excited",
    "fru": "frustrated", "frustrated": "frustrated", "frustration": "frustrated",
    "fea": "fearful", "fear": "fearful", "fearful": "fearful", "anxiety": "fearful",
    "dis": "disgusted", "disgust": "disgusted", "disgusted": "disgusted",
    "sur": "surprised", "surprise": "surprised", "surprised": "surprised",
    "boredom": "bored", "bored": "bored",
    "calm": "calm",
    "oth": "other", "other": "other",
}  # fmt: skip
"""The spellings that corpora use for an emotion, and the one that this project uses."""


@dataclass(frozen=True, slots=True)
class Utterance:
    """One spoken recording and what is known of it."""

    id: str
    """Unique in its corpus."""
    path: Path | None
    """The audio file; None where there is none here."""
    text: str
    """Reference transcript; empty where none is known."""
    emotion: str | None
    """Canonical label such as `angry`; None where none is known."""
    speaker: str
    """Empty where unknown."""
    duration_s: float
    """From the file's header."""
    split: str = ""
    """Such as `train` or `test`; empty where the corpus defines none."""
    session: str = ""
    """The recording session (IEMOCAP's `1` to `5`); empty where the corpus has none."""
    audio: str = ""
    """The digest of an audio file that is not here, as a measured table knows it."""


@dataclass(frozen=True)
class Corpus:
    """Utterances of one data set. Broken files are in `faults`, never among the utterances."""

    name: str
    root: Path
    utterances: tuple[Utterance, ...]
    faults: tuple[Fault, ...] = ()
    digest: str = field(default="")
    """SHA-256 over every utterance's id, text, labels and file size: the same on every machine."""
    remedy: str = ""
    """How to come by audio that is not here."""

    def __post_init__(self) -> None:
        if not self.digest:
            object.__setattr__(self, "digest", corpus_digest(self.utterances))

    def __len__(self) -> int:
        return len(self.utterances)

    @property
    def speakers(self) -> tuple[str, ...]:
        """Sorted names of the known speakers."""
        return tuple(sorted({u.speaker for u in self.utterances if u.speaker}))

    @property
    def labels(self) -> tuple[str, ...]:
        """Sorted emotion labels that occur."""
        return tuple(sorted({u.emotion for u in self.utterances if u.emotion}))

    @property
    def hours(self) -> float:
        """Total duration in hours."""
        return sum(u.duration_s for u in self.utterances) / 3600

    def classes(self) -> dict[str, int]:
        """How many utterances carry each emotion label, sorted by label."""
        return dict(sorted(Counter(u.emotion for u in self.utterances if u.emotion).items()))

    def load_audio(self, utterance: Utterance) -> npt.NDArray[np.float32]:
        """Read an utterance as 16 kHz mono float32 in [-1, 1], shape (samples,). Raises `CorpusError`."""
        if utterance.path is None:
            raise CorpusError(f"utterance '{utterance.id}' of corpus '{self.name}' has no audio here; {self.remedy}")
        return read_audio(utterance.path)

    def spread(self, limit: int | None) -> Corpus:
        """At most so many utterances, evenly spread."""
        count = len(self.utterances)
        if limit is None or limit >= count:
            return self
        return replace(self, utterances=tuple(self.utterances[i * count // limit] for i in range(limit)), digest="")

    def select(
        self,
        *,
        split: str | None = None,
        labels: Collection[str] | None = None,
        speakers: Collection[str] | None = None,
        merge: Mapping[str, str] | None = None,
    ) -> Corpus:
        """A smaller corpus: of one split, of some labels or speakers.

        `merge` renames labels before they are selected, such as {"excited": "happy"} for IEMOCAP.
        Raises `CorpusError` if nothing is left.
        """
        chosen: Iterable[Utterance] = self.utterances
        if merge:
            chosen = [replace(u, emotion=merge.get(u.emotion, u.emotion)) if u.emotion else u for u in chosen]
        kept = [
            u
            for u in chosen
            if (split is None or u.split == split)
            and (labels is None or u.emotion in labels)
            and (speakers is None or u.speaker in speakers)
        ]
        if not kept:
            raise CorpusError(
                f"nothing of corpus {self.name} is left after selecting split={split!r}, labels={labels!r}, "
                f"speakers={speakers!r}; it has splits {sorted({u.split for u in self.utterances})} and "
                f"labels {list(self.labels)}"
            )
        return Corpus(self.name, self.root, tuple(kept), self.faults)


def left_out(corpus: object) -> str:
    """What could not be used of a corpus, in one line; empty where all could."""
    faults = getattr(corpus, "faults", ())
    if not faults:
        return ""
    name, used = getattr(corpus, "name", ""), len(getattr(corpus, "utterances", ()))
    things = "1 file or line" if len(faults) == 1 else f"{len(faults)} files or lines"
    return f"corpus {name}: {things} could not be used beside {used} utterances, the first: {faults[0]}"


def text_lines(path: Path, *, errors: str = "strict") -> list[str]:
    """The lines of a text file of a corpus.  Raises `CorpusError`."""
    try:
        return read_lines(path, errors=errors)
    except TextFileError as error:
        raise CorpusError(str(error)) from error


def corpus_digest(utterances: Iterable[Utterance]) -> str:
    """SHA-256 (hex) over what defines the utterances; the audio enters by its size in bytes."""
    digest = hashlib.sha256()
    for u in utterances:
        size_bytes = u.path.stat().st_size if u.path is not None and u.path.exists() else -1
        name = u.audio or u.duration_s if u.path is None else u.path.name
        fields = (u.id, name, size_bytes, u.text, u.emotion, u.speaker, u.split, u.session)
        digest.update(("\t".join(str(value) for value in fields) + "\n").encode())
    return digest.hexdigest()


def canonical_emotion(label: str | None) -> str | None:
    """The project's spelling of an emotion label; an unknown one is kept, an empty one is None."""
    if label is None or not label.strip():
        return None
    lowered = label.strip().lower()
    return EMOTION_NAMES.get(lowered, lowered)
