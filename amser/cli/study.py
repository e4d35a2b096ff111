"""``amser run``: run a scenario, print its figures, write its report."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from amser.cli.options import Json, ScenarioName, Sets, cores
from amser.exits import Exit, MissingError

if TYPE_CHECKING:
    from concurrent.futures import Executor

    from sim.results import Results

SCHEDULER_ANSWERS_WITHIN = "10s"


def run(
    scenario: ScenarioName,
    sets: Sets = None,
    replications: Annotated[
        int | None,
        typer.Option("--replications", "-r", min=1, help="Runs of each point; finished ones are reused."),
    ] = None,
    seed: Annotated[int | None, typer.Option(min=0, help="Seed of all random numbers.")] = None,
    jobs: Annotated[
        int | None,
        typer.Option("--jobs", "-j", min=1, help="Processes that share the work; default: all cores."),
    ] = None,
    cluster: Annotated[
        str | None,
        typer.Option(metavar="ADDRESS", help="A Dask scheduler that runs the points instead (extra `cluster`)."),
    ] = None,
    results: Annotated[Path, typer.Option("--results", metavar="DIR", help="Where results folders go.")] = Path(
        "results"
    ),
    report: Annotated[bool, typer.Option(help="Write report.html into the results folder.")] = True,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress, no warnings.")] = False,
    json: Json = False,
) -> int:
    """Run every point of a scenario; print its figures, write its results folder and report."""
    import scenarios

    assignments = list(sets or ())
    assignments += [f"sweep.replications={replications}"] if replications is not None else []
    assignments += [f"seed={seed}"] if seed is not None else []
    experiment = scenarios.load(scenario, assignments)

    from amser.cli.progress import progress_bar
    from amser.rehearsal import rehearse
    from sim.experiment import run as run_experiment

    # Measuring takes minutes; what is missing should be found before it.
    rehearse(experiment)
    with progress_bar(not quiet) as progress, cluster_executor(cluster) as executor:
        found = run_experiment(
            experiment, jobs=jobs or cores(), results_root=results, progress=progress, executor=executor
        )
    return finish(found, report=report, quiet=quiet, json=json)


@contextmanager
def cluster_executor(address: str | None) -> Iterator[Executor | None]:
    """The workers of a Dask cluster behind the standard interface; None without an address."""
    if address is None:
        yield None
        return
    try:
        from distributed import Client
    except ModuleNotFoundError:
        raise MissingError("--cluster needs the extra `cluster`: pip install 'amser[cluster]'") from None
    try:
        client = Client(address, timeout=SCHEDULER_ANSWERS_WITHIN)
    except ValueError as error:
        raise MissingError(f"--cluster: {address} is no address of a Dask scheduler: {error}") from None
    except Exception:
        # Refused, too late, or another service that answers in its own protocol: what to do about it is the same.
        raise MissingError(
            f"--cluster: no Dask scheduler answers at {address}; start one with `dask scheduler`, it prints its address"
        ) from None
    with client:
        # Replications are not pure functions of their arguments to Dask: they write their folders.
        yield client.get_executor(pure=False)


def finish(found: Results, *, report: bool, quiet: bool, json: bool) -> int:
    """Print what a run gave and return its exit code."""
    from amser.summary import gathered, named_failures

    failures = found.manifest.get("failures")
    page = None
    if report and (found.folder / "summary.csv").is_file():
        from amser.report import write_report

        page = write_report(found)
    if json:
        _print_json(found, page)
    else:
        _print_table(found, page)
    if not quiet:
        for warning in gathered(found.manifest.get("warnings") or ()):
            sys.stderr.write(f"amser: warning: {warning}\n")
    for run_name, why in named_failures(found.manifest).items():
        sys.stderr.write(f"amser: {run_name} failed: {why}\n")
    return Exit.FAILED if failures else Exit.DONE if valid(found) else Exit.INVALID


def valid(found: Results) -> bool:
    """Whether every point ran and answered at least one upload."""
    from amser.summary import Summary

    if not found.complete:
        return False
    summary = Summary(found.summary, found.parameters)
    return all(summary.get(point, "latency_mean_s") for point in summary.points)


def _print_table(found: Results, page: Path | None) -> None:
    from amser.report.study import Study
    from amser.verdict import sentence

    if found.partial:
        sys.stdout.write(f"{found.partial}\n\n")
    if (found.folder / "summary.csv").is_file():
        view = Study(found).view
        view.summary.overview().print()
        for part in view.slices[:1]:
            text = sentence(view, part)
            sys.stdout.write(f"\n{text}\n" if text else "")
    sys.stdout.write(f"\nresults  {found.folder}\n")
    if page is not None:
        sys.stdout.write(f"report   {page}\n")


def _print_json(found: Results, page: Path | None) -> None:
    from amser.tables import print_json

    manifest: dict[str, Any] = found.manifest
    has = (found.folder / "summary.csv").is_file()
    print_json(
        {
            "folder": found.folder,
            "report": page,
            "complete": found.complete,
            "partial": found.partial,
            "warnings": manifest.get("warnings") or [],
            "failures": manifest.get("failures") or {},
            "parameters": found.parameters,
            "summary": found.summary.to_dict(orient="records") if has else [],
        }
    )
