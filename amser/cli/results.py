"""``amser report``: commands that read a results folder."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from amser.cli.options import ResultsDir
from amser.exits import Exit


def report(
    results: ResultsDir,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", metavar="FILE", help="Where to write it; default: in the folder."),
    ] = None,
) -> int:
    """Write the HTML report of a results folder again."""
    from sim.results import Results

    found = Results.open(results)
    from amser.report import write_report

    sys.stdout.write(f"{write_report(found, output)}\n")
    return Exit.DONE
