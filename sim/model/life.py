"""The life of an upload, from the end of speech to the reply.

speech ends -> policy picks the codec -> coded on the CPU -> (held back) -> the radio wakes, the channel is granted,
the connection set up -> the shared uplink -> backhaul -> the server's queue -> a batch -> the reply, for
which the radio may have to wake.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import dataclass
from math import inf, isnan
from typing import Any

import simpy

from channel.links import Plan
from devices.delivery import stream_blocks
from sim.draws import Chance, Key, uniforms
from sim.model.attachment import Attachment
from sim.model.choice import Choice
from sim.model.clock import Clock
from sim.model.hold import Hold
from sim.model.running_cell import RunningCell
from sim.model.server import EdgeServer
from sim.model.upload import Upload
from sim.outcomes import BATTERY_DEAD, DELIVERED, LATE, LOST, REJECTED
from sim.site import Group
from sim.utterances import Tables

Steps = Generator[simpy.Event, Any, None]


@dataclass(frozen=True)
class Piece:
    """Bytes that leave together, and when they are coded: a whole utterance, or a block of one."""

    ready_s: float
    size_bytes: float
    last: bool = True


class Life:
    """The lives of the uploads of one group."""

    def __init__(
        self,
        clock: Clock,
        group: Group,
        cells: Sequence[RunningCell],
        server: EdgeServer,
        tables: Tables,
        luck: dict[str, Key],
    ) -> None:
        self.clock, self.group, self.cell, self.server = clock, group, cells[group.cell], server
        self.tables, self.luck = tables, luck
        self.attachment = Attachment(clock, group, [cells[number].uplink for number in group.cells])
        self.choose = Choice(self.attachment, self.cell, server, tables)
        self.hold = Hold(clock, group.policy.delivery) if group.policy.delivery.hold_s else None

    def of(self, upload: Upload) -> Steps:
        """Everything that happens to an upload; its outcome says how it ended."""
        clock, device, cell = self.clock, upload.device, self.cell
        if not device.alive(clock.now):
            upload.codec = self.group.codecs[0]  # never asked
            upload.outcome, upload.ready_s, upload.left_s = BATTERY_DEAD, clock.now, clock.now
            return

        for piece in self.code(upload):
            upload.ready_s = piece.ready_s
            if piece.ready_s > clock.now:
                yield clock.until(piece.ready_s)
            if self.hold is not None:
                yield self.hold.leave(device.number)
            if isnan(upload.left_s):
                self.cell.unanswered += 1
            upload.left_s = clock.now
            yield from self.send(upload, piece)
            if upload.outcome in (LOST, BATTERY_DEAD):
                return

        arrived_s = upload.sent_s + cell.onward_s
        if arrived_s > clock.now:
            yield clock.until(arrived_s)
        upload.arrived_s = clock.now
        if self.group.policy.delivery.local is not None:  # text needs no recognition
            upload.started_s = upload.served_s = clock.now
        elif not (yield self.server.recognize(upload)):
            upload.outcome = REJECTED
            return

        replied_s = upload.served_s + cell.back_s
        if replied_s > clock.now:
            yield clock.until(replied_s)
        yield from self.hear(upload)
        if upload.outcome == BATTERY_DEAD:
            return
        upload.replied_s = clock.now
        upload.outcome = DELIVERED if upload.replied_s - upload.spoken_s <= cell.deadline_s else LATE

    def hear(self, upload: Upload) -> Steps:
        """The reply is at the base station: the radio hears of it, wakes for it and receives it."""
        clock, device, bits = self.clock, upload.device, self.group.reply_bits
        if bits is None:
            tail = device.radio.reply(clock.now)
            upload.add(tail)
            device.draw(clock.now, tail.total_j)
            return
        position = float(uniforms(*self.luck["reply"], device.number, upload.k, 0)[0])
        heard_s = device.radio.hears_s(clock.now, position)
        if heard_s > clock.now:
            yield clock.until(heard_s)
        begun = device.radio.begin(clock.now)
        if begun.wake_s > 0.0:
            yield clock.until(clock.now + begun.wake_s)
        received = device.radio.received(clock.now, bits)
        upload.add(begun.charge)
        upload.add(received)
        if not device.draw(clock.now, begun.charge.total_j + received.total_j):
            upload.outcome = BATTERY_DEAD

    def code(self, upload: Upload) -> list[Piece]:
        """Pick a codec and occupy the CPU; a stream is cut into blocks, each coded when it has been spoken."""
        group, tables, device, what, now = self.group, self.tables, upload.device, upload.utterance, self.clock.now
        upload.codec = codec = self.choose(upload)
        delivery, audio_s = group.policy.delivery, float(tables.audio_s[what])
        if delivery.local is None:
            upload.payload_bytes = float(tables.payload_bytes[codec, what])
            cpu_s = float(tables.encode_host_s[codec, what]) * group.profile.encode_scale
        else:
            upload.payload_bytes = float(tables.text_bytes[codec, what])
            cpu_s = delivery.local.recognize_s(audio_s, group.profile)
        upload.encode_j = cpu_s * group.cpu_active_w
        # A battery that this empties is found dead when the radio is to draw.
        device.draw(now, upload.encode_j)
        if not delivery.block_s:
            return [Piece(device.code(now, cpu_s), upload.payload_bytes)]
        blocks = stream_blocks(audio_s, delivery.block_s)
        return [
            Piece(
                device.code(upload.spoken_s + block.ready_s, cpu_s * block.share),
                upload.payload_bytes * block.share,
                block is blocks[-1],
            )
            for block in blocks
        ]

    def send(self, upload: Upload, piece: Piece) -> Steps:
        """Send bytes, attempt after attempt; ``sent_s`` is set, or the outcome."""
        clock, cell = self.clock, self.cell
        while True:
            begun_s = clock.now
            sent = yield from self.use_radio(upload, piece, begun_s + cell.timeout_s)
            if upload.outcome == BATTERY_DEAD:
                return
            if sent and not piece.last:
                return  # only with the last block is an utterance lost or there
            noticed_s = clock.now
            if sent:
                chance = Chance(self.luck["loss"], upload.device.number, upload.k, upload.turn)
                packets = cell.transport.packets(upload.payload_bytes)
                if cell.loss.lossless or not cell.loss.lost(chance, packets):
                    upload.sent_s = clock.now + upload.resending_s
                    return
                noticed_s += cell.path_rtt_s
                if cell.timeout_s < inf:
                    noticed_s = max(clock.now, begun_s + cell.timeout_s)
            upload.attempt += 1
            if cell.retry is None or not cell.retry.again(upload.attempt):
                upload.outcome = LOST
                return
            chance = Chance(self.luck["backoff"], upload.device.number, upload.k, upload.turn)
            again_s = noticed_s + cell.retry.wait_s(upload.attempt, chance)
            if again_s > clock.now:
                yield clock.until(again_s)

    def use_radio(self, upload: Upload, piece: Piece, give_up_s: float) -> Generator[simpy.Event, Any, bool]:
        """One activity of the radio: wake, be granted the channel, connect, cross the link; whether all was sent."""
        clock, group, cell, device, now = self.clock, self.group, self.cell, upload.device, self.clock.now
        own_bps = group.own_bps(device.number, now)
        rate_bps = self.attachment.fair_rate_bps(device.number, own_bps)
        begun = device.radio.begin(now)
        upload.add(begun.charge)
        upload.gap_s, upload.wake_s = begun.gap_s, begun.wake_s
        upload.access_s = cell.access.delay(Chance(self.luck["access"], device.number, upload.k, upload.turn))
        upload.turn += 1
        plan = cell.transport.plan(now, piece.size_bytes, begun.idle_s, rate_bps, cell.path_rtt_s)
        granted_s = now + begun.wake_s + upload.access_s
        joined_s = device.connect(granted_s, plan, cell.path_rtt_s) + plan.ramp_s
        if cell.loss.delays and piece.last:
            plan = self.with_losses(upload, plan, rate_bps)

        unsent_bits = plan.fluid_bits
        if joined_s > give_up_s:  # given up before it joins the link, but not before the radio is awake
            yield clock.until(max(now + begun.wake_s, give_up_s))
        else:
            if joined_s > now:
                yield clock.until(joined_s)
            unsent_bits = yield from self.attachment.cross(upload, plan, own_bps, give_up_s)

        sent_bytes = plan.wire_bytes - unsent_bits / 8.0
        upload.wire_bytes += sent_bytes
        ended = device.radio.end(clock.now, sent_bytes * 8.0)
        upload.add(ended.charge)
        upload.active_s += ended.active_s
        if not device.draw(clock.now, begun.charge.total_j + ended.charge.total_j):
            upload.outcome = BATTERY_DEAD
        return unsent_bits == 0.0

    def with_losses(self, upload: Upload, plan: Plan, rate_bps: float) -> Plan:
        """The plan of an upload's last bytes with what its losses make the transport send again."""
        cell, device = self.cell, upload.device
        chance = Chance(self.luck["loss"], device.number, upload.k, upload.turn)
        packets = cell.transport.packets(upload.payload_bytes)
        # A rate that is 0 right now says nothing of the one that will carry the upload.
        found = cell.loss.resent(chance, packets, cell.path_rtt_s, rate_bps or cell.mean_rate_bps, device.window)
        device.window, upload.resending_s = found.window, found.delay_s
        again_bytes = found.packets * cell.transport.wire_bytes(upload.payload_bytes) / packets
        return plan._replace(fluid_bits=plan.fluid_bits + 8.0 * again_bytes, wire_bytes=plan.wire_bytes + again_bytes)
