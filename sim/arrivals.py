"""Who speaks, when and what: the open-loop utterances of a site in order of their entry, window after window.

``begin_devices`` and ``fill`` are plain loops over arrays of the devices of a group.  The reference engine runs them as
they are, the compiled one compiles them; the order and the numbers are the same, however time is cut.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from devices.sessions import TraceTraffic
from devices.traffic import OpenTraffic, advance, begin, spoken_s
from devices.traffic import Traffic as UsersTraffic
from sim.draws import Draws, Key, uniforms
from sim.site import Group

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

MOST_OF_A_BUCKET = 64
WANTED = 16_384
"""Utterances that a window should hold, unless a site has more than twice as many devices."""


class Speakers(NamedTuple):
    """The devices of a group, each with its next utterance; arrays of shape (devices,)."""

    clock: Floats
    own: Floats
    spoken_s: Floats
    enter_s: Floats
    k: Ints
    """Number of the utterance, counted by the device from 0."""
    utterance: Ints


WINDOW = np.dtype([("enter_s", "f8"), ("spoken_s", "f8"), *((n, "i8") for n in ("group", "device", "k", "utterance"))])
"""Utterances in order of entry; ties go by group, then by device.

``enter_s`` is when the simulation first sees one: at the end of speech, streamed at its beginning.  ``device`` is the
number within the group, ``k`` the device's own count.
"""
Window = npt.NDArray[np.void]


class Seconds(NamedTuple):
    """Durations of the utterances that can be drawn, and whether the group streams them (then they enter early)."""

    audio_s: Floats
    streamed: bool


def enter_at(streamed: bool, spoken: float, last: float, audio: float) -> float:
    """When an utterance enters the simulation, seconds."""
    # Nobody begins to speak before the last utterance has ended, or before time 0.
    return max(spoken - audio, last, 0.0) if streamed else spoken


def begin_devices(
    kind: int, a: float, b: float, c: float, d: float, hours: Floats, phase: Key, speech: Key, streamed: bool,
    audio_s: Floats, clock: Floats, own: Floats, spoken: Floats, enter: Floats, k: Ints, utterance: Ints,
) -> None:  # fmt: skip
    """Draw every device's own figure and its first utterance."""
    for i in range(len(clock)):
        u0, u1 = uniforms(phase[0], phase[1], i, 0, 0)
        u2, u3 = uniforms(phase[0], phase[1], i, 0, 1)
        own[i], clock[i] = begin(kind, a, b, c, d, u0, u1, u2, u3)
        _, what = uniforms(speech[0], speech[1], i, 0, 0)
        k[i] = 0
        utterance[i] = int(what * len(audio_s))
        spoken[i] = spoken_s(kind, a, b, own[i], clock[i], hours)
        enter[i] = enter_at(streamed, spoken[i], 0.0, audio_s[utterance[i]])


def fill(
    kind: int, a: float, b: float, c: float, d: float, hours: Floats, speech: Key, streamed: bool, audio_s: Floats,
    clock: Floats, own: Floats, spoken: Floats, enter: Floats, k: Ints, utterance: Ints, until_s: float, end_s: float,
    group: int, out_enter: Floats, out_spoken: Floats, out_group: Ints, out_device: Ints, out_k: Ints,
    out_utterance: Ints, count: int,
) -> int:  # fmt: skip
    """Write the utterances that enter before ``until_s`` and end before ``end_s`` behind the first ``count`` rows.

    Returns the new count; when the rows are full before all is written, it is called again with more room.
    """
    room = len(out_enter)
    for i in range(len(clock)):
        while enter[i] < until_s:
            if spoken[i] >= end_s:
                enter[i] = math.inf
                break
            if count == room:
                return count
            out_enter[count], out_spoken[count], out_group[count] = enter[i], spoken[i], group
            out_device[count], out_k[count], out_utterance[count] = i, k[i], utterance[i]
            count += 1
            k[i] += 1
            count_k = int(k[i])
            gap, what = uniforms(speech[0], speech[1], i, count_k, 0)
            u1, u2 = uniforms(speech[0], speech[1], i, count_k, 1) if kind == 4 else (0.0, 0.0)  # talk spurts
            clock[i] = advance(kind, a, b, c, d, own[i], clock[i], gap, u1, u2)
            utterance[i] = int(what * len(audio_s))
            last = spoken[i]
            spoken[i] = spoken_s(kind, a, b, own[i], clock[i], hours)
            enter[i] = enter_at(streamed, spoken[i], last, audio_s[utterance[i]])
    return count


