"""From the end of speech to bytes that may leave: see ``sim.model.life`` for what each stage means."""

from __future__ import annotations

import math

from devices.battery import left_j
from devices.policy import first_in_time, first_within, steps_above, steps_below
from sim.compiled.codes import (
    BATTERY,
    CODED,
    CODES,
    DEADLINE,
    END,
    FIXED,
    HELD,
    LEAVE,
    LINK,
    LOAD_QUEUE,
    LOAD_REPLIES,
    NOTHING,
    SENT,
)  # fmt: skip
from sim.compiled.heap import put
from sim.compiled.jit import kernel
from sim.compiled.links import fair_rate_bps, finish_first, is_virtual
from sim.compiled.state import (
    Record,
    battery_of,
    bits_of,
    bits_row_of,
    block_count_of,
    block_ready_of,
    block_share_of,
    cell_of,
    codec_of,
    cpu_s_of,
    cpu_s_row_of,
    device_of,
    group_of,
    holding_of,
    rate_of,
    thresholds_of,
    upload_of,
)
from sim.outcomes import BATTERY_DEAD, UNFINISHED


@kernel
def at(site: Record, time_s: float, code: int, number: int) -> None:
    """Schedule an event; equal times happen in the order in which they were scheduled."""
    put(site, time_s, site.order, number * CODES + code)
    site.order += 1


@kernel
def look(site: Record, cell: Record) -> None:
    """Whoever looks at a link sees every transfer end that is due; their uploads go on after what is under way."""
    if is_virtual(cell):
        while cell.due_s <= site.now_s:
            slot = finish_first(site, cell)
            upload_of(site, slot).unsent_bits = 0.0
            at(site, site.now_s, SENT, slot)


@kernel
def own_rate_bps(site: Record, device: int) -> float:
    """The device's own rate; inf where it has none."""
    return rate_of(site, device) if site.rates_at else math.inf


@kernel
def draw(site: Record, group: Record, device: int, energy_j: float) -> bool:
    """Take energy from a battery; False when that empties it."""
    if not group.battery:
        return True
    battery = battery_of(site, device)
    left = left_j(battery.initial_j, battery.drawn_j, group.baseline_w, site.now_s)
    if energy_j < left:
        battery.drawn_j += energy_j
        return True
    battery.drawn_j += max(0.0, left)
    return False


@kernel
def new_upload(site: Record, number: int, group: int, device: int, k: int, utterance: int, spoken_s: float) -> int:
    """A slot for an utterance; the loop has seen to it that there is one."""
    slot = site.free_slot
    u = upload_of(site, slot)
    site.free_slot = u.next
    site.live += 1
    u.upload, u.group, u.device, u.k, u.utterance, u.spoken_s = number, group, device, k, utterance, spoken_s
    u.codec, u.outcome, u.batch, u.attempt, u.turn, u.block, u.transfer, u.alive = -1, UNFINISHED, 1, 0, 0, 0, 0, 1
    u.ready_s = u.left_s = u.sent_s = u.arrived_s = u.started_s = u.served_s = u.replied_s = math.nan
    u.wake_s = u.access_s = u.gap_s = u.active_s = u.payload_bytes = u.wire_bytes = 0.0
    u.encode_j = u.wake_j = u.transmit_j = u.tail_j = u.receive_j = 0.0
    return slot


@kernel
def choose(site: Record, u: Record, group: Record, cell: Record) -> int:
    """Index of the codec that the device's policy picks."""
    if group.policy == FIXED:
        return 0
    n = group.codecs
    if group.policy == LINK or group.policy == DEADLINE:
        look(site, cell)
        rate_bps = fair_rate_bps(cell, site.now_s, own_rate_bps(site, u.device), group.weight)
        bits = bits_row_of(group, u.utterance * n, n)
        if group.policy == LINK:
            return first_within(bits, rate_bps * group.transfer_s)
        cpu_s = cpu_s_row_of(group, u.utterance * n, n)
        return first_in_time(bits, cpu_s, rate_bps, group.budget_s - cell.path_rtt_s)
    steps = thresholds_of(group, 0, n - 1)
    if group.policy == BATTERY:
        battery = battery_of(site, u.device)
        left = left_j(battery.initial_j, battery.drawn_j, group.baseline_w, site.now_s)
        return steps_below(steps, max(0.0, left) / group.capacity_j)
    if group.policy == LOAD_QUEUE:
        return steps_above(steps, float(site.queue))
    if group.policy == LOAD_REPLIES:
        return steps_above(steps, float(cell.unanswered))
    look(site, cell)
    return steps_above(steps, float(cell.active))


