"""Accelerators: processes that recognize, one batch at a time each, and are started anew when a batch kills them.

A process of its own for each, because Whisper holds Python's lock for milliseconds, in which nobody's body would be
read, and because libraries of codecs read strangers' bytes: what crashes or hangs is one process, and its batch is
served again upload by upload, so that only the culprit is refused.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import signal
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from typing import Any

from amser.live.errors import LiveError
from amser.live.listening import Equipment, Heard, Job, Listener

CRASHED = "recognizing it ended the recognizer's process"
START_S = 600.0  # weights may have to be read from a slow disk


@dataclass(frozen=True)
class Ready:
    """What a process says when it can serve."""

    recognizer: str
    emotion: str
    bands: int


class Died(LiveError):
    """The process ended, or did not answer in time."""


class Accelerator:
    """One process; its methods are called by one task at a time."""

    def __init__(self, equipment: Equipment, batch_s: float) -> None:
        self._equipment, self._batch_s = equipment, batch_s
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="accelerator")
        self._process: BaseProcess | None = None
        self._pipe: Connection | None = None

    async def start(self) -> Ready:
        """Start the process and wait until it can serve.  Raises the error that it met, or ``LiveError``."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, self._start)

    async def hear(self, jobs: Sequence[Job]) -> list[Heard]:
        """Answers of a batch.  Raises ``Died``; the process has then been started anew."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, self._hear, jobs)

    async def stop(self) -> None:
        """End the process."""
        await asyncio.get_running_loop().run_in_executor(self._thread, self._stop)
        self._thread.shutdown(wait=False)

    def _start(self) -> Ready:
        context = multiprocessing.get_context("spawn")  # a fork would take the listening socket along
        self._pipe, theirs = context.Pipe()
        self._process = context.Process(target=_work, args=(theirs, self._equipment), daemon=True)
        self._process.start()
        theirs.close()
        try:
            found = self._receive(START_S)
        except Died:
            raise LiveError("the recognizer's process ended before it could serve; its message is above") from None
        if isinstance(found, Exception):
            raise found
        assert isinstance(found, Ready)
        return found

    def _hear(self, jobs: Sequence[Job]) -> list[Heard]:
        assert self._pipe is not None
        try:
            self._pipe.send(list(jobs))
            found: list[Heard] = self._receive(self._batch_s)
        except (Died, OSError):
            self._stop()
            self._start()
            raise Died from None
        return found

    def _receive(self, within_s: float) -> Any:
        assert self._pipe is not None
        try:
            if not self._pipe.poll(within_s):
                raise Died
            return self._pipe.recv()
        except (EOFError, ConnectionError):
            raise Died from None

    def _stop(self) -> None:
        if self._pipe is not None:
            self._pipe.close()  # a process that waits for a batch ends by itself
        if self._process is not None:
            self._process.join(0.5)
            if self._process.is_alive():
                self._process.kill()
                self._process.join()


class Accelerators:
    """Identical accelerators, of which one that is free serves each batch."""

    def __init__(self, equipment: Equipment, count: int, batch_s: float, died: Callable[[], None]) -> None:
        """``died`` is told of each process that had to be started anew."""
        self._all = [Accelerator(equipment, batch_s) for _ in range(count)]
        self._free = list(self._all)
        self._died = died

    async def start(self) -> Ready:
        """Start all; raises the error of the first that cannot."""
        ready = [await one.start() for one in self._all]  # in turn: weights are downloaded once
        return ready[0]

    async def serve(self, jobs: Sequence[Job]) -> list[Heard]:
        """Serve a batch on a free accelerator, which the batcher knows to be there."""
        one = self._free.pop()
        try:
            return await self._served(one, jobs)
        finally:
            self._free.append(one)

    async def _served(self, one: Accelerator, jobs: Sequence[Job]) -> list[Heard]:
        try:
            return await one.hear(jobs)
        except Died:
            self._died()
            if len(jobs) == 1:
                return [Heard(refused=CRASHED)]
        return [heard for job in jobs for heard in await self._served(one, [job])]

    async def stop(self) -> None:
        """End all processes."""
        await asyncio.gather(*(one.stop() for one in self._all))


def _work(pipe: Connection, equipment: Equipment) -> None:
    """The process: one batch after the other until the server hangs up."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)  # whoever stops the server first has the taken uploads answered
    try:
        listener = _loaded(equipment)
    except Exception as error:
        pipe.send(_portable(error))
        return
    names = [one.name if one is not None else "none" for one in (listener.recognizer, listener.emotion)]
    pipe.send(Ready(names[0], names[1], listener.decoders.bands))
    while True:
        try:
            jobs = pipe.recv()
        except (EOFError, OSError):
            return
        pipe.send(_heard(listener, jobs))


def _loaded(equipment: Equipment) -> Listener:
    if equipment.recognizer.kind != "none" or equipment.emotion.kind != "none":
        import torch

        torch.set_num_threads(equipment.threads)
    return Listener(equipment)


def _heard(listener: Listener, jobs: Sequence[Job]) -> list[Heard]:
    """The batch's answers; where recognizing fails, those of its uploads one by one."""
    try:
        return listener.hear(jobs)
    except Exception as error:
        if len(jobs) == 1:
            return [Heard(refused=f"it cannot be recognized: {type(error).__name__}: {error}")]
    return [heard for job in jobs for heard in _heard(listener, [job])]


def _portable(error: Exception) -> Exception:
    """An error that another process can raise: ours as it is, others by name, as some cannot be unpickled."""
    import pickle

    try:
        pickle.loads(pickle.dumps(error))
    except Exception:
        return LiveError(f"{type(error).__name__}: {error}")
    return error
