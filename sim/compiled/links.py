"""Shared links in virtual time, and links whose finish is known on joining: ``channel.links`` on flat arrays."""

from __future__ import annotations

import math

from channel.links.stretches import beyond_periods, bits_within, instant_within, periods_in
from sim.compiled.codes import AIRTIME, BLOCKS, DEDICATED, EQUAL, FIFO, WEIGHTED
from sim.compiled.heap import add_transfer, drop_transfer
from sim.compiled.jit import kernel
from sim.compiled.rungs import add, first_rung, let_pass, newcomers_bps, remove, share_out
from sim.compiled.state import (
    Record,
    cell_of,
    member_gain_of,
    rungs_of,
    start_of,
    stretch_rate_of,
    sum_of,
    transfer_of,
    upload_of,
)

INFINITY = math.inf


@kernel
def stretch_at(cell: Record, rest_s: float) -> int:
    """Index of the stretch that holds an instant of the first period; times asked for hardly ever fall."""
    at = cell.at
    while at > 0 and rest_s < start_of(cell, at):
        at -= 1
    while at < cell.stretches - 1 and rest_s >= start_of(cell, at + 1):
        at += 1
    cell.at = at
    return at


@kernel
def rate_at(cell: Record, t: float) -> float:
    """Rate right after ``t``, bit/s."""
    if cell.constant_bps > 0.0:
        return cell.constant_bps
    return stretch_rate_of(cell, stretch_at(cell, beyond_periods(t, cell.period_s)))


@kernel
def bits_by(cell: Record, t: float) -> float:
    """Bits that can pass from 0 to ``t``."""
    if cell.constant_bps > 0.0:
        return cell.constant_bps * t
    rest_s = beyond_periods(t, cell.period_s)
    at = stretch_at(cell, rest_s)
    within = bits_within(rest_s, start_of(cell, at), stretch_rate_of(cell, at), sum_of(cell, at))
    cycles = periods_in(t, cell.period_s)
    return cycles * cell.period_bits + within if cycles > 0.0 else within


@kernel
def time_of(cell: Record, bits: float) -> float:
    """The earliest instant by which so many bits have passed; inf where that lies beyond the run."""
    if cell.constant_bps > 0.0:
        return bits / cell.constant_bps
    cycles, rest = periods_in(bits, cell.period_bits), beyond_periods(bits, cell.period_bits)
    if rest == 0.0 and cycles > 0.0:
        cycles, rest = cycles - 1.0, cell.period_bits
    at, last = cell.at, cell.stretches - 1
    while at > 0 and sum_of(cell, at) >= rest:
        at -= 1
    while at < last and sum_of(cell, at + 1) < rest:
        at += 1
    if sum_of(cell, at + 1) < rest:
        return INFINITY
    within = 0.0
    if rest > 0.0:
        within = instant_within(rest, start_of(cell, at), stretch_rate_of(cell, at), sum_of(cell, at))
    return cycles * cell.period_s + within if cycles > 0.0 else within


@kernel
def end_of(cell: Record, at: int, cycles: float) -> float:
    """When a stretch ends, in its period."""
    return cycles * cell.period_s + start_of(cell, at + 1) if cycles > 0.0 else start_of(cell, at + 1)


@kernel
def own_finish(cell: Record, t: float, bits: float, cap_bps: float) -> float:
    """When ``bits`` have passed that begin at ``t`` and go no faster than ``cap_bps``."""
    if cell.constant_bps > 0.0:
        return t + bits / min(cell.constant_bps, cap_bps)
    if t == INFINITY:
        return INFINITY
    if cap_bps == INFINITY:
        return max(t, time_of(cell, bits_by(cell, t) + bits))
    at, cycles = stretch_at(cell, beyond_periods(t, cell.period_s)), periods_in(t, cell.period_s)
    while True:
        rate, end_s = min(stretch_rate_of(cell, at), cap_bps), end_of(cell, at, cycles)
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
def own_bits(cell: Record, t: float, end_s: float, cap_bps: float) -> float:
    """Bits that pass from ``t`` to ``end_s`` no faster than ``cap_bps``."""
    if cell.constant_bps > 0.0:
        return min(cell.constant_bps, cap_bps) * (end_s - t)
    if cap_bps == INFINITY:
        return bits_by(cell, end_s) - bits_by(cell, t)
    at, cycles = stretch_at(cell, beyond_periods(t, cell.period_s)), periods_in(t, cell.period_s)
    bits = 0.0
    while t < end_s and at < cell.stretches:
        stop_s = min(end_of(cell, at, cycles), end_s)
        bits += min(stretch_rate_of(cell, at), cap_bps) * (stop_s - t)
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
def gain_of(cell: Record, n: int) -> float:
    """G(n)."""
    if cell.gains == 0:
        return 1.0
    return member_gain_of(cell, min(n, cell.gains) - 1)


@kernel
def fair_rate_bps(cell: Record, now: float, cap_bps: float, weight: float) -> float:
    """Rate that one more upload could expect."""
    rate = rate_at(cell, now)
    if cell.sharing == EQUAL:
        return rate / (cell.active + 1)
    if cell.sharing == BLOCKS:
        return newcomers_bps(cell, rate, cap_bps)
    if cell.sharing == DEDICATED or cell.sharing == FIFO:
        return min(rate, cap_bps)
    share, speed = share_and_speed(cell, weight, cap_bps)
    total = share + (cell.shares if cell.active > 0 else 0.0)
    return rate * gain_of(cell, cell.active + 1) * speed / total


