"""Shared links in virtual time, and links whose finish is known on joining: ``channel.links`` on flat arrays."""

from __future__ import annotations

import math

from channel.links.stretches import beyond_periods, bits_within, instant_within, periods_in
from sim.compiled.codes import AIRTIME, BLOCKS, DEDICATED, EQUAL, FIFO, WEIGHTED
from sim.compiled.heap import add_transfer, drop_transfer
from sim.compiled.jit import kernel
from sim.compiled.rungs import add, first_rung, let_pass, newcomers_bps, remove, share_out
from sim.compiled.state import Floats, Record, Records

INFINITY = math.inf


@kernel
def stretch_at(cell: Record, stretches: Floats, rest_s: float) -> int:
    """Index of the stretch that holds an instant of the first period; times asked for hardly ever fall."""
    at = cell.at
    while at > 0 and rest_s < stretches[0, at]:
        at -= 1
    while at < cell.stretches - 1 and rest_s >= stretches[0, at + 1]:
        at += 1
    cell.at = at
    return at


@kernel
def rate_at(cell: Record, stretches: Floats, t: float) -> float:
    """Rate right after ``t``, bit/s."""
    if cell.constant_bps > 0.0:
        return cell.constant_bps
    return stretches[2, stretch_at(cell, stretches, beyond_periods(t, cell.period_s))]


@kernel
def bits_by(cell: Record, stretches: Floats, t: float) -> float:
    """Bits that can pass from 0 to ``t``."""
    if cell.constant_bps > 0.0:
        return cell.constant_bps * t
    rest_s = beyond_periods(t, cell.period_s)
    at = stretch_at(cell, stretches, rest_s)
    within = bits_within(rest_s, stretches[0, at], stretches[2, at], stretches[1, at])
    cycles = periods_in(t, cell.period_s)
    return cycles * cell.period_bits + within if cycles > 0.0 else within


@kernel
def time_of(cell: Record, stretches: Floats, bits: float) -> float:
    """The earliest instant by which so many bits have passed; inf where that lies beyond the run."""
    if cell.constant_bps > 0.0:
        return bits / cell.constant_bps
    cycles, rest = periods_in(bits, cell.period_bits), beyond_periods(bits, cell.period_bits)
    if rest == 0.0 and cycles > 0.0:
        cycles, rest = cycles - 1.0, cell.period_bits
    at, last = cell.at, cell.stretches - 1
    while at > 0 and stretches[1, at] >= rest:
        at -= 1
    while at < last and stretches[1, at + 1] < rest:
        at += 1
    if stretches[1, at + 1] < rest:
        return INFINITY
    within = instant_within(rest, stretches[0, at], stretches[2, at], stretches[1, at]) if rest > 0.0 else 0.0
    return cycles * cell.period_s + within if cycles > 0.0 else within


@kernel
def end_of(cell: Record, stretches: Floats, at: int, cycles: float) -> float:
    """When a stretch ends, in its period."""
    return cycles * cell.period_s + stretches[0, at + 1] if cycles > 0.0 else stretches[0, at + 1]


@kernel
def own_finish(cell: Record, stretches: Floats, t: float, bits: float, cap_bps: float) -> float:
    """When ``bits`` have passed that begin at ``t`` and go no faster than ``cap_bps``."""
    if cell.constant_bps > 0.0:
        return t + bits / min(cell.constant_bps, cap_bps)
    if t == INFINITY:
        return INFINITY
    if cap_bps == INFINITY:
        return max(t, time_of(cell, stretches, bits_by(cell, stretches, t) + bits))
    at, cycles = stretch_at(cell, stretches, beyond_periods(t, cell.period_s)), periods_in(t, cell.period_s)
    while True:
        rate, end_s = min(stretches[2, at], cap_bps), end_of(cell, stretches, at, cycles)
        if rate > 0.0 and bits <= rate * (end_s - t):
            return t + bits / rate
        bits -= rate * (end_s - t)
        t = end_s
        at += 1
        if at == cell.stretches:
            if cell.period_s == INFINITY:
                return INFINITY
            at, cycles = 0, cycles + 1.0


