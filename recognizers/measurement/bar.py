"""A bar that counts, on standard error and only where that is a terminal."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol


class Advance(Protocol):
    """Tells how far something is."""

    def __call__(self, done: int, total: int, text: str = "", /) -> None:
        """``done`` of ``total``, and what is going on."""


@contextmanager
def counting_bar(what: str, wanted: bool = True) -> Iterator[Advance]:
    """Gives a function that takes how many of how many are done."""
    if not (wanted and sys.stderr.isatty()):
        yield lambda done, total, text="": None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(what, total=None)

        def advance(done: int, total: int, text: str = "") -> None:
            bar.update(task, completed=done, total=total, description=f"{what}{text}")

        yield advance
