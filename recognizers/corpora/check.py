"""What `amser corpus check` says: what was understood of a corpus, and what is missing."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from recognizers.corpora.faults import CorpusError, Fault
from recognizers.corpora.opening import corpus_kind, open_corpus
from recognizers.corpora.types import Corpus


@dataclass(frozen=True)
class CorpusReport:
    """What was understood of a corpus."""

    kind: str
    name: str
    root: Path
    digest: str
    files: int
    hours: float
    shortest_s: float
    longest_s: float
    speakers: int
    classes: dict[str, int]
    splits: dict[str, int]
    without_text: int
    without_emotion: int
    without_speaker: int
    faults: tuple[Fault, ...]

    @property
    def missing(self) -> list[str]:
        """One line for each thing that some use of the corpus would need and that it lacks."""
        lines = []
        if self.without_text:
            lines.append(f"{self.without_text} of {self.files} without transcript: no word errors for them")
        if self.without_emotion:
            lines.append(f"{self.without_emotion} of {self.files} without emotion: not used for emotion recognition")
        if self.without_speaker:
            lines.append(f"{self.without_speaker} of {self.files} without speaker: no leave-one-speaker-out folds")
        return lines

    def __str__(self) -> str:
        counts = ", ".join(f"{label} {count}" for label, count in self.classes.items()) or "none"
        splits = ", ".join(f"{split or '(none)'} {count}" for split, count in self.splits.items())
        lines = [
            f"{self.name} ({self.kind}) at {self.root}",
            f"files     {self.files}",
            f"hours     {self.hours:.2f} ({self.shortest_s:.1f} to {self.longest_s:.1f} s a file)",
            f"speakers  {self.speakers}",
            f"classes   {counts}",
            f"splits    {splits}",
            f"digest    {self.digest[:16]}",
            *(f"missing   {line}" for line in self.missing),
            *(f"fault     {fault}" for fault in self.faults),
        ]
        return "\n".join(lines)


def check_corpus(place: str | Path, kind: str | None = None, *, decode: bool = False) -> CorpusReport:
    """Open a corpus and say what was understood; with `decode` files are read to their end.

    Raises `CorpusError` if nothing of it can be used.
    """
    shipped = kind == "shipped" or (kind is None and str(place) == "shipped")
    corpus = open_corpus("shipped") if shipped else open_corpus(kind, place) if kind else open_corpus(place)
    shown = "shipped" if shipped else kind or corpus_kind(Path(place))
    return _report(shown, corpus, _decode_all(corpus) if decode else ())


def _decode_all(corpus: Corpus) -> tuple[Fault, ...]:
    faults = []
    for utterance in corpus.utterances:
        try:
            corpus.load_audio(utterance)
        except CorpusError as error:
            faults.append(Fault(utterance.path or corpus.root, str(error).removeprefix(f"{utterance.path}: ")))
    return tuple(faults)


def _report(kind: str, corpus: Corpus, extra: tuple[Fault, ...]) -> CorpusReport:
    utterances = corpus.utterances
    durations = [u.duration_s for u in utterances]
    splits = sorted({u.split for u in utterances})
    return CorpusReport(
        kind=kind,
        name=corpus.name,
        root=corpus.root,
        digest=corpus.digest,
        files=len(utterances),
        hours=corpus.hours,
        shortest_s=min(durations),
        longest_s=max(durations),
        speakers=len(corpus.speakers),
        classes=corpus.classes(),
        splits={split: sum(u.split == split for u in utterances) for split in splits},
        without_text=sum(not u.text for u in utterances),
        without_emotion=sum(u.emotion is None for u in utterances),
        without_speaker=sum(not u.speaker for u in utterances),
        faults=(*corpus.faults, *extra),
    )
