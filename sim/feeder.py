"""Brings the open-loop arrivals into the simulation, in the order of their entry."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain
from typing import Any

from sim.fleet import Chunk
from sim.life import Life
from sim.upload import Upload

INFINITE = float("inf")
_END = (INFINITE,)


class Feeder:
    """Makes an upload of each arrival when it is due; the clock asks (``sim.clock.Clock.feed``)."""

    def __init__(self, chunks: Iterator[Chunk], life: Life) -> None:
        self.life = life
        self.groups = life.fleet.groups
        self._rows: Iterator[tuple[Any, ...]] = chain.from_iterable(map(_rows, chunks))
        self._row: tuple[Any, ...] = next(self._rows, _END)

    @property
    def next_s(self) -> float:
        """When the next upload enters; inf after the last."""
        return float(self._row[0])

    def feed(self) -> float:
        """Let the next upload enter (now) and return when the one after it does."""
        ready_s, number, index, device, utterance, codec, spoken_s, cpu_s, luck = self._row
        group, life = self.groups[index], self.life
        upload = Upload(number, group, device, utterance, codec, spoken_s, ready_s, cpu_s, luck)
        life.alive.add(upload)
        if group.simple:
            upload.payload_bytes = life.payload_bytes[codec][utterance]
            group.ready(upload)
        else:
            group.spoken(upload)
        self._row = row = next(self._rows, _END)
        return row[0]  # type: ignore[no-any-return]

    def rest(self) -> Iterator[Upload]:
        """The uploads that were still being coded when the simulation ended."""
        while self._row is not _END:
            ready_s, number, index, device, utterance, codec, spoken_s, cpu_s, luck = self._row
            yield Upload(number, self.groups[index], device, utterance, codec, spoken_s, ready_s, cpu_s, luck)
            self._row = next(self._rows, _END)


def _rows(chunk: Chunk) -> Iterator[tuple[Any, ...]]:
    return zip(
        chunk.enter_s.tolist(),
        chunk.number.tolist(),
        chunk.group.tolist(),
        chunk.device.tolist(),
        chunk.utterance.tolist(),
        chunk.codec.tolist(),
        chunk.spoken_s.tolist(),
        chunk.encode_cpu_s.tolist(),
        chunk.luck.tolist(),
        strict=True,
    )
