"""Dynamic batching in real time, by the rule of ``sim.model.server``.

A free accelerator starts a batch when ``largest`` uploads wait or the oldest has waited ``longest_wait_s`` since it
arrived.  LitServe counts the wait from the moment a worker turns to the queue: behind a busy accelerator an upload then
waits twice, and the simulation would be held against another rule.  That, and what strangers may send (docs/live.md),
is why these lines stand here and no serving library.
"""

from __future__ import annotations

import asyncio
import math
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from amser.live import clock
from amser.live.errors import Refused

Job = TypeVar("Job")
Answer = TypeVar("Answer")
Serve = Callable[[Sequence[Job]], Awaitable[Sequence[Answer]]]
"""Serves one batch on a free accelerator: an answer for each job, in order."""


@dataclass(frozen=True)
class Rule:
    """When batches start; what ``sim.site.Server`` knows of it."""

    accelerators: int = 1
    largest: int = 8
    longest_wait_s: float = 0.0
    queue_limit: int | None = 64


@dataclass
class Served(Generic[Answer]):
    """An answer with the batch that it was part of; seconds of ``clock.now``."""

    answer: Answer
    arrived_s: float
    started_s: float
    served_s: float
    batch: int
    number: int
    """Of the batch, counted from 0."""


@dataclass
class _Waiting(Generic[Job, Answer]):
    job: Job
    arrived_s: float
    done: asyncio.Future[Served[Answer]] = field(compare=False)


class Batcher(Generic[Job, Answer]):
    """One queue in front of identical accelerators.  All methods belong to one event loop."""

    def __init__(self, rule: Rule, serve: Serve[Job, Answer], began: Callable[[int], None] = lambda size: None) -> None:
        """``began`` is told the size of each batch as it starts."""
        self.rule, self._serve, self._began = rule, serve, began
        self._queue: deque[_Waiting[Job, Answer]] = deque()
        self._free = rule.accelerators
        self._tasks: set[asyncio.Task[None]] = set()
        self._timer: asyncio.TimerHandle | None = None
        self._batches = 0
        self._last_s = 0.0

    @property
    def waiting(self) -> int:
        """Uploads in the queue."""
        return len(self._queue)

    @property
    def serving(self) -> int:
        """Batches on accelerators."""
        return self.rule.accelerators - self._free

    async def recognize(self, job: Job) -> Served[Answer]:
        """Queue a job and wait for its answer.

        Raises ``Refused`` (503) when the queue is full, and whatever ``serve`` raises.  A caller that is cancelled
        gives up its place in the queue.
        """
        limit = self.rule.queue_limit
        if limit is not None and not self._free and len(self._queue) >= limit:
            raise Refused(503, f"{len(self._queue)} uploads wait already, as many as may", self._expected_s())
        done: asyncio.Future[Served[Answer]] = asyncio.get_running_loop().create_future()
        self._queue.append(_Waiting(job, clock.now(), done))
        self._start_batches()
        return await done

    def _expected_s(self) -> int:
        """Whole seconds until the queue should have been served, for Retry-After."""
        rounds = len(self._queue) / (self.rule.largest * self.rule.accelerators)
        return max(1, math.ceil(rounds * self._last_s))

    def _start_batches(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        while self._free:
            while self._queue and self._queue[0].done.done():  # given up
                self._queue.popleft()
            if not self._queue:
                return
            left_s = self._queue[0].arrived_s + self.rule.longest_wait_s - clock.now()
            if len(self._queue) < self.rule.largest and left_s > 0.0:
                self._timer = asyncio.get_running_loop().call_later(left_s, self._start_batches)
                return
            batch = self._take()
            task = asyncio.ensure_future(self._run(batch))
            self._free -= 1
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    def _take(self) -> list[_Waiting[Job, Answer]]:
        batch: list[_Waiting[Job, Answer]] = []
        while self._queue and len(batch) < self.rule.largest:
            one = self._queue.popleft()
            if not one.done.done():
                batch.append(one)
        return batch

    async def _run(self, batch: list[_Waiting[Job, Answer]]) -> None:
        number, started_s = self._batches, clock.now()
        self._batches += 1
        self._began(len(batch))
        try:
            answers = await self._serve([one.job for one in batch])
            served_s = clock.now()
            self._last_s = served_s - started_s
            for one, answer in zip(batch, answers, strict=True):
                if not one.done.done():
                    stamps = (one.arrived_s, started_s, served_s, len(batch), number)
                    one.done.set_result(Served(answer, *stamps))
        except Exception as error:
            for one in batch:
                if not one.done.done():
                    one.done.set_exception(error)
        finally:
            self._free += 1
            self._start_batches()
