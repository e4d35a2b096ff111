"""One utterance on its way: the SimPy event that carries it through the stages of its life."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import simpy

if TYPE_CHECKING:
    from sim.fleet import Group

NAN = float("nan")
INFINITE = float("inf")
# Outcomes in the order of their numbers in the log.
OUTCOMES = ("delivered", "lost", "rejected", "late", "battery-dead", "unfinished")
DELIVERED, LOST, REJECTED, LATE, BATTERY_DEAD, UNFINISHED = range(6)


class Upload(simpy.Event):
    """An upload is its own SimPy event, scheduled again for each stage of its life.

    A process for each upload would cost a generator and an event object at every stage; one object whose
    ``callbacks`` name the next stage costs neither.  Times are absolute simulation seconds, NaN until known.
    """

    _ok = True  # an upload never fails as a SimPy event; its fate is `outcome`
    _value: Any = None

    def __init__(
        self, env: simpy.Environment, number: int, group: Group, device: int, utterance: int, codec: int,
        spoken_s: float, ready_s: float, encode_cpu_s: float, luck: float,
    ) -> None:
        # Deliberately not Event.__init__: nothing of it is needed and it runs once for each upload.
        self.env = env
        self.number = number
        self.group = group
        self.device = device
        self.utterance = utterance
        self.codec = codec
        self.spoken_s = spoken_s
        self.ready_s = ready_s
        self.encode_cpu_s = encode_cpu_s
        self.luck = luck  # uniform random number in [0, 1) of this utterance: the fate of its first attempt
        self.attempt = 0
        self.outcome = UNFINISHED
        self.wake_s = 0.0
        self.access_s = 0.0
        self.sent_s = NAN
        self.arrived_s = NAN
        self.started_s = NAN
        self.served_s = NAN
        self.gap_s = 0.0
        self.active_s = 0.0
        self.wait_s = 0.0
        self.wire_bytes = 0.0
        self.tail_s = 0.0
        self.fluid_bits = 0.0
        self.batch = 1
