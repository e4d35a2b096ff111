"""Entry point: runs a command, and turns whatever it raises into one message and an exit code."""

from __future__ import annotations

import functools
import io
import os
import sys
from collections.abc import Callable, Sequence
from typing import NoReturn

from amser.console import harmless
from amser.exits import describe, exit_code_of
from scenarios.errors import Exit


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run ``arguments`` (default: those of the process) and end the process with its exit code."""
    # Started with its output closed (`>&-`), a process has None in their places.
    sys.stdout = sys.stdout or open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115
    sys.stderr = sys.stderr or open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115
    for stream in (sys.stdout, sys.stderr):
        # A terminal of few characters shows a question mark for the others; it is no reason to fail.
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")
    code = run(arguments)
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        code = Exit.PIPE_CLOSED
    if code == Exit.PIPE_CLOSED:
        # Python flushes again at exit; without a reader that would print an error.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    raise SystemExit(int(code))


def run(arguments: Sequence[str] | None = None) -> int:
    """Run one command line and return its exit code; messages go to standard error."""
    try:
        result = _commands()(args=None if arguments is None else list(arguments), standalone_mode=False)
        return int(result) if isinstance(result, int) else Exit.DONE
    except SystemExit as error:
        # typer ends the process itself where the reader of its output went away.
        return Exit.PIPE_CLOSED if isinstance(error.__context__, BrokenPipeError) else _status(error)
    except Exception as error:
        return _failed(error)
    except KeyboardInterrupt:
        sys.stderr.write("\namser: interrupted\n")
        return Exit.INTERRUPTED


@functools.cache
def _commands() -> Callable[..., object]:
    """All commands with their options, made once a process: typer makes them anew for every call of its own."""
    from typer.main import get_command

    from amser.cli.app import app

    return get_command(app)


def _status(error: SystemExit) -> int:
    return error.code if isinstance(error.code, int) else Exit.DONE


def _failed(error: Exception) -> int:
    # A fault of the command line itself, in whatever package typer keeps its parser.
    if hasattr(error, "format_message") and hasattr(error, "exit_code"):
        error.show()  # type: ignore[attr-defined]
        return Exit.USAGE
    if type(error).__name__ == "Abort":
        return Exit.INTERRUPTED
    code = exit_code_of(error)
    place = _plugin_at_fault(error) if code is Exit.DEFECT else ""
    if place:
        told = f"{place}: a plugin of the scenario failed: {type(error).__name__}: {error}"
        sys.stderr.write(f"amser: {harmless(told)}\n")
        return Exit.FAILED
    if code is Exit.DEFECT:
        import traceback

        traceback.print_exc()
        sys.stderr.write("\namser: this is a defect of the testbed; please report it with the lines above\n")
    elif code is not Exit.PIPE_CLOSED:
        sys.stderr.write(f"amser: {harmless(describe(error))}\n")
    return code


def _plugin_at_fault(error: Exception) -> str:
    """File and line of the user's own class that raised ``error``; empty where none did."""
    plugins = sys.modules.get("scenarios.plugins")  # where it is not loaded, no plugin is
    return str(plugins.blamed(error)) if plugins else ""


if __name__ == "__main__":
    main()
