"""Workers that are other, that die, or that are not there: no wrong figure, nothing lost, and one message."""

from __future__ import annotations

import os
import shutil
import signal
import time
from collections.abc import Callable
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from scenarios import loads
from sim.study.checkout import HERE
from sim.study.experiment import Interrupted, run
from sim.study.parcel import CODE, PACKAGES, OtherCodeError, Parcel, code_of, deliver, stamp
from sim.study.results import Results
from sim.study.workers import KILLED, Watched, WorkersLost
from tests.sim.small_study import TEXT, contents

MORE = TEXT.replace("replications: 3", "replications: 8")


class Inner(Executor):
    """One thread, with the narrow interface that Dask's executor has: ``shutdown`` knows no ``cancel_futures``."""

    def __init__(self) -> None:
        self.pool = ThreadPoolExecutor(1)
        self.shut = False

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        return self.pool.submit(fn, *args, **kwargs)

    def shutdown(self, wait: bool = True) -> None:  # type: ignore[override]
        self.shut = True


class Foreign(Inner):
    """Its workers have other code."""

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        (parcel,) = args
        return super().submit(fn, Parcel(parcel.work, parcel.stamp.replace("code ", "code f00")))


def test_other_code_is_refused_and_nothing_of_it_is_kept(tmp_path: Path) -> None:
    results = run(loads(TEXT), results_root=tmp_path, cache_dir=tmp_path / "cache", executor=Foreign())
    failures = results.manifest["failures"]
    assert len(failures) == 6 and all("install the same version on all" in why for why in failures.values())
    assert list(results.folder.glob("points/*")) == []
    again = run(loads(TEXT), results_root=tmp_path, cache_dir=tmp_path / "cache")
    assert again.complete and again.manifest["reused"] == 0


def test_a_parcel_names_both_sides(tmp_path: Path) -> None:
    with pytest.raises(OtherCodeError, match=r"runs amser .*this command amser 0\.0\.9"):
        deliver(Parcel(object(), "amser 0.0.9 (code 0123, numpy 1.0)"))  # type: ignore[arg-type]


def test_any_edited_source_is_other_code(tmp_path: Path) -> None:
    for package in PACKAGES:
        for path in (HERE / package).rglob("*"):
            if path.suffix in CODE:
                copy = tmp_path / path.relative_to(HERE)
                copy.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(path, copy)
    assert code_of(tmp_path) == code_of() and code_of()[:12] in stamp()
    for name in ("sim/figures/metrics.py", "devices/data/radios.yaml", "channel/links/tcp.py"):
        code_of.cache_clear()
        before = code_of(tmp_path)
        with (tmp_path / name).open("a") as file:
            file.write("\n")
        code_of.cache_clear()
        assert code_of(tmp_path) != before


def test_ctrl_c_leaves_an_executor_of_others_alone_and_keeps_what_is_finished(tmp_path: Path) -> None:
    executor = Inner()

    def interrupt(share: float, text: str) -> None:
        if share > 0.2:
            raise KeyboardInterrupt

    with pytest.raises(Interrupted) as caught:
        run(loads(MORE), results_root=tmp_path, cache_dir=tmp_path / "c", progress=interrupt, executor=executor)
    executor.pool.shutdown()
    kept = caught.value.results
    assert kept is not None and len(kept.summary) and "of 16 replications" in kept.partial
    assert not executor.shut


class Deserted(Inner, Watched):
    """Takes work that nobody does, and says so once."""

    def __init__(self) -> None:
        super().__init__()
        self.asked = 0

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        return Future()

    def watch(self) -> str:
        self.asked += 1
        if self.asked > 1:
            raise WorkersLost("nobody is there")
        return "waiting for workers"


def test_workers_that_are_lost_end_the_study_with_one_message(tmp_path: Path) -> None:
    told: list[str] = []
    results = run(
        loads(TEXT),
        results_root=tmp_path,
        cache_dir=tmp_path / "cache",
        executor=Deserted(),
        progress=lambda share, text: told.append(text),
    )
    assert set(results.manifest["failures"].values()) == {"nobody is there"}
    assert "waiting for workers" in told


def _children() -> set[int]:
    return {int(p) for f in Path("/proc/self/task").glob("*/children") for p in f.read_text().split()}


def test_a_module_that_workers_cannot_import_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody was killed: each task fails with the import's own words, and none is done again."""
    (tmp_path / "simpy.py").write_text("raise ImportError('simpy is broken here')\n")
    monkeypatch.syspath_prepend(str(tmp_path))  # found first by fresh processes; here simpy is imported already
    results = run(loads(TEXT), jobs=2, results_root=tmp_path, cache_dir=tmp_path / "cache")
    failures = results.manifest["failures"]
    assert len(failures) == 6 and all("ImportError: simpy is broken here" in why for why in failures.values())
    assert not any("killed" in line for line in results.manifest["warnings"])


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="needs /proc")
@pytest.mark.parametrize("times", [1, 2])
def test_a_killed_worker_costs_one_retry(times: int, undisturbed: Results, tmp_path: Path) -> None:
    """As the kernel kills when the memory is full: SIGKILL of one process breaks its whole pool."""
    before = _children()
    pools: list[set[int]] = []

    def kill(share: float, text: str) -> None:
        mine = _children() - before
        if len(pools) < times and any("/spawn_main" in c or "spawn_main" in c for c in map(_command, mine)):
            workers = {pid for pid in mine if "spawn_main" in _command(pid)}
            if workers and not any(workers & pool for pool in pools):
                pools.append(workers)
                os.kill(min(workers), signal.SIGKILL)
                time.sleep(0.5)

    results = run(loads(TEXT), jobs=2, results_root=tmp_path, cache_dir=tmp_path / "cache", progress=kill)
    assert len(pools) == times
    if times == 1:
        assert results.complete and contents(results) == contents(undisturbed)
        assert any("killed from outside" in line for line in results.manifest["warnings"])
    else:
        assert set(results.manifest["failures"].values()) == {KILLED}


def _command(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode()
    except OSError:
        return ""