@kernel
def is_empty(site: Record, group: Record, device: int) -> bool:
    """Whether a device's battery has nothing left."""
    battery = battery_of(site, device)
    return not left_j(battery.initial_j, battery.drawn_j, group.baseline_w, site.now_s) > 0.0


@kernel
def enter(site: Record, slot: int) -> int:
    """Speech has ended, or streamed has begun: pick a codec and occupy the CPU."""
    u = upload_of(site, slot)
    now, group, device = site.now_s, group_of(site, u.group), device_of(site, u.device)
    if group.battery and is_empty(site, group, u.device):
        u.codec, u.outcome, u.ready_s, u.left_s = codec_of(group, 0), BATTERY_DEAD, now, now
        return END
    index = choose(site, u, group, cell_of(site, group.cell))
    place = u.utterance * group.codecs + index
    u.codec, u.payload_bytes = codec_of(group, index), bits_of(group, place) / 8.0
    cpu_s = cpu_s_of(group, place)
    u.encode_j = cpu_s * group.cpu_active_w
    draw(site, group, u.device, u.encode_j)
    if not group.blocks:
        u.ready_s = device.cpu_free_s = max(device.cpu_free_s, now) + cpu_s
    else:
        for block in range(block_count_of(group, u.utterance)):
            part = u.utterance * group.most_blocks + block
            spoken_s = u.spoken_s + block_ready_of(group, part)
            device.cpu_free_s = max(device.cpu_free_s, spoken_s) + cpu_s * block_share_of(group, part)
            if block == 0:
                u.ready_s = device.cpu_free_s
        u.coded_s = cpu_s
    if u.ready_s > now:
        at(site, u.ready_s, CODED, slot)
        return NOTHING
    return CODED


@kernel
def next_block(site: Record, slot: int) -> int:
    """A block has left: the next one follows when it is coded."""
    u = upload_of(site, slot)
    group = group_of(site, u.group)
    u.block += 1
    part = u.utterance * group.most_blocks + u.block
    spoken_s = u.spoken_s + block_ready_of(group, part)
    # The CPU was reserved for all blocks at once, so that nothing has come between.
    u.ready_s = max(u.ready_s, spoken_s) + u.coded_s * block_share_of(group, part)
    if u.ready_s > site.now_s:
        at(site, u.ready_s, CODED, slot)
        return NOTHING
    return CODED


@kernel
def coded(site: Record, slot: int) -> int:
    """Leave, or wait for others of the device."""
    u = upload_of(site, slot)
    group = group_of(site, u.group)
    if not group.hold_s > 0.0:
        return LEAVE
    held = holding_of(site, u.device)
    if held.count == 0:
        held.first = slot
    else:
        upload_of(site, held.last).next = slot
    held.last = slot
    held.count += 1
    if held.count >= group.hold_largest:
        release(site, held)
    elif held.count == 1:
        held.due_s = site.now_s + group.hold_s
        at(site, held.due_s, HELD, u.device)
    return NOTHING


@kernel
def depart(site: Record, slot: int) -> None:
    """The bytes may leave; from its first on an upload waits for its reply."""
    u = upload_of(site, slot)
    if math.isnan(u.left_s):
        cell_of(site, group_of(site, u.group).cell).unanswered += 1
    u.left_s = site.now_s


@kernel
def release(site: Record, held: Record) -> None:
    """Let everything leave that a device has kept back."""
    slot = held.first
    for _ in range(held.count):
        at(site, site.now_s, LEAVE, slot)
        slot = upload_of(site, slot).next
    held.count = 0