@kernel
def advance(cell: Record, now: float) -> None:
    """Bring virtual time to ``now``; no finish lies in between."""
    if cell.constant_bps > 0.0:
        passed = (now - cell.last_s) * cell.constant_bps
    else:
        integral = bits_by(cell, now)
        passed = integral - cell.integral
        cell.integral = integral
    if cell.active > 0 and cell.sharing == BLOCKS:
        let_pass(cell, passed / cell.reference_bps)
        cell.busy_s += cell.used * (now - cell.last_s)
    elif cell.active > 0:
        step = passed * gain_of(cell, cell.active) / cell.shares
        cell.virtual += step
        cell.carried_bits += cell.speeds * step
    cell.last_s = now


@kernel
def set_due(site: Record, cell: Record) -> None:
    """Work out the next finish; entries of transfers that were given up are dropped on the way."""
    if cell.sharing == BLOCKS:
        share_out(cell)
        set_due_after(site, cell, first_rung(site, cell)[1] * cell.reference_bps)
        return
    first = transfer_of(cell, 0)
    while cell.members > 0 and upload_of(site, first.slot).transfer != first.number:
        drop_transfer(cell)
    need = INFINITY
    if cell.members > 0:
        need = (first.finish - cell.virtual) * cell.shares
        if cell.gains > 0:
            need /= gain_of(cell, cell.active)
    set_due_after(site, cell, need)


@kernel
def set_due_after(site: Record, cell: Record, need: float) -> None:
    """The next finish is when the capacity's integral has grown by ``need``; inf where nobody is there."""
    if need == INFINITY:
        due_s = INFINITY
    elif need <= 0.0:
        due_s = cell.last_s
    elif cell.constant_bps > 0.0:
        due_s = cell.last_s + need / cell.constant_bps
    else:
        due_s = max(cell.last_s, time_of(cell, cell.integral + need))
    cell.due_s = due_s
    if due_s < site.due_s or (due_s == site.due_s and cell.index > site.due):
        site.due_s, site.due = due_s, cell.index
    elif cell.index == site.due:
        find_due(site)


@kernel
def find_due(site: Record) -> None:
    """Which cell's next finish is the first; of several the last cell's."""
    site.due_s = INFINITY
    for c in range(site.cells):
        due_s = cell_of(site, c).due_s
        if due_s <= site.due_s:
            site.due_s, site.due = due_s, c


@kernel
def join(site: Record, cell: Record, slot: int, bits: float, weight: float, cap_bps: float) -> None:
    """Put an upload on a link in virtual time, now."""
    now = site.now_s
    advance(cell, now)
    site.transfers += 1
    number = site.transfers
    if cell.sharing == BLOCKS:
        add(site, cell, slot, number, bits, cap_bps)
        cell.active += 1
        set_due(site, cell)
        return
    if cell.active == 0:
        cell.virtual = cell.shares = cell.speeds = 0.0  # every busy period starts at zero, which keeps rounding small
        cell.members = 0
        cell.busy_from_s = now
    share, speed = share_and_speed(cell, weight, cap_bps)
    finish = cell.virtual + bits / speed
    upload = upload_of(site, slot)
    upload.transfer, upload.finish, upload.share, upload.speed = number, finish, share, speed
    add_transfer(cell, finish, number, slot, share, speed)
    cell.active += 1
    cell.shares += share
    cell.speeds += speed
    set_due(site, cell)


@kernel
def finish_first(site: Record, cell: Record) -> int:
    """Take the transfer that ends at ``due_s`` off the link; its slot."""
    if cell.sharing == BLOCKS:
        return finish_first_of_rungs(site, cell)
    first = transfer_of(cell, 0)
    finish, slot, share, speed = first.finish, first.slot, first.share, first.speed
    step = finish - cell.virtual
    if step > 0.0:
        passed = step * cell.shares
        cell.integral += passed / gain_of(cell, cell.active) if cell.gains > 0 else passed
        cell.carried_bits += cell.speeds * step
        cell.virtual = finish  # exactly, so that equal finishes stay equal
    cell.last_s = cell.due_s
    drop_transfer(cell)
    take_off(cell, share, speed, cell.due_s)
    upload_of(site, slot).transfer = 0
    set_due(site, cell)
    return slot


@kernel
def finish_first_of_rungs(site: Record, cell: Record) -> int:
    """As ``finish_first``, where blocks are shared out."""
    r, seconds = first_rung(site, cell)
    let_pass(cell, seconds)
    cell.busy_s += cell.used * (cell.due_s - cell.last_s)
    cell.integral += seconds * cell.reference_bps
    cell.last_s = cell.due_s
    rung = rungs_of(cell, 0, cell.rungs)[r]
    slot = rung.first
    rung.virtual = upload_of(site, slot).finish  # exactly, so that equal finishes stay equal
    remove(site, cell, slot)
    cell.active -= 1
    set_due(site, cell)
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
def leave(site: Record, cell: Record, slot: int) -> float:
    """Give a transfer up, now; the bits that have not left."""
    upload = upload_of(site, slot)
    advance(cell, site.now_s)
    virtual = rungs_of(cell, 0, cell.rungs)[upload.rung].virtual if cell.sharing == BLOCKS else cell.virtual
    unsent = max(0.0, (upload.finish - virtual) * upload.speed)
    if cell.sharing == BLOCKS:
        remove(site, cell, slot)
        cell.active -= 1
    else:
        take_off(cell, upload.share, upload.speed, site.now_s)
    upload.transfer = 0
    set_due(site, cell)
    return unsent


@kernel
def is_virtual(cell: Record) -> bool:
    """Whether later uploads change the finish of those on the link."""
    return cell.sharing <= BLOCKS
