"""A content-addressed store of small results in one SQLite file.

Writes are transactions in write-ahead-log mode: a process that is killed leaves every batch it had
finished and nothing half-written, and several processes may share the file.
"""

from __future__ import annotations

import hashlib
import json
import sqlite3
from collections.abc import Iterable, Mapping
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
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self._database = sqlite3.connect(self.path, timeout=60.0)
            self._database.execute("PRAGMA journal_mode=WAL")
            self._database.execute("PRAGMA synchronous=NORMAL")
            self._database.execute("CREATE TABLE IF NOT EXISTS entries (key TEXT PRIMARY KEY, value TEXT NOT NULL)")
        except (OSError, sqlite3.Error) as error:
            raise CacheError(
                f"cannot use the measurement cache {self.path}: {error}; delete it to start afresh"
            ) from error

    def get(self, keys: Iterable[str]) -> dict[str, Any]:
        """The values of those ``keys`` that are known."""
        wanted, found = list(dict.fromkeys(keys)), {}
        for start in range(0, len(wanted), _SQLITE_VARIABLES):
            part = wanted[start : start + _SQLITE_VARIABLES]
            marks = ",".join("?" * len(part))
            rows = self._database.execute(f"SELECT key, value FROM entries WHERE key IN ({marks})", part)
            found.update({key: json.loads(value) for key, value in rows})
        return found

    def put(self, values: Mapping[str, Any]) -> None:
        """Keep ``values`` in one transaction: all of them or, if the process dies, none."""
        rows = [(key, json.dumps(value)) for key, value in values.items()]
        with self._database:
            self._database.executemany("INSERT OR REPLACE INTO entries VALUES (?, ?)", rows)

    def __len__(self) -> int:
        return int(self._database.execute("SELECT COUNT(*) FROM entries").fetchone()[0])

    def __enter__(self) -> Store:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._database.close()
