"""What is sent to a worker: a task, and which code it is to be done with.

A worker of a cluster runs what is installed where it runs.  Other code gives other figures, and nothing in them shows
it; so each parcel names the version and the digest of the sources that packed it, and any other refuses it.
"""

from __future__ import annotations

import hashlib
import platform
from dataclasses import dataclass
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

from scenarios.errors import AmserError, Exit
from scenarios.paths import make_importable
from sim.study.checkout import HERE, version_of
from sim.study.replication import Task, replicate
from sim.study.sites import Shard, run_shard

PACKAGES = ("scenarios", "channel", "devices", "recognizers", "sim")
CODE = (".py", ".yaml", ".json")


class OtherCodeError(AmserError):
    """A worker whose code is not that of the command."""

    exit_code = Exit.FAILED


@cache
def code_of(root: Path = HERE) -> str:
    """SHA-256 of all sources, and of the data beside them, that decide a replication's figures."""
    state = hashlib.sha256()
    for package in PACKAGES:
        for path in sorted((root / package).rglob("*")):
            if path.suffix in CODE:
                state.update(f"{path.relative_to(root).as_posix()}\0".encode() + path.read_bytes())
    return state.hexdigest()


def stamp() -> str:
    """Version and digest of the code that runs here, with numpy's version: it draws the random numbers."""
    return f"amser {version_of()} (code {code_of()[:12]}, numpy {version('numpy')})"


@dataclass(frozen=True)
class Parcel:
    """A whole replication, or some sites of one, with the stamp of who sent it."""

    work: Task | Shard
    stamp: str

    @property
    def task(self) -> Task:
        """The replication that it is, or is a part of."""
        return self.work.task if isinstance(self.work, Shard) else self.work


def deliver(parcel: Parcel) -> Any:
    """Do the work of a parcel; called in a worker.  Raises ``OtherCodeError`` before anything is done."""
    if parcel.stamp != (here := stamp()):
        raise OtherCodeError(
            f"the worker on {platform.node()} runs {here}, this command {parcel.stamp}: install the same version on all"
        )
    situation = parcel.task.situation
    make_importable(situation.scenario, situation.base_dir)
    return run_shard(parcel.work) if isinstance(parcel.work, Shard) else replicate(parcel.work)
