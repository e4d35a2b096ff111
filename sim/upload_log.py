"""The upload log: rows of numbers while a run goes, columns with stages and joules for whoever reads it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from recognizers.service import ServiceTime

Columns = dict[str, npt.NDArray[np.generic]]
Rows = npt.NDArray[np.void]

STAGES = ("encode", "hold", "wake", "access", "transfer", "backhaul", "queue", "service", "reply")
COMPONENTS = ("encode", "wake", "transmit", "tail", "receive")
CHUNK_ROWS = 65_536

ROW = np.dtype(
    [
        ("upload", "i8"), ("group", "i2"), ("device", "i4"), ("utterance", "i4"), ("codec", "i2"), ("outcome", "i1"),
        ("batch", "i2"), ("spoken_s", "f8"), ("ready_s", "f8"), ("left_s", "f8"), ("wake_s", "f8"), ("access_s", "f8"),
        ("sent_s", "f8"), ("arrived_s", "f8"), ("started_s", "f8"), ("served_s", "f8"), ("replied_s", "f8"),
        ("gap_s", "f8"), ("active_s", "f8"), ("interrupted_s", "f8"), ("handovers", "i2"), ("payload_bytes", "f8"),
        ("wire_bytes", "f8"), ("encode_j", "f8"), ("wake_j", "f8"), ("transmit_j", "f8"), ("tail_j", "f8"),
        ("receive_j", "f8"),
    ],
    align=True,
)  # fmt: skip
"""What both engines write for an upload whose life is over.  Times are absolute, NaN where they were not reached."""


@dataclass(frozen=True)
class Figures:
    """What belongs to a site and not to an upload: means over [0, ``duration_s``), events of the engine."""

    uplink_utilisation: float
    server_utilisation: float
    events: int


@dataclass(frozen=True)
class Counted:
    """Sums over a chunk of rows; ``sim.figures`` says what they are."""

    rows: int
    sums: dict[str, float]
    outcomes: npt.NDArray[np.int64]
    uploads: npt.NDArray[np.int64]
    """By (group, codec), as the three that follow."""
    delivered: npt.NDArray[np.int64]
    sent: npt.NDArray[np.int64]
    energy_j: npt.NDArray[np.float64]
    group_j: npt.NDArray[np.float64]
    """By (group, component)."""
    understood: npt.NDArray[np.int64]
    latencies_s: npt.NDArray[np.float64]
    part: npt.NDArray[np.int64]
    """Group * codecs + codec of each latency."""
    came: npt.NDArray[np.int64]
    left: npt.NDArray[np.int64]


def rows_of(rows: Sequence[tuple[float, ...]]) -> Rows:
    """Tuples in the order of ``ROW`` as an array."""
    return np.array(rows, dtype=ROW)


def columns_of(rows: Rows, service: ServiceTime) -> Columns:
    """The columns of the log from rows: stages in seconds, energies in joules."""
    columns: Columns = {name: rows[name] for name in ("upload", "device", "group", "utterance", "codec", "outcome")}
    columns["speech_end_s"] = rows["spoken_s"]
    columns |= _stages(rows)
    columns["latency_s"] = rows["replied_s"] - rows["spoken_s"]
    energies = {f"{name}_j": rows[f"{name}_j"] for name in COMPONENTS}
    columns |= energies
    columns["energy_j"] = np.sum([energies[f"{name}_j"] for name in COMPONENTS], axis=0)
    # What a batch adds to an idle accelerator, in equal parts to its uploads.
    service_j = np.nan_to_num(rows["served_s"] - rows["started_s"]) * (service.active_w - service.idle_w)
    columns["server_j"] = service_j / np.maximum(rows["batch"], 1)
    columns["payload_bytes"] = rows["payload_bytes"].astype(np.int64)
    columns["wire_bytes"] = rows["wire_bytes"]
    columns["batch"] = rows["batch"]
    columns["radio_gap_s"], columns["radio_active_s"] = rows["gap_s"], rows["active_s"]
    columns["handovers"], columns["interrupted_s"] = rows["handovers"], rows["interrupted_s"]
    return {name: np.ascontiguousarray(values) for name, values in columns.items()}


def _stages(rows: Rows) -> Columns:
    """Seconds spent in each stage; NaN from the stage that was not reached."""
    return {
        "encode_s": rows["ready_s"] - rows["spoken_s"],
        "hold_s": rows["left_s"] - rows["ready_s"],
        "wake_s": rows["wake_s"],
        "access_s": rows["access_s"],
        "transfer_s": rows["sent_s"] - rows["left_s"] - rows["wake_s"] - rows["access_s"],
        "backhaul_s": rows["arrived_s"] - rows["sent_s"],
        "queue_s": rows["started_s"] - rows["arrived_s"],
        "service_s": rows["served_s"] - rows["started_s"],
        "reply_s": rows["replied_s"] - rows["served_s"],
    }