@kernel
def own_bits(cell: Record, stretches: Floats, t: float, end_s: float, cap_bps: float) -> float:
    """Bits that pass from ``t`` to ``end_s`` no faster than ``cap_bps``."""
    if cell.constant_bps > 0.0:
        return min(cell.constant_bps, cap_bps) * (end_s - t)
    if cap_bps == INFINITY:
        return bits_by(cell, stretches, end_s) - bits_by(cell, stretches, t)
    at, cycles = stretch_at(cell, stretches, beyond_periods(t, cell.period_s)), periods_in(t, cell.period_s)
    bits = 0.0
    while t < end_s and at < cell.stretches:
        stop_s = min(end_of(cell, stretches, at, cycles), end_s)
        bits += min(stretches[2, at], cap_bps) * (stop_s - t)
        t = stop_s
        at += 1
        if at == cell.stretches and cell.period_s < INFINITY:
            at, cycles = 0, cycles + 1.0
    return bits


@kernel
def share_and_speed(cell: Record, weight: float, cap_bps: float) -> tuple[float, float]:
    """A member's share of virtual time and what it makes of it, see ``channel.links.weighted``."""
    if cell.sharing == EQUAL:
        return 1.0, 1.0
    if cell.sharing == WEIGHTED:
        return weight, weight
    relative = 1.0 if cap_bps == INFINITY else cap_bps / cell.reference_bps
    if cell.sharing == AIRTIME:
        return weight, weight * relative
    bit_s = cell.data_bits_per_bit / (relative * cell.reference_bps) + cell.overhead_s_per_bit
    return weight * bit_s * cell.reference_bps, weight


@kernel
def gain_of(cell: Record, gains: Floats, n: int) -> float:
    """G(n)."""
    if cell.gains == 0:
        return 1.0
    return gains[min(n, cell.gains) - 1]


@kernel
def fair_rate_bps(
    cell: Record, gains: Floats, rungs: Records, stretches: Floats, now: float, cap_bps: float, weight: float
) -> float:
    """Rate that one more upload could expect."""
    rate = rate_at(cell, stretches, now)
    if cell.sharing == DEDICATED or cell.sharing == FIFO:
        return min(rate, cap_bps)
    if cell.sharing == EQUAL:
        return rate / (cell.active + 1)
    if cell.sharing == BLOCKS:
        return newcomers_bps(cell, rungs, gains, rate, cap_bps)
    share, speed = share_and_speed(cell, weight, cap_bps)
    total = share + (cell.shares if cell.active > 0 else 0.0)
    return rate * gain_of(cell, gains, cell.active + 1) * speed / total


@kernel
def advance(cell: Record, gains: Floats, rungs: Records, stretches: Floats, now: float) -> None:
    """Bring virtual time to ``now``; no finish lies in between."""
    if cell.constant_bps > 0.0:
        passed = (now - cell.last_s) * cell.constant_bps
    else:
        integral = bits_by(cell, stretches, now)
        passed = integral - cell.integral
        cell.integral = integral
    if cell.active > 0 and cell.sharing == BLOCKS:
        let_pass(cell, rungs, passed / cell.reference_bps)
        cell.busy_s += cell.used * (now - cell.last_s)
    elif cell.active > 0:
        step = passed * gain_of(cell, gains, cell.active) / cell.shares
        cell.virtual += step
        cell.carried_bits += cell.speeds * step
    cell.last_s = now


@kernel
def set_due(cell: Record, heap: Records, gains: Floats, rungs: Records, stretches: Floats, uploads: Records) -> None:
    """Work out the next finish; entries of transfers that were given up are dropped on the way."""
    if cell.sharing == BLOCKS:
        share_out(cell, rungs, gains)
        need = first_rung(cell, rungs, uploads)[1] * cell.reference_bps
        set_due_after(cell, stretches, need)
        return
    while cell.members > 0 and uploads[heap[0].slot].transfer != heap[0].number:
        drop_transfer(heap, cell.members)
        cell.members -= 1
    if cell.members == 0:
        cell.due_s = INFINITY
        return
    set_due_after(cell, stretches, (heap[0].finish - cell.virtual) * cell.shares / gain_of(cell, gains, cell.active))


