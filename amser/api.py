"""The Python interface: load a scenario, run it, open its results."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from amser.advice import Advice
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


def write_report(results: Results, path: str | Path | None = None) -> Path:
    """Write the HTML report of ``results``; returns its path."""
    from amser.report import write_report as write

    return write(results, None if path is None else Path(path))


def plot(
    results: Results | str | Path,
    output: str | Path | None = None,
    *,
    x: str = "",
    y: str | Sequence[str] = (),
    by: str | Sequence[str] = (),
    where: Sequence[str] = (),
    figure: str = "",
    width: str = "column",
    log: str = "auto",
    pareto: bool = False,
    force: bool = False,
) -> Figure:
    """Draw a study for a paper and, with ``output``, write it as PDF, SVG or PNG; returns the matplotlib figure.

    Either ``x`` and ``y``, swept keys or metrics (several ``y`` give several panels), with a line for each value of
    ``by``; or a standard ``figure``: ``tradeoff``, ``latency``, ``energy``, or ``capacity`` (``results`` is then the
    file that ``amser capacity --json`` wrote).  ``where`` picks points, as in ``["devices.phones.count=40"]``.
    ``width`` is that of a ``column`` (3.5 in) or of a ``page`` (7.16 in); ``log`` names the logarithmic axes (``x``,
    ``y``, ``xy``, ``none``; ``auto`` where values span much), ``pareto`` draws the front.

    Raises ``UserError`` for an unknown name or a file that exists (``force`` replaces it) and ``ResultsError`` for a
    damaged folder.
    """
    from amser.plots import plot as draw

    return draw(
        results, output, x=x, y=y, by=by, where=where, figure=figure, width=width, log=log, pareto=pareto, force=force
    )


def advise(
    lengths_s: Sequence[float] = (2.1, 6.2, 13.0),
    *,
    uplink: str = "5 Mbit/s",
    rtt: str = "50 ms",
    radio: str = "lte-2021",
    profile: str = "pixel-8",
    corpus: str = "librispeech",
    model: str = "tiny.en",
    budget: float = 0.01,
    goal: str = "energy",
    sets: Sequence[str] = (),
) -> Advice:
    """How to send clips of ``lengths_s`` seconds over a link of one's own, far from any other upload.

    ``budget`` is the word error rate that may be lost against uncompressed audio, as a fraction; ``corpus`` and
    ``model`` name a measured table; ``goal`` is what to minimize: ``energy``, ``latency`` or ``bytes``.  ``sets``
    changes any key of the scenario behind it, ``amser/data/advice.yaml``, such as ``cells.uplink.transport=udp``.

    ``Advice.frame()`` is a pandas frame, ``Advice.pick(6.2)`` the codec to take for clips of 6.2 s.
    Raises ``UserError``, ``ScenarioError``, and ``MissingError`` where no table is measured.
    """
    from amser.advice import advise as find

    return find(
        lengths_s, uplink=uplink, rtt=rtt, radio=radio, profile=profile, corpus=corpus, model=model, budget=budget,
        goal=goal, sets=sets,
    )  # fmt: skip
