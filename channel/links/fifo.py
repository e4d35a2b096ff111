"""FIFO: uploads use the whole capacity one after the other, in order of arrival."""

from __future__ import annotations

import math
from collections import deque

from channel.links.capacity import Capacity
from channel.links.sharing import Sender, SharedLink

INFINITY = math.inf


class FifoLink(SharedLink):
    """One server, first come, first served."""

    __slots__ = (
        "_constant", "_head_from", "_head_until", "_members", "_queue", "_settled_to", "busy_s", "capacity",
        "carried_bits",
    )  # fmt: skip

    def __init__(self, capacity: Capacity) -> None:
        self.capacity = capacity
        self._constant = capacity.constant_bps
        self._settled_to = 0.0
        self.carried_bits = 0.0
        self.busy_s = 0.0
        self._queue: deque[int] = deque()
        self._members: dict[int, float] = {}  # bits
        self._head_from = 0.0
        self._head_until = INFINITY

    def _join(self, now: float, key: int, bits: float, sender: Sender) -> None:
        """Queue an upload (see `SharedLink.join`); weight and cap do not matter to FIFO."""
        queue = self._queue
        queue.append(key)
        self._members[key] = bits
        if len(queue) == 1:
            self._start_head(now)

    def _start_head(self, at: float) -> None:
        self._head_from = self._settled_to = at
        self._head_until = self.capacity.time_to_send(at, self._members[self._queue[0]])

    def next_finish(self) -> float:
        """Finish of the upload at the head."""
        return self._head_until

    def pop_finished(self, now: float) -> list[int]:
        """Keys finished by ``now``; each next one starts exactly where the one before it ended."""
        done: list[int] = []
        queue = self._queue
        while self._head_until <= now:
            end = self._head_until
            self._account(end)
            done.append(queue.popleft())
            del self._members[done[-1]]
            if queue:
                self._start_head(end)
            else:
                self._head_until = INFINITY
        return done

    def leave(self, now: float, key: int) -> float:
        """Take an upload out of the queue (O(n)) or off the link."""
        queue = self._queue
        bits = self._members.pop(key)
        if queue[0] != key:
            queue.remove(key)
            return bits
        self._account(now)
        queue.popleft()
        remaining = max(0.0, bits - self.capacity.bits_between(self._head_from, now))
        self._head_until = INFINITY
        if queue:
            self._start_head(now)
        return remaining

    def _account(self, now: float) -> None:
        if now > self._settled_to:
            self.busy_s += now - self._settled_to
            self.carried_bits += self.capacity.bits_between(self._settled_to, now)
            self._settled_to = now

    def settle(self, now: float) -> None:
        """Bring the accounts to ``now``."""
        if self._queue:
            self._account(min(now, self._head_until))

    def fair_rate_bps(self, now: float, cap_bps: float = INFINITY, weight: float = 1.0) -> float:
        """The whole capacity: an upload that is being sent has the link for itself."""
        rate = self._constant if self._constant is not None else self.capacity.rate_at(now)
        return rate if rate < cap_bps else cap_bps
