"""A Dask cluster that is silent, empty, stopped, or on this machine."""

from __future__ import annotations

import re
import socket
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from amser.cli.main import run
from amser.cluster import LOST_AFTER_S, Certificates, ClusterExecutor, cluster_executor
from amser.exits import MissingError, UserError
from sim.study.results import Results
from sim.study.workers import WorkersLost
from tests.sim.small_study import TEXT, contents

pytest.importorskip("distributed", reason="the extra `cluster` is not installed")


def test_a_server_that_accepts_and_says_nothing_is_no_scheduler(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("amser.cluster.ANSWERS_WITHIN_S", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = f"tcp://127.0.0.1:{server.getsockname()[1]}"
        with pytest.raises(MissingError, match="no Dask scheduler answers"), cluster_executor(address, 1):
            pass


def test_certificates_come_as_three_files(tmp_path: Path) -> None:
    here = tmp_path / "ca.pem"
    here.touch()
    with pytest.raises(UserError, match="--tls-cert: missing; TLS needs"):
        Certificates(ca=here).security()
    with pytest.raises(MissingError, match=r"--tls-key: .*key\.pem: no such file"):
        Certificates(here, here, tmp_path / "key.pem").security()
    security = Certificates(here, here, here).security()
    assert security is not None and security.require_encryption and security.tls_ca_file == str(here)
    assert Certificates().security() is None


class Clock:
    """Time that passes when it is told to."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr("amser.cluster.monotonic", clock)
    return clock


def watched(status: str = "running", workers: int = 1) -> tuple[Any, ClusterExecutor]:
    client: Any = SimpleNamespace(
        status=status,
        scheduler_info=lambda: {"workers": dict.fromkeys(map(str, range(client.count)))},
        get_executor=lambda pure: None,
        count=workers,
    )
    return client, ClusterExecutor(client, "tcp://there:8786", workers_within_s=60.0)


def test_waiting_for_workers_is_said_and_ends(clock: Clock) -> None:
    client, executor = watched(workers=0)
    clock.now = 59.0
    assert executor.watch() == "waiting for workers at tcp://there:8786"
    client.count = 2
    assert executor.watch() == ""
    client.count, clock.now = 0, 118.0
    assert executor.watch().startswith("waiting")
    clock.now = 120.0
    with pytest.raises(WorkersLost, match=r"no worker has joined .* within 60 s; start some with `dask worker"):
        executor.watch()


def test_a_scheduler_may_be_away_for_a_moment(clock: Clock) -> None:
    client, executor = watched()
    client.status, clock.now = "connecting", LOST_AFTER_S - 1.0
    assert "does not answer" in executor.watch()
    client.status = "running"
    assert executor.watch() == ""
    client.status, clock.now = "connecting", 2 * LOST_AFTER_S
    with pytest.raises(WorkersLost, match="does not answer any more; start it and run again"):
        executor.watch()


@pytest.mark.slow
def test_a_cluster_of_this_machine_gives_the_same_bytes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "small.yaml").write_text(TEXT)
    command = ["run", str(tmp_path / "small.yaml"), "--no-report", "-q", "-j", "1", "--results"]
    assert run([*command, str(tmp_path / "here")]) == 0
    assert run([*command, str(tmp_path / "there"), "--cluster", "local"]) == 0
    here, there = (Results.open(tmp_path / name / "small") for name in ("here", "there"))
    assert contents(there) == contents(here) and len(contents(there)) > 12


@pytest.mark.slow
def test_a_scheduler_without_workers_ends_in_one_message(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    import distributed

    (tmp_path / "small.yaml").write_text(TEXT)
    command = ["run", str(tmp_path / "small.yaml"), "--no-report", "-q", "--results", str(tmp_path / "r")]
    with distributed.LocalCluster(n_workers=0, processes=False, dashboard_address=None) as cluster:
        assert run([*command, "--cluster", cluster.scheduler_address, "--workers-within", "1"]) == 4
    lines = [line for line in capsys.readouterr().err.splitlines() if line.startswith("amser: ")]
    assert len(lines) == 1 and re.search("and 5 more failed: no worker has joined the scheduler at", lines[0])
