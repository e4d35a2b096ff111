"""Progress of a run on standard error, and only where that is a terminal."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager


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
