"""Files of a results folder on the disk: written whole or not at all, and known by their size and digest."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import socket
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

FINISHED = "finished"
STATUS = "status.json"
OWNER = "owner.json"
BLOCK_BYTES = 1 << 20


@contextmanager
def named(path: Path) -> Iterator[None]:
    """Let a fault of the disk name the file that was written: a full disk shows at a write, which knows no name."""
    try:
        yield
    except OSError as error:
        if error.filename is not None or error.errno is None:
            raise
        raise OSError(error.errno, os.strerror(error.errno), str(path)) from error


def write_atomically(path: Path, text: str) -> None:
    """Write a whole file or nothing: a reader never sees half of it, a kill never leaves half of it."""
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    with named(path):
        try:
            part.write_text(text, encoding="utf-8")
            os.replace(part, path)
        except BaseException:
            part.unlink(missing_ok=True)
            raise


def digests(files: Iterable[Path]) -> dict[str, dict[str, object]]:
    """By name, the size in bytes and the SHA-256 of ``files``."""
    found: dict[str, dict[str, object]] = {}
    for path in files:
        state, size = hashlib.sha256(), 0
        with path.open("rb") as file:
            while block := file.read(BLOCK_BYTES):
                state.update(block)
                size += len(block)
        found[path.name] = {"bytes": size, "sha256": state.hexdigest()}
    return found


def seal(folder: Path, facts: Mapping[str, object]) -> None:
    """Say that a folder is finished and what it holds; the last file that is written into it."""
    held = digests(path for path in sorted(folder.iterdir()) if path.name != STATUS)
    write_atomically(folder / STATUS, json.dumps({"state": FINISHED, **facts, "files": held}))


def is_whole(folder: Path) -> bool:
    """Whether a folder was sealed and still holds what it held then, to the byte."""
    try:
        status = json.loads((folder / STATUS).read_text(encoding="utf-8"))
        held = digests(path for path in sorted(folder.iterdir()) if path.name != STATUS)
    except (OSError, ValueError, RecursionError):
        return False
    return isinstance(status, dict) and status.get("state") == FINISHED and status.get("files") == held


def own(folder: Path) -> None:
    """Note which process works in ``folder``, until it is released."""
    write_atomically(folder / OWNER, json.dumps({"host": socket.gethostname(), "pid": os.getpid()}))


def release(folder: Path) -> None:
    """Remove what workers that were killed or stopped have left half done, and the note."""
    for half in [*folder.glob("points/.*"), *folder.glob(".*.part"), folder / OWNER]:
        if half.is_dir():
            shutil.rmtree(half, ignore_errors=True)
        else:
            with suppress(OSError):
                half.unlink()


def release_abandoned(parent: Path) -> None:
    """Clear the folders below ``parent`` whose process on this machine is gone; others may still be at work."""
    for note in parent.glob(f"*/{OWNER}"):
        try:
            owner = json.loads(note.read_text(encoding="utf-8"))
            gone = owner["host"] == socket.gethostname() and not _lives(int(owner["pid"]))
        except (OSError, ValueError, TypeError, LookupError, RecursionError):
            continue
        if gone:
            release(note.parent)


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except (OSError, OverflowError):
        return True
    return True
