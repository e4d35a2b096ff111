"""The event loop: what is next, and the stages that follow from it without waiting.

Beside the heap stand what is sorted or single anyway: the utterances of a window, the next finish of each link, the
server's timer.
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
from sim.compiled.heap import first_event, take
from sim.compiled.jit import entry, kernel, stage
from sim.compiled.links import advance, finish_first, is_virtual, set_due
from sim.compiled.sending import give_up, join_link, sent, use_radio
from sim.compiled.serving import arrive, end, end_batch, hear, received, reply, say, start_batches
from sim.compiled.speaking import at, coded, depart, enter, new_upload, release
from sim.compiled.state import (
    Floats,
    Record,
    Records,
    cell_of,
    device_of,
    group_of,
    holding_of,
    prefetch,
    speaker_of,
    upload_of,
    utterance_of,
)

AHEAD = 8
"""Utterances whose devices are fetched ahead: of many devices few are in the processor's cache."""
MARGIN = 64
"""Events that a stage may schedule beside one for each upload under way."""


@stage
def next_time(site: Record) -> tuple[int, float]:
    """When something happens next, and what: -2 the server's timer, -1 the heap, 0 an utterance, 1 + c a link."""
    what, time_s, order = 0, site.enter_s, site.arrival_order
    event_s, event_order = first_event(site)
    if event_s < time_s or (event_s == time_s and event_order < order and event_s < math.inf):
        what, time_s, order = -1, event_s, event_order
    if site.timer_s < time_s or (site.timer_s == time_s and site.timer_order < order):
        what, time_s = -2, site.timer_s
    if site.due_s <= time_s and site.due_s < math.inf:
        what, time_s = 1 + site.due, site.due_s
    return what, time_s


@stage
def live(site: Record, step: int, slot: int) -> None:
    """Stage after stage of an upload until it has to wait."""
    while step != NOTHING:
        if step == ENTER:
            step = enter(site, slot)
        elif step == CODED:
            step = coded(site, slot)
        elif step == LEAVE:
            depart(site, slot)
            step = AGAIN
        elif step == AGAIN:
            step = use_radio(site, slot)
        elif step == JOIN:
            step = join_link(site, slot)
        elif step == SENT:
            step = sent(site, slot)
        elif step == ARRIVE:
            step = arrive(site, slot)
        elif step == REPLY:
            step = reply(site, slot)
        elif step == HEAR:
            step = hear(site, slot)
        elif step == RECEIVED:
            step = received(site, slot)
        elif step == END:
            end(site, slot)
            step = NOTHING
        else:
            step = give_up(site, slot)


@kernel
def speak(site: Record, device: int) -> int:
    """A user of a closed loop speaks; the slot of the utterance."""
    speaker = speaker_of(site, device)
    g = 0
    while g + 1 < site.groups and device >= group_of(site, g + 1).first:
        g += 1
    slot = new_upload(site, site.loop_uploads, g, device, speaker.k, speaker.utterance, speaker.spoken_s)
    site.loop_uploads += 1
    return slot


@kernel
def finished(site: Record, c: int) -> int:
    """A transfer of a cell ends: its slot, or -1 where others come first at this instant."""
    cell = cell_of(site, c)
    slot = finish_first(site, cell)
    upload_of(site, slot).unsent_bits = 0.0
    now = site.now_s
    if cell.due_s > now and site.enter_s > now and first_event(site)[0] > now:
        return slot
    at(site, now, SENT, slot)
    return -1


@kernel
def spare_events(site: Record) -> int:
    """Events that find room for what they schedule, whatever they are; looked at once for all of them.

    An event takes at most a slot, a place of a link and a row.  In the heap an upload has one event, beside those of
    attempts that ended before their time-out, of which an event leaves one at most; and it may let all uploads of a
    link or of a device go on.
    """
    spare = min(site.slots - site.live - 2, (site.heap_room - site.heap - 3 * site.live - site.largest - MARGIN) // 4)
    for c in range(site.cells):
        cell = cell_of(site, c)
        spare = min(spare, cell.room - cell.members - 2)
    return spare


@stage
def next_step(site: Record) -> tuple[int, int]:
    """Take the next event that was scheduled: the step it is, and the upload's slot."""
    item = take(site)
    step, slot = item % CODES, item // CODES
    if step == BATCH:
        end_batch(site, slot)
        return NOTHING, -1
    if step == HELD:
        held = holding_of(site, slot)
        if held.count > 0 and held.due_s == site.now_s:
            release(site, held)
        return NOTHING, -1
    if step == SPEAK:
        return ENTER, speak(site, slot)
    return step, slot


@stage
def next_utterance(site: Record) -> int:
    """The next utterance of the window begins its way; its slot."""
    i = site.position
    site.position = i + 1
    site.arrival_order = site.order
    site.order += 1
    ahead = utterance_of(site, min(i + AHEAD, site.window - 1))
    prefetch(device_of(site, group_of(site, ahead.group).first + ahead.device))
    said = utterance_of(site, i)
    device = group_of(site, said.group).first + said.device
    slot = new_upload(site, site.uploads, said.group, device, said.k, said.utterance, said.spoken_s)
    site.uploads += 1
    site.enter_s = utterance_of(site, i + 1).enter_s if i + 1 < site.window else math.inf
    return slot


@entry
def run(sites: Records, until_s: float) -> int:
    """Let everything happen before ``until_s``, or until Python has to see to something; says what."""
    site = sites[0]
    while True:
        if site.position == site.window and site.more:
            return WINDOW
        if site.spare <= 0:
            if site.rows_room - site.rows <= 0:
                return ROWS
            site.spare = min(site.rows_room - site.rows, spare_events(site))
            if site.spare <= 0:
                return ROOM
        what, time_s = next_time(site)
        if not time_s < until_s:
            site.now_s = until_s
            return DONE
        site.now_s = time_s
        site.events += 1
        site.spare -= 1
        step, slot = NOTHING, -1
        if what == -1:
            step, slot = next_step(site)
        elif what == 0:
            step, slot = ENTER, next_utterance(site)
        elif what > 0:
            slot = finished(site, what - 1)
            step = SENT if slot >= 0 else NOTHING
        else:
            start_batches(site)
        live(site, step, slot)


@entry
def begin_loops(sites: Records, g: int, think_s: Floats, what: Floats) -> None:
    """The first utterance of each user of a closed loop of group ``g``; thought and luck of each."""
    site, from_s = sites[0], 0.0
    group = group_of(site, g)
    for i in range(group.count):
        speaker_of(site, group.first + i).k = 0
        say(site, group, group.first + i, from_s, think_s[i], what[i])


@entry
def settle(sites: Records, now: float) -> None:
    """Bring the accounts of shared links to ``now``, as ``SharedLink.settle`` does."""
    site = sites[0]
    for c in range(site.cells):
        cell = cell_of(site, c)
        if is_virtual(cell) and cell.active > 0:
            advance(cell, now)
            set_due(site, cell)
            if cell.sharing != BLOCKS:  # there the time on the air is counted as it passes
                cell.busy_s += now - cell.busy_from_s
                cell.busy_from_s = now
