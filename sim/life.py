"""The life of an upload: what happens at each of its few events.

speech ends -> (policy) -> coded on the CPU -> radio wakes, grant -> shared uplink -> backhaul -> edge server -> reply.
The engine sees an upload when it is coded (fixed codec) or spoken (policy), when it joins a link, when it is
sent, when it reaches the server and when its batch is done; everything between is arithmetic.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import simpy

from sim.clock import Clock
from sim.departure import Departure
from sim.fleet import Chunk, Fleet
from sim.recorder import Recorder
from sim.server import EdgeServer
from sim.tables import Tables
from sim.uplink import Uplink
from sim.upload import BATTERY_DEAD, DELIVERED, INFINITE, LATE, LOST, NAN, Upload


class CellRun:
    """A compiled cell (``channel.links``) with the uplink that carries its uploads."""

    def __init__(self, cell: Any, uplink: Uplink, rng: np.random.Generator) -> None:
        self.uplink = uplink
        self.rng = rng
        self.link = cell.link
        self.plan = cell.transport.plan
        self.packets = cell.transport.packets
        self.watches_rate = cell.transport.name != "udp"
        self.path_rtt_s: float = cell.path_rtt_s
        self.onward_s: float = cell.propagation_s + cell.backhaul_s
        """One way from device to server, and as much for the reply, seconds."""
        self.access = cell.access
        self.grant_s: float | None = cell.access.constant_s
        self.loss = cell.loss
        self.lossless: bool = cell.loss.lossless
        self.retry = cell.retry
        self.timeout_s: float = INFINITE if cell.retry is None else cell.retry.timeout_s
        self.deadline_s: float = INFINITE if cell.retry is None else cell.retry.deadline_s


class Feeder(simpy.Event):
    """Brings uploads into the simulation in the order of their entry: one pending event for the whole fleet."""

    _ok = True
    _value: Any = None

    def __init__(self, env: Clock, chunks: Iterator[Chunk], fleet: Fleet, enter: Callable[[Upload], None]) -> None:
        self.env = self.clock = env
        self.chunks = chunks
        self.groups = fleet.groups
        self.enter = enter
        self._rows: Iterator[tuple[Any, ...]] = iter(())
        self._next: tuple[Any, ...] | None = None
        self._again = (self._feed,)
        self._advance()

    def _advance(self) -> None:
        row = next(self._rows, None)
        while row is None:
            chunk = next(self.chunks, None)
            if chunk is None:
                self._next = None
                return
            self._rows = zip(
                chunk.enter_s.tolist(),
                chunk.number.tolist(),
                chunk.group.tolist(),
                chunk.device.tolist(),
                chunk.utterance.tolist(),
                chunk.codec.tolist(),
                chunk.spoken_s.tolist(),
                chunk.encode_cpu_s.tolist(),
                chunk.luck.tolist(),
                strict=True,
            )
            row = next(self._rows, None)
        self._next = row
        self.callbacks = self._again  # type: ignore[assignment]
        self.clock.at(row[0], self)

    def _feed(self, _: simpy.Event) -> None:
        assert self._next is not None
        ready_s, number, group, device, utterance, codec, spoken_s, cpu_s, luck = self._next
        upload = Upload(number, self.groups[group], device, utterance, codec, spoken_s, ready_s, cpu_s, luck)
        self.enter(upload)
        self._advance()


class Life:
    """The stages of all uploads of a site."""

    def __init__(self, env: Clock, fleet: Fleet, tables: Tables) -> None:
        self.env = env
        self.fleet = fleet
        self.tables = tables
        self.payload_bytes: list[list[int]] = tables.payload_bytes.tolist()
        self.mark, self.awake, self.busy = fleet.mark, fleet.awake, fleet.busy
        self.alive: set[Upload] = set()
        self.cells: list[CellRun] = []
        self.departure: Departure
        self.server: EdgeServer
        self.recorder: Recorder
        self._join = (self.join,)
        self._ready = (self.ready,)
        self._arrive = (self.arrive,)

    def enter(self, upload: Upload) -> None:
        """The engine's first sight of an upload: coded already, or to be decided on."""
        self.alive.add(upload)
        if upload.group.simple:
            upload.payload_bytes = self.payload_bytes[upload.codec][upload.utterance]
            self.ready(upload)
        else:
            self.departure.spoken(upload)

    def ready(self, upload: Upload) -> None:
        """Coded: wake the radio, ask for a grant, open the connection, then join the link."""
        now = upload.begun_s = self.env._now
        if not upload.attempt:
            upload.left_s = now
        d = upload.device
        group = upload.group
        if self.busy[d]:
            gap = 0.0
            wake = self.awake[d] - now
            if wake < 0.0:
                wake = 0.0
        else:
            gap = now - self.mark[d]
            wake = group.radio.wake_delay_s(gap) if gap > 0.0 else 0.0
            self.mark[d] = self.awake[d] = now + wake
        self.busy[d] += 1
        upload.gap_s = gap
        upload.wake_s = wake
        cell = self.cells[group.cell]
        grant = upload.access_s = cell.access.delay(cell.rng) if cell.grant_s is None else cell.grant_s
        plan = cell.plan(
            now,
            upload.block_bytes or upload.payload_bytes,
            gap,
            cell.link.fair_rate_bps(now) if cell.watches_rate else 0.0,
            cell.path_rtt_s,
        )
        upload.fluid_bits = plan.fluid_bits
        upload.start = plan.start
        upload.wire_bytes += plan.wire_bytes
        upload.tail_s = plan.tail_s
        if group.rate_of is not None:
            upload.cap_bps = group.rate_of[d - group.first]
        if cell.timeout_s < INFINITE:
            upload.give_up_s = now + cell.timeout_s
        delay = wake + grant + plan.setup_s + plan.ramp_s
        if delay > 0.0:
            upload.callbacks = self._join  # type: ignore[assignment]
            self.env.at(now + delay, upload)
        else:
            cell.uplink.join(upload)

    def join(self, upload: simpy.Event) -> None:
        """Set up: the rest of the payload takes its share of the link."""
        assert isinstance(upload, Upload)
        if upload.give_up_s <= self.env._now:
            self.gave_up(upload, upload.fluid_bits)
        else:
            self.cells[upload.group.cell].uplink.join(upload)

    def sent(self, upload: Upload) -> None:
        """The last bit has left the device."""
        group = upload.group
        if not self._rest(upload):
            upload.outcome = BATTERY_DEAD
            self.end(upload, NAN)
            return
        if upload.blocks:
            self._settle_radio(upload)
            self.departure.next_block(upload)
            return
        now = self.env._now
        cell = self.cells[group.cell]
        if not cell.lossless:
            packets = cell.packets(upload.payload_bytes)
            luck = float(cell.rng.random()) if upload.attempt else upload.luck
            if luck < cell.loss.probability(packets):
                self._fail(upload, max(now, upload.give_up_s) if upload.give_up_s < INFINITE else now + cell.path_rtt_s)
                return
            if cell.loss.delays:
                upload.tail_s += cell.loss.delay_s(cell.rng, packets, cell.path_rtt_s)
        upload.sent_s = now + upload.tail_s
        upload.callbacks = self._arrive  # type: ignore[assignment]
        self.env.at(upload.sent_s + cell.onward_s, upload)

    def _rest(self, upload: Upload) -> bool:
        """The radio's part in an attempt is over; False when the battery is empty with that."""
        now, d = self.env._now, upload.device
        active = now - self.mark[d]
        if active > 0.0:  # else an attempt was given up before its radio was awake
            upload.active_s += active
            self.mark[d] = now
        self.busy[d] -= 1
        return upload.group.battery is None or self._draw(upload, max(active, 0.0))

    def _settle_radio(self, upload: Upload) -> None:
        """Keep what this block or attempt cost in waking and tails, since the next one has its own gap."""
        wake_j, _, tail_j = upload.group.radio_j(upload.gap_s, 0.0, 0.0)
        upload.extra_wake_j += wake_j
        upload.extra_tail_j += tail_j
        upload.gap_s = 0.0

    def gave_up(self, upload: Upload, unsent_bits: float) -> None:
        """An attempt took too long; what it has sent was sent in vain."""
        upload.wire_bytes -= unsent_bits / 8.0
        if self._rest(upload):
            self._fail(upload, self.env._now)
        else:
            upload.outcome = BATTERY_DEAD
            self.end(upload, NAN)

    def _fail(self, upload: Upload, noticed_s: float) -> None:
        """An attempt has failed and the device notices at ``noticed_s``: try again or give the upload up."""
        upload.attempt += 1
        cell = self.cells[upload.group.cell]
        if cell.retry is None or not cell.retry.again(upload.attempt):
            upload.outcome = LOST
            self.end(upload, NAN)
            return
        self._settle_radio(upload)
        upload.callbacks = self._ready  # type: ignore[assignment]
        self.env.at(noticed_s + cell.retry.wait_s(upload.attempt, cell.rng), upload)

    def _draw(self, upload: Upload, active_s: float) -> bool:
        """Take one activity from the battery; False when it is empty with that."""
        group = upload.group
        used = sum(group.radio_j(upload.gap_s, active_s, upload.fluid_bits))
        if not upload.blocks:
            used += upload.encode_cpu_s * group.cpu_active_w
        return bool(group.battery.draw(upload.device - group.first, self.env._now, used))

    def arrive(self, upload: simpy.Event) -> None:
        """At the edge server."""
        assert isinstance(upload, Upload)
        if upload.text:
            upload.arrived_s = upload.started_s = upload.served_s = self.env._now
            self.served(upload)
        else:
            self.server.arrive(upload)

    def served(self, upload: Upload) -> None:
        """Recognised: the reply goes back and restarts the radio's tail."""
        reply_at = upload.served_s + self.cells[upload.group.cell].onward_s
        deadline_s = self.cells[upload.group.cell].deadline_s
        upload.outcome = DELIVERED if reply_at - upload.spoken_s <= deadline_s else LATE
        d = upload.device
        if not self.busy[d]:
            # The next activity may begin before the reply is there; its gap is then negative and sets this right.
            wait = reply_at - self.mark[d]
            if wait > 0.0:
                upload.wait_s = wait
                self.mark[d] = reply_at
                group = upload.group
                if group.battery is not None:
                    group.battery.draw(d - group.first, self.env._now, group.radio_j(wait, 0.0, 0.0)[2])
        self.end(upload, reply_at)

    def end(self, upload: Upload, replied_s: float) -> None:
        """The upload's life is over: one row of the log."""
        self.alive.discard(upload)
        if not upload.group.open_loop:
            self.departure.after(upload, self.env._now if replied_s != replied_s else replied_s)
        self.recorder.record(upload, replied_s)

    def rejected(self, upload: Upload) -> None:
        """The server's queue was full."""
        self.end(upload, NAN)

    def give_up(self) -> None:
        """The simulation is over: what is still on its way is unfinished."""
        for upload in sorted(self.alive, key=lambda u: u.number):
            self.end(upload, NAN)
