"""One utterance on its way: the row of the log that it fills."""

from __future__ import annotations

from dataclasses import dataclass
from math import nan

from devices.ledger import Charge
from sim.model.device import Device
from sim.outcomes import UNFINISHED
from sim.site import Group


@dataclass(slots=True, eq=False)
class Upload:
    """Times are absolute simulated seconds, NaN until known."""

    number: int
    group: Group
    device: Device
    k: int
    """Number of the utterance, counted by its device."""
    utterance: int
    spoken_s: float
    codec: int = -1
    outcome: int = UNFINISHED
    payload_bytes: float = 0.0
    wire_bytes: float = 0.0
    batch: int = 1
    attempt: int = 0
    """Attempts that have failed."""
    turn: int = 0
    """Times that the radio was used for it."""
    resending_s: float = 0.0
    """What losses of its last attempt take beside the link's time."""
    ready_s: float = nan
    left_s: float = nan
    sent_s: float = nan
    arrived_s: float = nan
    started_s: float = nan
    served_s: float = nan
    replied_s: float = nan
    wake_s: float = 0.0
    access_s: float = 0.0
    gap_s: float = 0.0
    handovers: int = 0
    interrupted_s: float = 0.0
    active_s: float = 0.0
    encode_j: float = 0.0
    wake_j: float = 0.0
    transmit_j: float = 0.0
    tail_j: float = 0.0
    receive_j: float = 0.0

    def add(self, charge: Charge) -> None:
        """What the radio has used for it."""
        self.wake_j += charge.wake_j
        self.transmit_j += charge.transmit_j
        self.tail_j += charge.tail_j
        self.receive_j += charge.receive_j

    def row(self) -> tuple[float, ...]:
        """In the order of ``sim.upload_log.ROW``."""
        return (
            self.number, self.group.index, self.group.first + self.device.number, self.utterance, self.codec,
            self.outcome, self.batch, self.spoken_s, self.ready_s, self.left_s, self.wake_s, self.access_s, self.sent_s,
            self.arrived_s, self.started_s, self.served_s, self.replied_s, self.gap_s, self.active_s,
            self.interrupted_s, self.handovers, self.payload_bytes, self.wire_bytes, self.encode_j, self.wake_j,
            self.transmit_j, self.tail_j, self.receive_j,
        )  # fmt: skip
