"""A binary heap of events by (time, order)."""

from __future__ import annotations

import math

from sim.compiled.jit import kernel
from sim.compiled.state import Record, event_of, transfer_of


@kernel
def put(site: Record, time_s: float, order: int, item: int) -> None:
    """Schedule an event after all others that are scheduled.

    One that is sooner than the heap's first stands before the heap: often nothing comes between it and what
    scheduled it, and it need not go through the heap.  While somebody stands there, nobody in the heap is sooner.
    """
    if site.front > 0:
        if time_s < site.front_s:
            push(site, site.front_s, site.front_order, site.front_item)
        else:
            push(site, time_s, order, item)
            return
    elif site.heap > 0 and event_of(site, 0).time_s <= time_s:
        push(site, time_s, order, item)
        return
    site.front, site.front_s, site.front_order, site.front_item = 1, time_s, order, item


@kernel
def first_event(site: Record) -> tuple[float, int]:
    """When the next event happens, and its order; inf where there is none."""
    if site.front > 0:
        return site.front_s, site.front_order
    if site.heap > 0:
        first = event_of(site, 0)
        return first.time_s, first.order
    return math.inf, 0


@kernel
def take(site: Record) -> int:
    """Take the next event; its item."""
    if site.front > 0:
        site.front = 0
        return site.front_item
    item = event_of(site, 0).item
    pop(site)
    return item


@kernel
def push(site: Record, time_s: float, order: int, item: int) -> None:
    """Put an event into the heap."""
    at = site.heap
    while at > 0:
        above = (at - 1) >> 1
        one = event_of(site, above)
        if one.time_s < time_s or (one.time_s == time_s and one.order < order):
            break
        other = event_of(site, at)
        other.time_s, other.order, other.item = one.time_s, one.order, one.item
        at = above
    one = event_of(site, at)
    one.time_s, one.order, one.item = time_s, order, item
    site.heap += 1


@kernel
def pop(site: Record) -> None:
    """Take the first event out of the heap."""
    n = site.heap - 1
    site.heap = n
    last = event_of(site, n)
    time_s, order, item = last.time_s, last.order, last.item
    at = 0
    while True:
        below = 2 * at + 1
        if below >= n:
            break
        one = event_of(site, below)
        if below + 1 < n:
            other = event_of(site, below + 1)
            if other.time_s < one.time_s or (other.time_s == one.time_s and other.order < one.order):
                below, one = below + 1, other
        if time_s < one.time_s or (time_s == one.time_s and order < one.order):
            break
        here = event_of(site, at)
        here.time_s, here.order, here.item = one.time_s, one.order, one.item
        at = below
    here = event_of(site, at)
    here.time_s, here.order, here.item = time_s, order, item


@kernel
def copy_transfer(source: Record, target: Record) -> None:
    """One place of a link's heap as another."""
    target.finish, target.share, target.speed = source.finish, source.share, source.speed
    target.number, target.slot = source.number, source.slot


@kernel
def add_transfer(cell: Record, finish: float, number: int, slot: int, share: float, speed: float) -> None:
    """Put the newest transfer into a link's heap, by (virtual finish, number)."""
    at = cell.members
    while at > 0:
        above = (at - 1) >> 1
        one = transfer_of(cell, above)
        if one.finish <= finish:  # numbers rise
            break
        copy_transfer(one, transfer_of(cell, at))
        at = above
    one = transfer_of(cell, at)
    one.finish, one.number, one.slot, one.share, one.speed = finish, number, slot, share, speed
    cell.members += 1


@kernel
def drop_transfer(cell: Record) -> None:
    """Take the first transfer out of a link's heap."""
    n = cell.members - 1
    cell.members = n
    last = transfer_of(cell, n)
    at = 0
    while True:
        below = 2 * at + 1
        if below >= n:
            break
        one = transfer_of(cell, below)
        if below + 1 < n:
            other = transfer_of(cell, below + 1)
            if other.finish < one.finish or (other.finish == one.finish and other.number < one.number):
                below, one = below + 1, other
        if last.finish < one.finish or (last.finish == one.finish and last.number < one.number):
            break
        copy_transfer(one, transfer_of(cell, at))
        at = below
    copy_transfer(last, transfer_of(cell, at))
