"""A cell whose scheduler shares out blocks: many phones at a time, each on what its power can use."""

from __future__ import annotations

import math
from heapq import heappop, heappush

from channel.links.capacity import Capacity
from channel.links.errors import LinkError
from channel.links.ladder import Ladder
from channel.links.rungs import pace_of, price_of, rung_of, water_level
from channel.links.sharing import Sender, SharedLink

INFINITY = math.inf


class _Rung:
    """The members of one class: all go at the same share of their own rates, so one virtual time serves them all."""

    __slots__ = ("heap", "pace", "speeds", "virtual")

    def __init__(self) -> None:
        self.heap: list[tuple[float, int, int]] = []  # virtual finish, sequence number, key
        self.virtual = 0.0  # seconds at its own rate that a member has had
        self.pace = 0.0  # virtual seconds in a second of the mean capacity
        self.speeds = 0.0  # sum of the members' own rates, bit/s


class BlocksLink(SharedLink):
    """Round robin or proportional fair over a cell's blocks, and, on a ladder of one block, in turn.

    In turn everybody gets the same number of blocks, but nobody more than its power can use; the rest goes to the
    others.  Under proportional fair and fading, phones whose channels vary differently are not served alike: blocks
    have one price, at which each phone takes what is worth it (see `fading.demands`), and each is served at its better
    moments and gains by it (`fading.gains`).  One whose power is spent makes more of each block when it has fewer of
    them.  A device's own rate (``cap_bps``) is what it gets alone; a varying capacity scales all alike.  Rates change
    with every member, but alike within a rung, so an event costs O(rungs + log n).
    """

    __slots__ = (
        "_above",
        "_blocks",
        "_counts",
        "_fading",
        "_finish",
        "_full",
        "_integral",
        "_last",
        "_members",
        "_narrow",
        "_reference",
        "_rungs",
        "_sequence",
        "_used",
        "busy_s",
        "capacity",
        "carried_bits",
        "ladder",
    )  # fmt: skip

    def __init__(self, capacity: Capacity, ladder: Ladder) -> None:
        self.capacity, self.ladder = capacity, ladder
        self._above, self._blocks = ladder.above_bps.tolist(), ladder.blocks.tolist()
        self._full: list[float] = ladder.full.tolist()
        self._fading: list[float] = ladder.fading.tolist()
        self._narrow: list[float] = ladder.narrow.tolist()
        self._reference = capacity.mean_rate_bps
        self._rungs = [_Rung() for _ in self._blocks]
        self._counts = [0] * len(self._blocks)
        self._members: dict[int, tuple[int, float, int, float]] = {}  # key: rung, virtual finish, sequence, own rate
        self._sequence = 0
        self._last = 0.0
        self._integral = 0.0  # K(_last)
        self._used = 0.0  # share of the blocks in use
        self._finish: float | None = INFINITY
        self.carried_bits = 0.0
        self.busy_s = 0.0
        """Seconds of the whole band that were used: half of the blocks for a second are half a second."""

    def _own(self, cap_bps: float) -> float:
        if not cap_bps > 0.0:
            raise LinkError(f"a device's own rate must be above 0 bit/s, found {cap_bps!r}")
        return self._reference if cap_bps == INFINITY else cap_bps

    def _share_out(self) -> None:
        """Blocks for everybody, after a member came or went."""
        self._finish = None
        water = water_level(self._counts, self._blocks, self.ladder.total, -1)
        price = price_of(self._counts, self.ladder.total, -1, water[0], self._fading)
        self._used = 1.0 if water[0] < len(self._counts) else 1.0 - water[2] / self.ladder.total
        for r, count in enumerate(self._counts):
            if count:
                self._rungs[r].pace = self._pace(r, water, price)

    def _pace(self, r: int, water: tuple[int, float, float, int], price: float) -> float:
        blocks, full, rungs = self._blocks[r], self._full[r], len(self._counts)
        return pace_of(blocks, full, r, rungs, self.ladder.total, water, price, self._fading, self._narrow)

    def _advance(self, now: float) -> None:
        rate = self.capacity.constant_bps
        if rate is not None:
            passed = (now - self._last) * rate
        else:
            integral = self.capacity.cumulative(now)
            passed, self._integral = integral - self._integral, integral
        if self._members:
            self._pass(passed / self._reference)
            self.busy_s += self._used * (now - self._last)
        self._last = now

    def _pass(self, seconds: float) -> None:
        """Let everybody send for ``seconds`` of the mean capacity."""
        for r, count in enumerate(self._counts):
            if count:
                rung = self._rungs[r]
                step = rung.pace * seconds
                rung.virtual += step
                self.carried_bits += rung.speeds * step

    def _join(self, now: float, key: int, bits: float, sender: Sender) -> None:
        own_bps = self._own(sender.cap_bps)
        self._advance(now)
        r = rung_of(self._above, own_bps) if sender.cap_bps < INFINITY else len(self._above) - 1
        rung = self._rungs[r]
        if not self._counts[r]:
            # Every busy period of a rung starts at zero, which keeps rounding errors small.
            rung.virtual = rung.speeds = 0.0
            rung.heap.clear()
        self._sequence += 1
        finish = rung.virtual + bits / own_bps
        self._members[key] = (r, finish, self._sequence, own_bps)
        heappush(rung.heap, (finish, self._sequence, key))
        rung.speeds += own_bps
        self._counts[r] += 1
        self._share_out()

    def _first(self) -> tuple[int, float]:
        """Rung of the next finish, and seconds of the mean capacity until then."""
        best, soonest = -1, INFINITY
        for r, count in enumerate(self._counts):
            if count:
                rung, heap = self._rungs[r], self._rungs[r].heap
                while (entry := self._members.get(heap[0][2])) is None or entry[2] != heap[0][1]:  # it has left
                    heappop(heap)
                seconds = max(0.0, (heap[0][0] - rung.virtual) / rung.pace)
                if seconds < soonest:
                    best, soonest = r, seconds
        return best, soonest

    def next_finish(self) -> float:
        """Finish of the upload that ends first, if nobody joins or leaves before."""
        if self._finish is None:
            need, rate = self._first()[1] * self._reference, self.capacity.constant_bps
            if need == INFINITY:
                self._finish = INFINITY
            elif need <= 0.0:
                self._finish = self._last
            elif rate is not None:
                self._finish = self._last + need / rate
            else:
                self._finish = max(self._last, self.capacity.time_of(self._integral + need))
        return self._finish

    def pop_finished(self, now: float) -> list[int]:
        """Keys finished by ``now``, in order of finish."""
        done: list[int] = []
        while (finish := self.next_finish()) <= now and self._members:
            r, seconds = self._first()
            self._pass(seconds)
            self.busy_s += self._used * (finish - self._last)
            self._integral += seconds * self._reference
            self._last = finish
            virtual, _, key = heappop(self._rungs[r].heap)
            self._rungs[r].virtual = virtual  # exactly, so that equal finishes stay equal
            self._take_off(key)
            done.append(key)
        return done

    def _take_off(self, key: int) -> None:
        r, _, _, own_bps = self._members.pop(key)
        self._counts[r] -= 1
        self._rungs[r].speeds -= own_bps
        self._share_out()

    def leave(self, now: float, key: int) -> float:
        """Take an upload off the link; its entry in the heap is dropped when it surfaces."""
        r, finish, _, own_bps = self._members[key]
        self._advance(now)
        unsent = max(0.0, (finish - self._rungs[r].virtual) * own_bps)
        self._take_off(key)
        return unsent

    def settle(self, now: float) -> None:
        """Bring the accounts to ``now`` and go on from there."""
        self._advance(now)
        self._finish = None

    def utilisation(self, now: float) -> float:
        """Blocks used over the blocks there were."""
        self.settle(now)
        return self.busy_s / now if now > 0.0 else 0.0

    def fair_rate_bps(self, now: float, cap_bps: float = INFINITY, weight: float = 1.0) -> float:
        """Rate of one more upload."""
        own_bps = self._own(cap_bps)
        r = rung_of(self._above, own_bps) if cap_bps < INFINITY else len(self._above) - 1
        water = water_level(self._counts, self._blocks, self.ladder.total, r)
        pace = self._pace(r, water, price_of(self._counts, self.ladder.total, r, water[0], self._fading))
        return self.capacity.rate_at(now) / self._reference * own_bps * pace
