"""Max-min fair sharing in which every upload has a cap of its own."""

from __future__ import annotations

import math
from collections.abc import Iterator
from heapq import heapify, heappop, heappush

from channel.links.capacity import Capacity
from channel.links.errors import LinkError
from channel.links.sharing import Sender, SharedLink

INFINITY = math.inf


class _Member:
    """One upload: ``finish`` is virtual while it shares, real while it runs at its cap."""

    __slots__ = ("at_cap", "cap", "finish", "key", "sequence", "version")

    def __init__(self, key: int, cap: float, sequence: int) -> None:
        self.key, self.cap, self.sequence = key, cap, sequence
        self.at_cap = False
        self.finish = 0.0
        self.version = 0  # entries in heaps with another version are stale


_Entry = tuple[float, int, int, _Member]  # sort key, sequence, version, member


class MaxMinLink(SharedLink):
    """Everybody gets the same rate, the level, except those whose cap is below it: they get their cap.

    Uploads at their cap finish at a known instant; the others share the rest equally, in virtual time.
    When the level moves past a cap its upload changes sides; that costs O(log n) for each change, and an
    event changes few of them (their expected number does not grow with n when caps are spread out).  Where
    the capacity varies, the level can move past caps with no upload joining or finishing; then
    `next_finish` also returns the instants at which the rate changes, and `pop_finished` there an empty list.
    """

    __slots__ = (
        "_busy_from", "_last", "_members", "_rate", "_rate_until", "_segments", "_sequence",
        "_shared", "_shared_caps", "_shared_finish", "_taken", "_top_caps", "_top_finish", "_virtual",
        "busy_s", "capacity", "carried_bits",
    )  # fmt: skip

    def __init__(self, capacity: Capacity) -> None:
        self.capacity = capacity
        self._members: dict[int, _Member] = {}
        self._sequence = 0
        self._virtual = 0.0  # bits that each sharing upload has had in this busy period
        self._last = 0.0
        self._shared = 0  # uploads that share
        self._taken = 0.0  # sum of the caps of the others, bit/s
        self._shared_finish: list[_Entry] = []
        self._shared_caps: list[_Entry] = []  # smallest cap first: the next to be stopped by its cap
        self._top_finish: list[_Entry] = []
        self._top_caps: list[_Entry] = []  # largest cap first: the next to fall below its cap
        self._segments: Iterator[tuple[float, float]] = capacity.segments(0.0)
        self._rate, self._rate_until = next(self._segments)
        self._busy_from = 0.0
        self.carried_bits = 0.0
        self.busy_s = 0.0

    def _level(self) -> float:
        """Rate of a sharing upload (of the next one to share, when there is none)."""
        left = self._rate - self._taken
        if self._shared:
            return max(0.0, left) / self._shared
        return INFINITY if left >= 0.0 else 0.0

    # ---- the two sides

    def _share(self, member: _Member, remaining: float) -> None:
        member.version += 1
        member.at_cap = False
        member.finish = self._virtual + remaining
        self._shared += 1
        heappush(self._shared_finish, (member.finish, member.sequence, member.version, member))
        if member.cap != INFINITY:
            heappush(self._shared_caps, (member.cap, member.sequence, member.version, member))

    def _hold_at_cap(self, member: _Member, remaining: float) -> None:
        member.version += 1
        member.at_cap = True
        member.finish = self._last + remaining / member.cap
        self._taken += member.cap
        heappush(self._top_finish, (member.finish, member.sequence, member.version, member))
        heappush(self._top_caps, (-member.cap, member.sequence, member.version, member))

    def _take_out(self, member: _Member) -> float:
        """Remove a member from its side and return its remaining bits."""
        member.version += 1
        if not member.at_cap:
            self._shared -= 1
            return max(0.0, member.finish - self._virtual)
        self._taken -= member.cap
        return max(0.0, (member.finish - self._last) * member.cap)

    @staticmethod
    def _top(heap: list[_Entry]) -> _Member | None:
        while heap and heap[0][2] != heap[0][3].version:
            heappop(heap)
        return heap[0][3] if heap else None

    def _drop_stale(self) -> None:
        """Rebuild a heap that is mostly stale, so that a long busy period does not fill the memory."""
        for heap in (self._shared_finish, self._shared_caps, self._top_finish, self._top_caps):
            if len(heap) > 64 + 4 * len(self._members):
                heap[:] = [entry for entry in heap if entry[2] == entry[3].version]
                heapify(heap)

    def _rebalance(self) -> None:
        """Move uploads until nobody above the level is held, and nobody below it shares."""
        if self._shared == len(self._members):
            self._taken = 0.0  # no rounding is left over
        while (member := self._top(self._top_caps)) is not None and member.cap > self._level():
            self._share(member, self._take_out(member))
        while (member := self._top(self._shared_caps)) is not None and member.cap <= self._level():
            self._hold_at_cap(member, self._take_out(member))

    # ---- time

    def _advance(self, now: float) -> None:
        """Let time pass up to ``now``, stretch by stretch of constant rate; no finish lies in between."""
        if not self._members and self._rate_until <= now:  # skip what nobody used
            self._segments = self.capacity.segments(now)
            self._rate, self._rate_until = next(self._segments)
        while self._rate_until <= now:
            self._pass(self._rate_until)
            self._rate, self._rate_until = next(self._segments)
            if self._members:
                self._rebalance()
        self._pass(now)

    def _pass(self, now: float) -> None:
        span = now - self._last
        if span > 0.0 and self._members:
            level = self._level()
            if self._shared:
                self._virtual += level * span
                self.carried_bits += level * span * self._shared
            self.carried_bits += self._taken * span
        self._last = max(self._last, now)

    def _join(self, now: float, key: int, bits: float, sender: Sender) -> None:
        """Start an upload (see `SharedLink.join`); ``cap_bps`` is its highest rate."""
        if not sender.cap_bps > 0.0:
            raise LinkError(f"a device's own rate must be above 0 bit/s, found {sender.cap_bps!r}")
        self._advance(now)
        if not self._members:
            self._virtual, self._busy_from = 0.0, now
            for heap in (self._shared_finish, self._shared_caps, self._top_finish, self._top_caps):
                heap.clear()
        self._drop_stale()
        self._sequence += 1
        member = self._members[key] = _Member(key, sender.cap_bps, self._sequence)
        self._share(member, bits)
        self._rebalance()

    def next_finish(self) -> float:
        """Return the next finish, or the next change of rate when that comes first; inf when the link is
        empty.
        """
        if not self._members:
            return INFINITY
        return min(self._first_finish()[0], self._rate_until)

    def _first_finish(self) -> tuple[float, _Member | None]:
        at, first = INFINITY, None
        shared, top = self._top(self._shared_finish), self._top(self._top_finish)
        if shared is not None:
            need, level = shared.finish - self._virtual, self._level()
            if need <= 0.0 or level > 0.0:
                at, first = self._last + (need / level if need > 0.0 else 0.0), shared
        if top is not None:
            finish = max(top.finish, self._last)
            if first is None or (finish, top.sequence) < (at, first.sequence):
                at, first = finish, top
        return at, first

    def pop_finished(self, now: float) -> list[int]:
        """Keys finished by ``now``, in order of finish, then of arrival."""
        done: list[int] = []
        while self._members:
            finish, member = self._first_finish()
            if self._rate_until < finish and self._rate_until <= now:
                self._advance(self._rate_until)
                continue
            if member is None or finish > now:
                break
            self._advance(finish)
            if not member.at_cap and member.finish > self._virtual:
                self._virtual = member.finish  # exactly, so that equal finishes stay equal
            self._take_out(member)
            del self._members[member.key]
            done.append(member.key)
            if not self._members:
                self.busy_s += finish - self._busy_from
            self._rebalance()
        return done

    def leave(self, now: float, key: int) -> float:
        """Take an upload off the link and return its remaining bits."""
        member = self._members[key]
        self._advance(now)
        remaining = self._take_out(member)
        del self._members[key]
        if not self._members:
            self.busy_s += now - self._busy_from
        self._rebalance()
        return remaining

    def settle(self, now: float) -> None:
        """Bring the accounts to ``now`` and go on from there."""
        if self._members:
            self._advance(now)
            self.busy_s += now - self._busy_from
            self._busy_from = now

    def fair_rate_bps(self, now: float, cap_bps: float = INFINITY, weight: float = 1.0) -> float:
        """Level after one more upload: what those at their caps leave, shared by one more; at most its own cap."""
        rate = self.capacity.rate_at(now)
        n = len(self._members) + 1
        return min(max(rate / n, (rate - self._taken) / (self._shared + 1)), cap_bps)
