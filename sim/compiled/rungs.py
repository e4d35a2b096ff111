"""A cell that shares out blocks: ``channel.links.blocks`` on flat arrays.

The transfers of a rung wait in a pairing heap (Fredman, Sedgewick, Sleator and Tarjan, Algorithmica 1, 1986) that runs
through the uploads themselves: ``below`` is an upload's first child, ``beside`` its next sibling, ``before`` the one
before it or its parent.  A binary heap for each rung would need room for all uploads in every one.
"""

from __future__ import annotations

import math

from channel.links.rungs import pace_of, price_of, rung_of, water_level
from sim.compiled.jit import kernel
from sim.compiled.state import Columns, Floats, Record, Records

INFINITY = math.inf


@kernel
def rung_at(cell: Record, rungs: Columns, cap_bps: float) -> int:
    """The rung of a device by its own rate; without one it can use the whole cell."""
    return cell.rungs - 1 if cap_bps == INFINITY else rung_of(rungs.above_bps[: cell.rungs], cap_bps)


@kernel
def own_bps(cell: Record, cap_bps: float) -> float:
    """What a device gets alone."""
    return cell.reference_bps if cap_bps == INFINITY else cap_bps


@kernel
def share_out(cell: Record, rungs: Columns, gains: Floats) -> None:
    """Blocks for everybody, after a member came or went."""
    counts, blocks = rungs.count[: cell.rungs], rungs.blocks[: cell.rungs]
    water = water_level(counts, blocks, cell.blocks, -1)
    cell.used = 1.0 if water[0] < cell.rungs else 1.0 - water[2] / cell.blocks
    fading, narrow = gains[: cell.gains], gains[cell.gains : cell.gains + cell.narrow]
    price = price_of(counts, cell.blocks, -1, water[0], fading)
    for r in range(cell.rungs):
        if counts[r] > 0:
            full = rungs[r].full
            rungs[r].pace = pace_of(blocks[r], full, r, cell.rungs, cell.blocks, water, price, fading, narrow)


@kernel
def newcomers_bps(cell: Record, rungs: Columns, gains: Floats, rate_bps: float, cap_bps: float) -> float:
    """Rate of one more upload at the capacity ``rate_bps``."""
    r = rung_at(cell, rungs, cap_bps)
    blocks = rungs.blocks[: cell.rungs]
    counts = rungs.count[: cell.rungs]
    water = water_level(counts, blocks, cell.blocks, r)
    fading, narrow = gains[: cell.gains], gains[cell.gains : cell.gains + cell.narrow]
    price = price_of(counts, cell.blocks, r, water[0], fading)
    pace = pace_of(blocks[r], rungs[r].full, r, cell.rungs, cell.blocks, water, price, fading, narrow)
    return rate_bps / cell.reference_bps * own_bps(cell, cap_bps) * pace


@kernel
def let_pass(cell: Record, rungs: Columns, seconds: float) -> None:
    """Let everybody send for ``seconds`` of the mean capacity."""
    for r in range(cell.rungs):
        rung = rungs[r]
        if rung.count > 0:
            step = rung.pace * seconds
            rung.virtual += step
            cell.carried_bits += rung.speeds * step


@kernel
def first_rung(cell: Record, rungs: Columns, uploads: Records) -> tuple[int, float]:
    """Rung of the next finish, and seconds of the mean capacity until then."""
    best, soonest = -1, INFINITY
    for r in range(cell.rungs):
        rung = rungs[r]
        if rung.count > 0:
            seconds = max(0.0, (uploads[rung.first].finish - rung.virtual) / rung.pace)
            if seconds < soonest:
                best, soonest = r, seconds
    return best, soonest


@kernel
def add(cell: Record, rungs: Columns, uploads: Records, slot: int, number: int, bits: float, cap_bps: float) -> None:
    """Put a transfer on its rung."""
    r = rung_at(cell, rungs, cap_bps)
    rung, upload = rungs[r], uploads[slot]
    if rung.count == 0:  # every busy period of a rung starts at zero, which keeps rounding small
        rung.virtual = rung.speeds = 0.0
        rung.first = -1
    upload.speed = own_bps(cell, cap_bps)
    upload.transfer, upload.finish, upload.rung = number, rung.virtual + bits / upload.speed, r
    upload.below = upload.beside = upload.before = -1
    rung.first = meld(uploads, rung.first, slot)
    rung.speeds += upload.speed
    rung.count += 1


@kernel
def remove(rungs: Columns, uploads: Records, slot: int) -> None:
    """Take a transfer off its rung."""
    upload = uploads[slot]
    rung = rungs[upload.rung]
    rung.count -= 1
    rung.speeds -= upload.speed
    rung.first = cut(uploads, rung.first, slot)
    upload.transfer = 0


@kernel
def meld(uploads: Records, one: int, other: int) -> int:
    """Two heaps as one; -1 is an empty heap."""
    if one < 0:
        return other
    if other < 0:
        return one
    a, b = uploads[one], uploads[other]
    if b.finish < a.finish or (b.finish == a.finish and b.transfer < a.transfer):
        one, other = other, one
        a, b = b, a
    b.before, b.beside = one, a.below
    if a.below >= 0:
        uploads[a.below].before = other
    a.below = other
    return one


@kernel
def meld_siblings(uploads: Records, first: int) -> int:
    """A list of heaps as one: pairs from the left, then their winners from the right."""
    winners = -1
    while first >= 0:
        second = uploads[first].beside
        rest = uploads[second].beside if second >= 0 else -1
        won = meld(uploads, first, second)
        uploads[won].beside = winners
        winners = won
        first = rest
    root = -1
    while winners >= 0:
        rest = uploads[winners].beside
        root = meld(uploads, root, winners)
        winners = rest
    if root >= 0:
        uploads[root].before = uploads[root].beside = -1
    return root


@kernel
def cut(uploads: Records, root: int, slot: int) -> int:
    """Take an upload out of the heap under ``root``; the new root."""
    upload = uploads[slot]
    children = meld_siblings(uploads, upload.below)
    if slot == root:
        return children
    if uploads[upload.before].below == slot:
        uploads[upload.before].below = upload.beside
    else:
        uploads[upload.before].beside = upload.beside
    if upload.beside >= 0:
        uploads[upload.beside].before = upload.before
    return meld(uploads, root, children)
