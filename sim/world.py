"""One site put together: devices, cells, edge server, and the run from first utterance to last reply."""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from sim.cell import CellRun
from sim.clock import Clock
from sim.departure import Departure
from sim.feeder import Feeder
from sim.fleet import Arrivals, Fleet, Group
from sim.life import Life
from sim.recorder import Columns, Recorder
from sim.server import EdgeServer
from sim.streams import Streams
from sim.tables import Tables
from sim.uplink import Uplink

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class ServerPlan:
    """The edge server of a site, compiled."""

    batch_s: Callable[[int, float], float]
    """Seconds of a batch of so many utterances with so many seconds of audio."""
    accelerators: int = 1
    largest: int = 1
    longest_wait_s: float = 0.0
    queue_limit: int | None = None
    idle_w: float = 0.0
    active_w: float = 0.0

    def batch_j(self, batch: Floats, service_s: Floats) -> Floats:
        """Energy that batches add to an idle accelerator, joules (arrays of one length)."""
        return service_s * (self.active_w - self.idle_w)


class World:
    """A site that is ready to run.

    ``cells`` are compiled cells (``channel.links.Cell``) in the order that ``Group.cell`` counts; ``sink``
    takes the upload log in chunks.
    """

    def __init__(
        self,
        groups: list[Group],
        cells: Sequence[Any],
        server: ServerPlan,
        tables: Tables,
        streams: Streams,
        *,
        duration_s: float,
        drain_s: float,
        sink: Callable[[Columns], None],
    ) -> None:
        self.env = env = Clock()
        self.duration_s, self.drain_s = duration_s, drain_s
        self.fleet = fleet = Fleet(groups)
        self.plan = server
        self.life = life = Life(env, fleet, tables)
        self.recorder = Recorder(groups, server.batch_j, sink)
        life.record = self.recorder.record
        # Users who wait for replies, and a queue that may be full, need every transfer and batch at its time.
        waited_for, limited = not all(g.open_loop for g in groups), server.queue_limit is not None
        uplinks = [
            Uplink(env, c.link, life.gave_up, prompt=waited_for or limited or _is_prompt(c, i, groups))
            for i, c in enumerate(cells)
        ]
        self.cells = [
            CellRun(c, uplink, streams("access", str(i)))
            for i, (c, uplink) in enumerate(zip(cells, uplinks, strict=True))
        ]
        self.server = life.server = EdgeServer(
            env,
            server.batch_s,
            tables.audio_s.tolist(),
            accelerators=server.accelerators,
            largest=server.largest,
            longest_wait_s=server.longest_wait_s,
            queue_limit=server.queue_limit,
            prompt=waited_for,
            uplinks=uplinks,
            rejected=life.rejected,
        )
        for group in groups:
            group.send_through(self.cells[group.cell])
        life.unlimited = not limited
        life.begin(groups)
        life.departure = Departure(env, fleet, tables, life, streams, duration_s)
        self.arrivals = Arrivals(fleet, tables, streams, duration_s)
        self.feeder = Feeder(self.arrivals.chunks(), groups, life.alive)
        env.feed, env.arrival_s = self.feeder.feed, self.feeder.next_s

    def run(self, tick: Callable[[float], None] | None = None) -> dict[str, float]:
        """Run to the last reply, or until ``drain_s`` after the last utterance; returns the site's figures.

        ``tick`` is told the simulated seconds about a hundred times, for a progress bar.
        """
        with _no_garbage_collection():
            steps = 100 if tick else 1
            for step in range(1, steps + 1):
                self.env.run_to(self.duration_s * step / steps)
                if tick:
                    tick(self.env.now)
            figures = self._figures()
            end_s = self.duration_s + self.drain_s
            self.env.run_to(end_s)
            self.server.advance(end_s)
            self.life.give_up()
            for upload in self.feeder.rest():
                self.life.end(upload)
            self.recorder.flush()
        return figures

    @property
    def events(self) -> int:
        """Events scheduled so far; arrivals need none."""
        return self.env.scheduled

    def _figures(self) -> dict[str, float]:
        """What belongs to the site and not to an upload, over [0, ``duration_s``]."""
        now = self.env.now
        self.server.advance(now)
        return {
            "uplink_utilisation": float(np.mean([c.link.utilisation(now) for c in self.cells])),
            "server_utilisation": self.server.utilisation(now),
            "idle_power_w": sum(g.count * g.idle_w for g in self.fleet.groups),
        }


def _is_prompt(cell: Any, number: int, groups: list[Group]) -> bool:
    """Whether the end of a transfer leads to something new in the cell: a retry, a block, a text, an empty battery."""
    mine = [g for g in groups if g.cell == number]
    return cell.retry is not None or any(g.battery or g.delivery.block_s or g.delivery.local for g in mine)


@contextmanager
def _no_garbage_collection() -> Iterator[None]:
    """Switch the cycle collector off: uploads form no cycles, and walking the live ones again and again costs 10 %."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()
