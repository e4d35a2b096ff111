"""A Dask cluster that is silent, empty, stopped, or on this machine."""

from __future__ import annotations

import logging
import re
import shutil
import socket
import subprocess
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

Security = pytest.importorskip("distributed", reason="the extra `cluster` is not installed").Security


def test_a_server_that_accepts_and_says_nothing_is_no_scheduler(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("amser.cluster.ANSWERS_WITHIN_S", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = f"tcp://127.0.0.1:{server.getsockname()[1]}"
        with pytest.raises(MissingError, match="no Dask scheduler answers"), cluster_executor(address, 1):
            pass


def _openssl(folder: Path, *words: str) -> None:
    subprocess.run(["openssl", *words], cwd=folder, check=True, capture_output=True)


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An authority `ca`, a member `me` that it has signed, and a stranger who signed himself."""
    if shutil.which("openssl") is None:
        pytest.skip("needs the command openssl")
    folder = tmp_path_factory.mktemp("tls")
    for name in ("ca", "stranger"):
        _openssl(folder, "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", f"{name}-key.pem",
                 "-out", f"{name}.pem", "-days", "2", "-subj", f"/CN={name}")  # fmt: skip
    _openssl(folder, "req", "-newkey", "rsa:2048", "-nodes", "-keyout", "me-key.pem", "-out", "me.csr",
             "-subj", "/CN=me")  # fmt: skip
    _openssl(folder, "x509", "-req", "-in", "me.csr", "-CA", "ca.pem", "-CAkey", "ca-key.pem", "-CAcreateserial",
             "-out", "me.pem", "-days", "2")  # fmt: skip
    return folder


def holding(folder: Path, ca: str, who: str, key: str = "") -> Certificates:
    return Certificates(folder / f"{ca}.pem", folder / f"{who}.pem", folder / f"{key or who}-key.pem")


@pytest.mark.slow
def test_only_holders_of_a_certificate_reach_a_cluster_that_speaks_tls(certificates: Path) -> None:
    from distributed import LocalCluster

    member = holding(certificates, "ca", "me")
    with LocalCluster(
        n_workers=1,
        processes=False,
        protocol="tls",
        security=Security(
            tls_ca_file=str(certificates / "ca.pem"),
            require_encryption=True,
            **{
                f"tls_{role}_{part}": str(certificates / f"me{end}.pem")
                for role in ("scheduler", "worker", "client")
                for part, end in (("cert", ""), ("key", "-key"))
            },
        ),
        dashboard_address=None,
        silence_logs=logging.CRITICAL,
    ) as cluster:
        address = cluster.scheduler_address
        with cluster_executor(address, 1, member) as executor:
            assert executor is not None and executor.submit(pow, 2, 5).result(60) == 32
        for there, who, told in (
            (address, Certificates(), "one that speaks TLS wants --tls-ca"),
            (address.replace("tls://", "tcp://"), Certificates(), "one that speaks TLS wants --tls-ca"),
            # The refusal comes as an alert or, where the other end hangs up first, as an end of file.
            (address, holding(certificates, "ca", "stranger"), "certificates that (its|the) authority"),
            (address, holding(certificates, "stranger", "me"), "CERTIFICATE_VERIFY_FAILED"),
        ):
            with pytest.raises(MissingError, match=told), cluster_executor(there, 1, who):
                pass


@pytest.mark.parametrize("cert", ["me", "ca-key"])
def test_certificates_that_are_none_or_do_not_fit_their_key_are_one_message(certificates: Path, cert: str) -> None:
    with pytest.raises(UserError, match=rf"--tls-cert.*{cert}\.pem and .*stranger-key\.pem are no certificates"):
        holding(certificates, "ca", cert, "stranger").security()


def test_certificates_come_as_three_files(tmp_path: Path, certificates: Path) -> None:
    here = certificates / "ca.pem"
    with pytest.raises(UserError, match="--tls-cert: missing; TLS needs"):
        Certificates(ca=here).security()
    with pytest.raises(MissingError, match=r"--tls-key: .*key\.pem: no such file"):
        Certificates(here, here, tmp_path / "key.pem").security()
    security = holding(certificates, "ca", "me").security()
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
