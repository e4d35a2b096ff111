"""Open any corpus: by kind and folder, or by folder alone, whose layout then tells the kind."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from recognizers.corpora.acted import (
    find_cremad,
    find_emodb,
    find_ravdess,
    open_cremad,
    open_emodb,
    open_ravdess,
)
from recognizers.corpora.faults import CorpusError
from recognizers.corpora.iemocap import Classes, find_iemocap, open_iemocap
from recognizers.corpora.librispeech import find_librispeech, open_librispeech
from recognizers.corpora.manifest import open_manifest
from recognizers.corpora.types import Corpus

SHIPPED_SPEECH = Path(__file__).resolve().parent.parent / "data" / "speech"
"""Folder of the shipped clips and their manifest."""


def open_shipped() -> Corpus:
    """The speech that ships with the project: synthetic voice-assistant commands in four emotions."""
    return open_manifest(SHIPPED_SPEECH, "shipped")


HUMAN_SPEECH = Path(__file__).resolve().parent.parent / "data" / "librispeech"
"""Folder of the shipped utterances of LibriSpeech and their manifest."""


def open_human() -> Corpus:
    """Forty short utterances of LibriSpeech (CC BY 4.0) that ship with the project."""
    return open_manifest(HUMAN_SPEECH, "librispeech-short")


CORPUS_KINDS: Mapping[str, Callable[[Path], Corpus]] = {
    "manifest": open_manifest,
    "iemocap": open_iemocap,
    "librispeech": open_librispeech,
    "ravdess": open_ravdess,
    "emodb": open_emodb,
    "cremad": open_cremad,
}
"""What `open_corpus` can read from a folder, by kind."""


SHIPPED: Mapping[str, Callable[[], Corpus]] = {"shipped": open_shipped, "librispeech-short": open_human}
"""Corpora that ship with their audio."""


def open_corpus(kind_or_path: str | Path, path: str | Path | None = None, *, classes: Classes | None = None) -> Corpus:
    """Open a corpus: `open_corpus("shipped")`, `open_corpus("iemocap", folder)`, or `open_corpus(folder)`.

    With a folder (or a manifest file) alone the kind is told from the layout. `classes` keeps the utterances of
    these emotions; without it IEMOCAP comes with its usual four, others with all. Raises `CorpusError` for an
    unknown kind, a missing folder, an unknown layout, a class that is not there, or a corpus without a usable
    utterance.
    """
    if path is None and str(kind_or_path) in SHIPPED:
        ships = SHIPPED[str(kind_or_path)]()
        return classes.of(ships) if classes else ships
    if path is None:
        place = _existing(Path(kind_or_path))
        kind = corpus_kind(place)
    else:
        place, kind = _existing(Path(path)), str(kind_or_path)
    kind = {"crema-d": "cremad", "emo-db": "emodb"}.get(kind, kind)
    if kind not in CORPUS_KINDS:
        raise CorpusError(f"unknown corpus kind {kind!r}; known: {', '.join([*SHIPPED, *CORPUS_KINDS])}")
    if classes is None:
        return CORPUS_KINDS[kind](place)
    return open_iemocap(place, classes) if kind == "iemocap" else classes.of(CORPUS_KINDS[kind](place))


def corpus_kind(place: Path) -> str:
    """The kind that a folder's layout shows; a manifest wins. Raises `CorpusError` if it shows none."""
    if place.is_file() or (place / "manifest.tsv").is_file():
        return "manifest"
    finders: Mapping[str, Callable[[Path], object]] = {
        "iemocap": find_iemocap,
        "librispeech": find_librispeech,
        "ravdess": find_ravdess,
        "emodb": find_emodb,
        "cremad": find_cremad,
    }
    for kind, find in finders.items():
        if find(place):
            return kind
    raise CorpusError(
        f"{place}: no known layout; known: {', '.join(CORPUS_KINDS)}. For your audio write a manifest.tsv "
        "with the columns path, text, emotion, speaker, split"
    )


def _existing(place: Path) -> Path:
    if not place.exists():
        raise CorpusError(f"{place}: no such folder or manifest; known kinds without a folder: {', '.join(SHIPPED)}")
    return place
