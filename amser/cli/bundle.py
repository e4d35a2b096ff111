"""``amser bundle``: a study as one file to hand on."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from amser.cli.options import Force, ResultsDir
from amser.console import harmless
from scenarios.errors import Exit


def bundle(
    results: ResultsDir,
    output: Annotated[Path, typer.Option("--output", "-o", metavar="FILE", help="The ZIP file to write.")],
    force: Force = False,
) -> int:
    """Pack a study: scenario, inputs, figures, versions, and a README that says what regenerates each."""
    from amser.bundle import write_bundle
    from amser.cli.compare import say_partial
    from sim.study.results import Results

    found = Results.open(results)
    say_partial(found)
    for one in write_bundle(found, output, force=force):
        if one.note.startswith("NOT"):
            sys.stderr.write(f"amser: warning: {harmless(one.name)}: {one.note}\n")
    sys.stdout.write(f"{output}\n")
    return Exit.DONE
