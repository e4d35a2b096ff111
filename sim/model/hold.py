"""Utterances that a device keeps back, to send several at once."""

from __future__ import annotations

import simpy

from devices.delivery import Delivery, HoldBuffer
from sim.model.clock import Clock


class Hold:
    """The held utterances of a group's devices."""

    def __init__(self, clock: Clock, delivery: Delivery) -> None:
        self.clock = clock
        self._buffer: HoldBuffer[simpy.Event] = HoldBuffer(delivery)

    def leave(self, device: int) -> simpy.Event:
        """An event when an utterance that is ready now may leave: its batch is full, or its first has waited enough."""
        buffer, left = self._buffer, self.clock.event()
        batch = buffer.add(device, left)
        if batch is not None:
            _release(batch)
        elif buffer.waiting(device) == 1:
            number = buffer.batch_number(device)
            callbacks = self.clock.until(self.clock.now + buffer.hold_s).callbacks
            assert callbacks is not None
            callbacks.append(lambda _: _release(buffer.take(device, number) or []))
        return left


def _release(batch: list[simpy.Event]) -> None:
    for left in batch:
        left.succeed()
