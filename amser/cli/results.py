"""``amser report``, ``plot``, ``bundle`` and ``rerun``: commands that read one results folder."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from amser.cli.compare import as_dict, say_partial, show
from amser.cli.options import Force, Jobs, Json, ResultsDir, cores
from amser.console import harmless, print_json
from amser.exits import UserError
from scenarios.errors import Exit

if TYPE_CHECKING:
    from scenarios import Experiment
    from sim.study.results import Results


def report(
    results: ResultsDir,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", metavar="FILE", help="Where to write it; default: in the folder."),
    ] = None,
    checklist: Annotated[
        bool, typer.Option("--checklist", help="Write the STRESS-DES reporting checklist (Markdown) instead.")
    ] = False,
) -> int:
    """Write the HTML report of a results folder again, or its reporting checklist."""
    from amser.checklist import write_checklist
    from amser.report import write_report
    from sim.study.results import Results

    found = Results.open(results)
    say_partial(found)
    sys.stdout.write(f"{(write_checklist if checklist else write_report)(found, output)}\n")
    return Exit.DONE


def rerun(
    results: ResultsDir,
    jobs: Jobs = None,
    into: Annotated[
        Path | None,
        typer.Option("--results", metavar="DIR", help="Keep the new results here; default: nowhere."),
    ] = None,
    allow_plugins: Annotated[
        bool, typer.Option("--allow-plugins", help="Run the study's own classes without asking: they are code.")
    ] = False,
    json: Json = False,
) -> int:
    """Run a study again from its folder and compare; exit code 1 where a figure differs."""
    import tempfile

    from amser.comparison import compare as compare_results
    from sim.study.results import Results

    old = Results.open(results)
    _ = old.summary, old.resolved  # what cannot be compared need not be run again
    with tempfile.TemporaryDirectory(prefix="amser-rerun-") as place:
        # A root of its own: nothing finished earlier may be reused.
        again = _run_again(old, jobs or cores(), into or Path(place), allow_plugins)
        found = compare_results(sides := {"first": old, "second": again})
    if json:
        print_json(as_dict(found, list(sides)))
    else:
        show(found, list(sides), every=False)
    return Exit.DONE if found.identical else Exit.INVALID


def _run_again(old: Results, jobs: int, root: Path, allow_plugins: bool) -> Results:
    from amser.cli.options import progress_bar
    from amser.stored import stored_experiment
    from sim.study.experiment import run

    experiment = stored_experiment(old)
    _allow_plugins(experiment, allow_plugins)
    with progress_bar() as progress:
        return run(experiment, jobs=jobs, results_root=root, progress=progress)


def _allow_plugins(experiment: Experiment, allowed: bool) -> None:
    """A results folder may come from anybody, and the classes that it names are code: the user is asked."""
    from scenarios.plugins import classes

    named = sorted({path for p in experiment.points for path in classes(p.scenario.model_dump())})
    if not named or allowed:
        return
    told = f"this study runs code of its own, {', '.join(named)}, from {experiment.base_dir}"
    if not (sys.stdin and sys.stdin.isatty()):
        raise UserError(f"{told}; read it, then say --allow-plugins")
    typer.confirm(f"{told}. Run it?", abort=True, err=True)


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
