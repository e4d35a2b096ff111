"""Work that a process opens when it is ready to say what goes wrong.

A process of a pool reads what it is sent before it can report anything: where a module cannot be imported there, it
dies, and the pool knows only that it is gone, as if somebody had killed it.  So work travels as bytes, and this module,
which imports nothing of ours, opens them inside the task: an import that fails is the task's failure, with its words.
"""

from __future__ import annotations

import os
import pickle
import signal
from collections.abc import Callable
from concurrent.futures import Future, ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context, parent_process
from threading import Thread
from typing import Any


class Sealed:
    """A function and what to call it with; as bytes once it has travelled."""

    def __init__(self, work: Callable[[], Any] | bytes) -> None:
        self._work = work

    def __reduce__(self) -> tuple[type[Sealed], tuple[bytes]]:
        return Sealed, (self._work if isinstance(self._work, bytes) else pickle.dumps(self._work),)

    def __call__(self) -> Any:
        """Open it and do the work."""
        work = pickle.loads(self._work) if isinstance(self._work, bytes) else self._work
        return work()


def perform(sealed: Sealed) -> Any:
    """Called in a worker."""
    return sealed()


class Pool(ProcessPoolExecutor):
    """Fresh processes that are sent sealed work, and that end with their parent."""

    def __init__(self, jobs: int) -> None:
        super().__init__(jobs, mp_context=get_context("spawn"), initializer=begin_worker)

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        """As ``Executor.submit``."""
        return super().submit(perform, Sealed(partial(fn, *args, **kwargs)))


def begin_worker() -> None:
    """Ctrl-C goes to the parent, which ends the workers in order; a parent that was killed cannot, so they watch it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    parent = parent_process()
    if parent is not None:
        Thread(target=_end_with, args=(parent,), daemon=True).start()


def _end_with(parent: Any) -> None:
    parent.join()
    os._exit(1)
