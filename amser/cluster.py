"""The workers of a Dask cluster behind the standard executor, with a word on how they are."""

from __future__ import annotations

import logging
import signal
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from ssl import SSLError
from threading import current_thread, main_thread
from time import monotonic
from typing import TYPE_CHECKING, Any, TypeVar

from amser.exits import MissingError, UserError
from sim.study.workers import Watched, WorkersLost

if TYPE_CHECKING:
    from distributed import Client, Security

LOCAL = "local"
ANSWERS_WITHIN_S = 15.0  # a scheduler that is there answers in milliseconds, one far away in a second
LOST_AFTER_S = 30.0  # a scheduler that is being restarted comes back sooner
T = TypeVar("T")


@dataclass(frozen=True)
class Certificates:
    """Files of a cluster that speaks TLS; all three or none."""

    ca: Path | None = None
    cert: Path | None = None
    key: Path | None = None

    def security(self) -> Security | None:
        """What Dask wants to know of them; None without, and then Dask's own configuration holds."""
        from distributed import Security

        given = {"--tls-ca": self.ca, "--tls-cert": self.cert, "--tls-key": self.key}
        if not any(given.values()):
            return None
        for option, path in given.items():
            if path is None:
                raise UserError(f"{option}: missing; TLS needs --tls-ca, --tls-cert and --tls-key")
            if not path.is_file():
                raise MissingError(f"{option}: {path}: no such file")
        security = Security(
            tls_ca_file=str(self.ca),
            tls_client_cert=str(self.cert),
            tls_client_key=str(self.key),
            require_encryption=True,
        )
        try:
            security.get_connection_args("client")
        except (SSLError, OSError) as error:
            files = f"{self.ca}, {self.cert} and {self.key}"
            raise UserError(f"--tls-ca, --tls-cert, --tls-key: {files} are no certificates and key: {error}") from None
        return security


class ClusterExecutor(Watched):
    """Hands work to a Dask client and says when nobody takes it."""

    def __init__(self, client: Client, address: str, workers_within_s: float) -> None:
        self.client, self.address, self.workers_within_s = client, address, workers_within_s
        # Replications are not pure functions of their arguments to Dask: they write their folders.
        self._executor: Executor = client.get_executor(pure=False)
        self._answered = self._staffed = monotonic()

    def submit(self, fn: Callable[..., T], /, *args: Any, **kwargs: Any) -> Future[T]:
        """As of any executor."""
        return self._executor.submit(fn, *args, **kwargs)

    def watch(self) -> str:
        """Whether the scheduler answers and has workers."""
        now = monotonic()
        if self.client.status == "running":
            self._answered = now
        elif now - self._answered > LOST_AFTER_S or self.client.status == "closed":
            raise WorkersLost(f"the Dask scheduler at {self.address} does not answer any more; start it and run again")
        else:
            return f"the scheduler at {self.address} does not answer"
        if self.client.scheduler_info()["workers"]:
            self._staffed = now
            return ""
        waited_s = now - self._staffed
        if waited_s > self.workers_within_s:
            raise WorkersLost(
                f"no worker has joined the scheduler at {self.address} within {self.workers_within_s:.0f} s; start "
                f"some with `dask worker {self.address}`, or wait longer with --workers-within"
            )
        return f"waiting for workers at {self.address}"


@contextmanager
def cluster_executor(
    address: str | None, jobs: int, certificates: Certificates = Certificates(), workers_within_s: float = 300.0
) -> Iterator[Executor | None]:
    """The workers of the cluster at ``address``; ``local`` starts one here with ``jobs`` workers; None without."""
    if address is None:
        yield None
        return
    try:
        import distributed
    except ModuleNotFoundError:
        raise MissingError("--cluster needs the extra `cluster`: pip install 'amser[cluster]'") from None
    security = certificates.security()
    with ExitStack() as stack:
        # Dask logs each broken connection with its traceback; what matters of them is said by `watch`.
        stack.callback(logging.disable, logging.root.manager.disable)
        logging.disable(logging.CRITICAL)
        if address == LOCAL:
            with _deaf_to_ctrl_c():
                cluster = distributed.LocalCluster(
                    n_workers=jobs,
                    threads_per_worker=1,
                    processes=True,
                    dashboard_address=None,
                    security=security,
                    silence_logs=logging.CRITICAL,
                )
            stack.enter_context(cluster)
            address = str(cluster.scheduler_address)
        client = stack.enter_context(_client(address, security))
        yield ClusterExecutor(client, address, workers_within_s)


@contextmanager
def _deaf_to_ctrl_c() -> Iterator[None]:
    """Processes that are started meanwhile leave Ctrl-C to us, who end them in order; else each shows a traceback."""
    if current_thread() is not main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _client(address: str, security: Security | None) -> Client:
    """A connected client.

    A connection is tried first: a client that waits for a server which accepts and says nothing, or for one that wants
    a certificate, outlives its own timeout and is closed only when the process ends, half a minute later."""
    import asyncio

    from distributed import Client
    from distributed import Security as Configured

    tls = (security or Configured()).get_connection_args("client")
    try:
        asyncio.run(_answered(address, tls))
        return Client(address, timeout=f"{ANSWERS_WITHIN_S}s", security=security, set_as_default=False)
    except ValueError as error:
        raise MissingError(f"--cluster: {address} is no address of a Dask scheduler: {error}") from None
    except Exception as error:
        # Refused, too late, or another service that answers in its own protocol: what to do about it is the same.
        raise MissingError(f"--cluster: no Dask scheduler answers at {address}; {_remedy(security, error)}") from None


async def _answered(address: str, tls: dict[str, Any]) -> None:
    from asyncio import wait_for

    from distributed.comm import connect

    comm = await wait_for(connect(address, timeout=ANSWERS_WITHIN_S, **tls), ANSWERS_WITHIN_S + 1.0)
    await comm.close()


def _remedy(security: Security | None, error: BaseException) -> str:
    if security is None:
        start = "start one with `dask scheduler`, it prints its address"
        return f"{start}; one that speaks TLS wants --tls-ca, --tls-cert and --tls-key"
    why: BaseException | None = error
    while why is not None and not isinstance(why, SSLError):
        why = why.__cause__ or why.__context__
    if why is None:
        start = "start one with `dask scheduler --protocol tls`, it prints its address"
        return f"{start}; one that runs refuses certificates that its authority has not signed"
    return f"TLS failed ({why.reason or why}): both ends want certificates that the authority of --tls-ca has signed"
