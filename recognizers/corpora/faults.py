"""What can be wrong with a corpus, and with one of its files."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from scenarios.errors import AmserError, Exit


class CorpusError(AmserError, ValueError):
    """A corpus cannot be opened, or one of its files cannot be read: says what, where and what to do."""

    exit_code = Exit.MISSING


@dataclass(frozen=True, slots=True)
class Fault:
    """One file or line that could not be used."""

    path: Path
    reason: str

    def __str__(self) -> str:
        return f"{self.path}: {self.reason}"
