"""Studies that are killed, resumed and spread over a cluster end as if nothing had happened, to the last byte."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from scenarios import loads
from sim.study.experiment import run
from sim.study.results import Results
from tests.sim.small_study import TEXT, contents

ROOT = Path(__file__).parents[2]

# Forks a run again and again; the child kills itself at a random one of its accesses to the results' files (Python's
# audit events), so the moments are spread over the work and do not depend on how fast the host is.
KILLER = """
import os, random, signal, sys
from pathlib import Path
import scenarios
from sim.study.experiment import run

place, text, wanted = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
experiment = scenarios.loads(text)

def child(root, most):
    seen = 0
    def look(event, args):
        nonlocal seen
        if args and event in ("open", "os.rename", "os.mkdir", "os.remove", "os.rmdir") and str(root) in str(args[0]):
            seen += 1
            if seen == most:
                os.kill(os.getpid(), signal.SIGKILL)
    sys.addaudithook(look)
    run(experiment, results_root=root, cache_dir=place / "cache")
    return seen

def forked(root, most):
    read, write = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.write(write, str(child(root, most)).encode())
        os._exit(0)
    os.close(write)
    counted = os.read(read, 100)
    os.close(read)
    return os.WIFSIGNALED(os.waitpid(pid, 0)[1]), int(counted or 0)

_, accesses = forked(place / "whole", -1)
rng, moments = random.Random(6), []
while len(moments) < wanted:
    moment = rng.randint(1, accesses)
    if forked(place / "killed", moment)[0]:
        moments.append(moment)
print(accesses, *moments)
"""


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_ten_kills_at_random_moments_and_a_resume_are_byte_identical(undisturbed: Results, tmp_path: Path) -> None:
    """kill -9: what is finished counts, half-written folders do not, and the end is the same."""
    done = subprocess.run(
        [sys.executable, "-c", KILLER, str(tmp_path), TEXT, "10"], cwd=ROOT, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    accesses, *moments = map(int, done.stdout.split())
    assert len(moments) == 10 and len(set(moments)) > 5 and max(moments) > accesses / 2
    for status in (tmp_path / "killed").glob("small/*/points/*/status.json"):
        if not status.parent.name.startswith("."):
            assert json.loads(status.read_text())["state"] == "finished"
    resumed = run(loads(TEXT), results_root=tmp_path / "killed", cache_dir=tmp_path / "cache")
    assert resumed.manifest["reused"] > 0
    assert contents(resumed) == contents(undisturbed)


def _alive(pids: set[int]) -> set[int]:
    return {pid for pid in pids if Path(f"/proc/{pid}/stat").exists()}


def _children(pid: int) -> set[int]:
    return {int(p) for f in Path(f"/proc/{pid}/task").glob("*/children") for p in f.read_text().split()}


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="needs /proc")
def test_workers_end_when_their_parent_is_killed(tmp_path: Path) -> None:
    """SIGKILL of the parent alone: its worker processes must not stay behind."""
    code = (
        "import sys; from pathlib import Path; import scenarios; from sim.study.experiment import run;"
        "run(scenarios.loads(sys.argv[1]), jobs=2, results_root=sys.argv[2], cache_dir=Path(sys.argv[2]) / 'cache')"
    )
    text = TEXT.replace("replications: 3", "replications: 200")
    parent = subprocess.Popen([sys.executable, "-c", code, text, str(tmp_path)], cwd=ROOT)
    while not list(tmp_path.glob("small/*/points/*/status.json")):
        assert parent.poll() is None
        time.sleep(0.05)
    children = _children(parent.pid)
    assert len(children) >= 2
    parent.send_signal(signal.SIGKILL)
    parent.wait()
    deadline = time.monotonic() + 60
    while _alive(children) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not _alive(children)


@pytest.mark.slow
def test_a_cluster_that_loses_a_worker_gives_the_local_run(tmp_path: Path) -> None:
    """Three Dask workers in processes of their own; one is killed while it works, and its work is done by others."""
    distributed = pytest.importorskip("distributed", reason="the extra `cluster` is not installed")
    text = TEXT.replace("replications: 3", "replications: 8")
    local = run(loads(text), results_root=tmp_path / "local", cache_dir=tmp_path / "cache")
    killed: list[int] = []
    with (
        distributed.LocalCluster(n_workers=3, threads_per_worker=1, processes=True, dashboard_address=None) as cluster,
        distributed.Client(cluster) as client,
    ):
        pids = client.run(os.getpid)
        assert len(set(pids.values())) == 3

        def kill_one(share: float, words: str) -> None:
            busy = [address for address, keys in client.processing().items() if keys and address in pids]
            if 0 < share < 0.8 and busy and not killed:
                killed.append(pids[busy[0]])
                os.kill(killed[0], signal.SIGKILL)

        spread = run(
            loads(text),
            results_root=tmp_path / "cluster",
            cache_dir=tmp_path / "cache",
            progress=kill_one,
            executor=client.get_executor(pure=False),
        )
    assert killed
    assert spread.complete, spread.manifest["failures"]
    assert contents(spread) == contents(local)
