"""Options that several commands share."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from amser.exits import MissingError, UserError

ScenarioName = Annotated[
    str, typer.Argument(metavar="SCENARIO", help="A scenario file, or a name of `amser list scenarios`.")
]
Sets = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        "-s",
        metavar="KEY=VALUE",
        help="Override a key, such as devices.phones.count=80; repeatable.",
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")]
ResultsDir = Annotated[
    Path, typer.Argument(metavar="RESULTS", help="A results folder, or a scenario's folder (its newest run).")
]
Jobs = Annotated[
    int | None, typer.Option("--jobs", "-j", min=1, help="Processes that share the work; default: all cores.")
]
ResultsRoot = Annotated[Path, typer.Option("--results", metavar="DIR", help="Where results folders go.")]
Report = Annotated[bool, typer.Option(help="Write report.html into the results folder.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="No progress, no warnings.")]
Force = Annotated[bool, typer.Option("--force", help="Replace a file that exists.")]
Limit = Annotated[int | None, typer.Option(min=1, help="Use only this many utterances.")]


def cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def check_device(option: str, device: str) -> None:
    """A device that PyTorch does not know or cannot reach is a mistake of the command, or of the machine."""
    import torch

    if not re.fullmatch(r"cpu|cuda(:\d+)?", device):
        raise UserError(f"{option} {device}: write cpu, cuda, or cuda:1 for the second")
    if device != "cpu" and int(device.partition(":")[2] or 0) >= torch.cuda.device_count():
        raise MissingError(f"{option} {device}: PyTorch sees {torch.cuda.device_count()} CUDA devices here")


@contextmanager
def progress_bar(wanted: bool = True) -> Iterator[Callable[[float, str], None] | None]:
    """Gives a function that takes the finished share and what is going on; None without a terminal.

    The bar appears with the first step after measuring, which draws a bar of its own.
    """
    if not wanted or not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
    bar = Progress(*columns, console=Console(stderr=True), transient=True)
    task = bar.add_task("simulating", total=1.0)
    started = False

    def tell(share: float, text: str) -> None:
        nonlocal started
        if not started and text == "measuring":
            return
        if not started:
            bar.start()
            started = True
        bar.update(task, completed=share, description=text)

    try:
        yield tell
    finally:
        if started:
            bar.stop()


def choice(what: str, given: str, known: Sequence[str]) -> None:
    """Raises ``UserError`` where ``given`` is not among the known words."""
    from scenarios.validation import suggest

    if given not in known:
        raise UserError(f"{what} '{given}'{suggest(given, list(known))}")
