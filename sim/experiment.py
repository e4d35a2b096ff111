"""An experiment: every point of a scenario, replicated, in parallel, resumable, summarised."""

from __future__ import annotations

import os
import re
import signal
import sys
import traceback
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, Executor, Future, ProcessPoolExecutor, wait
from contextlib import contextmanager
from multiprocessing import get_context, parent_process
from pathlib import Path
from threading import Thread
from types import ModuleType
from typing import Any

from scenarios import Experiment
from scenarios.paths import make_importable
from sim.outcome import finish, write_manifest
from sim.precision import ask_for_more
from sim.replication import Task, replicate
from sim.results import Results
from sim.sites import Shard, assemble, discard, run_shard, shards
from sim.study import At, Study, prepare

Progress = Callable[[float, str], None]


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
        _work(study, jobs, executor, tell)
        while ask_for_more(study):
            _work(study, jobs, executor, tell)
    except KeyboardInterrupt:
        study.clear_halves()
        finish(study)
        raise Interrupted(Results(study.folder) if study.metrics else None) from None
    study.clear_halves()
    finish(study)
    return Results(study.folder)


def _work(study: Study, jobs: int, executor: Executor | None, tell: Progress) -> None:
    """Run the tasks that are left, here or in processes."""
    left = study.left()
    sites = max((t.situation.scenario.sites for t in left.values()), default=1)
    if not left:
        return
    if executor is None and (jobs <= 1 or len(left) * sites <= 1):
        for at, task in left.items():
            _one(study, at, task, _tick(tell, len(study.metrics) + len(study.failures), len(study.tasks)))
            study.stream(finish)
        return
    pool = executor or ProcessPoolExecutor(
        min(jobs, len(left) * sites), mp_context=get_context("spawn"), initializer=_begin_worker
    )
    try:
        with _anonymous_main():
            futures = _submit(pool, left, max(jobs, 1 if executor is None else 8))
        _collect(study, futures, tell)
    except KeyboardInterrupt:
        pool.shutdown(wait=False, cancel_futures=True)
        for process in list((getattr(pool, "_processes", None) or {}).values()):
            process.terminate()
        raise
    finally:
        for task in left.values():
            discard(task)
        if executor is None:
            pool.shutdown(wait=True, cancel_futures=True)


def _submit(pool: Executor, left: dict[At, Task], jobs: int) -> dict[Future[Any], tuple[At, Shard | None]]:
    """Hand out the tasks; where they are fewer than twice the workers, their sites are spread."""
    futures: dict[Future[Any], tuple[At, Shard | None]] = {}
    parts = -(-2 * jobs // len(left))
    for at, task in left.items():
        if parts > 1 and task.situation.scenario.sites > 1:
            futures.update({pool.submit(run_shard, shard): (at, shard) for shard in shards(task, parts)})
        else:
            futures[pool.submit(replicate, task)] = at, None
    return futures


def _tick(tell: Progress, done: int, total: int) -> Callable[[float], None]:
    """Progress within one run, as a share of all runs."""
    return lambda share: tell((done + share) / total, f"run {done + 1} of {total}")


def _one(study: Study, at: At, task: Task, tick: Callable[[float], None]) -> None:
    try:
        study.metrics[at] = replicate(task, tick)
    except Exception as error:
        _failed(study, at, error)


def _failed(study: Study, at: At, error: Exception) -> None:
    study.failures[study.tasks[at].folder.name] = _why(error)


def _why(error: Exception) -> str:
    """An error in one line, with the place in the code: a worker's traceback comes as the text of its cause."""
    remote = re.findall(r'File "(.+?)", line (\d+)', str(error.__cause__ or ""))
    own = [(frame.filename, frame.lineno) for frame in traceback.extract_tb(error.__traceback__)]
    places = remote or own
    where = f" ({Path(places[-1][0]).name}:{places[-1][1]})" if places else ""
    return f"{type(error).__name__}: {' '.join(str(error).split())}{where}"


def _collect(study: Study, futures: dict[Future[Any], tuple[At, Shard | None]], tell: Progress) -> None:
    """Take results as they come; a replication whose sites were spread is put together when all are there."""
    total = len(study.tasks)
    pending = set(futures)
    whole: dict[At, dict[Shard, Any]] = {at: {} for at, _ in futures.values()}
    wanted: dict[At, list[Shard]] = {}
    for at, shard in futures.values():
        if shard is not None:
            wanted.setdefault(at, []).append(shard)
    while pending:
        done, pending = wait(pending, timeout=0.5, return_when=FIRST_COMPLETED)
        for future in done:
            at, shard = futures[future]
            try:
                found = future.result()
                if shard is None:
                    _check_left(study.tasks[at])
                    study.metrics[at] = found
                    continue
                whole[at][shard] = found
                if len(whole[at]) == len(wanted[at]):
                    parts = whole.pop(at)
                    study.metrics[at] = assemble(study.tasks[at], wanted[at], [parts[s] for s in wanted[at]])
            except Exception as error:
                _failed(study, at, error)
        finished = len(study.metrics) + len(study.failures)
        tell(finished / total, f"{finished} of {total} runs done")
        study.stream(finish)


def _check_left(task: Task) -> None:
    """Raise where a worker elsewhere has left its results in a folder of its own."""
    if not task.folder.is_dir():
        raise FileNotFoundError(
            f"a worker has finished it and left nothing in {task.folder}: workers of a cluster must share this folder"
        )


@contextmanager
def _anonymous_main() -> Iterator[None]:
    """Start workers without the user's script: they need nothing of it, and it may lack a ``__main__`` guard."""
    main = sys.modules["__main__"]
    sys.modules["__main__"] = ModuleType("__main__")
    try:
        yield
    finally:
        sys.modules["__main__"] = main


def _begin_worker() -> None:
    """Ctrl-C goes to the parent, which ends the workers in order; a parent that was killed cannot, so they watch it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    parent = parent_process()
    if parent is not None:
        Thread(target=_end_with, args=(parent,), daemon=True).start()


def _end_with(parent: Any) -> None:
    parent.join()
    os._exit(1)
