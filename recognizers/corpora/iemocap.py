"""IEMOCAP, exactly as released: Session1 to Session5 with wavs, EmoEvaluation files and transcriptions.

Busso et al., "IEMOCAP: interactive emotional dyadic motion capture database", LREC 2008.
The data come from USC SAIL on request and cannot ship with this project.

    Session1/sentences/wav/Ses01F_impro01/Ses01F_impro01_F000.wav
    Session1/dialog/EmoEvaluation/Ses01F_impro01.txt      (its subfolders, single annotators, are not read)
    Session1/dialog/transcriptions/Ses01F_impro01.txt
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from recognizers.corpora.audio import probe
from recognizers.corpora.faults import CorpusError, Fault
from recognizers.corpora.types import EMOTION_NAMES, Corpus, Utterance, canonical_emotion, text_lines


@dataclass(frozen=True)
class Classes:
    """Some of a corpus's labels, sorted, with those that are merged into one of them."""

    labels: tuple[str, ...]
    merge: Mapping[str, str]

    @classmethod
    def parse(cls, text: str) -> Classes:
        """Read `ang,hap+exc,neu,sad`: classes between commas, merged labels joined by `+` under the first's name.

        Abbreviations and other spellings of `EMOTION_NAMES` are understood. Raises `CorpusError` for anything else.
        """
        groups = [[canonical_emotion(name) for name in group.split("+")] for group in text.split(",")]
        names = [name for group in groups for name in group if name]
        if len(groups) < 2 or len(names) != sum(map(len, groups)) or len(set(names)) != len(names):
            raise CorpusError(f"classes {text!r}: expected two or more different ones, such as ang,hap+exc,neu,sad")
        merge = {name: group[0] for group in groups for name in group[1:] if name and group[0]}
        return cls(tuple(sorted(group[0] for group in groups if group[0])), merge)

    def of(self, corpus: Corpus) -> Corpus:
        """The utterances of these classes. Raises `CorpusError` for a class that the corpus lacks."""
        there, groups = set(corpus.labels), self._groups()
        lacking = [name for name, group in groups.items() if not set(group) & there]
        lacking += [name for name in self.merge if name not in there | set(EMOTION_NAMES.values())]
        if lacking:
            known = ", ".join(corpus.labels)
            raise CorpusError(f"{corpus.root}: no {', '.join(lacking)} in corpus {corpus.name}; it has {known}")
        return corpus.select(labels=self.labels, merge=self.merge)

    def __str__(self) -> str:
        return ", ".join("+".join(names) for names in self._groups().values())

    def _groups(self) -> dict[str, list[str]]:
        """The labels that count as each class."""
        return {label: [label, *(name for name, into in self.merge.items() if into == label)] for label in self.labels}


FOUR_CLASSES = Classes.parse("ang,hap+exc,neu,sad")
"""The usual task on IEMOCAP: 1103 + 1636 + 1708 + 1084 = 5531 utterances in all."""


# [6.2901 - 8.2357]<TAB>Ses01F_impro01_F000<TAB>neu<TAB>[2.5000, 2.5000, 2.5000]
_TURN = re.compile(r"^\[\s*[\d.]+\s*-\s*[\d.]+\s*\]\t(Ses\S+)\t(\w+)\t\[")
# Ses01F_impro01_F000 [006.2901-008.2357]: Excuse me.
_SAID = re.compile(r"^(Ses\d\d[FM]_\S+_[FM]\d+)\s+\[[^\]]*\]:?\s*(.*)$")
_EVENT = re.compile(r"\[[A-Z ]+\]|<[A-Z ]+>")


def find_iemocap(root: Path) -> Path | None:
    """The folder that holds Session1 ... , at `root` or one below; None if there is none."""
    for folder in (root, root / "IEMOCAP_full_release"):
        if any(folder.glob("Session[1-5]/dialog/EmoEvaluation")):
            return folder
    return None


def open_iemocap(root: Path, classes: Classes | None = FOUR_CLASSES) -> Corpus:
    """Open IEMOCAP with the given classes, or with all labels.

    Turns without a majority label (`xxx`) are never kept; `[LAUGHTER]` and such are cut from the transcripts.
    `session` is "1" to "5"; the speaker is the session and the turn's gender, such as `Ses01F`.
    """
    base = find_iemocap(root)
    if base is None:
        raise CorpusError(f"{root}: not IEMOCAP; expected Session1/dialog/EmoEvaluation/*.txt in it")
    utterances: list[Utterance] = []
    faults: list[Fault] = []
    for session in sorted(base.glob("Session[1-5]")):
        for evaluation in _texts(session / "dialog" / "EmoEvaluation"):
            _read_dialog(session, evaluation, utterances, faults)
    corpus = Corpus("iemocap", base, tuple(utterances), tuple(faults))
    if not utterances:
        raise CorpusError(f"{base}: no usable turn; {len(faults)} faults, first: {faults[0] if faults else 'none'}")
    return classes.of(corpus) if classes else corpus


def _read_dialog(session: Path, evaluation: Path, utterances: list[Utterance], faults: list[Fault]) -> None:
    dialog = evaluation.stem
    transcription = session / "dialog" / "transcriptions" / f"{dialog}.txt"
    said = dict(_transcript(transcription)) if transcription.exists() else {}
    if not said:
        faults.append(Fault(transcription, "missing or empty transcription; its turns have no text"))
    for line in text_lines(evaluation, errors="replace"):
        turn = _TURN.match(line)
        if turn is None or turn[2] == "xxx":
            continue
        identity = turn[1]
        audio = session / "sentences" / "wav" / dialog / f"{identity}.wav"
        duration = probe(audio)
        if isinstance(duration, Fault):
            faults.append(duration)
            continue
        if said and identity not in said:
            faults.append(Fault(transcription, f"no line for {identity}; it has no text"))
        speaker = identity[:5] + identity.rsplit("_", 1)[1][0]
        emotion = canonical_emotion(turn[2])
        text = said.get(identity, "")
        utterances.append(Utterance(identity, audio, text, emotion, speaker, duration, "", session.name[-1]))


def _transcript(path: Path) -> Iterator[tuple[str, str]]:
    """Turn and words of every line that names a turn; lines such as `M: ...` and `..._XX0` name none."""
    for line in text_lines(path, errors="replace"):
        match = _SAID.match(line.strip())
        if match:
            yield match[1], " ".join(_EVENT.sub(" ", match[2]).split())


def _texts(folder: Path) -> list[Path]:
    """The .txt files of a folder, without the `._` files that macOS leaves in the archive."""
    return sorted(path for path in folder.glob("*.txt") if not path.name.startswith("._"))
