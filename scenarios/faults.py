"""Faults in a scenario file: where, which key, what was found, what is accepted."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from scenarios.errors import AmserError

KeyPath = tuple[str | int, ...]


@dataclass(frozen=True, order=True)
class Place:
    """A position in a file, counted from 1; line 0 means the text came from the command line."""

    file: str
    line: int = 0
    column: int = 0

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}" if self.line else self.file


@dataclass(frozen=True)
class Fault:
    """One mistake of the author of a scenario."""

    place: Place
    key: str
    message: str

    def __str__(self) -> str:
        return f"{self.place}: {self.key}: {self.message}" if self.key else f"{self.place}: {self.message}"


class ScenarioError(AmserError):
    """A scenario that cannot be used; ``faults`` holds every mistake found, in file order."""

    def __init__(self, faults: Iterable[Fault]) -> None:
        self.faults = sorted(set(faults), key=lambda f: (f.place, f.key, f.message))
        super().__init__("\n".join(str(f) for f in self.faults))


def dotted(path: KeyPath) -> str:
    """``("devices", "phones", "count")`` as ``devices.phones.count``; list items as ``[2]``."""
    text = ""
    for part in path:
        if isinstance(part, int):
            text += f"[{part}]"
        else:
            text += f".{part}" if text else part
    return text
