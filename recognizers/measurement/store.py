"""A content-addressed store of small results in one SQLite file.

Writes are transactions in write-ahead-log mode: a process that is killed leaves every batch it had
finished and nothing half-written, and several processes may share the file.  Keys are digests of what made a value.
"""

from __future__ import annotations

import errno
import hashlib
import json
import sqlite3
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, TypeGuard, TypeVar

from scenarios.errors import AmserError, Exit

_SQLITE_VARIABLES = 500  # well below every SQLite's limit of bound variables (999 in old builds)
PATIENCE_S = 60.0  # for another process that is writing


# What is in the cache took minutes to find: only a file that cannot be read is to be deleted.
REMEDIES = {
    "SQLITE_BUSY": "wait for the process that writes to it",
    "SQLITE_LOCKED": "wait for the process that writes to it",
    "SQLITE_FULL": "free some space on that disk: what is in it stays valid",
    "SQLITE_IOERR": "see whether that disk is full or failing: what is in it stays valid",
    "SQLITE_READONLY": "let yourself write to it",
    "SQLITE_CANTOPEN": "let yourself write to its folder",
    "SQLITE_PERM": "let yourself write to it",
    "SQLITE_NOMEM": "free some memory",
    "SQLITE_NOTADB": "delete it to start afresh",
}


class CacheError(AmserError):
    """The measurement cache cannot be used; says which file and what to do."""

    exit_code = Exit.MISSING


def digest(*parts: bytes | str) -> str:
    """Hexadecimal BLAKE2b-128 of ``parts``; parts cannot run into one another (each is length-prefixed)."""
    state = hashlib.blake2b(digest_size=16)
    for part in parts:
        raw = part.encode() if isinstance(part, str) else part
        state.update(len(raw).to_bytes(8, "little"))
        state.update(raw)
    return state.hexdigest()


def _parsed(text: object) -> Any:
    """A stored value; None, which no value is, where it is damaged."""
    try:
        return json.loads(text) if isinstance(text, str) else None
    except (ValueError, RecursionError):
        return None


Value = TypeVar("Value")


class Store:
    """Maps a digest to a JSON value, on disk; ``given`` values stand in for those that the disk does not know."""

    def __init__(self, folder: Path, given: Mapping[str, Any] | None = None) -> None:
        self.path = folder / "measurements.sqlite"
        self._given = given or {}
        with self._told():
            folder.mkdir(parents=True, exist_ok=True)
            self._database = sqlite3.connect(self.path, timeout=PATIENCE_S)
            self._set_up()

    def _set_up(self) -> None:
        """Make the file one of ours.

        SQLite does not wait for another process while it changes the mode of a new file, so two that make the
        same file at once are told that it is locked: here the later one tries again.
        """
        patient_until = time.monotonic() + PATIENCE_S
        while True:
            try:
                self._database.execute("PRAGMA journal_mode=WAL")
                self._database.execute("PRAGMA synchronous=NORMAL")
                self._database.execute("CREATE TABLE IF NOT EXISTS entries (key TEXT PRIMARY KEY, value TEXT NOT NULL)")
                return
            except sqlite3.OperationalError as error:
                if not error.sqlite_errorname.startswith("SQLITE_BUSY") or time.monotonic() > patient_until:
                    raise
            time.sleep(0.01)

    @contextmanager
    def _told(self) -> Iterator[None]:
        """Turns faults of the disk and of the file into ``CacheError``."""
        try:
            yield
        except (sqlite3.DatabaseError, UnicodeDecodeError) as error:  # sqlite3 cites what is damaged, and decodes that
            kind = getattr(error, "sqlite_errorname", "")
            start = next((text for name, text in REMEDIES.items() if kind.startswith(name)), REMEDIES["SQLITE_NOTADB"])
            remedy = f"{start}, or set AMSER_CACHE to another folder"
            raise CacheError(f"cannot use the measurement cache {self.path}: {error}; {remedy}") from error
        except OSError as error:
            reason = error.strerror or error
            start = f"{REMEDIES['SQLITE_FULL']}, or " if error.errno in (errno.ENOSPC, errno.EDQUOT) else ""
            raise CacheError(
                f"cannot write the measurement cache {self.path}: {reason}; {start}set AMSER_CACHE to a folder of yours"
            ) from error

    def get(self, keys: Iterable[str], sound: Callable[[Any], TypeGuard[Value]]) -> dict[str, Value]:
        """The values of those ``keys`` that are known and ``sound``: what was damaged is not known."""
        wanted = list(dict.fromkeys(keys))
        found: dict[str, Value] = {}
        for key in wanted:
            if key in self._given and sound(value := self._given[key]):
                found[key] = value
        with self._told():
            for start in range(0, len(wanted), _SQLITE_VARIABLES):
                part = wanted[start : start + _SQLITE_VARIABLES]
                marks = ",".join("?" * len(part))
                query = f"SELECT key, value FROM entries WHERE key IN ({marks})"
                for key, text in self._database.execute(query, part):
                    value = _parsed(text)
                    if sound(value):
                        found[key] = value
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


# Raised when the meaning of a stored value changes; old entries are then simply never asked for.
CODED_VERSION = "coded-1"
RECOGNIZED_VERSION = "recognized-1"
FELT_VERSION = "felt-1"


def coded_key(audio: str, codec: str, bands: int) -> str:
    """Key of what a codec makes of an utterance, given the audio's digest and the codec's fingerprint."""
    return digest(CODED_VERSION, audio, codec, str(bands))


def recognized_key(mel: str, recognizer: str) -> str:
    """Key of a hypothesis, given the digests of Mel and recognizer."""
    return digest(RECOGNIZED_VERSION, mel, recognizer)


def felt_key(mel: str, words: str, network: str) -> str:
    """Key of an emotion, given the Mel's digest, the words and the network's digest."""
    return digest(FELT_VERSION, mel, words, network)
