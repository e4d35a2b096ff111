"""Which version of the project a run was made with, and which commit where it is run from a Git checkout."""

from __future__ import annotations

import functools
import hashlib
import os
import re
import subprocess
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parents[2]
TIMEOUT_S = 10.0


def version_of(root: Path = HERE) -> str:
    """The version of the code that runs, as the build reads it: packages on a path are in no list of installed ones."""
    found = re.search(r'^__version__ = "([^"]+)"', (root / "amser" / "version.py").read_text(encoding="utf-8"), re.M)
    return found.group(1) if found else "unknown"


@functools.cache
def source_of(root: Path = HERE) -> dict[str, Any]:
    """The commit of the checkout at `root`, and its changed files with the SHA-256 of their diff.

    Empty where the project is installed rather than checked out, or Git is missing. Looked up once in a process: what
    runs is what was imported. Files that Git does not track are not seen.
    """
    top = _git(root, "rev-parse", "--show-toplevel")
    if top is None or Path(top.decode().strip()).resolve() != root:
        return {}  # also where an installed copy lies inside the user's own repository
    commit, diff = _git(root, "rev-parse", "HEAD"), _git(root, "diff", "--no-ext-diff", "--binary", "HEAD")
    if commit is None or diff is None:
        return {}
    found: dict[str, Any] = {"commit": commit.decode().strip()}
    if diff:
        names = _git(root, "diff", "--no-ext-diff", "--name-only", "HEAD") or b""
        found |= {"changed": names.decode().splitlines(), "diff_sha256": hashlib.sha256(diff).hexdigest()}
    return found


def _git(root: Path, *arguments: str) -> bytes | None:
    """What Git prints; None where it fails. A caller's own GIT_DIR (in a hook) is not meant."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    environment["GIT_OPTIONAL_LOCKS"] = "0"
    try:
        done = subprocess.run(
            ["git", "-C", str(root), *arguments],
            env=environment,
            capture_output=True,
            stdin=subprocess.DEVNULL,
            timeout=TIMEOUT_S,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout if done.returncode == 0 else None
