"""One utterance on its way: the SimPy event that carries it through the stages of its life."""

from __future__ import annotations

from collections.abc import Sequence
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
    What most uploads never set is a class attribute, which costs nothing until it is.
    """

    _ok = True  # an upload never fails as a SimPy event; its fate is `outcome`
    _value: Any = None
    env: Any = None

    attempt = 0
    """Attempts that have failed."""
    begun_s = 0.0
    """When the present attempt began."""
    give_up_s = INFINITE
    """When the present attempt is given up."""
    on_link = False
    cap_bps = INFINITE
    """The device's own rate on the link."""
    start: Any = None
    """What a router's link must know of the transport (``channel.links.transport.Plan.start``)."""
    outcome = UNFINISHED
    payload_bytes = 0
    text = False
    """Recognised on the device: the server only acts on it."""
    blocks: Sequence[tuple[float, float]] = ()
    """Streamed in blocks: (when coded, bytes) of those to come."""
    block_bytes = 0.0
    """Bytes of the block on its way; 0 for an upload that is not streamed."""
    batch = 1
    gap_s = active_s = wait_s = wake_s = access_s = tail_s = 0.0
    wire_bytes = fluid_bits = 0.0
    extra_wake_j = extra_tail_j = 0.0
    """Waking and tails of earlier blocks and attempts, joules."""
    left_s = sent_s = arrived_s = started_s = served_s = NAN

    def __init__(
        self,
        number: int,
        group: Group,
        device: int,
        utterance: int,
        codec: int,
        spoken_s: float,
        ready_s: float,
        encode_cpu_s: float,
        luck: float,
    ) -> None:
        # Deliberately not Event.__init__: nothing of it is needed and this runs once for each upload.
        self.number = number
        self.group = group
        self.device = device
        self.utterance = utterance
        self.codec = codec
        self.spoken_s = spoken_s
        self.ready_s = ready_s
        self.encode_cpu_s = encode_cpu_s
        self.luck = luck  # uniform random number in [0, 1) of this utterance: the fate of its first attempt
