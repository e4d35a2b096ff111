"""The plain manifest: a TSV file with a header line, one utterance a row, for a researcher's own audio.

Columns, in any order: path (or file, audio, filename, wav), and optionally text, emotion, speaker, split,
session, id. Paths are relative to the manifest's folder.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from pathlib import Path

from recognizers.corpora.audio import probe
from recognizers.corpora.faults import CorpusError, Fault
from recognizers.corpora.types import Corpus, Utterance, canonical_emotion
from scenarios.textfile import Row, TextFileError, read_table
from scenarios.textfile import columns as names_of

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
        # Quotation marks and a # stand in transcripts as they are.
        rows = read_table(file, delimiter="\t", quotes=False, comments=False)
    except TextFileError as error:
        raise CorpusError(f"{error}; a manifest is UTF-8 text with TABs between its columns") from error
    if not rows:
        raise CorpusError(f"{file}: empty; its first line must name the columns, at least `path`")
    columns = _columns(file, rows[0].cells)
    utterances, faults = _read_rows(file, rows[1:], columns)
    if not utterances:
        shown = "".join(f"\n  {fault}" for fault in faults[:5])
        raise CorpusError(f"{file}: none of its {len(rows) - 1} rows can be used{shown}")
    return Corpus(name or file.resolve().parent.name, file.parent, tuple(utterances), tuple(faults))


def _columns(file: Path, header: list[str]) -> dict[str, int]:
    """Where each field stands; raises `CorpusError` without a path column."""
    found = names_of(header)
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


def _read_rows(file: Path, rows: list[Row], columns: dict[str, int]) -> tuple[list[Utterance], list[Fault]]:
    utterances: list[Utterance] = []
    faults: list[Fault] = []
    seen: set[str] = set()
    table = [(row.line, {field: _cell(row, place) for field, place in columns.items()}) for row in rows]
    # a.wav and a.flac are two recordings: where the rest of their paths is the same, the ending is part of the id.
    paths = {values["path"] for _, values in table}
    shared = Counter(_stem(path) for path in paths)
    for line, values in table:
        if not values["path"]:
            faults.append(Fault(file, f"line {line} has no path"))
            continue
        audio = file.parent / values["path"]
        stem = _stem(values["path"])
        identity = values.get("id") or (stem if shared[stem] == 1 else Path(values["path"]).as_posix())
        duration = probe(audio)
        if isinstance(duration, Fault):
            faults.append(duration)
        elif identity in seen:
            faults.append(Fault(file, f"line {line} repeats the id {identity}"))
        else:
            seen.add(identity)
            utterances.append(_utterance(identity, audio, values, duration))
    return utterances, faults


def _cell(row: Row, place: int) -> str:
    return row.cells[place] if place < len(row.cells) else ""


def _stem(path: str) -> str:
    return path.rpartition(".")[0] if Path(path).suffix else path


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
