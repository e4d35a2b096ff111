"""The edge server: identical accelerators, one queue, dynamic batching, worked out when somebody needs to know."""

from __future__ import annotations

import sys
from bisect import insort
from collections import deque
from collections.abc import Callable, Sequence
from heapq import heappop, heappush
from operator import attrgetter

from sim.clock import Clock
from sim.uplink import Uplink
from sim.upload import REJECTED, Upload

INFINITE = float("inf")
STRIDE = 256  # expected uploads after which the server catches up, so that its queue stays short
_arrival = attrgetter("arrived_s")


class EdgeServer:
    """``accelerators`` servers that take batches of up to ``largest`` uploads from one FIFO queue.

    A free accelerator starts a batch when ``largest`` uploads wait or when the oldest has waited
    ``longest_wait_s``; with ``longest_wait_s`` 0 it takes what is there.  Uploads beyond ``queue_limit``
    waiting ones are rejected.

    Nothing that the server does changes what reaches it, unless users wait for replies.  So it has no events: it
    knows uploads from the moment they leave their device (``expect``), and ``advance`` works out all batches up to
    an instant in one go, for whoever needs to know: a device that uses its radio again, a policy that looks at
    the queue, the log.  With ``prompt`` a timer makes every batch end at its time, for users who wait
    for their replies; a limited queue looks at every arrival (``arrive``).
    """

    def __init__(
        self,
        env: Clock,
        batch_s: Callable[[int, float], float],
        audio_s: list[float],
        *,
        accelerators: int,
        largest: int,
        longest_wait_s: float,
        queue_limit: int | None,
        prompt: bool,
        uplinks: Sequence[Uplink],
        rejected: Callable[[Upload], None],
    ) -> None:
        self.env = env
        self.batch_s = batch_s
        self.audio_s = audio_s
        self.accelerators = accelerators
        self.largest = largest
        self.longest_wait_s = longest_wait_s
        self.queue_limit = queue_limit
        self.prompt = prompt
        self.uplinks = uplinks
        self.rejected = rejected
        self._queue: deque[Upload] = deque()  # by time of arrival, which may be yet to come
        self._running: list[tuple[float, int, list[Upload]]] = []  # heap of batches: end, number, uploads
        self._batches = 0
        self._start_s = INFINITE  # when the next batch starts if nothing else arrives; inf while none can
        self._catch_up = STRIDE  # length of the queue at which it is time to advance
        self._timer_s = INFINITE
        self._service_s = 0.0  # accelerator-seconds of all batches started

    def waiting(self) -> int:
        """Uploads that have arrived and wait now."""
        now = self.env._now
        self.advance(now)
        waiting = len(self._queue)
        for upload in reversed(self._queue):
            if upload.arrived_s <= now:
                break
            waiting -= 1
        return waiting

    def arrive(self, upload: Upload) -> None:
        """An upload has reached the server; for servers with a limited queue."""
        now = self.env._now
        self.advance(now)
        busy = len(self._running) == self.accelerators
        if self.queue_limit is not None and busy and len(self._queue) >= self.queue_limit:
            upload.arrived_s = now
            upload.outcome = REJECTED
            self.rejected(upload)
            return
        self.expect(upload, now, now)

    def expect(self, upload: Upload, arrived_s: float, now: float) -> None:
        """An upload has left its device (now) and will reach the server at ``arrived_s``."""
        upload.arrived_s = arrived_s
        queue = self._queue
        if queue and queue[-1].arrived_s > arrived_s:  # another cell is farther away
            insort(queue, upload, key=_arrival)
        else:
            queue.append(upload)
            length = len(queue)
            if length != 1 and length != self.largest:  # else those before decide when the next batch starts
                if length >= self._catch_up:
                    self.advance(now)
                return
        if len(self._running) < self.accelerators:
            self._start_s = self._next_start(0.0)
        if self.prompt:
            self._set_timer()

    def _next_start(self, free_s: float) -> float:
        """When the next batch starts on an accelerator that is free from ``free_s`` on."""
        queue, largest = self._queue, self.largest
        if not queue:
            return INFINITE
        start_s = queue[0].arrived_s + self.longest_wait_s
        if len(queue) >= largest:
            full_s = queue[largest - 1].arrived_s
            if full_s < start_s:
                start_s = full_s
        return start_s if start_s > free_s else free_s

    def advance(self, now: float) -> None:
        """Work out every batch that starts or ends up to and including ``now``."""
        self._catch_up = sys.maxsize  # the uplinks bring uploads; that is no reason to advance once more
        for uplink in self.uplinks:
            if uplink.due_s <= now:
                uplink.advance(now)
        running, start_s = self._running, self._start_s
        while True:
            if running and running[0][0] <= start_s:
                end_s = running[0][0]
                if end_s > now:
                    break
                for upload in heappop(running)[2]:
                    upload.served_s = end_s
                    upload.group.served(upload)
                if start_s == INFINITE:
                    start_s = self._next_start(end_s)
            elif start_s <= now:
                uploads, seconds = self._take_batch(start_s)
                service_s = self.batch_s(len(uploads), seconds)
                self._service_s += service_s
                self._batches += 1
                heappush(running, (start_s + service_s, self._batches, uploads))
                start_s = self._next_start(start_s) if len(running) < self.accelerators else INFINITE
            else:
                break
        self._start_s = start_s
        self._catch_up = len(self._queue) + STRIDE
        if self.prompt:
            self._set_timer()

    def _take_batch(self, now: float) -> tuple[list[Upload], float]:
        """The batch that starts at ``now``, and its seconds of audio."""
        queue, audio_s = self._queue, self.audio_s
        upload = queue.popleft()
        upload.started_s = now
        uploads, seconds = [upload], audio_s[upload.utterance]
        # An idle accelerator that does not wait takes the first upload alone, even when others come at that instant.
        if queue and queue[0].arrived_s <= now and (self.longest_wait_s or upload.arrived_s != now):
            while queue and len(uploads) < self.largest and queue[0].arrived_s <= now:
                upload = queue.popleft()
                upload.started_s = now
                seconds += audio_s[upload.utterance]
                uploads.append(upload)
            for upload in uploads:
                upload.batch = len(uploads)
        return uploads, seconds

    def _set_timer(self) -> None:
        next_s = self._running[0][0] if self._running else INFINITE
        if self._start_s < next_s:
            next_s = self._start_s
        if next_s < self._timer_s:
            self._timer_s = next_s
            self.env.at(next_s, self._rung, next_s)

    def _rung(self, due_s: float) -> None:
        if due_s == self._timer_s:  # else an earlier timer has taken its place
            self._timer_s = INFINITE
            self.advance(due_s)

    def utilisation(self, now: float) -> float:
        """Share of the accelerators' time in [0, ``now``] that was spent on batches."""
        self.advance(now)
        ahead_s = sum(end_s - now for end_s, _, _ in self._running)
        return (self._service_s - ahead_s) / (self.accelerators * now) if now > 0.0 else 0.0
