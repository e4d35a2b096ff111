"""Links of phones whose own capacity is a recording: a link for each, or one that all share behind their own limits."""

from __future__ import annotations

import math
from collections.abc import Iterator
from heapq import heappop, heappush

from channel.links.capacity import Capacity
from channel.links.equal import EqualLink
from channel.links.errors import LinkError
from channel.links.sharing import Sender, SharedLink

INFINITY = math.inf


def _recording(own: Capacity | None) -> Capacity:
    if own is None:
        raise LinkError("this link needs each phone's own capacity")
    return own


class OwnLinks(SharedLink):
    """A link for each phone, which its uploads share equally; nobody waits for another phone.

    Its capacity is the phone's own, inverted as any other: no event for a change.  ``capacity`` is only what
    `utilisation` is measured against: the mean number of phones' links at that rate, as with `DedicatedLink`.
    """

    __slots__ = ("_heap", "_links", "_members", "_places", "_stamps", "capacity")

    def __init__(self, capacity: Capacity) -> None:
        self.capacity = capacity
        self._places: dict[int, int] = {}  # of a phone's capacity, by identity: its link keeps it alive
        self._links: list[EqualLink] = []
        self._stamps: list[int] = []  # of each link, how often its entry in the heap was replaced
        self._members: dict[int, int] = {}  # key: place of its link
        self._heap: list[tuple[float, int, int]] = []  # next finish, place, stamp

    @property
    def carried_bits(self) -> float:  # type: ignore[override]
        """Bits of all phones."""
        return math.fsum(link.carried_bits for link in self._links)

    @property
    def busy_s(self) -> float:  # type: ignore[override]
        """Sum over the phones of the time with an upload."""
        return math.fsum(link.busy_s for link in self._links)

    def _changed(self, place: int) -> None:
        """Replace a link's entry in the heap."""
        self._stamps[place] += 1
        if (finish := self._links[place].next_finish()) < INFINITY:
            heappush(self._heap, (finish, place, self._stamps[place]))

    def _join(self, now: float, key: int, bits: float, sender: Sender) -> None:
        capacity = _recording(sender.own)
        place = self._places.setdefault(id(capacity), len(self._links))
        if place == len(self._links):
            self._links.append(EqualLink(capacity))
            self._stamps.append(0)
        self._links[place].join(now, key, bits)
        self._members[key] = place
        self._changed(place)

    def next_finish(self) -> float:
        """Earliest finish of all phones; entries that were replaced are dropped when they surface."""
        heap = self._heap
        while heap and self._stamps[heap[0][1]] != heap[0][2]:
            heappop(heap)
        return heap[0][0] if heap else INFINITY

    def pop_finished(self, now: float) -> list[int]:
        """Keys finished by ``now``, in order of finish."""
        done: list[int] = []
        while (finish := self.next_finish()) <= now:
            place = self._heap[0][1]
            done += self._links[place].pop_finished(finish)
            self._changed(place)
        for key in done:
            del self._members[key]
        return done

    def leave(self, now: float, key: int) -> float:
        """Take an upload off its phone's link; the phone's others are faster from now on."""
        place = self._members.pop(key)
        left = self._links[place].leave(now, key)
        self._changed(place)
        return left

    def settle(self, now: float) -> None:
        """Bring the accounts of all phones to ``now``."""
        for place, link in enumerate(self._links):
            link.settle(now)
            self._changed(place)

    def fair_rate_bps(self, now: float, cap_bps: float = INFINITY, weight: float = 1.0) -> float:
        """The phone's own rate at ``now``, which whoever asks knows."""
        return cap_bps


class _Phone:
    """A phone with uploads on the link: its own rate, until when it holds, and what follows."""

    __slots__ = ("own", "rate", "stretches", "until", "uploads")

    def __init__(self, own: Capacity, now: float) -> None:
        self.own = own
        self.stretches: Iterator[tuple[float, float]] = own.segments(now)
        self.rate, self.until = next(self.stretches)
        self.uploads = 0


class _Member:
    """An upload: its rate, the bits left, and its finish if neither changes."""

    __slots__ = ("finish", "left", "phone", "rate")

    def __init__(self, left: float, phone: _Phone) -> None:
        self.left, self.phone = left, phone
        self.rate, self.finish = 0.0, INFINITY


