"""The edge server: identical accelerators, one queue, dynamic batching."""

from __future__ import annotations

from bisect import insort
from collections import deque
from collections.abc import Callable
from operator import attrgetter

from sim.clock import Clock
from sim.upload import REJECTED, Upload

INFINITE = float("inf")
_arrival = attrgetter("arrived_s")


class EdgeServer:
    """``accelerators`` servers that take batches of up to ``largest`` uploads from one FIFO queue.

    A free accelerator starts a batch when ``largest`` uploads wait or when the oldest has waited
    ``longest_wait_s``; with ``longest_wait_s`` 0 it takes what is there.  Uploads beyond ``queue_limit``
    waiting ones are rejected.

    The queue holds uploads from the moment they leave their device, by their time of arrival: when the next
    batch starts follows from it, so an arrival needs no event of its own (``expect``).  Only a limited queue
    must look at each arrival (``arrive``).
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
        done: Callable[[Upload], None],
        rejected: Callable[[Upload], None],
    ) -> None:
        self.env = env
        self.at = env.at
        self.batch_s = batch_s
        self.audio_s = audio_s
        self.free = accelerators
        self.accelerators = accelerators
        self.largest = largest
        self.longest_wait_s = longest_wait_s
        self.queue_limit = queue_limit
        self.done = done
        self.rejected = rejected
        self._queue: deque[Upload] = deque()
        self._start_s = INFINITE  # when the next batch starts, if nothing else happens; inf while none is due
        self._busy_s = 0.0  # accelerator-seconds of work up to _accounted_s
        self._accounted_s = 0.0
        self._finish, self._start = self._finished, self._due  # bound once, see Uplink

    def waiting(self) -> int:
        """Uploads that have arrived and wait."""
        now, waiting = self.env._now, len(self._queue)
        for upload in reversed(self._queue):
            if upload.arrived_s <= now:
                break
            waiting -= 1
        return waiting

    def arrive(self, upload: Upload) -> None:
        """An upload has reached the server; for servers with a limited queue."""
        now = self.env._now
        if self.queue_limit is not None and not self.free and len(self._queue) >= self.queue_limit:
            upload.arrived_s = now
            upload.outcome = REJECTED
            self.rejected(upload)
            return
        self.expect(upload, now)

    def expect(self, upload: Upload, arrived_s: float) -> None:
        """An upload will reach the server at ``arrived_s``, not before now."""
        upload.arrived_s = arrived_s
        queue = self._queue
        if queue and queue[-1].arrived_s > arrived_s:  # another cell is farther away
            insort(queue, upload, key=_arrival)
        else:
            queue.append(upload)
            if 1 < len(queue) < self.largest:
                return  # the first in the queue decides, and has decided
        if self.free:
            self._dispatch()

    def _dispatch(self) -> None:
        """Start every batch that may start now; else be called when the next one may."""
        queue, now = self._queue, self.env._now
        while self.free and queue:
            start_s = queue[0].arrived_s + self.longest_wait_s
            if len(queue) >= self.largest:
                full_s = queue[self.largest - 1].arrived_s
                if full_s < start_s:
                    start_s = full_s
            if start_s > now:
                if start_s < self._start_s:
                    self._start_s = start_s
                    self.at(start_s, self._start, start_s)
                return
            self._start_s = INFINITE
            self._start_batch(start_s)

    def _due(self, start_s: float) -> None:
        if start_s == self._start_s:  # else an earlier start has taken its place
            self._start_s = INFINITE
            self._start_batch(start_s)
            if self.free and self._queue:
                self._dispatch()

    def _start_batch(self, start_s: float) -> None:
        queue, now, audio_s = self._queue, self.env._now, self.audio_s
        upload = queue.popleft()
        upload.started_s = now
        uploads, count = [upload], 1
        seconds = audio_s[upload.utterance]
        # An idle accelerator that does not wait takes the first upload alone, even when others come at that instant.
        if queue and (start_s != now or self.longest_wait_s):
            largest = self.largest
            while queue and count < largest:
                upload = queue[0]
                if upload.arrived_s > now:
                    break
                queue.popleft()
                upload.started_s = now
                seconds += audio_s[upload.utterance]
                uploads.append(upload)
                count += 1
            if count > 1:
                for upload in uploads:
                    upload.batch = count
        self._busy_s += (self.accelerators - self.free) * (now - self._accounted_s)
        self._accounted_s = now
        self.free -= 1
        self.at(now + self.batch_s(count, seconds), self._finish, uploads)

    def _finished(self, uploads: list[Upload]) -> None:
        now, done = self.env._now, self.done
        self._busy_s += (self.accelerators - self.free) * (now - self._accounted_s)
        self._accounted_s = now
        self.free += 1
        for upload in uploads:
            upload.served_s = now
            done(upload)
        if self._queue:
            self._dispatch()

    def utilisation(self, now: float) -> float:
        """Share of the accelerators' time in [0, ``now``] that was spent on batches."""
        self._busy_s += (self.accelerators - self.free) * (now - self._accounted_s)
        self._accounted_s = now
        return self._busy_s / (self.accelerators * now) if now > 0.0 else 0.0
