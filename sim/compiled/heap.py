"""A binary heap of events by (time, order)."""

from __future__ import annotations

from sim.compiled.jit import kernel
from sim.compiled.state import Records


@kernel
def push(heap: Records, n: int, time_s: float, order: int, item: int) -> None:
    """Put an event into a heap of ``n``."""
    at = n
    while at > 0:
        above = (at - 1) >> 1
        if heap[above].time_s < time_s or (heap[above].time_s == time_s and heap[above].order < order):
            break
        heap[at].time_s, heap[at].order, heap[at].item = heap[above].time_s, heap[above].order, heap[above].item
        at = above
    heap[at].time_s, heap[at].order, heap[at].item = time_s, order, item


@kernel
def pop(heap: Records, n: int) -> None:
    """Take the first event out of a heap of ``n``."""
    n -= 1
    time_s, order, item = heap[n].time_s, heap[n].order, heap[n].item
    at = 0
    while True:
        below = 2 * at + 1
        if below >= n:
            break
        if below + 1 < n and (
            heap[below + 1].time_s < heap[below].time_s
            or (heap[below + 1].time_s == heap[below].time_s and heap[below + 1].order < heap[below].order)
        ):
            below += 1
        if time_s < heap[below].time_s or (time_s == heap[below].time_s and order < heap[below].order):
            break
        heap[at].time_s, heap[at].order, heap[at].item = heap[below].time_s, heap[below].order, heap[below].item
        at = below
    heap[at].time_s, heap[at].order, heap[at].item = time_s, order, item


@kernel
def add_transfer(heap: Records, n: int, finish: float, number: int, slot: int, share: float, speed: float) -> None:
    """Put a transfer into a link's heap of ``n``, by (virtual finish, number)."""
    at = n
    while at > 0:
        above = (at - 1) >> 1
        if heap[above].finish < finish or (heap[above].finish == finish and heap[above].number < number):
            break
        heap[at] = heap[above]
        at = above
    one = heap[at]
    one.finish, one.number, one.slot, one.share, one.speed = finish, number, slot, share, speed


@kernel
def drop_transfer(heap: Records, n: int) -> None:
    """Take the first transfer out of a link's heap of ``n``."""
    n -= 1
    last = heap[n]
    at = 0
    while True:
        below = 2 * at + 1
        if below >= n:
            break
        other = below + 1
        if other < n and (
            heap[other].finish < heap[below].finish
            or (heap[other].finish == heap[below].finish and heap[other].number < heap[below].number)
        ):
            below = other
        if last.finish < heap[below].finish or (last.finish == heap[below].finish and last.number < heap[below].number):
            break
        heap[at] = heap[below]
        at = below
    heap[at] = last
