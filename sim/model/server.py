"""The edge server: identical accelerators, one queue, dynamic batching."""

from __future__ import annotations

from collections import deque
from collections.abc import Generator

import simpy

from sim.draws import uniforms
from sim.model.clock import Clock
from sim.model.upload import Upload
from sim.site import Site

Waiting = tuple[Upload, simpy.Event]


class EdgeServer:
    """A free accelerator starts a batch when ``largest`` uploads wait or the oldest has waited ``longest_wait_s``."""

    def __init__(self, clock: Clock, site: Site) -> None:
        self.clock, self.plan = clock, site.server
        self._audio_s: list[float] = site.tables.audio_s.tolist()
        self._luck = site.draws.key("service")
        self._horizon_s = site.duration_s
        self._queue: deque[Waiting] = deque()
        self._free = site.server.accelerators
        self._batches = 0
        self._busy_s = 0.0  # accelerator-seconds up to the horizon, of all batches begun

    @property
    def waiting(self) -> int:
        """Uploads in the queue."""
        return len(self._queue)

    def utilisation(self) -> float:
        """Share of the accelerators' time up to the horizon that was spent on batches."""
        return self._busy_s / (self.plan.accelerators * self._horizon_s)

    def recognize(self, upload: Upload) -> simpy.Event:
        """An event when the upload is recognized (value True), or at once when the queue is full (False)."""
        done = self.clock.event()
        limit = self.plan.queue_limit
        if limit is not None and not self._free and len(self._queue) >= limit:
            return done.succeed(False)
        self._queue.append((upload, done))
        self._start_batches()
        return done

    def _start_batches(self) -> None:
        queue, plan, now = self._queue, self.plan, self.clock.now
        while self._free and queue:
            due_s = queue[0][0].arrived_s + plan.longest_wait_s
            if len(queue) < plan.largest and due_s > now:
                callbacks = self.clock.until(due_s).callbacks
                assert callbacks is not None
                callbacks.append(lambda _: self._start_batches())
                return
            batch = [queue.popleft() for _ in range(min(len(queue), plan.largest))]
            self._free -= 1
            self.clock.process(self._serve(batch))

    def _serve(self, batch: list[Waiting]) -> Generator[simpy.Event, None, None]:
        now = self.clock.now
        for upload, _ in batch:
            upload.started_s, upload.batch = now, len(batch)
        audio_s = sum(self._audio_s[upload.utterance] for upload, _ in batch)
        luck, _ = uniforms(*self._luck, 0, self._batches, 0)
        end_s = now + self.plan.service.drawn_s(len(batch), audio_s, luck)
        self._batches += 1
        self._busy_s += max(0.0, min(end_s, self._horizon_s) - now)
        yield self.clock.until(end_s)
        for upload, done in batch:
            upload.served_s = end_s
            done.succeed(True)
        self._free += 1
        self._start_batches()
