"""Driving the compiled loop: windows of utterances in, chunks of the log out, more room where it is needed."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from channel.links import Cell
from devices.sessions import ClosedLoopTraffic
from sim import arrivals
from sim.arrivals import Arrivals, Loops, Window
from sim.compiled import codes, loop
from sim.compiled.flatten import build
from sim.compiled.jit import entry
from sim.compiled.state import Records
from sim.draws import uniforms
from sim.site import Site
from sim.upload_log import ROW, Figures, Rows

LOOPS = Loops(entry(arrivals.begin_devices), entry(arrivals.fill), entry(arrivals.put_in_order))


def run(site: Site, sink: Callable[[Rows], None], tick: Callable[[float], None] | None = None) -> Figures:
    """As ``sim.model.run``; a chunk of rows is overwritten when the next one comes."""
    running = Run(site, sink)
    steps = 100 if tick else 1
    for step in range(1, steps + 1):
        running.to(site.duration_s * step / steps)
        if tick:
            tick(site.duration_s * step / steps)
    figures = running.figures()
    if site.drain_s > 0.0:
        running.to(site.duration_s + site.drain_s)
    running.unfinished()
    return Figures(**figures, events=int(running.world.site["events"][0]))


class Run:
    """A site under way."""

    def __init__(self, site: Site, sink: Callable[[Rows], None]) -> None:
        self.site, self.sink = site, sink
        self.world = build(site)
        source = Arrivals(site.groups, site.tables.audio_s, site.draws, site.duration_s, LOOPS)
        self._windows = iter(source)
        self._next: Window | None = next(self._windows, None)
        self.hear()
        for group in site.groups:
            if isinstance(group.traffic, ClosedLoopTraffic):
                numbers = np.arange(group.count)
                luck, _ = uniforms(*site.draws.key("phase", group.name), numbers, 0, 0)
                _, what = uniforms(*site.draws.key("speech", group.name), numbers, 0, 0)
                think_s = np.array([group.traffic.first_s(u) for u in luck.tolist()])
                loop.begin_loops(self.world.site, group.index, think_s, what)

    def to(self, until_s: float) -> None:
        """Let everything happen before ``until_s``."""
        while True:
            found = loop.run(self.world.site, until_s)
            if found == codes.DONE:
                return
            if found == codes.WINDOW:
                self.hear()
            elif found == codes.ROWS:
                self.flush()
            else:
                self.grow()

    def hear(self) -> None:
        """Go on to the next window of utterances, if there is one."""
        if self._next is not None:
            window, self._next = self._next, next(self._windows, None)
            self.world.hear(window, more=self._next is not None)

    def flush(self) -> None:
        """Hand the rows written so far to the sink."""
        count = int(self.world.site["rows"][0])
        if count:
            self.sink(self.world.rows[:count])
            self.world.site["rows"] = 0

    def grow(self) -> None:
        """Twice the room for uploads under way and for their events."""
        world = self.world
        slots = len(world.uploads)
        world.uploads = _larger(world.uploads, 2 * slots)
        world.uploads["next"][slots:] = np.arange(slots + 1, 2 * slots + 1)
        if world.site["free_slot"][0] >= slots:  # all were taken: the list goes on with the new ones
            world.site["free_slot"] = slots
        for c, (cell, old) in enumerate(zip(world.cells, world.transfers, strict=True)):
            # Entries of attempts that were given up have surfaced long ago or are dropped now; in order is a heap.
            members = old[: cell["members"]]
            members = members[world.uploads["transfer"][members["slot"]] == members["number"]]
            cell["members"] = len(members)
            world.transfers[c] = np.zeros(4 * slots, old.dtype)
            world.transfers[c][: len(members)] = members[np.lexsort((members["number"], members["finish"]))]
        world.heap = _larger(world.heap, 2 * len(world.heap) + 4 * slots)
        world.point()

    def unfinished(self) -> None:
        """What is still on its way becomes rows, in order of number."""
        left = self.world.uploads[self.world.uploads["alive"] == 1]
        left = left[np.argsort(left["upload"], kind="stable")]
        self.flush()
        rows = np.zeros(len(left), ROW)
        for name in ROW.names or ():
            rows[name] = left[name]
        if len(rows):
            self.sink(rows)
        for group in self.site.groups:
            if group.battery is not None:
                group.battery.drawn_j[:] = self.world.batteries["drawn_j"][group.first : group.first + group.count]

    def figures(self) -> dict[str, float]:
        """What belongs to the site, at the end of speech."""
        site, now = self.world.site[0], self.site.duration_s
        loop.settle(self.world.site, now)
        uplinks = [_utilisation(r, cell, now) for r, cell in zip(self.world.cells, self.site.cells, strict=True)]
        return {
            "uplink_utilisation": float(np.mean(uplinks)),
            "server_utilisation": float(site["busy_s"]) / (self.site.server.accelerators * now),
        }


def _larger(records: Records, room: int) -> Records:
    grown = np.zeros(room, records.dtype)
    grown[: len(records)] = records
    return grown


def _utilisation(record: np.void, cell: Cell, now: float) -> float:
    """As ``SharedLink.utilisation``, of a link that is settled."""
    if record["sharing"] in (codes.AIRTIME, codes.FRAMES, codes.BLOCKS):
        return float(record["busy_s"]) / now
    return float(record["carried_bits"]) / cell.link.capacity.bits_between(0.0, now)
