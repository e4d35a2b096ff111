"""Brings the open-loop arrivals into the simulation, in the order of their entry."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import chain

from sim.fleet import Chunk, Group
from sim.upload import Upload

INFINITE = float("inf")
Row = tuple[float, Group, int, int, int, int, float, float, float, float]
"""What is known of an upload when it enters: the arguments of ``Upload``."""


class Feeder:
    """Makes an upload of each arrival when it is due; the clock asks (``sim.clock.Clock.feed``)."""

    def __init__(self, chunks: Iterator[Chunk], groups: Sequence[Group], alive: set[Upload]) -> None:
        self.groups = groups
        self.alive = alive
        self._rows: Iterator[Row] = chain.from_iterable(map(self._of, chunks))
        self._row = next(self._rows, None)

    @property
    def next_s(self) -> float:
        """When the next upload enters; inf after the last."""
        return INFINITE if self._row is None else self._row[0]

    def feed(self) -> float:
        """Let the next upload enter (now) and return when the one after it does."""
        assert self._row is not None
        upload = Upload(*self._row)
        self.alive.add(upload)
        upload.group.enter(upload)
        self._row = row = next(self._rows, None)
        return INFINITE if row is None else row[0]

    def rest(self) -> Iterator[Upload]:
        """The uploads that were still being coded when the simulation ended."""
        while self._row is not None:
            yield Upload(*self._row)
            self._row = next(self._rows, None)

    def _of(self, chunk: Chunk) -> Iterator[Row]:
        """The arguments of ``Upload`` for each row of a chunk."""
        return zip(
            chunk.enter_s.tolist(),
            map(self.groups.__getitem__, chunk.group.tolist()),
            chunk.number.tolist(),
            chunk.device.tolist(),
            chunk.utterance.tolist(),
            chunk.codec.tolist(),
            chunk.payload_bytes.tolist(),
            chunk.spoken_s.tolist(),
            chunk.encode_cpu_s.tolist(),
            chunk.luck.tolist(),
            strict=True,
        )
