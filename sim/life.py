"""The life of an upload: what happens at each of its few events.

speech ends -> (policy) -> coded on the CPU -> radio wakes, grant -> shared uplink -> backhaul -> edge server -> reply.
The engine sees an upload when it is coded (fixed codec) or spoken (policy), when it joins a link and when it is
sent; everything between is arithmetic.  The server is worked out behind the clock (``sim.server``): before a device
uses its radio or its battery again, what the server has done for it by then is brought up to date (``settle``).
"""

from __future__ import annotations

from collections.abc import Callable

from sim.cell import CellRun
from sim.clock import Clock
from sim.departure import Departure
from sim.fleet import Fleet, Group
from sim.server import EdgeServer
from sim.tables import Tables
from sim.upload import BATTERY_DEAD, DELIVERED, INFINITE, LATE, LOST, NAN, Upload

Stage = Callable[[Upload], None]


class Life:
    """The stages of all uploads of a site."""

    departure: Departure
    server: EdgeServer
    unlimited: bool
    """Whether the server's queue takes every upload."""
    record: Callable[[Upload, float], None]
    """Takes an upload whose life is over, with the time of its reply (NaN: none)."""

    def __init__(self, env: Clock, fleet: Fleet, tables: Tables) -> None:
        self.env = env
        self.at = env.at
        self.fleet = fleet
        self.payload_bytes: list[list[int]] = tables.payload_bytes.tolist()
        self.mark, self.awake, self.connected = fleet.mark, fleet.awake, fleet.connected
        self.busy, self.awaiting = fleet.busy, fleet.awaiting
        self.alive: set[Upload] = set()

    def begin(self, groups: list[Group]) -> None:
        """Give every group its stages, once everything stands.

        They are closures: what never changes for a group is looked up here and not for each upload.
        """
        for group in groups:
            group.ready, group.sent, group.served = self._ready(group), self._sent(group), self._served(group)

    def enter(self, upload: Upload) -> None:
        """The engine's first sight of an upload that is to be decided on; coded ones go to ``ready``."""
        self.alive.add(upload)
        upload.group.enter(upload)

    def settle(self, device: int, now: float) -> None:
        """Bring the device's state up to date with what the server has done by ``now``."""
        if self.awaiting[device]:
            self.server.advance(now)

    def _ready(self, group: Group) -> Stage:
        """``ready`` of a group: coded; wake the radio, ask for a grant, set up the connection, join the link."""
        env, at, advance, connected_s = self.env, self.at, self.server.advance, self._connected_s
        mark, awake, connected, busy, awaiting = self.mark, self.awake, self.connected, self.busy, self.awaiting
        wake_delay_s, fair_rate_bps = group.wake_delay_s, group.fair_rate_bps
        cell, rate_of, first = group.run, group.rate_of, group.first
        uplink, plan, path_rtt_s = cell.uplink, cell.plan, cell.path_rtt_s
        access_s, timeout_s = cell.access_s, cell.timeout_s
        patient = timeout_s == INFINITE
        join = cell.join if patient else self.join

        def ready(upload: Upload) -> None:
            now, d = env._now, upload.device
            if uplink.due_s <= now:
                uplink.advance(now)
            if not upload.attempt or upload.left_s < upload.ready_s:  # a later block of a stream leaves later
                upload.left_s = now
            if awaiting[d]:
                advance(now)
            overlaps = busy[d]
            busy[d] = overlaps + 1
            if overlaps:
                gap = 0.0
                wake = max(awake[d] - now, 0.0)
            else:
                gap = now - mark[d]
                wake = wake_delay_s(gap) if gap > 0.0 else 0.0
                mark[d] = awake[d] = now + wake
            upload.gap_s, upload.wake_s = gap, wake
            upload.access_s = grant = access_s()
            if rate_of is None:
                rate_bps = fair_rate_bps(now)
            else:
                upload.cap_bps = cap_bps = rate_of[d - first]
                rate_bps = fair_rate_bps(now, cap_bps)
            setup_s, ramp_s, upload.fluid_bits, wire_bytes, upload.tail_s, start = plan(
                now, upload.block_bytes or upload.payload_bytes, gap, rate_bps, path_rtt_s
            )
            upload.start = start
            upload.wire_bytes += wire_bytes
            delay = wake + grant + setup_s + ramp_s
            if not overlaps and start is None:
                if setup_s:
                    connected[d] = now + wake + grant + setup_s
            else:
                delay = connected_s(upload, now + wake + grant, setup_s) + ramp_s - now
            if not patient:
                upload.give_up_s = now + timeout_s
                if delay > timeout_s:
                    delay = max(wake, timeout_s)  # given up before it joins the link, but not before the radio is awake
            if delay > 0.0:
                at(now + delay, join, upload)
            else:
                cell.join(upload)

        return ready

    def _connected_s(self, upload: Upload, granted_s: float, setup_s: float) -> float:
        """When the upload's connection is set up: its own, or one that an upload before it may still be setting up."""
        d, start = upload.device, upload.start
        # A router's link plays the rounds of a set-up itself; how long they wait in its queue nobody knows yet.
        rounds_s = setup_s if start is None else start.setup_rounds * upload.group.run.path_rtt_s
        if rounds_s > 0.0:
            self.connected[d] = granted_s + rounds_s
            return granted_s + setup_s
        return max(granted_s, self.connected[d]) if self.busy[d] > 1 else granted_s

    def join(self, upload: Upload) -> None:
        """Set up, where attempts can take too long: the rest of the payload takes its share of the link."""
        if upload.give_up_s <= self.env._now:
            self.gave_up(upload, upload.fluid_bits)
        else:
            upload.group.run.join(upload)

    def _sent(self, group: Group) -> Callable[[Upload, float], None]:
        """``sent`` of a group: the last bit has left the device (now)."""
        at, advance, expect, arrive = self.at, self.server.advance, self.server.expect, self.arrive
        mark, busy, awaiting = self.mark, self.busy, self.awaiting
        cell: CellRun = group.run
        onward_s, lossy, battery, watched = cell.onward_s, cell.lossy, group.battery, not self.unlimited

        def sent(upload: Upload, now: float) -> None:
            d = upload.device
            if awaiting[d]:
                advance(now)
            # As `_rest`, which the others call; here for every upload.
            active = now - mark[d]
            if active > 0.0:
                upload.active_s += active
                mark[d] = now
            busy[d] -= 1
            if battery is not None and not self._draw(upload, max(active, 0.0)):
                upload.outcome = BATTERY_DEAD
                self.end(upload)
            elif upload.blocks:
                self._settle_radio(upload)
                self.departure.next_block(upload)
            elif not lossy or not self._lost(upload, cell, now):
                awaiting[d] += 1
                upload.sent_s = sent_s = now + upload.tail_s
                if watched or upload.text:
                    at(sent_s + onward_s, arrive, upload)
                else:
                    expect(upload, sent_s + onward_s, now)

        return sent

    def _lost(self, upload: Upload, cell: CellRun, now: float) -> bool:
        """Draw the fate of an attempt: lost (then it has failed), or how long retransmissions take."""
        packets = cell.packets(upload.payload_bytes)
        loss = cell.loss
        if not loss.lossless:
            luck = float(cell.rng.random()) if upload.attempt else upload.luck
            if luck < loss.probability(packets):
                self._fail(upload, max(now, upload.give_up_s) if upload.give_up_s < INFINITE else now + cell.path_rtt_s)
                return True
        if loss.delays:
            # A rate that is 0 right now says nothing of the one that carried the upload.
            rate_bps = upload.group.fair_rate_bps(now, upload.cap_bps) or cell.link.capacity.mean_rate_bps
            upload.tail_s += loss.delay_s(cell.rng, packets, cell.path_rtt_s, rate_bps)
        return False

    def _rest(self, upload: Upload) -> bool:
        """The radio's part in an attempt is over; False when the battery is empty with that."""
        now, d = self.env._now, upload.device
        self.settle(d, now)
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
        upload.fluid_bits -= unsent_bits
        if self._rest(upload):
            self._fail(upload, self.env._now)
        else:
            upload.outcome = BATTERY_DEAD
            self.end(upload)

    def _fail(self, upload: Upload, noticed_s: float) -> None:
        """An attempt has failed and the device notices at ``noticed_s``: try again or give the upload up."""
        upload.attempt += 1
        cell = upload.group.run
        if cell.retry is None or not cell.retry.again(upload.attempt):
            upload.outcome = LOST
            self.end(upload)
            return
        self._settle_radio(upload)
        self.at(noticed_s + cell.retry.wait_s(upload.attempt, cell.rng), upload.group.ready, upload)

    def _draw(self, upload: Upload, active_s: float) -> bool:
        """Take one activity from the battery; False when it is empty with that."""
        group = upload.group
        used = sum(group.radio_j(upload.gap_s, active_s, upload.fluid_bits))
        return bool(group.battery.draw(upload.device - group.first, self.env._now, used))

    def arrive(self, upload: Upload) -> None:
        """At an edge server that looks at every arrival, or with text that needs no recognition."""
        self.settle(upload.device, self.env._now)
        if upload.text:
            upload.arrived_s = upload.started_s = upload.served_s = self.env._now
            upload.group.served(upload)
        else:
            self.server.arrive(upload)

    def _served(self, group: Group) -> Stage:
        """``served`` of a group: recognised (at ``served_s``); the reply goes back and restarts the radio's tail."""
        mark, busy, awaiting, remove, record = self.mark, self.busy, self.awaiting, self.alive.remove, self.record
        onward_s, deadline_s = group.run.onward_s, group.run.deadline_s
        battery, open_loop = group.battery, group.open_loop

        def served(upload: Upload) -> None:
            d = upload.device
            awaiting[d] -= 1
            reply_s = upload.served_s + onward_s
            upload.outcome = DELIVERED if reply_s - upload.spoken_s <= deadline_s else LATE
            if not busy[d]:
                # The next activity may begin before the reply is there; its gap is then negative and sets this right.
                wait = reply_s - mark[d]
                if wait > 0.0:
                    upload.wait_s = wait
                    mark[d] = reply_s
                    if battery is not None:
                        battery.draw(d - group.first, upload.served_s, group.radio_j(wait, 0.0, 0.0)[2])
            remove(upload)
            if not open_loop:
                self.departure.after(upload, reply_s)
            record(upload, reply_s)

        return served

    def end(self, upload: Upload) -> None:
        """The upload's life is over without a reply: one row of the log."""
        self.alive.discard(upload)
        if not upload.group.open_loop:
            self.departure.after(upload, self.env._now)
        self.record(upload, NAN)

    def rejected(self, upload: Upload) -> None:
        """The server's queue was full."""
        self.awaiting[upload.device] -= 1
        self.end(upload)

    def give_up(self) -> None:
        """The simulation is over: what is still on its way is unfinished."""
        now = self.env._now
        for upload in sorted(self.alive, key=lambda u: u.number):
            if upload.arrived_s > now:
                upload.arrived_s = NAN  # expected at the server, not there yet
            self.end(upload)
