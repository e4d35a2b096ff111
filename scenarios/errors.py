"""The root of all errors that a user can cause or meet, and the exit codes that they carry.

It stands on the lowest floor, so that every floor's errors can descend from it; the command line then needs no list
of them.
"""

from __future__ import annotations

from enum import IntEnum
from typing import ClassVar


class Exit(IntEnum):
    """What the command line tells the shell (documented in docs/cli.md)."""

    DONE = 0
    INVALID = 1
    """It ran, but its figures do not hold: a verdict failed, or a repeated run differs."""
    USAGE = 2
    """The scenario or the command line is wrong."""
    MISSING = 3
    """A file, a model or a dependency is missing."""
    FAILED = 4
    """A point of the sweep failed; the finished ones are kept."""
    DEFECT = 70
    """An error that nobody foresaw; its traceback is shown."""
    INTERRUPTED = 130
    """Stopped by Ctrl-C; finished points are kept."""
    PIPE_CLOSED = 141
    """The reader of the output went away (`amser list | head`)."""


class AmserError(Exception):
    """An error whose text is all that a user needs: what is wrong, where, and the remedy.

    Whoever catches it prints the text without a traceback and ends with ``exit_code``.  Errors that validators of
    scenarios raise are ``ValueError`` as well, which is what pydantic collects.
    """

    exit_code: ClassVar[Exit] = Exit.USAGE
