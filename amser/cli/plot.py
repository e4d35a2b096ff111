"""``amser plot``: a figure for a paper."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from amser.cli.options import Force
from scenarios.errors import Exit


def plot(
    results: Annotated[
        Path,
        typer.Argument(metavar="RESULTS", help="A results folder; for --figure capacity a file of `amser capacity`."),
    ],
    output: Annotated[Path, typer.Option("--output", "-o", metavar="FILE", help="Where to: .pdf, .svg or .png.")],
    x: Annotated[str, typer.Option("--x", metavar="COLUMN", help="A swept key or a metric.")] = "",
    y: Annotated[list[str] | None, typer.Option("--y", metavar="METRIC", help="Repeatable: a panel each.")] = None,
    by: Annotated[
        list[str] | None, typer.Option("--by", metavar="KEY", help="A line for each value; repeatable.")
    ] = None,
    where: Annotated[
        list[str] | None, typer.Option("--where", metavar="KEY=VALUE", help="Draw these points only; repeatable.")
    ] = None,
    figure: Annotated[
        str,
        typer.Option("--figure", metavar="NAME", help="tradeoff, latency, energy or capacity, instead of --x and --y."),
    ] = "",
    width: Annotated[str, typer.Option(metavar="WIDTH", help="column (3.5 in) or page (7.16 in).")] = "column",
    log: Annotated[str, typer.Option(metavar="AXES", help="auto, none, x, y or xy.")] = "auto",
    pareto: Annotated[bool, typer.Option("--pareto", help="Draw the Pareto front.")] = False,
    force: Force = False,
) -> int:
    """Draw a study for a paper: metrics against swept keys or each other, or a standard figure."""
    from amser.plots import plot as draw
    from sim.study.results import Results

    found: Results | Path = results
    if figure != "capacity":
        from amser.cli.compare import say_partial

        found = Results.open(results)
        say_partial(found)
    ys, groups, points = y or (), by or (), where or ()
    looks: dict[str, str] = {"figure": figure, "width": width, "log": log}
    draw(found, output, x=x, y=ys, by=groups, where=points, pareto=pareto, force=force, **looks)
    sys.stdout.write(f"{output}\n")
    return Exit.DONE
