"""The edge server, the reply, and the end of an upload's life."""

from __future__ import annotations

import math

from devices.traffic import exponential
from recognizers.service.spread import at_quantile
from sim.compiled.codes import BATCH, END, HEAR, NOTHING, RECEIVED, REPLY, SPEAK
from sim.compiled.jit import kernel
from sim.compiled.sending import CYCLE_S, WAKE_J, catch_up, of_phase, over, phase_of, wake
from sim.compiled.speaking import at, draw
from sim.compiled.state import (
    Record,
    accelerator_of,
    audio_s_of,
    cell_of,
    copy_row,
    device_of,
    group_of,
    row_of,
    service_s_of,
    speaker_of,
    spread_of,
    upload_of,
)
from sim.draws import uniforms
from sim.outcomes import BATTERY_DEAD, DELIVERED, LATE, REJECTED


@kernel
def arrive(site: Record, slot: int) -> int:
    """At the server: queue, be turned away, or (text) be done."""
    u = upload_of(site, slot)
    group = group_of(site, u.group)
    u.arrived_s = site.now_s
    if group.local:
        u.started_s = u.served_s = site.now_s
        replied_s = site.now_s + cell_of(site, group.cell).back_s
        if replied_s > site.now_s:
            at(site, replied_s, REPLY, slot)
            return NOTHING
        return REPLY
    if site.limit >= 0 and site.free_accelerators == 0 and site.queue >= site.limit:
        u.outcome = REJECTED
        return END
    if site.queue == 0:
        site.queue_first = slot
    else:
        upload_of(site, site.queue_last).next = slot
    site.queue_last = slot
    site.queue += 1
    start_batches(site)
    return NOTHING


@kernel
def start_batches(site: Record) -> None:
    """Free accelerators take what is due; a timer waits for what is not."""
    site.timer_s = math.inf
    while site.free_accelerators > 0 and site.queue > 0:
        due_s = upload_of(site, site.queue_first).arrived_s + site.longest_wait_s
        if site.queue < site.largest and due_s > site.now_s:
            site.timer_s, site.timer_order = due_s, site.order
            site.order += 1
            return
        start_batch(site)


@kernel
def start_batch(site: Record) -> None:
    """A free accelerator takes what waits."""
    size = min(site.queue, site.largest)
    seconds, slot = 0.0, site.queue_first
    number = site.free_accelerator
    accelerator = accelerator_of(site, number)
    site.free_accelerator, accelerator.first = accelerator.next, slot
    for _ in range(size):
        u = upload_of(site, slot)
        u.started_s, u.batch = site.now_s, size
        seconds += audio_s_of(site, u.utterance)
        slot = u.next
    site.queue_first = slot
    site.queue -= size
    site.free_accelerators -= 1
    taken_s = service_s_of(site, size) + (site.per_audio_s + site.per_step_s / size) * seconds
    if site.exponential or site.luck > 0:
        luck, _ = uniforms(site.service[0], site.service[1], 0, site.batches, 0)
        taken_s *= exponential(luck) if site.exponential else at_quantile(spread_of(site, 0, site.luck), luck)
    site.batches += 1
    end_s = site.now_s + taken_s
    site.busy_s += max(0.0, min(end_s, site.horizon_s) - site.now_s)
    at(site, end_s, BATCH, number)


@kernel
def end_batch(site: Record, number: int) -> None:
    """A batch is recognized: its replies go back, and the accelerator takes the next."""
    accelerator = accelerator_of(site, number)
    slot = accelerator.first
    size = upload_of(site, slot).batch
    accelerator.next = site.free_accelerator
    site.free_accelerator = number
    site.free_accelerators += 1
    # The next batch may relink none of these: it takes slots from the queue alone.
    start_batches(site)
    for _ in range(size):
        u = upload_of(site, slot)
        u.served_s = site.now_s
        at(site, site.now_s + cell_of(site, group_of(site, u.group).cell).back_s, REPLY, slot)
        slot = u.next


@kernel
def reply(site: Record, slot: int) -> int:
    """The reply is at the base station: the radio hears of it when it listens, or need not."""
    u = upload_of(site, slot)
    now, group, device = site.now_s, group_of(site, u.group), device_of(site, u.device)
    if group.reply_j < 0.0:
        u.radio_j = 0.0
        if device.busy == 0:
            gap_s, _, _ = wake(u, group, device, now)
            asleep_j = of_phase(group, WAKE_J, phase_of(group, gap_s))
            u.wake_j -= asleep_j
            u.radio_j -= asleep_j
            device.mark_s = now
            over(u, group, device, now)
        draw(site, group, u.device, u.radio_j)
        return replied(cell_of(site, group.cell), u, now)
    if device.busy == 0:
        catch_up(group, device, u.device - group.first, now)
        luck, _ = uniforms(group.reply[0], group.reply[1], u.device - group.first, u.k, 0)
        heard_s = now + of_phase(group, CYCLE_S, phase_of(group, now - device.mark_s)) * luck
        if heard_s > now:
            at(site, heard_s, HEAR, slot)
            return NOTHING
    return HEAR


@kernel
def hear(site: Record, slot: int) -> int:
    """The radio has heard of the reply and wakes for it."""
    u = upload_of(site, slot)
    _, _, wake_s = wake(u, group_of(site, u.group), device_of(site, u.device), site.now_s)
    if wake_s > 0.0:
        at(site, site.now_s + wake_s, RECEIVED, slot)
        return NOTHING
    return RECEIVED


@kernel
def received(site: Record, slot: int) -> int:
    """The radio has the reply."""
    u = upload_of(site, slot)
    group = group_of(site, u.group)
    over(u, group, device_of(site, u.device), site.now_s)
    u.receive_j += group.reply_j
    if not draw(site, group, u.device, u.radio_j + group.reply_j):
        u.outcome = BATTERY_DEAD
        return END
    return replied(cell_of(site, group.cell), u, site.now_s)


@kernel
def replied(cell: Record, u: Record, now: float) -> int:
    """In time or late."""
    u.outcome = DELIVERED if now - u.spoken_s <= cell.deadline_s else LATE
    u.replied_s = now
    return END


@kernel
def end(site: Record, slot: int) -> None:
    """The life is over: a row of the log, and a user who waited thinks and speaks again."""
    u = upload_of(site, slot)
    group = group_of(site, u.group)
    if u.turn > 0:  # it has left
        cell_of(site, group.cell).unanswered -= 1
    copy_row(u, row_of(site, site.rows))
    site.rows += 1
    u.alive = 0
    u.next = site.free_slot
    site.free_slot = slot
    site.live -= 1
    if group.loop:
        speaker = speaker_of(site, u.device)
        speaker.k += 1
        luck, what = uniforms(group.speech[0], group.speech[1], u.device - group.first, speaker.k, 0)
        think_s = group.think_s * (1.0 if group.constant_think else exponential(luck))
        say(site, group, u.device, max(site.now_s, u.spoken_s), think_s, what)


@kernel
def say(site: Record, group: Record, device: int, replied_s: float, think_s: float, what: float) -> None:
    """Schedule the next utterance of a user who waits for replies."""
    speaker = speaker_of(site, device)
    speaker.utterance = int(what * site.utterances)
    begin_s = spoken_s = replied_s + think_s
    if group.blocks:
        audio_s = audio_s_of(site, speaker.utterance)
        begin_s = max(replied_s, spoken_s - audio_s)
        spoken_s = begin_s + audio_s
    speaker.spoken_s = spoken_s
    if spoken_s < site.horizon_s:
        at(site, begin_s, SPEAK, device)
