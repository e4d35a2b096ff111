"""The upload log: rows of numbers while the run goes, columns with stages and joules when they are flushed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from struct import Struct
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
    "upload", "device", "utterance", "codec", "outcome", "batch", "spoken_s", "ready_s", "left_s", "wake_s", "access_s",
    "sent_s", "arrived_s", "started_s", "served_s", "gap_s", "active_s", "wait_s", "wire_bytes", "encode_cpu_s",
    "payload_bytes", "replied_s",
)  # fmt: skip
STAGES = ("encode", "hold", "wake", "access", "transfer", "backhaul", "queue", "service", "reply")
COMPONENTS = ("encode", "wake", "transmit", "tail")
CHUNK_ROWS = 65_536
FIRST_ROWS = 4_096  # CHUNK_ROWS over a power of 4
_ROW = Struct(f"={len(RAW)}d")
_write, _STRIDE, _FULL = _ROW.pack_into, _ROW.size, _ROW.size * CHUNK_ROWS


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
        self._buffer = bytearray(_STRIDE * FIRST_ROWS)  # grows: many sites are small
        self._end = 0  # bytes written
        self._extra: list[tuple[int, float, float]] = []
        """Rows with waking and tails of earlier blocks or attempts: row, joules of both."""
        self._firsts = np.array([g.first for g in groups])

    def record(self, u: Upload, replied_s: float) -> None:
        """Append one upload whose life has ended; ``replied_s`` is NaN when no reply came."""
        end = self._end
        if u.extra_tail_j or u.extra_wake_j:
            self._extra.append((end // _STRIDE, u.extra_wake_j, u.extra_tail_j))
        _write(
            self._buffer, end, u.number, u.device, u.utterance, u.codec, u.outcome, u.batch, u.spoken_s, u.ready_s,
            u.left_s, u.wake_s, u.access_s, u.sent_s, u.arrived_s, u.started_s, u.served_s, u.gap_s, u.active_s,
            u.wait_s, u.wire_bytes, u.encode_cpu_s, u.payload_bytes, replied_s,
        )  # fmt: skip
        self._end = end = end + _STRIDE
        if end == len(self._buffer):
            if end == _FULL:
                self.flush()
            else:
                self._buffer.extend(bytes(3 * end))

    def flush(self) -> None:
        """Hand the rows collected so far to the sink."""
        if not self._end:
            return
        rows = np.frombuffer(self._buffer, dtype=float, count=self._end // 8).reshape(-1, len(RAW))
        raw = np.ascontiguousarray(rows.T)
        self._end = 0
        self.sink(self._columns(dict(zip(RAW, raw, strict=True))))
        self._extra.clear()

    def _columns(self, raw: dict[str, Floats]) -> Columns:
        group = (np.searchsorted(self._firsts, raw["device"], side="right") - 1).astype(np.int16)
        codec, utterance = raw["codec"].astype(np.int16), raw["utterance"].astype(np.int32)
        columns: Columns = {
            "upload": raw["upload"].astype(np.int64),
            "device": raw["device"].astype(np.int32),
            "group": group,
            "utterance": utterance,
            "codec": codec,
            "outcome": raw["outcome"].astype(np.int8),
            "speech_end_s": raw["spoken_s"],
        }
        columns.update(_stages(raw))
        columns["latency_s"] = raw["replied_s"] - raw["spoken_s"]
        columns.update(self._energies(raw, group))
        columns["payload_bytes"] = raw["payload_bytes"].astype(np.int64)
        columns["wire_bytes"] = raw["wire_bytes"]
        columns["batch"] = raw["batch"].astype(np.int16)
        columns["radio_gap_s"], columns["radio_active_s"] = raw["gap_s"], raw["active_s"]
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
        for row, wake_j, tail_j in self._extra:
            energies["wake_j"][row] += wake_j
            energies["tail_j"][row] += tail_j
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
        "wake_s": raw["wake_s"],
        "access_s": raw["access_s"],
        "transfer_s": raw["sent_s"] - raw["left_s"] - raw["wake_s"] - raw["access_s"],
        "backhaul_s": raw["arrived_s"] - raw["sent_s"],
        "queue_s": raw["started_s"] - raw["arrived_s"],
        "service_s": raw["served_s"] - raw["started_s"],
        "reply_s": raw["replied_s"] - raw["served_s"],
    }


def outcome_name(number: int) -> str:
    """The outcome's name in files."""
    return OUTCOMES[number]