class OwnLimitsLink(SharedLink):
    """Max-min fair sharing of a capacity by phones whose own rate, their limit, changes over time.

    A phone's uploads share its limit equally.  Limits rise and fall with nobody coming or going, and every change may
    move the level of all, so the changes are looked at one by one while uploads are there: O(n log n) for each, which
    virtual time cannot spare.
    """

    __slots__ = (
        "_busy_from", "_last", "_level", "_members", "_phones", "_rate", "_rate_until", "_segments", "_until",
        "busy_s", "capacity", "carried_bits",
    )  # fmt: skip

    def __init__(self, capacity: Capacity) -> None:
        self.capacity = capacity
        self._members: dict[int, _Member] = {}
        self._phones: dict[int, _Phone] = {}
        self._last = self._busy_from = 0.0
        self._segments: Iterator[tuple[float, float]] = capacity.segments(0.0)
        self._rate, self._rate_until = next(self._segments)
        self._until = INFINITY  # the next change of any rate
        self._level = INFINITY
        self.carried_bits = 0.0
        self.busy_s = 0.0

    def _share_out(self) -> None:
        """Rates and finishes for everybody, after anything has changed."""
        self._level = self._level_of([(phone.rate / phone.uploads, phone.uploads) for phone in self._phones.values()])
        for member in self._members.values():
            phone = member.phone
            member.rate = min(self._level, phone.rate / phone.uploads)
            if member.left <= 0.0:
                member.finish = self._last
            else:
                member.finish = self._last + member.left / member.rate if member.rate > 0.0 else INFINITY
        self._until = min([self._rate_until, *(phone.until for phone in self._phones.values())])

    def _level_of(self, limits: list[tuple[float, int]]) -> float:
        """The rate of an upload that no limit of its own holds: (limit, uploads) from the lowest limit up."""
        rate, left = self._rate, sum(n for _, n in limits)
        for limit, n in sorted(limits):
            if limit * left >= rate:
                return rate / left
            rate -= limit * n
            left -= n
        return INFINITY

    def _pass(self, now: float) -> None:
        span = now - self._last
        if span > 0.0:
            for member in self._members.values():
                passed = min(member.left, member.rate * span)
                member.left -= passed
                self.carried_bits += passed
        self._last = max(self._last, now)

    def _advance(self, now: float) -> None:
        """Let time pass up to ``now``, stretch by stretch; no finish lies in between."""
        if not self._members and self._rate_until <= now:  # skip what nobody used
            self._segments = self.capacity.segments(now)
            self._rate, self._rate_until = next(self._segments)
        while self._members and self._until <= now:
            self._pass(self._until)
            if self._rate_until <= self._last:
                self._rate, self._rate_until = next(self._segments)
            for phone in self._phones.values():
                while phone.until <= self._last:
                    phone.rate, phone.until = next(phone.stretches)
            self._share_out()
        self._pass(now)

    def _join(self, now: float, key: int, bits: float, sender: Sender) -> None:
        capacity = _recording(sender.own)
        self._advance(now)
        if not self._members:
            self._busy_from = now
        phone = self._phones.setdefault(id(capacity), _Phone(capacity, now))
        phone.uploads += 1
        self._members[key] = _Member(bits, phone)
        self._share_out()

    def next_finish(self) -> float:
        """Return the next finish, or the next change of a rate when that comes first; inf when the link is empty."""
        return min([self._until, *(m.finish for m in self._members.values())]) if self._members else INFINITY

    def pop_finished(self, now: float) -> list[int]:
        """Keys finished by ``now``, in order of finish, then of arrival."""
        done: list[int] = []
        while self._members:
            finish, key = min(((m.finish, key) for key, m in self._members.items()), key=lambda pair: pair[0])
            if min(finish, self._until) > now:
                break
            if self._until < finish:
                self._advance(self._until)
                continue
            self._pass(finish)
            self.carried_bits += self._members[key].left  # what rounding has left of it
            self._take_off(key)
            done.append(key)
        return done

    def _take_off(self, key: int) -> float:
        member = self._members.pop(key)
        member.phone.uploads -= 1
        if not member.phone.uploads:
            del self._phones[id(member.phone.own)]
        if not self._members:
            self.busy_s += self._last - self._busy_from
        self._share_out()
        return member.left

    def leave(self, now: float, key: int) -> float:
        """Take an upload off the link and return its remaining bits."""
        if key not in self._members:
            raise KeyError(key)
        self._advance(now)
        return self._take_off(key)

    def settle(self, now: float) -> None:
        """Bring the accounts to ``now`` and go on from there."""
        if self._members:
            self._advance(now)
            self.busy_s += now - self._busy_from
            self._busy_from = now

    def fair_rate_bps(self, now: float, cap_bps: float = INFINITY, weight: float = 1.0) -> float:
        """The level with one more upload, or its own limit."""
        if not self._members:
            return min(self.capacity.rate_at(now), cap_bps)
        limits = [(phone.rate / phone.uploads, phone.uploads) for phone in self._phones.values()]
        return min(self._level_of([*limits, (cap_bps, 1)]), cap_bps)
