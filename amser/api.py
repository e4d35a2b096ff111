"""The Python interface: load a scenario, run it, open its results."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from amser.comparison import Comparison
    from scenarios import Experiment
    from sim.study.results import Results


def load(scenario: str | Path, sets: Sequence[str] = ()) -> Experiment:
    """Read a scenario file, or a ready scenario by name, with overrides such as ``devices.phones.count=80``.

    Raises ``ScenarioError``, whose text lists every fault with its file, line and column.
    """
    import scenarios

    return scenarios.load(scenario, sets)


def run(
    scenario: str | Path | Experiment,
    sets: Sequence[str] = (),
    *,
    jobs: int = 1,
    results_root: str | Path = "results",
    report: bool = False,
) -> Results:
    """Run a scenario (or an experiment that is loaded already) and return its results.

    ``jobs`` processes share the work; they import nothing of the calling script.  Replications that an earlier
    run under ``results_root`` finished are reused.  ``report=True`` also writes ``report.html`` into the results
    folder.

    Raises ``ScenarioError`` for a faulty scenario, and for one that names what is not there, before anything
    is measured; ``KeyboardInterrupt`` on Ctrl-C, when finished replications are kept.  A replication that fails
    stands in ``results.manifest["failures"]``, and ``results.complete`` is False.
    """
    from amser.rehearsal import rehearse
    from sim.study.experiment import run as run_experiment

    experiment = load(scenario, sets) if isinstance(scenario, (str, Path)) else scenario
    rehearse(experiment)
    results = run_experiment(experiment, jobs=jobs, results_root=Path(results_root))
    if report:
        from amser.report import write_report

        write_report(results)
    return results


def open_results(folder: str | Path) -> Results:
    """Open a results folder, or the newest run in a scenario's folder.

    ``.summary``, ``.uploads()`` and ``.measurements`` are pandas frames.
    Raises ``ResultsError``.
    """
    from sim.study.results import Results

    return Results.open(folder)


def compare(*studies: str | Path, baseline: Sequence[str] = ()) -> Comparison:
    """Compare results folders (``NAME=FOLDER`` names one), or the points of a single one, with a baseline.

    ``baseline`` is as in ``["study=NAME"]`` or ``["devices.phones.codec=raw"]``; by default the first study, in a
    single one its first codec, else its first point.  ``Comparison.frame()`` is a pandas frame of the differences:
    costs are paired by replication, words and emotions by utterance.

    Raises ``UserError`` for a baseline that is not there, ``ResultsError`` for a damaged folder.
    """
    from amser.comparison import compare as find
    from amser.comparison import named

    return find({name: open_results(folder) for name, folder in named([str(s) for s in studies]).items()}, baseline)


def write_report(results: Results, path: str | Path | None = None) -> Path:
    """Write the HTML report of ``results``; returns its path."""
    from amser.report import write_report as write

    return write(results, None if path is None else Path(path))
