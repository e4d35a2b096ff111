"""Replay: a list of uploads through a cell without a simulation engine, for validation and small studies."""

from __future__ import annotations

import math
from collections.abc import Sequence
from heapq import heapify, heappop, heappush

from channel.links.cell import Cell
from channel.links.transport import Plan

INFINITY = math.inf


def replay(cell: Cell, starts_s: Sequence[float], sizes_bytes: Sequence[float]) -> list[float]:
    """Return the instants at which each upload's last byte is at the server, in the order given.

    Every upload comes from a device of its own without a connection; access and loss are left out.  ``starts_s``
    need no order.  The cell is used up: build another one for the next replay.
    """
    link = cell.link
    onward = cell.propagation_s + cell.backhaul_s
    finishes = [math.nan] * len(starts_s)
    tails = [0.0] * len(starts_s)
    # (instant, what, upload): 0 the upload starts, 1 it goes on the link.
    events: list[tuple[float, int, int]] = [(float(at), 0, i) for i, at in enumerate(starts_s)]
    heapify(events)
    plans: dict[int, Plan] = {}
    while events or link.next_finish() < INFINITY:
        finish = link.next_finish()
        if not events or finish <= events[0][0]:
            for i in link.pop_finished(finish):
                finishes[i] = finish + tails[i] + onward
            continue
        now, what, i = heappop(events)
        if what == 0:
            plan = cell.transport.plan(now, sizes_bytes[i], INFINITY, link.fair_rate_bps(now), cell.path_rtt_s)
            plans[i], tails[i] = plan, plan.tail_s
            heappush(events, (now + plan.setup_s + plan.ramp_s, 1, i))
        else:
            plan = plans.pop(i)
            link.join(now, i, plan.fluid_bits, start=plan.start)
    return finishes
