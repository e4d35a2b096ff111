"""From the end of speech to bytes that may leave: see ``sim.model.life`` for what each stage means."""

from __future__ import annotations

import math

from devices.battery import left_j
from devices.policy import first_in_time, first_within, steps_above, steps_below
from sim.compiled.codes import (
    BATTERY,
    CODED,
    CODES,
    END,
    FIXED,
    HELD,
    LEAVE,
    LINK,
    LOAD_QUEUE,
    LOAD_REPLIES,
    LOAD_UPLOADS,
    NOTHING,
    SENT,
)  # fmt: skip
from sim.compiled.heap import push
from sim.compiled.jit import kernel, stage
from sim.compiled.links import fair_rate_bps, finish_first, is_virtual
from sim.compiled.state import Floats, Record, Records, World
from sim.outcomes import BATTERY_DEAD, UNFINISHED


@kernel
def at(site: Record, heap: Records, time_s: float, code: int, number: int) -> None:
    """Schedule an event; equal times happen in the order in which they were scheduled."""
    push(heap, site.heap, time_s, site.order, number * CODES + code)
    site.heap += 1
    site.order += 1


@kernel
def look(
    site: Record,
    heap: Records,
    cell: Record,
    link: Records,
    gains: Floats,
    rungs: Records,
    stretches: Floats,
    uploads: Records,
) -> None:
    """Whoever looks at a link sees every transfer end that is due; their uploads go on after what is under way."""
    if is_virtual(cell):
        while cell.due_s <= site.now_s:
            slot = finish_first(cell, link, gains, rungs, stretches, uploads)
            uploads[slot].unsent_bits = 0.0
            at(site, heap, site.now_s, SENT, slot)


@kernel
def draw(drawn_j: Floats, initial_j: Floats, group: Record, device: int, now: float, energy_j: float) -> bool:
    """Take energy from a battery; False when that empties it."""
    if not group.battery:
        return True
    left = left_j(initial_j[device], drawn_j[device], group.baseline_w, now)
    if energy_j < left:
        drawn_j[device] += energy_j
        return True
    drawn_j[device] += max(0.0, left)
    return False


@kernel
def new_upload(
    site: Record, uploads: Records, number: int, group: int, device: int, k: int, utterance: int, spoken_s: float
) -> int:
    """A slot for an utterance; the loop has seen to it that there is one."""
    slot = site.free_slot
    u = uploads[slot]
    site.free_slot = u.next
    site.live += 1
    u.number, u.group, u.device, u.k, u.utterance, u.spoken_s = number, group, device, k, utterance, spoken_s
    u.codec, u.outcome, u.batch, u.attempt, u.turn, u.block, u.transfer, u.alive = -1, UNFINISHED, 1, 0, 0, 0, 0, 1
    u.ready_s = u.left_s = u.sent_s = u.arrived_s = u.started_s = u.served_s = math.nan
    u.wake_s = u.access_s = u.gap_s = u.active_s = u.payload_bytes = u.wire_bytes = 0.0
    u.encode_j = u.wake_j = u.transmit_j = u.tail_j = u.receive_j = 0.0
    return slot


@stage
def choose(w: World, u: Record, group: Record, now: float) -> int:
    """Index of the codec that the device's policy picks."""
    if group.policy == FIXED:
        return 0
    site, cell, g, n = w.site[0], w.cells[group.cell], u.group, group.codecs
    steps = w.thresholds[g, : n - 1]
    if group.policy == BATTERY:
        left = left_j(w.initial_j[u.device], w.drawn_j[u.device], group.baseline_w, now)
        return steps_below(steps, max(0.0, left) / group.capacity_j)
    if group.policy == LOAD_QUEUE:
        return steps_above(steps, float(site.queue))
    if group.policy == LOAD_REPLIES:
        return steps_above(steps, float(cell.unanswered))
    c = group.cell
    look(site, w.heap, cell, w.links[c], w.gains[c], w.rungs[c], w.stretches[c], w.uploads)
    if group.policy == LOAD_UPLOADS:
        return steps_above(steps, float(cell.active))
    own_bps = math.inf if len(w.rates_bps) == 0 else w.rates_bps[u.device]
    rate_bps = fair_rate_bps(cell, w.gains[c], w.rungs[c], w.stretches[c], now, own_bps, group.weight)
    bits = w.bits[g, u.utterance, :n]
    if group.policy == LINK:
        return first_within(bits, rate_bps * group.transfer_s)
    return first_in_time(bits, w.cpu_s[g, u.utterance, :n], rate_bps, group.budget_s - cell.path_rtt_s)


