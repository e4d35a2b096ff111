"""``amser run``: run a scenario, print its figures, write its report."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from amser.cli.options import Jobs, Json, Quiet, Report, ResultsRoot, ScenarioName, Sets, cores
from amser.console import harmless, print_json
from scenarios.errors import Exit

if TYPE_CHECKING:
    from sim.study.results import Results


def run(
    scenario: ScenarioName,
    sets: Sets = None,
    replications: Annotated[
        int | None,
        typer.Option("--replications", "-r", min=1, help="Runs of each point; finished ones are reused."),
    ] = None,
    seed: Annotated[int | None, typer.Option(min=0, help="Seed of all random numbers.")] = None,
    engine: Annotated[
        str | None, typer.Option(metavar="NAME", help="auto, simpy or compiled; the figures are the same.")
    ] = None,
    jobs: Jobs = None,
    cluster: Annotated[
        str | None,
        typer.Option(
            metavar="ADDRESS",
            help="A Dask scheduler that runs the points instead (extra `cluster`); `local` starts one here.",
        ),
    ] = None,
    tls_ca: Annotated[Path | None, typer.Option(metavar="FILE", help="Authority of the cluster.")] = None,
    tls_cert: Annotated[Path | None, typer.Option(metavar="FILE", help="Certificate shown to the cluster.")] = None,
    tls_key: Annotated[Path | None, typer.Option(metavar="FILE", help="Key of that certificate.")] = None,
    workers_within: Annotated[
        float, typer.Option(metavar="SECONDS", min=1.0, help="How long to wait for a cluster's first worker.")
    ] = 300.0,
    results: ResultsRoot = Path("results"),
    report: Report = True,
    quiet: Quiet = False,
    json: Json = False,
) -> int:
    """Run every point of a scenario; print its figures, write its results folder and report."""
    import scenarios

    assignments = list(sets or ())
    assignments += [f"sweep.replications={replications}"] if replications is not None else []
    assignments += [f"seed={seed}"] if seed is not None else []
    assignments += [f"engine={engine}"] if engine is not None else []
    experiment = scenarios.load(scenario, assignments)

    from amser.cli.options import progress_bar
    from amser.cluster import Certificates, cluster_executor
    from amser.rehearsal import rehearse
    from sim.study.experiment import run as run_experiment

    # Measuring takes minutes; what is missing should be found before it.
    rehearse(experiment)
    jobs = jobs or cores()
    tls = Certificates(tls_ca, tls_cert, tls_key)
    with cluster_executor(cluster, jobs, tls, workers_within) as executor, progress_bar(not quiet) as progress:
        found = run_experiment(experiment, jobs=jobs, results_root=results, progress=progress, executor=executor)
    return finish(found, report=report, quiet=quiet, json=json)


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
            sys.stderr.write(f"amser: warning: {harmless(warning)}\n")
    alike: dict[str, list[str]] = {}
    for run_name, why in named_failures(found.manifest).items():
        alike.setdefault(why, []).append(run_name)
    for why, names in alike.items():
        more = f" and {len(names) - 1} more" if len(names) > 1 else ""
        sys.stderr.write(f"amser: {harmless(names[0])}{more} failed: {harmless(why)}\n")
    return Exit.FAILED if failures else Exit.DONE if valid(found) else Exit.INVALID


def valid(found: Results) -> bool:
    """Whether every point ran and answered at least one upload."""
    from amser.summary import Summary

    if not found.complete:
        return False
    summary = Summary(found.summary, found.parameters)
    return all(summary.get(point, "latency_mean_s") for point in summary.points)


def _print_table(found: Results, page: Path | None) -> None:
    from amser.report.material import Study
    from amser.verdict import sentence

    if found.partial:
        sys.stdout.write(f"{found.partial}\n\n")
    if (found.folder / "summary.csv").is_file():
        study = Study(found)
        view = study.view
        view.summary.overview().print()
        if (told := view.told()) is not None:
            sys.stdout.write(f"\n{harmless(sentence(view, told[0], study.paired(told[0])))}\n")
    sys.stdout.write(f"\nresults  {found.folder}\n")
    if page is not None:
        sys.stdout.write(f"report   {page}\n")


def _print_json(found: Results, page: Path | None) -> None:
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
