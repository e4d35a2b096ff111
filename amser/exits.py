"""Errors of the command line's own, and what every error tells the shell and the user.

Ours carry their exit code (``scenarios.errors``); only Python's own are listed here.
"""

from __future__ import annotations

import errno

from scenarios.errors import AmserError, Exit


class UserError(AmserError):
    """A mistake in how the command line or the Python interface was used; the text says the remedy."""


class Stopped(AmserError):
    """Ctrl-C, carried past the command-line parser, which would otherwise swallow what was kept."""

    exit_code = Exit.INTERRUPTED

    def __init__(self, folder: object = None) -> None:
        kept = f"; what was finished is kept in {folder}, the same command goes on" if folder else ""
        super().__init__(f"interrupted{kept}")


class MissingError(AmserError):
    """Something that a command needs is not there; the text says how to get it."""

    exit_code = Exit.MISSING


# A missing module of these is no missing dependency but a broken installation.
OWN = frozenset({"amser", "sim", "recognizers", "devices", "channel", "scenarios"})

_BUILT_IN: tuple[tuple[type[BaseException], Exit], ...] = (
    (FileExistsError, Exit.USAGE),
    (FileNotFoundError, Exit.MISSING),
    (NotADirectoryError, Exit.MISSING),
    (IsADirectoryError, Exit.MISSING),
    (PermissionError, Exit.MISSING),
    (ImportError, Exit.MISSING),
    (MemoryError, Exit.FAILED),
    (BrokenPipeError, Exit.PIPE_CLOSED),
    (KeyboardInterrupt, Exit.INTERRUPTED),
)


def exit_code_of(error: BaseException) -> Exit:
    """The exit code for ``error``; a defect where nobody foresaw it."""
    if isinstance(error, AmserError):
        return error.exit_code
    if isinstance(error, ImportError) and (error.name or "").split(".")[0] in OWN:
        return Exit.DEFECT
    if type(error) is OSError and error.errno is not None:
        return Exit.MISSING  # the disk is full, read-only or failing: nothing of ours
    return next((code for kind, code in _BUILT_IN if isinstance(error, kind)), Exit.DEFECT)


def describe(error: BaseException) -> str:
    """One clear message for a user: what, where, and the remedy where the error knows it."""
    if isinstance(error, ModuleNotFoundError) and error.name:
        package = error.name.split(".")[0]
        return f"{package} is not installed: pip install {package}"
    if isinstance(error, OSError) and error.filename is not None and error.strerror:
        full = error.errno in (errno.ENOSPC, errno.EDQUOT)
        remedy = "; free some space on that disk, then the same command goes on" if full else ""
        return f"{error.filename}: {error.strerror}{remedy}"
    if isinstance(error, MemoryError):
        return f"not enough memory ({error}): fewer devices, sites or --jobs need less".replace(" ()", "")
    return str(error) or type(error).__name__
