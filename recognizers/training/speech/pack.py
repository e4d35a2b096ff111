"""The speech that ships with the project: about 200 synthetic commands as FLAC, with transcripts and
emotions."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from scenarios.errors import AmserError, Exit

__all__ = ["PACK_FOLDER", "Clip", "PackError", "shipped"]

PACK_FOLDER = Path(__file__).resolve().parents[2] / "data" / "speech"
"""Folder of the shipped clips and their manifest.tsv."""


class PackError(AmserError, RuntimeError):
    """The shipped speech is missing or damaged, so the installation is."""

    exit_code = Exit.MISSING


@dataclass(frozen=True)
class Clip:
    """One shipped utterance, 16 kHz mono FLAC.

    path: the file. text: what is said, lower case. emotion: angry, happy, neutral or sad. voice: engine and
    voice, such as `flite-slt`. engine: the program that rendered it. seen_voice: whether training clips have
    this voice. duration_s: seconds."""

    path: Path
    text: str
    emotion: str
    voice: str
    engine: str
    seen_voice: bool
    duration_s: float


@lru_cache(maxsize=1)
def shipped() -> tuple[Clip, ...]:
    """All shipped clips in the order of the manifest. Raises `PackError` if the manifest or a clip is
    missing."""
    manifest = PACK_FOLDER / "manifest.tsv"
    if not manifest.is_file():
        raise PackError(f"{manifest} is missing; install amser again")
    with manifest.open(newline="") as file:
        rows = list(csv.DictReader(file, delimiter="\t"))
    clips = tuple(
        Clip(
            path=PACK_FOLDER / row["path"],
            text=row["text"],
            emotion=row["emotion"],
            voice=row["voice"],
            engine=row["engine"],
            seen_voice=row["seen_voice"] == "1",
            duration_s=float(row["duration_s"]),
        )
        for row in rows
    )
    missing = [clip.path.name for clip in clips if not clip.path.is_file()]
    if missing:
        raise PackError(f"{PACK_FOLDER}: {len(missing)} clips are missing, first {missing[0]}; install amser again")
    return clips
