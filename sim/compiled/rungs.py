"""A cell that shares out blocks: ``channel.links.blocks`` on flat arrays.

The transfers of a rung wait in a pairing heap (Fredman, Sedgewick, Sleator and Tarjan, Algorithmica 1, 1986) that runs
through the uploads themselves: ``below`` is an upload's first child, ``beside`` its next sibling, ``before`` the one
before it or its parent.  A binary heap for each rung would need room for all uploads in every one.
"""

from __future__ import annotations

import math

from channel.links.rungs import pace_of, price_of, rung_of, water_level
from sim.compiled.jit import kernel
from sim.compiled.state import Columns, Record, gains_of, rungs_of, upload_of

INFINITY = math.inf


@kernel
def rung_at(cell: Record, rungs: Columns, cap_bps: float) -> int:
    """The rung of a device by its own rate; without one it can use the whole cell."""
    return cell.rungs - 1 if cap_bps == INFINITY else rung_of(rungs.above_bps, cap_bps)


@kernel
def own_bps(cell: Record, cap_bps: float) -> float:
    """What a device gets alone."""
    return cell.reference_bps if cap_bps == INFINITY else cap_bps


@kernel
def share_out(cell: Record) -> None:
    """Blocks for everybody, after a member came or went."""
    rungs, gains = rungs_of(cell, 0, cell.rungs), gains_of(cell, 0, cell.gains + cell.narrow)
    counts, blocks = rungs.count, rungs.blocks
    water = water_level(counts, blocks, cell.blocks, -1)
    cell.used = 1.0 if water[0] < cell.rungs else 1.0 - water[2] / cell.blocks
    fading, narrow = gains[: cell.gains], gains[cell.gains :]
    price = price_of(counts, cell.blocks, -1, water[0], fading)
    for r in range(cell.rungs):
        if counts[r] > 0:
            full = rungs[r].full
            rungs[r].pace = pace_of(blocks[r], full, r, cell.rungs, cell.blocks, water, price, fading, narrow)


@kernel
def newcomers_bps(cell: Record, rate_bps: float, cap_bps: float) -> float:
    """Rate of one more upload at the capacity ``rate_bps``."""
    rungs, gains = rungs_of(cell, 0, cell.rungs), gains_of(cell, 0, cell.gains + cell.narrow)
    r = rung_at(cell, rungs, cap_bps)
    counts, blocks = rungs.count, rungs.blocks
    water = water_level(counts, blocks, cell.blocks, r)
    fading, narrow = gains[: cell.gains], gains[cell.gains :]
    price = price_of(counts, cell.blocks, r, water[0], fading)
    pace = pace_of(blocks[r], rungs[r].full, r, cell.rungs, cell.blocks, water, price, fading, narrow)
    return rate_bps / cell.reference_bps * own_bps(cell, cap_bps) * pace


@kernel
def let_pass(cell: Record, seconds: float) -> None:
    """Let everybody send for ``seconds`` of the mean capacity."""
    rungs = rungs_of(cell, 0, cell.rungs)
    for r in range(cell.rungs):
        rung = rungs[r]
        if rung.count > 0:
            step = rung.pace * seconds
            rung.virtual += step
            cell.carried_bits += rung.speeds * step


@kernel
def first_rung(site: Record, cell: Record) -> tuple[int, float]:
    """Rung of the next finish, and seconds of the mean capacity until then."""
    rungs = rungs_of(cell, 0, cell.rungs)
    best, soonest = -1, INFINITY
    for r in range(cell.rungs):
        rung = rungs[r]
        if rung.count > 0:
            seconds = max(0.0, (upload_of(site, rung.first).finish - rung.virtual) / rung.pace)
            if seconds < soonest:
                best, soonest = r, seconds
    return best, soonest


@kernel
def add(site: Record, cell: Record, slot: int, number: int, bits: float, cap_bps: float) -> None:
    """Put a transfer on its rung."""
    rungs = rungs_of(cell, 0, cell.rungs)
    r = rung_at(cell, rungs, cap_bps)
    rung, upload = rungs[r], upload_of(site, slot)
    if rung.count == 0:  # every busy period of a rung starts at zero, which keeps rounding small
        rung.virtual = rung.speeds = 0.0
        rung.first = -1
    upload.speed = own_bps(cell, cap_bps)
    upload.transfer, upload.finish, upload.rung = number, rung.virtual + bits / upload.speed, r
    upload.below = upload.beside = upload.before = -1
    rung.first = meld(site, rung.first, slot)
    rung.speeds += upload.speed
    rung.count += 1


@kernel
def remove(site: Record, cell: Record, slot: int) -> None:
    """Take a transfer off its rung."""
    upload = upload_of(site, slot)
    rung = rungs_of(cell, 0, cell.rungs)[upload.rung]
    rung.count -= 1
    rung.speeds -= upload.speed
    rung.first = cut(site, rung.first, slot)
    upload.transfer = 0


@kernel
def meld(site: Record, one: int, other: int) -> int:
    """Two heaps as one; -1 is an empty heap."""
    if one < 0:
        return other
    if other < 0:
        return one
    a, b = upload_of(site, one), upload_of(site, other)
    if b.finish < a.finish or (b.finish == a.finish and b.transfer < a.transfer):
        one, other = other, one
        a, b = b, a
    b.before, b.beside = one, a.below
    if a.below >= 0:
        upload_of(site, a.below).before = other
    a.below = other
    return one


@kernel
def meld_siblings(site: Record, first: int) -> int:
    """A list of heaps as one: pairs from the left, then their winners from the right."""
    winners = -1
    while first >= 0:
        second = upload_of(site, first).beside
        rest = upload_of(site, second).beside if second >= 0 else -1
        won = meld(site, first, second)
        upload_of(site, won).beside = winners
        winners = won
        first = rest
    root = -1
    while winners >= 0:
        rest = upload_of(site, winners).beside
        root = meld(site, root, winners)
        winners = rest
    if root >= 0:
        upload_of(site, root).before = upload_of(site, root).beside = -1
    return root


@kernel
def cut(site: Record, root: int, slot: int) -> int:
    """Take an upload out of the heap under ``root``; the new root."""
    upload = upload_of(site, slot)
    children = meld_siblings(site, upload.below)
    if slot == root:
        return children
    if upload_of(site, upload.before).below == slot:
        upload_of(site, upload.before).below = upload.beside
    else:
        upload_of(site, upload.before).beside = upload.beside
    if upload.beside >= 0:
        upload_of(site, upload.beside).before = upload.before
    return meld(site, root, children)
