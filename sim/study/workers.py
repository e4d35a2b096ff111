"""The tasks of a study in processes or on a cluster: handed out, collected, and done again where a worker died."""

from __future__ import annotations

import re
import sys
import traceback
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from concurrent.futures import (
    FIRST_COMPLETED,
    BrokenExecutor,
    CancelledError,
    Executor,
    Future,
    wait,
)
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any

from scenarios.errors import AmserError, Exit
from sim.study.conclusion import finish
from sim.study.parcel import Parcel, deliver, stamp
from sim.study.points import At, Study
from sim.study.replication import Task, replicate
from sim.study.sealed import Pool
from sim.study.sites import Shard, assemble, discard, shards

Progress = Callable[[float, str], None]
POLL_S = 0.5
KILLED = (
    "a worker process was killed from outside, and again when its work was tried once more; most often the memory is "
    "full: try fewer --jobs"
)


class WorkersLost(AmserError):
    """A cluster that can do no more work; the text says why and what to do."""

    exit_code = Exit.FAILED


class Watched(Executor, ABC):
    """An executor that can say how its workers are."""

    @abstractmethod
    def watch(self) -> str:
        """What hinders the work, in words; empty where nothing does.  Raises ``WorkersLost``."""


def work(study: Study, jobs: int, executor: Executor | None, tell: Progress) -> None:
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
    if executor is not None:
        for at in _round(study, left, executor, max(jobs, 8), tell):
            study.failures[study.tasks[at].folder.name] = "the workers of the executor were killed"
        return
    broken = _in_processes(study, left, jobs, tell)
    if broken:
        # Half of the processes have twice the memory each.
        tell(0.0, "a worker process was killed; its work is done again")
        study.notes.append(
            f"a worker process was killed from outside (is the memory full?): {len(broken)} replications were run again"
        )
        for at in _in_processes(study, broken, max(1, jobs // 2), tell):
            study.failures[study.tasks[at].folder.name] = KILLED


def _in_processes(study: Study, left: dict[At, Task], jobs: int, tell: Progress) -> dict[At, Task]:
    """Run tasks in a pool of their own; what is left undone because one of its processes was killed."""
    sites = max(t.situation.scenario.sites for t in left.values())
    pool = Pool(min(jobs, len(left) * sites))
    try:
        with _anonymous_main():
            return _round(study, left, pool, jobs, tell)
    except KeyboardInterrupt:
        pool.shutdown(wait=False, cancel_futures=True)
        for process in list((getattr(pool, "_processes", None) or {}).values()):
            process.terminate()
        raise
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _round(study: Study, left: dict[At, Task], pool: Executor, jobs: int, tell: Progress) -> dict[At, Task]:
    """Hand ``left`` out once and collect it; what is left undone because workers died."""
    handed: dict[Future[Any], Parcel] = {}
    at_of = {task.folder: at for at, task in left.items()}
    try:
        try:
            for parcel in _parcels(left, jobs):
                handed[pool.submit(deliver, parcel)] = parcel
        except BrokenExecutor:
            return left
        collected = _Collected(study, at_of, list(handed.values()))
        _collect(collected, handed, pool, tell)
    except WorkersLost as error:
        for at, task in study.left().items():
            if at in left:
                study.failures[task.folder.name] = str(error)
        return {}
    finally:
        for future in handed:
            future.cancel()
        for task in left.values():
            discard(task)
    return {at: task for at, task in study.left().items() if at in left}


def _parcels(left: dict[At, Task], jobs: int) -> Iterator[Parcel]:
    """The tasks; where they are fewer than twice the workers, their sites are spread."""
    mine = stamp()
    parts = -(-2 * jobs // len(left))
    for task in left.values():
        if parts > 1 and task.situation.scenario.sites > 1:
            yield from (Parcel(shard, mine) for shard in shards(task, parts))
        else:
            yield Parcel(task, mine)


@dataclass
class _Collected:
    """What has come back; a replication whose sites were spread is put together when all are there."""

    study: Study
    at_of: dict[Path, At]
    parcels: list[Parcel]
    parts: dict[At, dict[int, Any]] = field(default_factory=dict)

    def take(self, parcel: Parcel, found: Any) -> None:
        """One more result."""
        task = parcel.task
        at = self.at_of[task.folder]
        if not isinstance(parcel.work, Shard):
            _check_left(task)
            self.study.metrics[at] = found
            return
        parts = self.parts.setdefault(at, {})
        parts[parcel.work.first] = found
        wanted = [p.work for p in self.parcels if isinstance(p.work, Shard) and p.task.folder == task.folder]
        if len(parts) == len(wanted):
            self.study.metrics[at] = assemble(task, wanted, [parts[s.first] for s in wanted])

    def failed(self, parcel: Parcel, error: BaseException) -> None:
        """One that will give nothing."""
        self.study.failures[parcel.task.folder.name] = _why(error)


def _collect(collected: _Collected, handed: dict[Future[Any], Parcel], pool: Executor, tell: Progress) -> None:
    """Take results as they come, until all are there or the workers are lost."""
    study, pending = collected.study, set(handed)
    while pending:
        done, pending = wait(pending, timeout=POLL_S, return_when=FIRST_COMPLETED)
        for future in done:
            try:
                collected.take(handed[future], future.result())
            except BrokenExecutor:
                continue  # nobody's fault here: it is done again
            except CancelledError:
                raise WorkersLost("the cluster gave the work back undone: its scheduler was stopped") from None
            except Exception as error:
                collected.failed(handed[future], error)
        finished = len(study.metrics) + len(study.failures)
        hindered = pool.watch() if isinstance(pool, Watched) and pending else ""
        tell(finished / len(study.tasks), hindered or f"{finished} of {len(study.tasks)} runs done")
        study.stream(finish)


def _tick(tell: Progress, done: int, total: int) -> Callable[[float], None]:
    return lambda share: tell((done + share) / total, f"run {done + 1} of {total}")


def _one(study: Study, at: At, task: Task, tick: Callable[[float], None]) -> None:
    try:
        study.metrics[at] = replicate(task, tick)
    except Exception as error:
        study.failures[task.folder.name] = _why(error)


def _why(error: BaseException) -> str:
    """An error in one line, with the place in the code: a worker's traceback comes as the text of its cause."""
    remote = re.findall(r'File "(.+?)", line (\d+)', str(error.__cause__ or ""))
    own = [(frame.filename, frame.lineno) for frame in traceback.extract_tb(error.__traceback__)]
    places = remote or own
    where = f" ({Path(places[-1][0]).name}:{places[-1][1]})" if places else ""
    return f"{type(error).__name__}: {' '.join(str(error).split())}{where}"


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
