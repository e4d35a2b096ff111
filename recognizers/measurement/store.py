"""A content-addressed store of small results in one SQLite file.

Writes are transactions in write-ahead-log mode: a process that is killed leaves every batch it had
finished and nothing half-written, and several processes may share the file.
"""

from __future__ import annotations

import hashlib
import json
import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any

_SQLITE_VARIABLES = 500  # well below every SQLite's limit of bound variables (999 in old builds)


class CacheError(Exception):
    """The measurement cache cannot be used; says which file and what to do."""


def digest(*parts: bytes | str) -> str:
    """Hexadecimal BLAKE2b-128 of ``parts``; parts cannot run into one another (each is length-prefixed)."""
    state = hashlib.blake2b(digest_size=16)
    for part in parts:
        raw = part.encode() if isinstance(part, str) else part
        state.update(len(raw).to_bytes(8, "little"))
        state.update(raw)
    return state.hexdigest()


class Store:
    """Maps a digest to a JSON value, on disk."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "measurements.sqlite"
        with self._told():
            folder.mkdir(parents=True, exist_ok=True)
            self._database = sqlite3.connect(self.path, timeout=60.0)
            self._database.execute("PRAGMA journal_mode=WAL")
            self._database.execute("PRAGMA synchronous=NORMAL")
            self._database.execute("CREATE TABLE IF NOT EXISTS entries (key TEXT PRIMARY KEY, value TEXT NOT NULL)")

    @contextmanager
    def _told(self) -> Iterator[None]:
        """Turns faults of the disk and of the file into ``CacheError``."""
        try:
            yield
        except sqlite3.DatabaseError as error:
            remedy = "delete it to start afresh, or set AMSER_CACHE to another folder"
            raise CacheError(f"cannot use the measurement cache {self.path}: {error}; {remedy}") from error
        except OSError as error:
            reason = error.strerror or error
            raise CacheError(
                f"cannot write the measurement cache {self.path}: {reason}; set AMSER_CACHE to a folder of yours"
            ) from error

    def get(self, keys: Iterable[str]) -> dict[str, Any]:
        """The values of those ``keys`` that are known."""
        wanted, found = list(dict.fromkeys(keys)), {}
        with self._told():
            for start in range(0, len(wanted), _SQLITE_VARIABLES):
                part = wanted[start : start + _SQLITE_VARIABLES]
                marks = ",".join("?" * len(part))
                query = f"SELECT key, value FROM entries WHERE key IN ({marks})"
                found.update({key: json.loads(value) for key, value in self._database.execute(query, part)})
        return found

    def put(self, values: Mapping[str, Any]) -> None:
        """Keep ``values`` in one transaction: all of them or, if the process dies, none."""
        rows = [(key, json.dumps(value)) for key, value in values.items()]
        with self._told(), self._database:
            self._database.executemany("INSERT OR REPLACE INTO entries VALUES (?, ?)", rows)

    def __len__(self) -> int:
        return int(self._database.execute("SELECT COUNT(*) FROM entries").fetchone()[0])

    def __enter__(self) -> Store:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._database.close()
