"""The plain manifest: a TSV file with a header line, one utterance a row, for a researcher's own audio.

Columns, in any order: path (or file, audio, filename, wav), and optionally text, emotion, speaker, split,
session, id. Paths are relative to the manifest's folder.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping
from pathlib import Path

from recognizers.corpora.audio import probe
from recognizers.corpora.types import Corpus, CorpusError, Fault, Utterance, canonical_emotion

__all__ = ["COLUMN_NAMES", "open_manifest"]

COLUMN_NAMES: Mapping[str, tuple[str, ...]] = {
    "path": ("path", "file", "audio", "filename", "wav"),
    "text": ("text", "transcript", "transcription", "sentence", "words"),
    "emotion": ("emotion", "label", "class"),
    "speaker": ("speaker", "spk", "voice", "actor", "speaker_id", "client_id"),
    "split": ("split", "subset", "part", "set"),
    "session": ("session",),
    "id": ("id", "utt", "utterance", "utterance_id"),
}
"""For each field of an utterance, the column names that are accepted, the preferred one first."""


def open_manifest(path: Path, name: str | None = None) -> Corpus:
    """Open a manifest file, or the `manifest.tsv` of a folder.

    Raises `CorpusError` if there is no manifest, it has no path column, or none of its rows can be used.
    """
    file = path / "manifest.tsv" if path.is_dir() else path
    if not file.is_file():
        raise CorpusError(f"{file}: no such manifest; a manifest is a TSV file with at least a `path` column")
    try:
        text = file.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise CorpusError(f"{file}: not UTF-8 text ({error.reason}); save it as UTF-8") from error
    rows = list(csv.reader(text.splitlines(), delimiter="\t", quoting=csv.QUOTE_NONE))
    if not rows:
        raise CorpusError(f"{file}: empty; its first line must name the columns, at least `path`")
    columns = _columns(file, rows[0])
    utterances, faults = _read_rows(file, rows[1:], columns)
    if not utterances:
        shown = "".join(f"\n  {fault}" for fault in faults[:5])
        raise CorpusError(f"{file}: none of its {len(rows) - 1} rows can be used{shown}")
    return Corpus(name or file.resolve().parent.name, file.parent, tuple(utterances), tuple(faults))


def _columns(file: Path, header: list[str]) -> dict[str, int]:
    """Where each field stands; raises `CorpusError` without a path column."""
    found = {column.strip().lower(): place for place, column in reversed(list(enumerate(header)))}
    columns = {
        field: found[names_found[0]]
        for field, names in COLUMN_NAMES.items()
        if (names_found := [name for name in names if name in found])
    }
    if "path" not in columns:
        accepted = ", ".join(COLUMN_NAMES["path"])
        raise CorpusError(
            f"{file}:1: no column for the audio file among {header}; accepted: {accepted} (TAB-separated)"
        )
    return columns


def _read_rows(
    file: Path, rows: list[list[str]], columns: dict[str, int]
) -> tuple[list[Utterance], list[Fault]]:
    utterances: list[Utterance] = []
    faults: list[Fault] = []
    seen: set[str] = set()
    for number, row in enumerate(rows, start=2):
        if not any(cell.strip() for cell in row):
            continue
        values = {field: row[place].strip() if place < len(row) else "" for field, place in columns.items()}
        if not values["path"]:
            faults.append(Fault(file, f"line {number} has no path"))
            continue
        audio = file.parent / values["path"]
        identity = values.get("id") or Path(values["path"]).with_suffix("").as_posix()
        duration = probe(audio)
        if isinstance(duration, Fault):
            faults.append(duration)
        elif identity in seen:
            faults.append(Fault(file, f"line {number} repeats the id {identity}"))
        else:
            seen.add(identity)
            utterances.append(_utterance(identity, audio, values, duration))
    return utterances, faults


def _utterance(identity: str, audio: Path, values: Mapping[str, str], duration_s: float) -> Utterance:
    return Utterance(
        id=identity,
        path=audio,
        text=values.get("text", ""),
        emotion=canonical_emotion(values.get("emotion")),
        speaker=values.get("speaker", ""),
        duration_s=duration_s,
        split=values.get("split", ""),
        session=values.get("session", ""),
    )