@stage
def enter(w: World, slot: int) -> int:
    """Speech has ended, or streamed has begun: pick a codec and occupy the CPU."""
    site, u = w.site[0], w.uploads[slot]
    now, group, device = site.now_s, w.groups[u.group], w.devices[u.device]
    if group.battery and not left_j(w.initial_j[u.device], w.drawn_j[u.device], group.baseline_w, now) > 0.0:
        u.codec, u.outcome, u.ready_s, u.left_s = w.codecs[u.group, 0], BATTERY_DEAD, now, now
        return END
    index = choose(w, u, group, now)
    u.codec, u.payload_bytes = w.codecs[u.group, index], w.bits[u.group, u.utterance, index] / 8.0
    cpu_s = w.cpu_s[u.group, u.utterance, index]
    u.encode_j = cpu_s * group.cpu_active_w
    draw(w.drawn_j, w.initial_j, group, u.device, now, u.encode_j)
    if not group.blocks:
        u.ready_s = device.cpu_free_s = max(device.cpu_free_s, now) + cpu_s
    else:
        for block in range(w.block_count[u.group, u.utterance]):
            spoken_s = u.spoken_s + w.block_ready_s[u.group, u.utterance, block]
            device.cpu_free_s = max(device.cpu_free_s, spoken_s) + cpu_s * w.block_share[u.group, u.utterance, block]
            if block == 0:
                u.ready_s = device.cpu_free_s
        u.coded_s = cpu_s
    if u.ready_s > now:
        at(site, w.heap, u.ready_s, CODED, slot)
        return NOTHING
    return CODED


@stage
def next_block(w: World, slot: int) -> int:
    """A block has left: the next one follows when it is coded."""
    site, u = w.site[0], w.uploads[slot]
    u.block += 1
    spoken_s = u.spoken_s + w.block_ready_s[u.group, u.utterance, u.block]
    # The CPU was reserved for all blocks at once, so that nothing has come between.
    u.ready_s = max(u.ready_s, spoken_s) + u.coded_s * w.block_share[u.group, u.utterance, u.block]
    if u.ready_s > site.now_s:
        at(site, w.heap, u.ready_s, CODED, slot)
        return NOTHING
    return CODED


@stage
def coded(w: World, slot: int) -> int:
    """Leave, or wait for others of the device."""
    site, u = w.site[0], w.uploads[slot]
    group = w.groups[u.group]
    if not group.hold_s > 0.0:
        return LEAVE
    held = w.holding[u.device]
    if held.count == 0:
        held.first = slot
    else:
        w.uploads[held.last].next = slot
    held.last = slot
    held.count += 1
    if held.count >= group.hold_largest:
        release(site, w.heap, w.uploads, held)
    elif held.count == 1:
        held.due_s = site.now_s + group.hold_s
        at(site, w.heap, held.due_s, HELD, u.device)
    return NOTHING


@stage
def depart(w: World, slot: int) -> None:
    """The bytes may leave; from its first on an upload waits for its reply."""
    u = w.uploads[slot]
    if math.isnan(u.left_s):
        w.cells[w.groups[u.group].cell].unanswered += 1
    u.left_s = w.site[0].now_s


@kernel
def release(site: Record, heap: Records, uploads: Records, held: Record) -> None:
    """Let everything leave that a device has kept back."""
    slot = held.first
    for _ in range(held.count):
        at(site, heap, site.now_s, LEAVE, slot)
        slot = uploads[slot].next
    held.count = 0