def put_in_order(enter: Floats, begin_s: float, until_s: float, starts: Ints, order: Ints) -> bool:
    """Write the stable order of times in [``begin_s``, ``until_s``): buckets, then insertions.

    ``starts`` (n + 1,) is zero; as many buckets as times make this linear where they lie evenly.  False where they do
    not, and nothing is in order.
    """
    buckets = len(starts) - 1
    scale = buckets / (until_s - begin_s)
    for i in range(len(enter)):
        starts[min(max(int((enter[i] - begin_s) * scale), 0), buckets - 1) + 1] += 1
    for b in range(buckets):
        if starts[b + 1] > MOST_OF_A_BUCKET:
            return False
        starts[b + 1] += starts[b]
    for i in range(len(enter)):
        b = min(max(int((enter[i] - begin_s) * scale), 0), buckets - 1)
        order[starts[b]] = i
        starts[b] += 1
    for i in range(1, len(order)):
        moved, j = order[i], i
        while j > 0 and enter[order[j - 1]] > enter[moved]:
            order[j] = order[j - 1]
            j -= 1
        order[j] = moved
    return True


@dataclass(frozen=True)
class Loops:
    """The loops, as they stand here or compiled; sorting is NumPy's unless it is compiled too."""

    begin_devices: Callable[..., None] = begin_devices
    fill: Callable[..., int] = fill
    put_in_order: Callable[..., bool] | None = None

    def order(self, enter: Floats, begin_s: float, until_s: float) -> Ints:
        """Indices that sort times in [``begin_s``, ``until_s``); equal ones stay in their order."""
        order, starts = np.empty(len(enter), np.int64), np.zeros(len(enter) + 1, np.int64)
        if self.put_in_order is not None and self.put_in_order(enter, begin_s, until_s, starts, order):
            return order
        return np.argsort(enter, kind="stable")


PLAIN = Loops()


