"""Text files that others made: lines, tables and numbers, each read in this one way.

Lines end at \\n, \\r\\n or \\r and nowhere else: Python's ``splitlines`` cuts at eight more characters, which stand in
the middle of transcripts.  Tables may have a byte order mark, comments, blank lines and columns that nobody asked for.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from scenarios.errors import AmserError

MOST_BYTES = 512 * 1024 * 1024
MOST_DIGITS = 18  # of a whole number: more do not fit into 64 bits
_ENDS = re.compile(r"\r\n|\n|\r")
_NUMBER = re.compile(r"\s*[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]{1,4})?\s*", re.ASCII)
_WHOLE = re.compile(r"\s*[+-]?[0-9]+\s*", re.ASCII)


class TextFileError(AmserError, ValueError):
    """A text file that cannot be read: which, where, and why."""

    def __init__(self, path: Path, line: int | None, reason: str) -> None:
        super().__init__(f"{path}:{line}: {reason}" if line else f"{path}: {reason}")
        self.path, self.line, self.reason = path, line, reason


@dataclass(frozen=True)
class Row:
    """One line of a table: its number in the file and its cells, stripped."""

    line: int
    cells: list[str]


def read_lines(path: Path, *, errors: str = "strict") -> list[str]:
    """The lines of a UTF-8 file without their ends.  Raises ``TextFileError``."""
    try:
        with path.open("rb") as file:
            raw = file.read(MOST_BYTES + 1)
    except OSError as error:
        raise TextFileError(path, None, f"cannot be read ({error.strerror})") from error
    if len(raw) > MOST_BYTES:
        raise TextFileError(path, None, f"is larger than {MOST_BYTES // 2**20} MiB; cut it into parts")
    try:
        text = raw.decode("utf-8-sig", errors)
    except UnicodeDecodeError as error:
        line = raw[: error.start].count(b"\n") + 1
        what = f"byte 0x{raw[error.start]:02x} is not UTF-8"
        told = f"is not a text file ({what}); is it compressed, or in another encoding?"
        raise TextFileError(path, line, told) from None
    lines = _ENDS.split(text)
    return lines[:-1] if lines[-1] == "" else lines


def read_table(path: Path, *, delimiter: str = ",", quotes: bool = True, comments: bool = True) -> list[Row]:
    """Rows of a table, the header first; blank lines and those that start with ``#`` are left out.

    Without ``quotes`` a quotation mark is a character like others.  Raises ``TextFileError``.
    """
    quoting: Literal[0, 3] = csv.QUOTE_MINIMAL if quotes else csv.QUOTE_NONE
    rows = []
    for number, line in enumerate(read_lines(path), start=1):
        if not line.strip() or (comments and line.lstrip().startswith("#")):
            continue
        try:
            (cells,) = csv.reader([line], delimiter=delimiter, quoting=quoting, strict=True)
        except (csv.Error, ValueError) as error:
            raise TextFileError(path, number, f"is no row of a table ({error}); a row is one line") from None
        rows.append(Row(number, [cell.strip() for cell in cells]))
    return rows


def columns(header: Sequence[str]) -> dict[str, int]:
    """Where each column of a header stands, by its name in small letters; of two alike the first."""
    return {name.strip().lower(): place for place, name in reversed(list(enumerate(header)))}


def cells(path: Path, rows: Sequence[Row], places: Sequence[int]) -> Iterator[tuple[int, list[str]]]:
    """Of each row its line and the cells at ``places``.  Raises ``TextFileError`` for one that is too short."""
    for row in rows:
        if len(row.cells) <= max(places):
            raise TextFileError(path, row.line, f"has {len(row.cells)} columns, fewer than the header")
        yield row.line, [row.cells[place] for place in places]


def number(text: str) -> float:
    """A decimal number, finite, in the digits 0 to 9.  Raises ``ValueError``."""
    if _NUMBER.fullmatch(text) is None:
        known = text.strip().lower().lstrip("+-")
        raise ValueError(f"{shown(text)} is not {'finite' if known in ('nan', 'inf', 'infinity') else 'a number'}")
    value = float(text)
    if value in (float("inf"), float("-inf")):
        raise ValueError(f"{shown(text)} is not finite")
    return value


def whole(text: str) -> int:
    """A whole number of at most 18 digits.  Raises ``ValueError``."""
    if _WHOLE.fullmatch(text) is None:
        raise ValueError(f"{shown(text)} is not a whole number")
    if len(text.strip().lstrip("+-")) > MOST_DIGITS:
        raise ValueError(f"{shown(text)} has more than {MOST_DIGITS} digits")
    return int(text)


def shown(text: str) -> str:
    """``text`` in quotes, cut where it is long."""
    text = text.strip()
    return repr(text if len(text) <= 40 else text[:40] + "...")
