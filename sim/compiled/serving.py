"""The edge server, the reply, and the end of an upload's life."""

from __future__ import annotations

import math

from devices.traffic import exponential
from recognizers.service.spread import at_quantile
from sim.compiled.codes import BATCH, END, HEAR, NOTHING, RECEIVED, REPLY, SPEAK
from sim.compiled.jit import kernel, stage
from sim.compiled.sending import catch_up, over, phase_of, wake
from sim.compiled.speaking import at, draw
from sim.compiled.state import Floats, Ints, Record, Records, World
from sim.draws import uniforms
from sim.outcomes import BATTERY_DEAD, DELIVERED, LATE, REJECTED


@stage
def arrive(w: World, slot: int) -> int:
    """At the server: queue, be turned away, or (text) be done."""
    site, u = w.site[0], w.uploads[slot]
    group = w.groups[u.group]
    u.arrived_s = site.now_s
    if group.local:
        u.started_s = u.served_s = site.now_s
        replied_s = site.now_s + w.cells[group.cell].back_s
        if replied_s > site.now_s:
            at(site, w.heap, replied_s, REPLY, slot)
            return NOTHING
        return REPLY
    if site.limit >= 0 and site.free_accelerators == 0 and site.queue >= site.limit:
        u.outcome = REJECTED
        return END
    if site.queue == 0:
        site.queue_first = slot
    else:
        w.uploads[site.queue_last].next = slot
    site.queue_last = slot
    site.queue += 1
    start_batches(site, w.heap, w.uploads, w.batches, w.service_s, w.spread, w.audio_s)
    return NOTHING


@kernel
def start_batches(
    site: Record,
    heap: Records,
    uploads: Records,
    batches: Ints,
    service_s: Floats,
    spread: Floats,
    audio_s: Floats,
) -> None:
    """Free accelerators take what is due; a timer waits for what is not."""
    site.timer_s = math.inf
    while site.free_accelerators > 0 and site.queue > 0:
        due_s = uploads[site.queue_first].arrived_s + site.longest_wait_s
        if site.queue < site.largest and due_s > site.now_s:
            site.timer_s, site.timer_order = due_s, site.order
            site.order += 1
            return
        size = min(site.queue, site.largest)
        seconds, slot = 0.0, site.queue_first
        accelerator = site.free_accelerator
        site.free_accelerator = batches[accelerator, 1]
        batches[accelerator, 0] = slot
        for _ in range(size):
            u = uploads[slot]
            u.started_s, u.batch = site.now_s, size
            seconds += audio_s[u.utterance]
            slot = u.next
        site.queue_first = slot
        site.queue -= size
        site.free_accelerators -= 1
        taken_s = service_s[size] + (site.per_audio_s + site.per_step_s / size) * seconds
        if site.exponential or len(spread) > 0:
            luck, _ = uniforms(site.service[0], site.service[1], 0, site.batches, 0)
            taken_s *= exponential(luck) if site.exponential else at_quantile(spread, luck)
        site.batches += 1
        end_s = site.now_s + taken_s
        site.busy_s += max(0.0, min(end_s, site.horizon_s) - site.now_s)
        at(site, heap, end_s, BATCH, accelerator)


@stage
def end_batch(w: World, accelerator: int) -> None:
    """A batch is recognized: its replies go back, and the accelerator takes the next."""
    site = w.site[0]
    first = slot = w.batches[accelerator, 0]
    size = w.uploads[first].batch
    w.batches[accelerator, 1] = site.free_accelerator
    site.free_accelerator = accelerator
    site.free_accelerators += 1
    # The next batch may relink none of these: it takes slots from the queue alone.
    start_batches(site, w.heap, w.uploads, w.batches, w.service_s, w.spread, w.audio_s)
    for _ in range(size):
        u = w.uploads[slot]
        u.served_s = site.now_s
        at(site, w.heap, site.now_s + w.cells[w.groups[u.group].cell].back_s, REPLY, slot)
        slot = u.next


@stage
def reply(w: World, slot: int) -> int:
    """The reply is at the base station: the radio hears of it when it listens, or need not."""
    site, u = w.site[0], w.uploads[slot]
    now, group, device = site.now_s, w.groups[u.group], w.devices[u.device]
    radio = w.radios[u.group, :, : group.phases]
    if group.reply_j < 0.0:
        u.radio_j = 0.0
        if device.busy == 0:
            gap_s, _, _ = wake(u, group, device, u.device - group.first, radio, now)
            asleep_j = radio[4, phase_of(radio[0], gap_s)]
            u.wake_j -= asleep_j
            u.radio_j -= asleep_j
            device.mark_s = now
            over(u, group, device, u.device - group.first, radio, now)
        draw(w.drawn_j, w.initial_j, group, u.device, now, u.radio_j)
        return replied(w.cells[group.cell], u, now)
    if device.busy == 0:
        catch_up(group, device, u.device - group.first, now)
        luck, _ = uniforms(group.reply[0], group.reply[1], u.device - group.first, u.k, 0)
        heard_s = now + radio[5, phase_of(radio[0], now - device.mark_s)] * luck
        if heard_s > now:
            at(site, w.heap, heard_s, HEAR, slot)
            return NOTHING
    return HEAR


