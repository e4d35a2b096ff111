"""One utterance on its way."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sim.fleet import Group

NAN = float("nan")
INFINITE = float("inf")
# Outcomes in the order of their numbers in the log.
OUTCOMES = ("delivered", "lost", "rejected", "late", "battery-dead", "unfinished")
DELIVERED, LOST, REJECTED, LATE, BATTERY_DEAD, UNFINISHED = range(6)


class Upload:
    """What is known of an upload; the clock hands it from stage to stage.

    A SimPy process for each upload would cost a generator and an event object at every stage; one slotted
    object for the whole life costs neither.  Times are absolute simulation seconds, NaN until known.
    """

    __slots__ = (
        "access_s", "active_s", "arrived_s", "attempt", "batch", "block_bytes", "blocks", "cap_bps", "codec",
        "device", "encode_cpu_s", "extra_tail_j", "extra_wake_j", "fluid_bits", "gap_s", "give_up_s", "group",
        "left_s", "luck", "number", "on_link", "outcome", "payload_bytes", "ready_s", "sent_s", "served_s",
        "spoken_s", "start", "started_s", "tail_s", "text", "utterance", "wait_s", "wake_s", "wire_bytes",
    )  # fmt: skip

    def __init__(
        self,
        ready_s: float,
        group: Group,
        number: int,
        device: int,
        utterance: int,
        codec: int,
        payload_bytes: float,
        spoken_s: float,
        encode_cpu_s: float,
        luck: float,
    ) -> None:
        self.number = number
        self.group = group
        self.device = device
        self.utterance = utterance
        self.codec = codec
        self.spoken_s = spoken_s
        self.ready_s = ready_s
        self.encode_cpu_s = encode_cpu_s
        self.luck = luck  # uniform random number in [0, 1) of this utterance: the fate of its first attempt
        self.outcome = UNFINISHED
        self.payload_bytes = payload_bytes
        self.text = False  # recognised on the device: the server only acts on it
        self.blocks: Sequence[tuple[float, float]] = ()  # streamed in blocks: (when coded, bytes) of those to come
        self.block_bytes = 0.0  # bytes of the block on its way; 0 for an upload that is not streamed
        self.attempt = 0  # attempts that have failed
        self.give_up_s = INFINITE  # when the present attempt is given up
        self.on_link = False
        self.cap_bps = INFINITE  # the device's own rate on the link
        self.start: Any = None  # what a router's link must know of the transport (`channel.links` Plan.start)
        self.fluid_bits = self.tail_s = self.wire_bytes = 0.0
        self.gap_s = self.active_s = self.wait_s = self.wake_s = self.access_s = 0.0
        self.extra_wake_j = self.extra_tail_j = 0.0  # waking and tails of earlier blocks and attempts, joules
        self.batch = 1
        self.left_s = self.sent_s = self.arrived_s = self.started_s = self.served_s = NAN
