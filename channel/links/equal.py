"""Equal sharing (egalitarian processor sharing) in virtual time."""

from __future__ import annotations

import math
from heapq import heappop, heappush

from channel.links.capacity import Capacity
from channel.links.sharing import Sender, SharedLink

INFINITY = math.inf
_Entry = tuple[float, int, int]  # virtual finish, sequence number, key


class EqualLink(SharedLink):
    """All active uploads share the capacity equally.

    Virtual time V is the service (bits) that each upload present since the link was last empty has had:
    dV = dK / n with the capacity's integral K and n uploads.  An upload of b bits that joins at V finishes at
    V + b whatever happens later, so a heap of virtual finishes is all there is to keep: O(log n) an event
    (Parekh and Gallager 1993, ACM/IEEE ToN 1(3), for weighted fair queueing; here without packets).
    """

    __slots__ = (
        "_busy_from", "_finish", "_gone", "_heap", "_integral", "_integral_from", "_last", "_members", "_rate",
        "_sequence", "_virtual", "busy_s", "capacity", "carried_bits",
    )  # fmt: skip

    def __init__(self, capacity: Capacity) -> None:
        self.capacity = capacity
        # With a constant rate the integral is rate * t and needs no look-up.
        self._rate = capacity.constant_bps
        self._heap: list[_Entry] = []
        self._members: dict[int, _Entry] = {}
        self._sequence = 0
        self._gone = 0  # entries of the heap whose uploads have left
        self._virtual = 0.0
        self._last = 0.0  # the instant to which V is known
        self._finish: float | None = INFINITY  # the next finish, None when it must be worked out
        self._integral = 0.0  # K(_last); only used with a varying capacity
        self._busy_from = 0.0
        self._integral_from = 0.0  # K(_busy_from)
        self.carried_bits = 0.0
        self.busy_s = 0.0

    def _join(self, now: float, key: int, bits: float, sender: Sender) -> None:
        members, heap, rate = self._members, self._heap, self._rate
        n = len(members)
        if not n:
            self._start_busy(now)
        elif rate is not None:
            self._virtual += (now - self._last) * rate / n
        else:
            integral = self.capacity.cumulative(now)
            self._virtual += (integral - self._integral) / n
            self._integral = integral
        virtual = self._virtual
        self._last = now
        self._finish = None
        self._sequence = sequence = self._sequence + 1
        members[key] = entry = (virtual + bits, sequence, key)
        heappush(heap, entry)
        # An entry of one that has left may hide the first.
        if heap[0] is entry and rate is not None and not self._gone:
            self._finish = now + (entry[0] - virtual) * (n + 1) / rate

    def _start_busy(self, now: float) -> None:
        self._virtual = 0.0  # V restarts with every busy period, which keeps its rounding error small
        self._heap.clear()
        self._gone = 0
        self._busy_from = now
        if self._rate is None:
            self._integral = self._integral_from = self.capacity.cumulative(now)

    def _advance(self, now: float) -> None:
        n = len(self._members)
        if self._rate is not None:
            if n:
                self._virtual += (now - self._last) * self._rate / n
        else:
            integral = self.capacity.cumulative(now)
            if n:
                self._virtual += (integral - self._integral) / n
            self._integral = integral
        self._last = now

    def next_finish(self) -> float:
        """Finish of the upload with the smallest virtual finish, if nobody joins or leaves before."""
        finish = self._finish
        if finish is None:
            finish = self._finish = self._work_out_finish()
        return finish

    def _work_out_finish(self) -> float:
        heap, members = self._heap, self._members
        n = len(members)
        if not n:
            return INFINITY
        top = heap[0]
        while self._gone and members.get(top[2]) is not top:  # it has left
            heappop(heap)
            self._gone -= 1
            top = heap[0]
        need = (top[0] - self._virtual) * n
        if need <= 0.0:
            return self._last
        rate = self._rate
        if rate is not None:
            return self._last + need / rate
        finish = self.capacity.time_of(self._integral + need)
        return finish if finish > self._last else self._last

    def pop_finished(self, now: float) -> list[int]:
        """Keys finished by ``now``, by virtual finish, then by arrival.

        V is set to the finished upload's virtual finish itself, so no rounding can leave it unfinished.
        """
        finish = self._finish
        if finish is None:
            finish = self._finish = self._work_out_finish()
        done: list[int] = []
        if finish > now:
            return done
        heap, members, rate = self._heap, self._members, self._rate
        n = len(members)
        while finish <= now:
            virtual, _, key = heappop(heap)
            if rate is None:
                self._integral += max(0.0, (virtual - self._virtual) * n)
            if virtual > self._virtual:
                self._virtual = virtual
            self._last = finish
            del members[key]
            done.append(key)
            n -= 1
            if not n:
                self._end_busy(finish)
                finish = INFINITY
            elif rate is None or self._gone:
                finish = self._work_out_finish()
            else:
                need = (heap[0][0] - self._virtual) * n
                if need > 0.0:
                    finish += need / rate
        self._finish = finish
        return done

    def _end_busy(self, now: float) -> None:
        self.busy_s += now - self._busy_from
        if self._rate is not None:
            self.carried_bits += (now - self._busy_from) * self._rate
        else:
            self.carried_bits += self._integral - self._integral_from

    def leave(self, now: float, key: int) -> float:
        """Take an upload off the link; its entry in the heap is dropped when it surfaces."""
        virtual = self._members[key][0]
        self._advance(now)
        self._finish = None
        self._gone += 1
        del self._members[key]
        if not self._members:
            self._end_busy(now)
        return max(0.0, virtual - self._virtual)

    def settle(self, now: float) -> None:
        """Bring the accounts to ``now`` and go on from there."""
        if not self._members:
            return
        self._advance(now)
        self._finish = None
        self._end_busy(now)
        self._busy_from, self._integral_from = now, self._integral

    def fair_rate_bps(self, now: float, cap_bps: float = INFINITY, weight: float = 1.0) -> float:
        """Capacity over one more than the uploads that are there."""
        rate = self._rate if self._rate is not None else self.capacity.rate_at(now)
        return rate / (len(self._members) + 1)
