"""``amser report``, ``compare`` and ``rerun``: commands that read results folders."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from amser.cli.fidelity import compare_stages
from amser.cli.options import Json, ResultsDir, cores
from amser.console import harmless
from amser.exits import UserError
from scenarios.errors import Exit

if TYPE_CHECKING:
    from amser.comparison import Comparison
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


def compare(
    first: ResultsDir,
    second: Annotated[Path, typer.Argument(metavar="RESULTS", help="The other results folder.")],
    every: Annotated[bool, typer.Option("--all", help="Show every metric, not only those that differ.")] = False,
    json: Json = False,
) -> int:
    """Compare two studies: what differs in their inputs, then in their figures; observed ones by stage."""
    from amser.comparison import compare as compare_results
    from sim.study.results import Results

    sides = Results.open(first), Results.open(second)
    say_partial(*sides)
    if any("observed" in side.manifest for side in sides):
        return compare_stages(sides, json)
    found = compare_results(*sides)
    if json:
        from amser.console import print_json

        print_json(_as_dict(found))
    else:
        _print(found, every)
    return Exit.DONE


def rerun(
    results: ResultsDir,
    jobs: Annotated[
        int | None,
        typer.Option("--jobs", "-j", min=1, help="Processes that share the work; default: all cores."),
    ] = None,
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
        found = compare_results(old, again)
    if json:
        from amser.console import print_json

        print_json(_as_dict(found))
    else:
        _print(found, every=False)
    return Exit.DONE if found.identical else Exit.INVALID


def say_partial(*studies: Results) -> None:
    """Warn of studies that are not whole."""
    for found in studies:
        if found.partial:
            sys.stderr.write(f"amser: warning: {harmless(f'{found.folder}: {found.partial}')}\n")


def _run_again(old: Results, jobs: int, root: Path, allow_plugins: bool) -> Results:
    from amser.cli.progress import progress_bar
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


def _print(found: Comparison, every: bool) -> None:
    from amser.console import Table
    from amser.verdict import in_points

    rows = [[key, str(a), str(b)] for key, (a, b) in found.inputs.items()]
    Table(["input", "first", "second"], rows, title="inputs that differ:").print() if rows else sys.stdout.write(
        "the inputs are the same\n"
    )
    body = []
    for d in found.differences:
        if every or not d.same:
            change = in_points(d.gap) if d.gap else f"{d.relative:+.2%}" if d.relative == d.relative else ""
            verdict = "same" if d.same else "apart" if d.apart else "within intervals"
            label = ", ".join(map(str, d.point)) or "the scenario"
            basis = (d.gap or d.second).basis
            body.append([label, d.metric, f"{d.first.mean:.6g}", f"{d.second.mean:.6g}", change, verdict, basis])
    sys.stdout.write("\n")
    if body:
        columns = ["point", "metric", "first", "second", "change", "verdict", "over"]
        Table(columns, body, right=frozenset({2, 3, 4}), title="figures:").print()
    for side, points in (("first", found.only_first), ("second", found.only_second)):
        for point in points:
            sys.stdout.write(f"only in the {side}: {harmless(', '.join(map(str, point)))}\n")
    same = sum(d.same for d in found.differences)
    sys.stdout.write(f"{same} of {len(found.differences)} figures are equal to the last digit\n")


def _as_dict(found: Comparison) -> dict[str, Any]:
    return {
        "identical": found.identical,
        "inputs": {key: {"first": a, "second": b} for key, (a, b) in found.inputs.items()},
        "figures": [
            {
                "point": list(d.point),
                "metric": d.metric,
                "first": d.first._asdict(),
                "second": d.second._asdict(),
                "difference": d.gap._asdict() if d.gap else None,
                "same": d.same,
                "apart": d.apart,
            }
            for d in found.differences
        ],
        "only_first": [list(p) for p in found.only_first],
        "only_second": [list(p) for p in found.only_second],
    }