@kernel
def set_due_after(cell: Record, stretches: Floats, need: float) -> None:
    """The next finish is when the capacity's integral has grown by ``need``; inf where nobody is there."""
    if need == INFINITY:
        cell.due_s = INFINITY
    elif need <= 0.0:
        cell.due_s = cell.last_s
    elif cell.constant_bps > 0.0:
        cell.due_s = cell.last_s + need / cell.constant_bps
    else:
        cell.due_s = max(cell.last_s, time_of(cell, stretches, cell.integral + need))


@kernel
def join(
    cell: Record,
    heap: Records,
    gains: Floats,
    rungs: Records,
    stretches: Floats,
    uploads: Records,
    slot: int,
    number: int,
    now: float,
    bits: float,
    weight: float,
    cap_bps: float,
) -> None:
    """Put an upload on a link in virtual time."""
    advance(cell, gains, rungs, stretches, now)
    if cell.sharing == BLOCKS:
        add(cell, rungs, uploads, slot, number, bits, cap_bps)
        cell.active += 1
        set_due(cell, heap, gains, rungs, stretches, uploads)
        return
    if cell.active == 0:
        cell.virtual = cell.shares = cell.speeds = 0.0  # every busy period starts at zero, which keeps rounding small
        cell.members = 0
        cell.busy_from_s = now
    share, speed = share_and_speed(cell, weight, cap_bps)
    finish = cell.virtual + bits / speed
    upload = uploads[slot]
    upload.transfer, upload.finish, upload.share, upload.speed = number, finish, share, speed
    add_transfer(heap, cell.members, finish, number, slot, share, speed)
    cell.members += 1
    cell.active += 1
    cell.shares += share
    cell.speeds += speed
    set_due(cell, heap, gains, rungs, stretches, uploads)


@kernel
def finish_first(
    cell: Record, heap: Records, gains: Floats, rungs: Records, stretches: Floats, uploads: Records
) -> int:
    """Take the transfer that ends at ``due_s`` off the link; its slot."""
    if cell.sharing == BLOCKS:
        r, seconds = first_rung(cell, rungs, uploads)
        let_pass(cell, rungs, seconds)
        cell.busy_s += cell.used * (cell.due_s - cell.last_s)
        cell.integral += seconds * cell.reference_bps
        cell.last_s = cell.due_s
        slot = rungs[r].first
        rungs[r].virtual = uploads[slot].finish  # exactly, so that equal finishes stay equal
        remove(rungs, uploads, slot)
        cell.active -= 1
        set_due(cell, heap, gains, rungs, stretches, uploads)
        return slot
    finish, slot, share, speed = heap[0].finish, heap[0].slot, heap[0].share, heap[0].speed
    step = finish - cell.virtual
    if step > 0.0:
        cell.integral += step * cell.shares / gain_of(cell, gains, cell.active)
        cell.carried_bits += cell.speeds * step
        cell.virtual = finish  # exactly, so that equal finishes stay equal
    cell.last_s = cell.due_s
    drop_transfer(heap, cell.members)
    cell.members -= 1
    take_off(cell, share, speed, cell.due_s)
    uploads[slot].transfer = 0
    set_due(cell, heap, gains, rungs, stretches, uploads)
    return slot


@kernel
def take_off(cell: Record, share: float, speed: float, now: float) -> None:
    """A member less."""
    cell.active -= 1
    cell.shares -= share
    cell.speeds -= speed
    if cell.active == 0:
        cell.busy_s += now - cell.busy_from_s


@kernel
def leave(
    cell: Record,
    heap: Records,
    gains: Floats,
    rungs: Records,
    stretches: Floats,
    uploads: Records,
    slot: int,
    now: float,
) -> float:
    """Give a transfer up; the bits that have not left."""
    upload = uploads[slot]
    advance(cell, gains, rungs, stretches, now)
    virtual = rungs[upload.rung].virtual if cell.sharing == BLOCKS else cell.virtual
    unsent = max(0.0, (upload.finish - virtual) * upload.speed)
    if cell.sharing == BLOCKS:
        remove(rungs, uploads, slot)
        cell.active -= 1
    else:
        take_off(cell, upload.share, upload.speed, now)
    upload.transfer = 0
    set_due(cell, heap, gains, rungs, stretches, uploads)
    return unsent


@kernel
def is_virtual(cell: Record) -> bool:
    """Whether later uploads change the finish of those on the link."""
    return cell.sharing <= BLOCKS
