"""Delivery: when the bytes of an utterance leave the device, or whether only its text does.

Four ways: at once; held back so that several uploads share one radio tail; streamed in blocks while the user
still speaks; recognized on the device, so that the text alone is sent.  Everything here is arithmetic for the
engine, with no clock of its own.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Generic, NamedTuple, TypeVar

from devices.local import LocalRecognizer, load_local
from scenarios.schema.policy import FixedPolicySpec, HoldPolicySpec, LocalPolicySpec, StreamPolicySpec

Item = TypeVar("Item")


@dataclass(frozen=True)
class Delivery:
    """How an utterance leaves.

    ``hold_s`` > 0: keep it back up to so long, or until ``hold_largest`` wait.  ``block_s`` > 0: stream in
    blocks of so much speech.  ``local``: recognize on the device and send the text.  None of them: at once.
    """

    hold_s: float = 0.0
    hold_largest: int = 1
    block_s: float = 0.0
    local: LocalRecognizer | None = None

    @property
    def immediate(self) -> bool:
        """Whether the upload starts as soon as the utterance is encoded (the engine's fast path)."""
        return not (self.hold_s or self.block_s or self.local)


IMMEDIATE = Delivery()


def build_delivery(spec: FixedPolicySpec | HoldPolicySpec | StreamPolicySpec | LocalPolicySpec) -> Delivery:
    """The delivery that a policy of one codec describes."""
    if isinstance(spec, HoldPolicySpec):
        return Delivery(hold_s=spec.longest, hold_largest=spec.largest)
    if isinstance(spec, StreamPolicySpec):
        return Delivery(block_s=spec.block)
    if isinstance(spec, LocalPolicySpec):
        return Delivery(local=load_local(spec.recognizer))
    return IMMEDIATE


class HoldBuffer(Generic[Item]):
    """What the devices of a group keep back: at most one pending batch a device, empty devices cost nothing.

    The engine calls ``add`` when an utterance is ready.  ``add`` gives the batch when it is full.  Else, when
    ``waiting(device)`` is 1, the engine schedules ``take(device, number)`` for ``hold_s`` later with ``number
    = batch_number(device)``; that gives nothing if the batch has left meanwhile.
    """

    def __init__(self, delivery: Delivery) -> None:
        self.hold_s = delivery.hold_s
        self.largest = delivery.hold_largest
        self._pending: dict[int, tuple[int, list[Item]]] = {}
        self._batches = 0

    def add(self, device: int, item: Item) -> list[Item] | None:
        """Keep ``item``; the whole batch when it is now full, else None."""
        number, batch = self._pending.get(device) or self._open(device)
        batch.append(item)
        return self.take(device, number) if len(batch) >= self.largest else None

    def waiting(self, device: int) -> int:
        """How many utterances the device keeps back; 1 after the first of a batch was added."""
        return len(self._pending[device][1]) if device in self._pending else 0

    def batch_number(self, device: int) -> int:
        """Number of the device's pending batch, for ``take``; -1 when nothing is kept back."""
        return self._pending[device][0] if device in self._pending else -1

    def take(self, device: int, number: int) -> list[Item] | None:
        """The batch ``number`` of the device, which leaves now; None when it has left already."""
        pending = self._pending.get(device)
        if pending is None or pending[0] != number:
            return None
        del self._pending[device]
        return pending[1]

    def _open(self, device: int) -> tuple[int, list[Item]]:
        self._batches += 1
        self._pending[device] = (self._batches, [])
        return self._pending[device]


class Block(NamedTuple):
    """One block of a stream: when it is spoken to its end, relative to the end of speech, and its share."""

    ready_s: float
    share: float


def stream_blocks(duration_s: float, block_s: float) -> Sequence[Block]:
    """The blocks of an utterance: full ones from its beginning, then what is left.

    ``ready_s`` is at most 0 (0 for the last block, whose bytes are all that is left when speech ends);
    ``share`` is the block's part of the utterance's duration and thus, at a constant bit rate, of its bytes.
    """
    if duration_s <= 0:
        return (Block(0.0, 1.0),)
    ends = [block_s * n for n in range(1, int(duration_s / block_s) + 1) if block_s * n < duration_s * (1 - 1e-9)]
    edges = [0.0, *ends, duration_s]
    return tuple(Block(end - duration_s, (end - start) / duration_s) for start, end in pairwise(edges))
