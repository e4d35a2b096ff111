"""The upload log: rows of numbers while the run goes, columns with stages and joules when they are flushed."""

from __future__ import annotations

from array import array
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from sim.upload import OUTCOMES, Upload

if TYPE_CHECKING:
    from sim.fleet import Group

Floats = npt.NDArray[np.float64]
Columns = dict[str, npt.NDArray[np.generic]]

# What the hot path writes for each upload, in this order.
RAW = (
    "upload",
    "device",
    "group",
    "utterance",
    "codec",
    "outcome",
    "batch",
    "spoken_s",
    "ready_s",
    "left_s",
    "wake_s",
    "access_s",
    "sent_s",
    "arrived_s",
    "started_s",
    "served_s",
    "gap_s",
    "active_s",
    "wait_s",
    "wire_bytes",
    "encode_cpu_s",
    "replied_s",
    "payload_bytes",
    "extra_wake_j",
    "extra_tail_j",
)
STAGES = ("encode", "hold", "wake", "access", "transfer", "backhaul", "queue", "service", "reply")
COMPONENTS = ("encode", "wake", "transmit", "tail")
CHUNK_ROWS = 65_536


class Recorder:
    """Collects finished uploads and hands them on as columns in chunks of ``CHUNK_ROWS``."""

    def __init__(
        self,
        groups: Sequence[Group],
        batch_j: Callable[[Floats, Floats], Floats],
        sink: Callable[[Columns], None],
    ) -> None:
        self.groups = groups
        self.batch_j = batch_j
        self.sink = sink
        self.rows = 0
        self._buffer = array("d")
        self._left = CHUNK_ROWS

    def record(self, u: Upload, replied_s: float) -> None:
        """Append one upload whose life has ended; ``replied_s`` is NaN when no reply came."""
        self._buffer.extend(
            (
                u.number,
                u.device,
                u.group.index,
                u.utterance,
                u.codec,
                u.outcome,
                u.batch,
                u.spoken_s,
                u.ready_s,
                u.left_s,
                u.wake_s,
                u.access_s,
                u.sent_s,
                u.arrived_s,
                u.started_s,
                u.served_s,
                u.gap_s,
                u.active_s,
                u.wait_s,
                u.wire_bytes,
                u.encode_cpu_s,
                replied_s,
                u.payload_bytes,
                u.extra_wake_j,
                u.extra_tail_j,
            )
        )
        self.rows += 1
        self._left -= 1
        if not self._left:
            self.flush()

    def flush(self) -> None:
        """Hand the rows collected so far to the sink."""
        if not self._buffer:
            return
        raw = np.frombuffer(self._buffer, dtype=float).reshape(-1, len(RAW))
        columns = self._columns({name: raw[:, i] for i, name in enumerate(RAW)})
        self._buffer = array("d")
        self._left = CHUNK_ROWS
        self.sink(columns)

    def _columns(self, raw: dict[str, Floats]) -> Columns:
        group = raw["group"].astype(np.int16)
        codec, utterance = raw["codec"].astype(np.int16), raw["utterance"].astype(np.int32)
        columns: Columns = {
            "upload": raw["upload"].astype(np.int64),
            "device": raw["device"].astype(np.int32),
            "group": group,
            "utterance": utterance,
            "codec": codec,
            "outcome": raw["outcome"].astype(np.int8),
            "speech_end_s": raw["spoken_s"].copy(),
        }
        columns.update(_stages(raw))
        columns["latency_s"] = raw["replied_s"] - raw["spoken_s"]
        columns.update(self._energies(raw, group))
        columns["payload_bytes"] = raw["payload_bytes"].astype(np.int64)
        columns["wire_bytes"] = raw["wire_bytes"].copy()
        columns["batch"] = raw["batch"].astype(np.int16)
        columns["radio_gap_s"], columns["radio_active_s"] = raw["gap_s"].copy(), raw["active_s"].copy()
        return columns

    def _energies(self, raw: dict[str, Floats], group: npt.NDArray[np.int16]) -> Columns:
        """Joules by component; see docs/energy.md for the rule that makes them local and exact in sum."""
        energies = {f"{name}_j": np.zeros(len(group)) for name in COMPONENTS}
        for g in self.groups:
            mine = np.flatnonzero(group == g.index) if len(self.groups) > 1 else slice(None)
            used = g.energies(
                raw["encode_cpu_s"][mine],
                raw["gap_s"][mine],
                raw["active_s"][mine],
                raw["wire_bytes"][mine] * 8.0,
                raw["wait_s"][mine],
            )
            for name in COMPONENTS:
                energies[f"{name}_j"][mine] = used[name]
        energies["wake_j"] += raw["extra_wake_j"]
        energies["tail_j"] += raw["extra_tail_j"]
        energies["energy_j"] = sum(energies[f"{name}_j"] for name in COMPONENTS)  # type: ignore[assignment]
        service_s = raw["served_s"] - raw["started_s"]
        server = self.batch_j(raw["batch"], service_s) / np.maximum(raw["batch"], 1.0)
        energies["server_j"] = np.nan_to_num(server, nan=0.0)
        return dict(energies)


def _stages(raw: dict[str, Floats]) -> Columns:
    """Seconds spent in each stage; NaN from the stage that was not reached."""
    return {
        "encode_s": raw["ready_s"] - raw["spoken_s"],
        "hold_s": raw["left_s"] - raw["ready_s"],
        "wake_s": raw["wake_s"].copy(),
        "access_s": raw["access_s"].copy(),
        "transfer_s": raw["sent_s"] - raw["left_s"] - raw["wake_s"] - raw["access_s"],
        "backhaul_s": raw["arrived_s"] - raw["sent_s"],
        "queue_s": raw["started_s"] - raw["arrived_s"],
        "service_s": raw["served_s"] - raw["started_s"],
        "reply_s": raw["replied_s"] - raw["served_s"],
    }


def outcome_name(number: int) -> str:
    """The outcome's name in files."""
    return OUTCOMES[number]
