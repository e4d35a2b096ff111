"""Exit codes of the command line, and the one place where errors are mapped to them.

Errors are matched by their qualified name, so that naming one here imports none of the floors below.
"""

from __future__ import annotations

import errno
from enum import IntEnum


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


class UserError(Exception):
    """A mistake in how the command line or the Python interface was used; the text says the remedy."""


class Stopped(Exception):
    """Ctrl-C, carried past the command-line parser, which would otherwise swallow what was kept."""

    def __init__(self, folder: object = None) -> None:
        kept = f"; what was finished is kept in {folder}, the same command goes on" if folder else ""
        super().__init__(f"interrupted{kept}")


class MissingError(Exception):
    """Something that a command needs is not there; the text says how to get it."""


# A missing module of these is no missing dependency but a broken installation.
OWN = frozenset({"amser", "sim", "recognizers", "devices", "channel", "scenarios"})

_CODES: dict[str, Exit] = {
    "amser.exits.UserError": Exit.USAGE,
    "amser.exits.Stopped": Exit.INTERRUPTED,
    "amser.exits.MissingError": Exit.MISSING,
    "amser.rehearsal.PartsMissing": Exit.MISSING,
    "scenarios.faults.ScenarioError": Exit.USAGE,
    "scenarios.textfile.TextFileError": Exit.USAGE,
    "scenarios.plugins.PluginError": Exit.USAGE,
    "channel.codecs.base.CodecError": Exit.USAGE,
    "channel.mel.AudioError": Exit.USAGE,
    "channel.links.errors.LinkError": Exit.USAGE,
    "devices.errors.DeviceError": Exit.USAGE,
    "recognizers.corpora.types.CorpusError": Exit.MISSING,
    "recognizers.emotion.types.EmotionError": Exit.MISSING,
    "recognizers.measurement.store.CacheError": Exit.MISSING,
    "recognizers.measurement.measured.NoTable": Exit.MISSING,
    "recognizers.measurement.work.MeasurementError": Exit.FAILED,
    "recognizers.service.calibration.CalibrationError": Exit.MISSING,
    "recognizers.speech.engines.EngineMissing": Exit.MISSING,
    "recognizers.speech.pack.PackError": Exit.MISSING,
    "recognizers.whisper.checkpoints.errors.ModelUnavailable": Exit.MISSING,
    "recognizers.whisper.options.DecodingOptionError": Exit.USAGE,
    "recognizers.whisper.recogniser.MelShapeError": Exit.USAGE,
    "recognizers.whisper.nano.NanoFormatError": Exit.MISSING,
    "recognizers.sphinx.SphinxUnavailable": Exit.MISSING,
    "sim.parcel.OtherCodeError": Exit.FAILED,
    "sim.results.ResultsError": Exit.MISSING,
    "sim.workers.WorkersLost": Exit.FAILED,
    "builtins.FileExistsError": Exit.USAGE,
    "builtins.FileNotFoundError": Exit.MISSING,
    "builtins.NotADirectoryError": Exit.MISSING,
    "builtins.IsADirectoryError": Exit.MISSING,
    "builtins.PermissionError": Exit.MISSING,
    "builtins.ImportError": Exit.MISSING,
    "builtins.MemoryError": Exit.FAILED,
    "builtins.BrokenPipeError": Exit.PIPE_CLOSED,
    "builtins.KeyboardInterrupt": Exit.INTERRUPTED,
}


def exit_code_of(error: BaseException) -> Exit:
    """The exit code for ``error``: that of the nearest class in its ancestry that is listed above."""
    if isinstance(error, ImportError) and (error.name or "").split(".")[0] in OWN:
        return Exit.DEFECT
    if type(error) is OSError and error.errno is not None:
        return Exit.MISSING  # the disk is full, read-only or failing: nothing of ours
    for cls in type(error).__mro__:
        code = _CODES.get(f"{cls.__module__}.{cls.__qualname__}")
        if code is not None:
            return code
    return Exit.DEFECT


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
