"""From the end of speech to bytes that may leave: the device's choice, its CPU, and when it sends.

Groups with one codec that is sent at once never come here: their coding is computed for whole chunks
(``sim.fleet``).  Here are the others: policies that look at battery, link or load, utterances that are held
back, streamed while spoken or recognised on the device, batteries, and users who wait for the reply.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from devices.delivery import HoldBuffer, stream_blocks
from devices.policy import Context
from sim.clock import Clock
from sim.fleet import Fleet, Group
from sim.streams import Streams
from sim.tables import Tables
from sim.upload import BATTERY_DEAD, INFINITE, Upload

if TYPE_CHECKING:
    from sim.life import Life


CLOSED_LOOP_NUMBERS = 1 << 40


class Departure:
    """Decides, codes and holds for the groups of a site; ``group.ready`` takes over."""

    def __init__(
        self, env: Clock, fleet: Fleet, tables: Tables, life: Life, streams: Streams, duration_s: float
    ) -> None:
        self.env = env
        self.life = life
        self.tables = tables
        self.duration_s = duration_s
        self.cpu_free = fleet.cpu
        self.encode_host_s: list[list[float]] = tables.encode_host_s.tolist()
        self.audio_s: list[float] = tables.audio_s.tolist()
        self.context = Context()
        # Numbers of utterances in closed loops: apart from those of open loops, which are drawn in advance.
        self.number = CLOSED_LOOP_NUMBERS if any(g.open_loop for g in fleet.groups) else 0
        self._held = {g.index: HoldBuffer[Upload](g.policy.delivery) for g in fleet.groups if g.delivery.hold_s}
        self._loops = {
            g.index: (streams("arrivals", g.name), streams("utterances", g.name), streams("luck", g.name))
            for g in fleet.groups
            if not g.open_loop
        }
        for group in fleet.groups:
            group.enter = group.ready if group.simple else self._spoken(group)
            if not group.open_loop:
                self._begin_loop(group)

    def _spoken(self, group: Group) -> Callable[[Upload], None]:
        """``spoken`` of a group: speech has ended (or, streamed, its first block has); pick a codec and code."""
        env, code = self.env, self._coder(group)
        payload_bytes, encode_host_s = self.life.payload_bytes, self.encode_host_s
        choose = None if group.policy is None or group.policy.index is not None else self._chooser(group)
        codecs, scale, battery = group.codecs, group.encode_scale, group.battery
        block_s, local = group.delivery.block_s, group.delivery.local

        def spoken(upload: Upload) -> None:
            now, utterance = env._now, upload.utterance
            if battery is not None and self._dead(upload, now):
                return
            upload.codec = codec = codecs[0] if choose is None else codecs[choose(upload, now)]
            upload.payload_bytes = payload_bytes[codec][utterance]
            if block_s:
                self._stream(upload)
            elif local is not None:
                upload.payload_bytes = int(self.tables.text_bytes[codec, utterance])
                upload.text = True
                code(upload, now, local.recognise_s(self.audio_s[utterance], group.profile))
            else:
                code(upload, now, encode_host_s[codec][utterance] * scale)

        return spoken

    def _dead(self, upload: Upload, now: float) -> bool:
        """Whether the device's battery is empty; then the upload has ended."""
        self.life.settle(upload.device, now)
        if upload.group.battery.alive(upload.device - upload.group.first, now):
            return False
        upload.outcome = BATTERY_DEAD
        upload.ready_s = upload.left_s = now
        self.life.end(upload)
        return True

    def _chooser(self, group: Group) -> Callable[[Upload, float], int]:
        """The policy's choice for an upload at a time, told only what the policy needs to know."""
        context, choose, needs = self.context, group.policy.choose, group.policy.needs
        cell, battery, rate_of, weight, first = group.run, group.battery, group.rate_of, group.weight, group.first
        uplink, fair_rate_bps, audio_s = cell.uplink, cell.link.fair_rate_bps, self.audio_s
        bits_of = (self.tables.payload_bytes[list(group.codecs)].T * 8.0).tolist()  # by utterance, then codec
        encode_s_of = (self.tables.encode_host_s[list(group.codecs)].T * group.encode_scale).tolist()
        rate, charge, active, queue = (
            name in needs for name in ("link_rate_bps", "battery", "active_uploads", "server_queue")
        )
        path_rtt_s: float = cell.path_rtt_s

        def choice(upload: Upload, now: float) -> int:
            utterance = upload.utterance
            context.time_s = now
            context.device = upload.device - first
            context.duration_s = audio_s[utterance]
            context.payload_bits = bits_of[utterance]
            context.encode_s = encode_s_of[utterance]
            context.rtt_s = path_rtt_s
            if uplink.due_s <= now:
                uplink.advance(now)
            if rate:
                own_bps = INFINITE if rate_of is None else rate_of[context.device]
                context.link_rate_bps = fair_rate_bps(now, own_bps, weight)
            if charge:
                context.battery = 1.0 if battery is None else battery.share(context.device, now)
            if active:
                context.active_uploads = cell.link.active
            if queue:
                context.server_queue = self.life.server.waiting()
            return int(choose(context))

        return choice

    def _coder(self, group: Group) -> Callable[[Upload, float, float], None]:
        """Occupy the device's CPU for so many seconds from now, first come first served, then send or hold."""
        at, cpu_free, battery = self.env.at, self.cpu_free, group.battery
        then = self._hold if group.delivery.hold_s else group.ready

        def code(upload: Upload, now: float, cpu_s: float) -> None:
            d = upload.device
            free_s = cpu_free[d]
            cpu_free[d] = upload.ready_s = done = (free_s if free_s > now else now) + cpu_s
            upload.encode_cpu_s = cpu_s
            if battery is not None:
                self._draw_coding(upload)
            if done > now:
                at(done, then, upload)
            else:
                then(upload)

        return code

    def _draw_coding(self, upload: Upload) -> None:
        """Take the coding from the battery; one that it empties is found dead when the radio is to draw."""
        group = upload.group
        used_j = upload.encode_cpu_s * group.cpu_active_w
        group.battery.draw(upload.device - group.first, self.env._now, used_j)

    # ------------------------------------------------------------ held back

    def _hold(self, upload: Upload) -> None:
        group, buffer = upload.group, self._held[upload.group.index]
        batch = buffer.add(upload.device, upload)
        if batch is not None:
            self._leave(batch)
        elif buffer.waiting(upload.device) == 1:
            held = group.index, upload.device, buffer.batch_number(upload.device)
            self.env.at(self.env._now + buffer.hold_s, self._release, held)

    def _release(self, held: tuple[int, int, int]) -> None:
        """The moment at which a held batch must leave: (group, device, batch)."""
        index, device, number = held
        batch = self._held[index].take(device, number)
        if batch is not None:
            self._leave(batch)

    def _leave(self, batch: list[Upload]) -> None:
        for upload in batch:
            upload.group.ready(upload)

    # ------------------------------------------------------------ streamed while speaking

    def _stream(self, upload: Upload) -> None:
        """Cut the utterance into blocks; each is coded when it has been spoken and sent when the last one is."""
        duration_s = self.audio_s[upload.utterance]
        cpu_s = self.encode_host_s[upload.codec][upload.utterance] * upload.group.encode_scale
        upload.encode_cpu_s = cpu_s
        if upload.group.battery is not None:
            self._draw_coding(upload)
        whole = upload.payload_bytes
        blocks = stream_blocks(duration_s, upload.group.delivery.block_s)
        # Each block leaves with its part of the bytes; what is coded early costs no latency.
        upload.blocks = [(upload.spoken_s + b.ready_s + cpu_s * b.share, whole * b.share) for b in blocks]
        self.next_block(upload)

    def next_block(self, upload: Upload) -> None:
        """Send the next block as soon as it is coded and the one before has left."""
        (ready_s, upload.block_bytes), *upload.blocks = upload.blocks
        upload.ready_s = ready_s
        self.env.at(max(ready_s, self.env._now), upload.group.ready, upload)

    # ------------------------------------------------------------ closed loops

    def _begin_loop(self, group: Group) -> None:
        times, devices = group.traffic.first(self._loops[group.index][0])
        for time_s, device in zip(times.tolist(), devices.tolist(), strict=True):
            self._say(group, device + group.first, 0.0, time_s)

    def _say(self, group: Group, device: int, earliest_s: float, think_s: float) -> None:
        """Let an utterance end ``think_s`` after ``earliest_s``; one that is streamed enters when it begins."""
        time_s = earliest_s + think_s
        begin_s = time_s
        utterance = int(self._loops[group.index][1].integers(0, len(self.audio_s)))
        if group.delivery.block_s:
            begin_s = max(earliest_s, time_s - self.audio_s[utterance])
            time_s = begin_s + self.audio_s[utterance]
        if time_s < self.duration_s:
            self.env.at(begin_s, self._speak, (group, device, utterance, time_s))

    def _speak(self, said: tuple[Group, int, int, float]) -> None:
        """An utterance of a closed loop: (group, device, utterance, its end)."""
        group, device, utterance, spoken_s = said
        luck = float(self._loops[group.index][2].random())
        self.number += 1
        self.life.enter(
            Upload(spoken_s, group, self.number, device, utterance, group.codecs[0], 0, spoken_s, 0.0, luck)
        )

    def after(self, upload: Upload, ended_s: float) -> None:
        """The user has the reply, or knows that none will come: think, then speak again."""
        group = upload.group
        ended_s = max(ended_s, upload.spoken_s)  # a stream can end before its speech does
        self._say(group, upload.device, ended_s, float(group.traffic.think_time(self._loops[group.index][0])))
