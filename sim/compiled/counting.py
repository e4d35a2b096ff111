"""What a replication keeps of its rows, counted row by row: the sums of ``sim.figures.metrics``, compiled."""

from __future__ import annotations

import math

import numpy as np

from sim.compiled.jit import entry, kernel
from sim.compiled.state import Floats, Ints, Record, Records
from sim.draws import Key, uniforms
from sim.outcomes import BATTERY_DEAD, DELIVERED, LATE, LOST, OUTCOMES, REJECTED
from sim.upload_log import COMPONENTS, Counted

OF_ALL = (
    "encode_j", "wake_j", "transmit_j", "tail_j", "energy_j", "server_j", "payload_bytes", "wire_bytes", "audio_s",
    "begun", "receive_j",
)  # fmt: skip
OF_REPLIED = (
    "encode_s", "hold_s", "wake_s", "access_s", "transfer_s", "backhaul_s", "queue_s", "service_s", "reply_s", "batch",
    "batches", "early", "early_s", "late", "late_s", "sent",
)  # fmt: skip


class Counter:
    """Counts chunks of the rows of a site."""

    def __init__(
        self, warmup_s: float, horizon_s: float, batch_w: float, audio_s: Floats, codecs: int, cell_of_group: Ints,
        cells: int,
    ) -> None:  # fmt: skip
        self.horizon_s, self.warmup_s, self.batch_w, self.audio_s = horizon_s, warmup_s, batch_w, audio_s
        self.codecs, self.cell_of_group = codecs, cell_of_group
        self.cells = cells

    def __call__(self, rows: Records) -> Counted:
        """Count one chunk."""
        sums, outcomes = np.zeros(len(OF_ALL) + len(OF_REPLIED)), np.zeros(len(OUTCOMES), np.int64)
        shape = (len(self.cell_of_group), self.codecs)
        counts = np.zeros((3, *shape), np.int64)  # uploads, those delivered, those sent
        energy_j, latencies_s, part = np.zeros(shape), np.empty(len(rows)), np.empty(len(rows), np.int64)
        understood = np.zeros((self.codecs, len(self.audio_s)), np.int64)
        group_j = np.zeros((len(self.cell_of_group), len(COMPONENTS)))
        came, left = np.zeros(self.cells + 1, np.int64), np.zeros(self.cells + 1, np.int64)
        replied = count(
            rows, self.warmup_s, self.horizon_s, self.batch_w, self.audio_s, self.cell_of_group, sums, outcomes,
            counts, energy_j, group_j, understood, latencies_s, part, came, left,
        )  # fmt: skip
        named = dict(zip((*OF_ALL, *OF_REPLIED), sums.tolist(), strict=True))
        return Counted(
            len(rows), named, outcomes, counts[0], counts[1], counts[2], energy_j, group_j, understood,
            latencies_s[:replied].copy(), part[:replied], came, left,
        )  # fmt: skip


@kernel
def count_flow(r: Record, cell: int, half_s: float, horizon_s: float, came: Ints, left: Ints) -> None:
    """Coming to a cell and to the server, and leaving them (``sim.figures.growth``)."""
    if r.outcome != LOST and r.outcome != REJECTED and r.outcome != BATTERY_DEAD:
        server = len(came) - 1
        came[cell] += half_s < r.spoken_s <= horizon_s
        left[cell] += half_s < r.sent_s <= horizon_s
        came[server] += half_s < r.arrived_s <= horizon_s
        left[server] += half_s < r.served_s <= horizon_s


@kernel
def count_energy(r: Record, group_j: Floats) -> None:
    """Joules by group and component, in the order of ``sim.upload_log.COMPONENTS``."""
    group_j[r.group, 0] += r.encode_j
    group_j[r.group, 1] += r.wake_j
    group_j[r.group, 2] += r.transmit_j
    group_j[r.group, 3] += r.tail_j
    group_j[r.group, 4] += r.receive_j


@entry
def count(
    rows: Records, warmup_s: float, horizon_s: float, batch_w: float, audio_s: Floats, cell_of_group: Ints,
    sums: Floats, outcomes: Ints, counts: Ints, energies_j: Floats, group_j: Floats, understood: Ints,
    latencies_s: Floats,
    part: Ints, came: Ints, left: Ints,
) -> int:  # fmt: skip
    """Add the rows to the arrays; the number of latencies."""
    n = 0
    half_s = horizon_s / 2.0
    middle_s = (warmup_s + horizon_s) / 2.0
    for i in range(len(rows)):
        r = rows[i]
        count_flow(r, cell_of_group[r.group], half_s, horizon_s, came, left)
        if r.spoken_s < warmup_s:
            continue
        energy_j = r.encode_j + r.wake_j + r.transmit_j + r.tail_j + r.receive_j
        outcomes[r.outcome] += 1
        counts[0, r.group, r.codec] += 1
        counts[1, r.group, r.codec] += r.outcome == DELIVERED
        energies_j[r.group, r.codec] += energy_j
        count_energy(r, group_j)
        counts[2, r.group, r.codec] += r.wire_bytes > 0.0
        sums[26] += r.wire_bytes > 0.0
        sums[0] += r.encode_j
        sums[1] += r.wake_j
        sums[2] += r.transmit_j
        sums[3] += r.tail_j
        sums[4] += energy_j
        if not math.isnan(r.served_s):
            sums[5] += (r.served_s - r.started_s) * batch_w / max(r.batch, 1)
        sums[6] += math.floor(r.payload_bytes)
        sums[7] += r.wire_bytes
        if r.outcome != BATTERY_DEAD or r.payload_bytes > 0.0:
            sums[8] += audio_s[r.utterance]
            sums[9] += 1.0
        sums[10] += r.receive_j
        if r.outcome == DELIVERED or r.outcome == LATE:
            latencies_s[n] = r.replied_s - r.spoken_s
            part[n] = r.group * counts.shape[2] + r.codec
            n += 1
            understood[r.codec, r.utterance] += 1
            sums[11] += r.ready_s - r.spoken_s
            sums[12] += r.left_s - r.ready_s
            sums[13] += r.wake_s
            sums[14] += r.access_s
            sums[15] += r.sent_s - r.left_s - r.wake_s - r.access_s
            sums[16] += r.arrived_s - r.sent_s
            sums[17] += r.started_s - r.arrived_s
            sums[18] += r.served_s - r.started_s
            sums[19] += r.replied_s - r.served_s
            sums[20] += r.batch
            sums[21] += 1.0 / r.batch
            half = 22 if r.spoken_s < middle_s else 24
            sums[half] += 1.0
            sums[half + 1] += r.replied_s - r.spoken_s
    return n


@entry
def _choose(rows: Records, low: int, high: int, share: float, chosen: Ints) -> int:
    n = 0
    for i in range(len(rows)):
        luck, _ = uniforms(low, high, 0, rows[i].upload, 0)
        if luck < share:
            chosen[n] = i
            n += 1
    return n


def sample(rows: Records, key: Key, share: float) -> Records:
    """The rows that a sampled log keeps, see ``sim.study.replication``."""
    chosen = np.empty(len(rows), np.int64)
    return rows[chosen[: _choose(rows, key.low, key.high, share, chosen)]]
