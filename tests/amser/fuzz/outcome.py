"""What a command came to: any exit code but that of a defect."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Callable
from typing import Any, TypeAlias

from hypothesis import strategies as st

from amser.cli.main import run

Draw: TypeAlias = Callable[[st.SearchStrategy[Any]], Any]


def outcome(*command: object) -> int:
    """The exit code of a command, whose output nobody reads; a traceback is shown with what led to it."""
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = run([str(part) for part in command])
    assert code != 70, err.getvalue()[-3000:]
    return code
