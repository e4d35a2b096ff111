"""A site from the first utterance to the last reply."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from devices.background import others
from devices.sessions import ClosedLoopTraffic
from sim.arrivals import Arrivals
from sim.draws import uniforms
from sim.model.clock import Clock
from sim.model.device import Device
from sim.model.life import Life, Steps
from sim.model.running_cell import RunningCell
from sim.model.server import EdgeServer
from sim.model.upload import Upload
from sim.site import Group, Site
from sim.upload_log import CHUNK_ROWS, Figures, Rows, rows_of

CLOSED_LOOP_NUMBERS = 1 << 40
"""Uploads of closed loops count from here, so that they change no number of the others."""


class World:
    """The people of a site and what they speak into."""

    def __init__(self, site: Site, sink: Callable[[Rows], None]) -> None:
        self.site, self.sink = site, sink
        self.clock = clock = Clock()
        self.cells = [RunningCell(clock, cell, site.server) for cell in site.cells]
        self.server = EdgeServer(clock, site)
        purposes = ("access", "loss", "backoff", "reply")
        self.lives = [
            Life(
                clock, group, self.cells, self.server, site.tables,
                {purpose: site.draws.key(purpose, group.name) for purpose in purposes},
            )
            for group in site.groups
        ]  # fmt: skip
        self._devices: list[dict[int, Device]] = [{} for _ in site.groups]
        self._under_way: dict[int, Upload] = {}
        self._rows: list[tuple[float, ...]] = []
        self._loop_number = CLOSED_LOOP_NUMBERS
        clock.process(self.speak())
        for group in site.groups:
            if isinstance(group.traffic, ClosedLoopTraffic):
                for number in range(group.count):
                    clock.process(self.converse(group, group.traffic, number))

    def speak(self) -> Steps:
        """Utterances that wait for nobody."""
        site, clock, number = self.site, self.clock, 0
        for window in Arrivals(site.groups, site.tables.audio_s, site.draws, site.duration_s):
            for enter_s, spoken_s, group, device, k, what in window.tolist():
                yield clock.until(enter_s)
                upload = Upload(number, site.groups[group], self.device(group, device), k, what, spoken_s)
                clock.process(self.follow(upload))
                number += 1

    def converse(self, group: Group, traffic: ClosedLoopTraffic, number: int) -> Steps:
        """A user who waits for each reply, thinks, and speaks again."""
        clock, audio_s = self.clock, self.site.tables.audio_s
        low, high = self.site.draws.key("phase", group.name)
        think_s = traffic.first_s(uniforms(low, high, number, 0, 0)[0])
        low, high = self.site.draws.key("speech", group.name)
        k, replied_s = 0, 0.0
        while True:
            what = int(uniforms(low, high, number, k, 0)[1] * len(audio_s))
            begin_s = spoken_s = replied_s + think_s
            if group.policy.delivery.block_s:  # a stream enters when speech begins
                begin_s = max(replied_s, spoken_s - float(audio_s[what]))
                spoken_s = begin_s + float(audio_s[what])
            if spoken_s >= self.site.duration_s:
                return
            if begin_s > clock.now:
                yield clock.until(begin_s)
            upload = Upload(self._loop_number, group, self.device(group.index, number), k, what, spoken_s)
            self._loop_number += 1
            yield from self.follow(upload)
            replied_s = max(clock.now, spoken_s)  # a stream can end before its speech does
            k += 1
            think_s = traffic.next_s(uniforms(low, high, number, k, 0)[0])

    def follow(self, upload: Upload) -> Steps:
        """An upload until its life is over and it is a row of the log."""
        self._under_way[upload.number] = upload
        yield from self.lives[upload.group.index].of(upload)
        del self._under_way[upload.number]
        if upload.turn:  # it has left
            self.cells[upload.group.cell].unanswered -= 1
        self.record(upload)

    def device(self, group: int, number: int) -> Device:
        """A device, made when it first speaks."""
        devices = self._devices[group]
        if number not in devices:
            of = self.site.groups[group]
            devices[number] = Device(of, number, self.others(of, number) if of.others_rate else None)
        return devices[number]

    def others(self, group: Group, number: int) -> Iterator[float]:
        """When a device's other traffic uses its radio."""
        low, high = self.site.draws.key("others", group.name)
        return others(group.others_rate, lambda k: float(uniforms(low, high, number, k, 0)[0]))

    def record(self, upload: Upload) -> None:
        """Write an upload to the log."""
        self._rows.append(upload.row())
        if len(self._rows) == CHUNK_ROWS:
            self.flush()

    def flush(self) -> None:
        """Hand the rows collected so far to the sink."""
        if self._rows:
            self.sink(rows_of(self._rows))
            self._rows.clear()

    def unfinished(self) -> None:
        """What is still on its way becomes rows, in order of number."""
        for number in sorted(self._under_way):
            self.record(self._under_way[number])
        self.flush()


def run(site: Site, sink: Callable[[Rows], None], tick: Callable[[float], None] | None = None) -> Figures:
    """Run to ``drain_s`` after the last utterance; ``sink`` takes the rows of the log in chunks.

    ``tick`` is told the simulated seconds about a hundred times, for a progress bar.
    """
    world = World(site, sink)
    steps = 100 if tick else 1
    for step in range(1, steps + 1):
        world.clock.run_to(site.duration_s * step / steps)
        if tick:
            tick(world.clock.now)
    uplink = float(np.mean([cell.uplink.utilisation() for cell in world.cells]))
    world.clock.run_to(site.duration_s + site.drain_s)
    world.unfinished()
    return Figures(uplink, world.server.utilisation(), world.clock.events)
