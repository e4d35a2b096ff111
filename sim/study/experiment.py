"""An experiment: every point of a scenario, replicated, in parallel, resumable, summarised."""

from __future__ import annotations

from concurrent.futures import Executor
from pathlib import Path

from scenarios import Experiment
from scenarios.paths import make_importable
from sim.study.conclusion import finish, write_manifest
from sim.study.points import prepare
from sim.study.precision import ask_for_more
from sim.study.results import Results
from sim.study.workers import Progress, work


class Interrupted(KeyboardInterrupt):
    """Ctrl-C; ``results`` holds what was finished (None when nothing was)."""

    def __init__(self, results: Results | None) -> None:
        super().__init__("interrupted")
        self.results = results


def run(
    experiment: Experiment,
    *,
    jobs: int = 1,
    results_root: Path | str = "results",
    progress: Progress | None = None,
    cache_dir: Path | None = None,
    executor: Executor | None = None,
) -> Results:
    """Run every point of ``experiment`` and return its results folder.

    ``jobs`` processes share the work; ``executor`` (any ``concurrent.futures.Executor``) replaces them.
    ``progress`` is told the finished share and what is going on.  Replications that an earlier run under
    ``results_root`` has finished are taken from there.  Raises ``Interrupted`` on Ctrl-C.
    """
    tell = progress or (lambda share, text: None)
    for point in experiment.points:
        make_importable(point.scenario, experiment.base_dir)
    tell(0.0, "measuring")
    study = prepare(experiment, Path(results_root), cache_dir, bool(progress))
    try:
        for number in range(len(experiment.points)):
            for replication in range(experiment.replications):
                study.add(number, replication)
        write_manifest(study)
        work(study, jobs, executor, tell)
        while ask_for_more(study):
            work(study, jobs, executor, tell)
    except KeyboardInterrupt:
        study.clear_halves()
        finish(study)
        raise Interrupted(Results(study.folder) if study.metrics else None) from None
    study.clear_halves()
    finish(study)
    return Results(study.folder)
