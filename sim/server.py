"""The edge server: identical accelerators, one queue, dynamic batching."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any

import simpy

from sim.clock import Clock, Moment
from sim.upload import REJECTED, Upload


class Batch(simpy.Event):
    """A batch in service; it is scheduled for the moment it is done."""

    _ok = True
    _value: Any = None

    def __init__(self, callbacks: Any, uploads: list[Upload]) -> None:
        self.callbacks = callbacks
        self.uploads = uploads


class EdgeServer:
    """``accelerators`` servers that take batches of up to ``largest`` uploads from one FIFO queue.

    A free accelerator starts a batch when ``largest`` uploads wait or when the oldest has waited
    ``longest_wait_s``; with ``longest_wait_s`` 0 it takes what is there.  Uploads beyond ``queue_limit``
    waiting ones are rejected.
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
        self.batch_s = batch_s
        self.audio_s = audio_s
        self.free = accelerators
        self.accelerators = accelerators
        self.largest = largest
        self.longest_wait_s = longest_wait_s
        self.queue_limit = queue_limit
        self.done = done
        self.rejected = rejected
        self.queue: deque[Upload] = deque()
        self._busy_s = 0.0  # accelerator-seconds of work up to _accounted_s
        self._accounted_s = 0.0
        self._patience: Moment | None = None
        self._finish = (self._finished,)
        self._tire = (self._tired,)

    def arrive(self, upload: Upload) -> None:
        """An upload has reached the server."""
        upload.arrived_s = self.env._now
        if self.queue_limit is not None and not self.free and len(self.queue) >= self.queue_limit:
            upload.outcome = REJECTED
            self.rejected(upload)
            return
        self.queue.append(upload)
        if self.free:
            self._dispatch()

    def _dispatch(self) -> None:
        """Start every batch that may start now; else make sure that patience runs out in time."""
        queue, largest = self.queue, self.largest
        while self.free and queue:
            if len(queue) < largest and self.longest_wait_s > 0.0:
                tired_s = queue[0].arrived_s + self.longest_wait_s
                if self.env._now < tired_s:
                    self._await(tired_s)
                    return
            self._start_next()

    def _start_next(self) -> None:
        """Take the oldest uploads, up to a full batch."""
        queue = self.queue
        if len(queue) <= self.largest:
            uploads = list(queue)
            queue.clear()
        else:
            uploads = [queue.popleft() for _ in range(self.largest)]
        self._start(uploads)

    def _await(self, tired_s: float) -> None:
        if self._patience is None:
            self._patience = Moment(self._tire)
            self.env.at(tired_s, self._patience)

    def _tired(self, _: simpy.Event) -> None:
        self._patience = None
        self._dispatch()

    def _start(self, uploads: list[Upload]) -> None:
        now = self.env._now
        count = len(uploads)
        audio_s = 0.0
        for upload in uploads:
            upload.started_s = now
            upload.batch = count
            audio_s += self.audio_s[upload.utterance]
        service_s = self.batch_s(count, audio_s)
        self._account(now)
        self.free -= 1
        batch = Batch(self._finish, uploads)
        self.env.at(now + service_s, batch)

    def _finished(self, batch: simpy.Event) -> None:
        now, done = self.env._now, self.done
        self._account(now)
        self.free += 1
        for upload in batch.uploads:  # type: ignore[attr-defined]
            upload.served_s = now
            done(upload)
        if self.queue:
            self._dispatch()

    def _account(self, now: float) -> None:
        self._busy_s += (self.accelerators - self.free) * (now - self._accounted_s)
        self._accounted_s = now

    def utilisation(self, now: float) -> float:
        """Share of the accelerators' time in [0, ``now``] that was spent on batches."""
        self._account(now)
        return self._busy_s / (self.accelerators * now) if now > 0.0 else 0.0