@stage
def hear(w: World, slot: int) -> int:
    """The radio has heard of the reply and wakes for it."""
    site, u = w.site[0], w.uploads[slot]
    group, device = w.groups[u.group], w.devices[u.device]
    radio = w.radios[u.group, :, : group.phases]
    _, _, wake_s = wake(u, group, device, u.device - group.first, radio, site.now_s)
    if wake_s > 0.0:
        at(site, w.heap, site.now_s + wake_s, RECEIVED, slot)
        return NOTHING
    return RECEIVED


@stage
def received(w: World, slot: int) -> int:
    """The radio has the reply."""
    site, u = w.site[0], w.uploads[slot]
    now, group, device = site.now_s, w.groups[u.group], w.devices[u.device]
    over(u, group, device, u.device - group.first, w.radios[u.group, :, : group.phases], now)
    u.receive_j += group.reply_j
    if not draw(w.drawn_j, w.initial_j, group, u.device, now, u.radio_j + group.reply_j):
        u.outcome = BATTERY_DEAD
        return END
    return replied(w.cells[group.cell], u, now)


@kernel
def replied(cell: Record, u: Record, now: float) -> int:
    """In time or late."""
    u.outcome = DELIVERED if now - u.spoken_s <= cell.deadline_s else LATE
    return END


@stage
def end(w: World, slot: int) -> None:
    """The life is over: a row of the log, and a user who waited thinks and speaks again."""
    site, u = w.site[0], w.uploads[slot]
    group = w.groups[u.group]
    if u.turn > 0:  # it has left
        w.cells[group.cell].unanswered -= 1
    write_row(w.rows[site.rows], u, site.now_s)
    site.rows += 1
    u.alive = 0
    u.next = site.free_slot
    site.free_slot = slot
    site.live -= 1
    if group.loop:
        low, high = group.speech[0], group.speech[1]
        speaker = w.speakers[u.device]
        speaker.k += 1
        luck, what = uniforms(low, high, u.device - group.first, speaker.k, 0)
        think_s = group.think_s * (1.0 if group.constant_think else exponential(luck))
        say(site, w.heap, group, speaker, u.device, max(site.now_s, u.spoken_s), think_s, what, w.audio_s)


@kernel
def say(
    site: Record,
    heap: Records,
    group: Record,
    speaker: Record,
    device: int,
    replied_s: float,
    think_s: float,
    what: float,
    audio_s: Floats,
) -> None:
    """Schedule the next utterance of a user who waits for replies."""
    speaker.utterance = int(what * len(audio_s))
    begin_s = spoken_s = replied_s + think_s
    if group.blocks:
        begin_s = max(replied_s, spoken_s - audio_s[speaker.utterance])
        spoken_s = begin_s + audio_s[speaker.utterance]
    speaker.spoken_s = spoken_s
    if spoken_s < site.horizon_s:
        at(site, heap, begin_s, SPEAK, device)


@kernel
def write_row(row: Record, u: Record, now: float) -> None:
    """As ``sim.model.upload.Upload.row``."""
    answered = u.outcome == DELIVERED or u.outcome == LATE
    row.upload, row.group, row.device, row.utterance, row.codec = u.number, u.group, u.device, u.utterance, u.codec
    row.outcome, row.batch, row.spoken_s, row.ready_s, row.left_s = u.outcome, u.batch, u.spoken_s, u.ready_s, u.left_s
    row.wake_s, row.access_s, row.sent_s, row.arrived_s = u.wake_s, u.access_s, u.sent_s, u.arrived_s
    row.started_s, row.served_s, row.replied_s = u.started_s, u.served_s, now if answered else math.nan
    row.gap_s, row.active_s, row.payload_bytes, row.wire_bytes = u.gap_s, u.active_s, u.payload_bytes, u.wire_bytes
    row.encode_j, row.wake_j, row.transmit_j, row.tail_j = u.encode_j, u.wake_j, u.transmit_j, u.tail_j
    row.receive_j = u.receive_j
