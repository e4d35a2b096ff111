"""Many sites of one replication in several processes: each runs some, and one puts them together in order.

A site shares nothing with the others, so any division of the sites gives the same log and the same figures to
the last bit: the log is written site by site, and sums are added up site by site (``sim.study.replication.together``).
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path

import pyarrow as pa

from sim.study.replication import Outcome, Site, Task, leave, run_site, together
from sim.study.results import UploadLog
from sim.upload_log import Columns


@dataclass(frozen=True, eq=False)
class Shard:
    """Some sites of a replication: those numbered in ``range(first, last)``."""

    task: Task
    first: int
    last: int

    @property
    def file(self) -> Path:
        """Where the shard leaves its part of the log; it goes when the sites are put together."""
        return _parts(self.task) / f"{self.first}.arrow"


def shards(task: Task, parts: int) -> list[Shard]:
    """The sites of a replication in at most ``parts`` shards of like size."""
    sites = task.situation.scenario.sites
    parts = min(parts, sites)
    edges = [sites * i // parts for i in range(parts + 1)]
    return [Shard(task, a, b) for a, b in pairwise(edges)]


def run_shard(shard: Shard) -> list[Site]:
    """Run the sites of a shard; the log goes to its file."""
    task = shard.task
    shard.file.parent.mkdir(parents=True, exist_ok=True)
    log = _Parts(shard.file)
    found = []
    try:
        for draws in task.draws(shard.first, shard.last):
            site = run_site(task.situation, draws, log.write, share=task.situation.scenario.log.keep)
            found.append(replace(site, accumulator=site.accumulator.without_tables()))
    finally:
        log.close()
    return found


def assemble(task: Task, parts: Sequence[Shard], found: Sequence[Sequence[Site]]) -> dict[str, float]:
    """Put the shards of a replication together and leave its folder, as ``replicate`` does alone."""

    def work(log: UploadLog) -> Outcome:
        for shard in parts:
            for columns in _read(shard.file):
                log.write(columns)
        return together(task.situation, (site for sites in found for site in sites))

    try:
        return leave(task, work)
    finally:
        discard(task)


def discard(task: Task) -> None:
    """Remove what the shards of a replication have left."""
    shutil.rmtree(_parts(task), ignore_errors=True)


def _parts(task: Task) -> Path:
    return task.folder.with_name(f".{task.folder.name}.sites")


class _Parts:
    """Chunks of the log as they are, in an Arrow file."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._writer: pa.ipc.RecordBatchFileWriter | None = None

    def write(self, columns: Columns) -> None:
        """Append one chunk."""
        batch = pa.record_batch({name: pa.array(values) for name, values in columns.items()})
        if self._writer is None:
            self._writer = pa.ipc.new_file(self.path, batch.schema)
        self._writer.write_batch(batch)

    def close(self) -> None:
        """Finish the file; nothing written leaves none."""
        if self._writer is not None:
            self._writer.close()


def _read(path: Path) -> Iterator[Columns]:
    with suppress(FileNotFoundError), pa.memory_map(str(path)) as source:
        file = pa.ipc.open_file(source)
        for i in range(file.num_record_batches):
            batch = file.get_batch(i)
            yield {name: batch.column(name).to_numpy(zero_copy_only=False) for name in batch.schema.names}