class Arrivals:
    """Windows of the open-loop utterances of a site over [0, ``end_s``)."""

    def __init__(
        self, groups: Sequence[Group], audio_s: Floats, draws: Draws, end_s: float, loops: Loops = PLAIN
    ) -> None:
        self.end_s, self._loops = end_s, loops
        open_loop = [g for g in groups if g.traffic.open_loop]
        rate = sum(float(getattr(g.traffic, "total_rate", 0.0)) for g in open_loop)
        if not math.isfinite(rate):
            raise ValueError(f"the devices speak at a rate of {rate} /s")
        wanted = max(WANTED, sum(g.count for g in open_loop) // 2)
        self.window_s = end_s if rate * end_s <= wanted else wanted / rate
        self.room = int(1.2 * wanted) + 64
        self._sources = [_source(g, audio_s, draws, end_s, loops) for g in open_loop]

    def __iter__(self) -> Iterator[Window]:
        """Each window after the one before; empty ones are left out."""
        begin_s = 0.0
        while self._sources and begin_s < self.end_s:
            until_s = min(begin_s + self.window_s, self.end_s)
            rows = Rows(self.room)
            for source in self._sources:
                source(until_s, rows)
            if rows.count:
                self.room = max(self.room, len(rows.window))
                # `take` moves whole rows and is twenty times as fast as an index in brackets.
                yield rows.window.take(self._loops.order(rows.window["enter_s"][: rows.count], begin_s, until_s))
            begin_s = until_s


class Rows:
    """Room for the utterances of a window, in the order in which groups write them."""

    def __init__(self, room: int) -> None:
        self.window = np.empty(room, WINDOW)
        self.count = 0

    def grow(self, room: int) -> None:
        """Make room for at least so many rows."""
        if room > len(self.window):
            grown = np.empty(max(room, 2 * len(self.window)), WINDOW)
            grown[: self.count] = self.window[: self.count]
            self.window = grown


Source = Callable[[float, Rows], None]
"""Writes a group's utterances that enter before an instant; instants rise."""


def _source(group: Group, audio_s: Floats, draws: Draws, end_s: float, loops: Loops) -> Source:
    speech = draws.key("speech", group.name)
    seconds = Seconds(audio_s, bool(group.policy.delivery.block_s))
    if isinstance(group.traffic, OpenTraffic):
        return _of_law(group, group.traffic, seconds, draws.key("phase", group.name), speech, end_s, loops)
    if isinstance(group.traffic, TraceTraffic):
        recorded = _trace_rows(group.traffic, draws.key("owner", group.name), group.count)
    else:
        assert not hasattr(group.traffic, "next_s"), "closed loops have no arrivals"
        recorded = _plugin_rows(group.traffic, draws.generator("arrivals", group.name))
    return _of_rows(group, recorded, seconds, speech, end_s)


def _of_law(
    group: Group, traffic: OpenTraffic, seconds: Seconds, phase: Key, speech: Key, end_s: float, loops: Loops
) -> Source:
    kind, a, b, c, d, _ = traffic.law
    hours = np.array(traffic.law.hours)
    audio_s, streamed = seconds
    speakers = Speakers(*(np.empty(group.count, dtype) for dtype in ("f8", "f8", "f8", "f8", "i8", "i8")))
    loops.begin_devices(kind, a, b, c, d, hours, phase, speech, streamed, audio_s, *speakers)

    def write(until_s: float, rows: Rows) -> None:
        while True:
            rows.count = loops.fill(
                kind, a, b, c, d, hours, speech, streamed, audio_s, *speakers, until_s, end_s, group.index,
                *(rows.window[name] for name in WINDOW.names or ()), rows.count,
            )  # fmt: skip
            if rows.count < len(rows.window):
                return
            rows.grow(rows.count + 1)

    return write


Recorded = Callable[[float, float], tuple[Floats, Ints]]
"""Function of (t0, t1) that gives the sorted ends of speech in [t0, t1) and the device of each."""


def _trace_rows(traffic: TraceTraffic, owner: Key, devices: int) -> Recorded:
    def rows(t0: float, t1: float) -> tuple[Floats, Ints]:
        found = traffic.rows(t0, t1)
        drawn, _ = uniforms(owner.low, owner.high, np.zeros(len(found.numbers), np.int64), found.numbers, 0)
        anyone = (drawn * devices).astype(np.int64)
        return found.times_s, np.where(found.devices >= 0, found.devices, anyone)

    return rows


def _plugin_rows(traffic: UsersTraffic, rng: np.random.Generator) -> Recorded:
    def rows(t0: float, t1: float) -> tuple[Floats, Ints]:
        times, owners = traffic.arrivals(rng, t0, t1)
        return np.asarray(times, dtype=np.float64), np.asarray(owners, dtype=np.int64)

    return rows


def _of_rows(group: Group, recorded: Recorded, seconds: Seconds, speech: Key, end_s: float) -> Source:
    """Utterances at given times; each device counts its own, and streamed ones enter when they begin."""
    lead_s = float(seconds.audio_s.max()) if seconds.streamed else 0.0
    said = np.zeros(group.count, np.int64)
    last = np.zeros(group.count)
    asked_s, waiting = 0.0, np.empty(0, WINDOW)

    def write(until_s: float, rows: Rows) -> None:
        nonlocal asked_s, waiting
        ahead_s = min(until_s + lead_s, end_s)
        if ahead_s > asked_s:
            waiting = np.concatenate([waiting, _say(*recorded(asked_s, ahead_s))])
            asked_s = ahead_s
        is_now = waiting["enter_s"] < until_s
        now, waiting = waiting[is_now], waiting[~is_now]
        rows.grow(rows.count + len(now))
        # In order of device, then of time, as the laws write them.
        rows.window[rows.count : rows.count + len(now)] = now[np.argsort(now["device"], kind="stable")]
        rows.count += len(now)

    def _say(times: Floats, owners: Ints) -> Window:
        said_now = np.empty(len(times), WINDOW)
        said_now["enter_s"], said_now["spoken_s"] = times, times
        said_now["group"], said_now["device"] = group.index, owners
        for n, device in enumerate(owners.tolist()):
            said_now["k"][n] = said[device]
            said[device] += 1
        _, what = uniforms(speech.low, speech.high, owners, said_now["k"], 0)
        said_now["utterance"] = (what * len(seconds.audio_s)).astype(np.int64)
        if seconds.streamed:
            audio_s = seconds.audio_s[said_now["utterance"]]
            for n, device in enumerate(owners.tolist()):
                said_now["enter_s"][n] = max(times[n] - audio_s[n], last[device], 0.0)
                last[device] = times[n]
        return said_now

    return write
