"""Dedicated: every upload has the capacity for itself."""

from __future__ import annotations

import heapq
import math

from channel.links.capacity import Capacity
from channel.links.sharing import Sender, SharedLink

INFINITY = math.inf


class DedicatedLink(SharedLink):
    """No sharing: each upload runs at min(capacity, its own cap), whoever else is there.

    ``busy_s`` is the sum over uploads, so it may exceed the time that passed, and `utilisation` is the mean
    number of full-rate uploads.
    """

    __slots__ = ("_constant", "_heap", "_members", "_sequence", "busy_s", "capacity", "carried_bits")

    def __init__(self, capacity: Capacity) -> None:
        self.capacity = capacity
        self._constant = capacity.constant_bps
        self.carried_bits = 0.0
        self.busy_s = 0.0
        self._sequence = 0
        self._heap: list[tuple[float, int, int]] = []
        self._members: dict[int, tuple[int, float, float, float]] = {}  # sequence, start, bits, cap

    def _passed(self, start: float, end: float, cap: float) -> float:
        """Bits of one upload with its cap between two instants."""
        if cap == INFINITY:
            return self.capacity.bits_between(start, end)
        bits, t = 0.0, start
        for rate, until in self.capacity.segments(start):
            stop = min(until, end)
            bits += min(rate, cap) * (stop - t)
            t = stop
            if t >= end:
                break
        return bits

    def _join(self, now: float, key: int, bits: float, sender: Sender) -> None:
        self._sequence += 1
        finish = self.capacity.time_to_send_capped(now, bits, sender.cap_bps)
        self._members[key] = (self._sequence, now, bits, sender.cap_bps)
        heapq.heappush(self._heap, (finish, self._sequence, key))

    def _clean(self) -> None:
        heap, members = self._heap, self._members
        while heap and (heap[0][2] not in members or members[heap[0][2]][0] != heap[0][1]):
            heapq.heappop(heap)

    def next_finish(self) -> float:
        """Earliest finish of all uploads."""
        self._clean()
        return self._heap[0][0] if self._heap else INFINITY

    def pop_finished(self, now: float) -> list[int]:
        """Keys finished by ``now``."""
        done: list[int] = []
        while self.next_finish() <= now:
            finish, _, key = heapq.heappop(self._heap)
            _, start, bits, _ = self._members.pop(key)
            self.busy_s += finish - start
            self.carried_bits += bits
            done.append(key)
        return done

    def leave(self, now: float, key: int) -> float:
        """Stop an upload; its bits so far are counted as carried."""
        _, start, bits, cap = self._members.pop(key)
        passed = min(bits, self._passed(start, now, cap))
        self.busy_s += now - start
        self.carried_bits += passed
        return bits - passed

    def settle(self, now: float) -> None:
        """Nothing to do: an upload is counted when it finishes or leaves."""

    def fair_rate_bps(self, now: float, cap_bps: float = INFINITY, weight: float = 1.0) -> float:
        """The whole capacity, up to the device's own rate."""
        return min(self._constant if self._constant is not None else self.capacity.rate_at(now), cap_bps)
