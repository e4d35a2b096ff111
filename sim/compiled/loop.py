"""The event loop: what is next, and the stages that follow from it without waiting.

Beside the heap stand what is sorted or single anyway: the utterances of a window, the next finish of each link, the
server's timer.  Every stage has one place in the loop, so that it is compiled into it.
"""

from __future__ import annotations

import math

from sim.compiled.codes import (
    AGAIN,
    ARRIVE,
    BATCH,
    BLOCKS,
    CODED,
    CODES,
    DONE,
    END,
    ENTER,
    HEAR,
    HELD,
    JOIN,
    LEAVE,
    NOTHING,
    RECEIVED,
    REPLY,
    ROOM,
    ROWS,
    SENT,
    SPEAK,
    WINDOW,
)  # fmt: skip
from sim.compiled.heap import pop
from sim.compiled.jit import entry, stage
from sim.compiled.links import advance, finish_first, is_virtual, set_due
from sim.compiled.sending import give_up, join_link, sent, use_radio
from sim.compiled.serving import arrive, end, end_batch, hear, received, reply, say, start_batches
from sim.compiled.speaking import at, coded, depart, enter, new_upload, release
from sim.compiled.state import Floats, Ints, World


@stage
def next_time(w: World, enter_s: float) -> tuple[int, float]:
    """When something happens next, and what: -2 the server's timer, -1 the heap, 0 an utterance, 1 + c a link."""
    site = w.site[0]
    what, time_s, order = 0, enter_s, site.arrival_order
    if site.heap > 0:
        first = w.heap[0]
        if first.time_s < time_s or (first.time_s == time_s and first.order < order):
            what, time_s, order = -1, first.time_s, first.order
    if site.timer_s < time_s or (site.timer_s == time_s and site.timer_order < order):
        what, time_s = -2, site.timer_s
    for c in range(len(w.cells)):
        if w.cells[c].due_s <= time_s and w.cells[c].due_s < math.inf:
            what, time_s = 1 + c, w.cells[c].due_s
    return what, time_s


@stage
def live(w: World, step: int, slot: int) -> None:
    """Stage after stage of an upload until it has to wait."""
    while step != NOTHING:
        if step == ENTER:
            step = enter(w, slot)
        elif step == CODED:
            step = coded(w, slot)
        elif step == LEAVE:
            depart(w, slot)
            step = AGAIN
        elif step == AGAIN:
            step = use_radio(w, slot)
        elif step == JOIN:
            step = join_link(w, slot)
        elif step == SENT:
            step = sent(w, slot)
        elif step == ARRIVE:
            step = arrive(w, slot)
        elif step == REPLY:
            step = reply(w, slot)
        elif step == HEAR:
            step = hear(w, slot)
        elif step == RECEIVED:
            step = received(w, slot)
        elif step == END:
            end(w, slot)
            step = NOTHING
        else:
            step = give_up(w, slot)


@stage
def speak(w: World, device: int) -> int:
    """A user of a closed loop speaks; the slot of the utterance."""
    site, speaker = w.site[0], w.speakers[device]
    g = 0
    while g + 1 < len(w.groups) and device >= w.groups[g + 1].first:
        g += 1
    slot = new_upload(site, w.uploads, site.loop_uploads, g, device, speaker.k, speaker.utterance, speaker.spoken_s)
    site.loop_uploads += 1
    return slot


@stage
def finished(w: World, c: int, enter_s: float) -> int:
    """A transfer of a cell ends: its slot, or -1 where others come first at this instant."""
    site, cell = w.site[0], w.cells[c]
    slot = finish_first(cell, w.links[c], w.gains[c], w.rungs[c], w.stretches[c], w.uploads)
    w.uploads[slot].unsent_bits = 0.0
    alone = cell.due_s > site.now_s and enter_s > site.now_s and (site.heap == 0 or w.heap[0].time_s > site.now_s)
    if alone:
        return slot
    at(site, w.heap, site.now_s, SENT, slot)
    return -1


@stage
def is_short_of_room(w: World) -> bool:
    """Whether one more event might not find room for what it schedules."""
    site = w.site[0]
    for c in range(len(w.cells)):
        if w.cells[c].members + 2 > w.links.shape[1]:
            return True
    return site.live + 2 > site.slots or site.heap + 2 * site.live + site.largest + 64 > len(w.heap)


@entry
def run(
    w: World,
    enter_s: Floats,
    spoken_s: Floats,
    group: Ints,
    device: Ints,
    k: Ints,
    utterance: Ints,
    more: bool,
    until_s: float,
) -> int:
    """Let everything happen before ``until_s``, or until Python has to see to something; says what.

    The arrays are a window of utterances (``sim.arrivals``), ``more`` whether another follows.
    """
    site = w.site[0]
    size = len(enter_s)
    while True:
        if site.position == size and more:
            return WINDOW
        if site.rows + 2 * site.largest + 16 > len(w.rows):
            return ROWS
        if is_short_of_room(w):
            return ROOM
        next_enter_s = enter_s[site.position] if site.position < size else math.inf
        what, time_s = next_time(w, next_enter_s)
        if not time_s < until_s:
            site.now_s = until_s
            return DONE
        site.now_s = time_s
        site.events += 1
        step, slot = NOTHING, -1
        if what == 0:
            i = site.position
            site.position += 1
            site.arrival_order = site.order
            site.order += 1
            g = group[i]
            slot = new_upload(
                site, w.uploads, site.uploads, g, w.groups[g].first + device[i], k[i], utterance[i], spoken_s[i]
            )
            site.uploads += 1
            step = ENTER
        elif what > 0:
            slot = finished(w, what - 1, next_enter_s)
            step = SENT if slot >= 0 else NOTHING
        elif what == -2:
            start_batches(site, w.heap, w.uploads, w.batches, w.service_s, w.spread, w.audio_s)
        else:
            item = w.heap[0].item
            pop(w.heap, site.heap)
            site.heap -= 1
            step, slot = item % CODES, item // CODES
            if step == BATCH:
                end_batch(w, slot)
                step = NOTHING
            elif step == HELD:
                held = w.holding[slot]
                if held.count > 0 and held.due_s == site.now_s:
                    release(site, w.heap, w.uploads, held)
                step = NOTHING
            elif step == SPEAK:
                slot = speak(w, slot)
                step = ENTER
        live(w, step, slot)


@entry
def begin_loops(w: World, g: int, think_s: Floats, what: Floats) -> None:
    """The first utterance of each user of a closed loop of group ``g``; thought and luck of each."""
    from_s = 0.0
    group = w.groups[g]
    for i in range(group.count):
        speaker = w.speakers[group.first + i]
        speaker.k = 0
        say(w.site[0], w.heap, group, speaker, group.first + i, from_s, think_s[i], what[i], w.audio_s)


@entry
def settle(w: World, now: float) -> None:
    """Bring the accounts of shared links to ``now``, as ``SharedLink.settle`` does."""
    for c in range(len(w.cells)):
        cell = w.cells[c]
        if is_virtual(cell) and cell.active > 0:
            advance(cell, w.gains[c], w.rungs[c], w.stretches[c], now)
            set_due(cell, w.links[c], w.gains[c], w.rungs[c], w.stretches[c], w.uploads)
            if cell.sharing != BLOCKS:  # there the time on the air is counted as it passes
                cell.busy_s += now - cell.busy_from_s
                cell.busy_from_s = now
