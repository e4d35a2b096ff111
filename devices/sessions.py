"""Traffic that waits for replies, and recorded traffic."""

from __future__ import annotations

import math
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from devices.errors import DeviceError
from devices.traffic import exponential
from scenarios.schema.traffic import ClosedLoopTrafficSpec, TraceTrafficSpec
from scenarios.textfile import Row, TextFileError, cells, columns, number, read_table, whole

Times = NDArray[np.float64]
Devices = NDArray[np.int32]


class ClosedLoopTraffic:
    """The next utterance ends a time to think after the reply to the last (or after its failure)."""

    open_loop = False

    def __init__(self, spec: ClosedLoopTrafficSpec, devices: int) -> None:
        self.think_s = spec.think
        self.constant = spec.distribution == "constant"
        self.total_rate = devices / spec.think  # an upper bound: replies take time too

    def first_s(self, uniform: float) -> float:
        """End of a device's first utterance: thinking, seen at a random moment (steady state), s."""
        return self.think_s * (uniform if self.constant else exponential(uniform))

    def next_s(self, uniform: float) -> float:
        """A time to think, s."""
        return self.think_s * (1.0 if self.constant else exponential(uniform))


class Rows(NamedTuple):
    """Rows of a recording that is played: times (s), devices (-1: any), and their numbers, counted through repeats."""

    times_s: Times
    devices: Devices
    numbers: NDArray[np.int64]


class TraceTraffic:
    """Recorded times, once or again and again; without a device column each arrival picks one at random."""

    open_loop = True

    def __init__(self, spec: TraceTrafficSpec, devices: int) -> None:
        path = Path(spec.file)
        self.times_s, owners = read_trace(path)
        if owners is not None and int(owners.max()) >= devices:
            raise DeviceError(
                f"traffic trace {path}: names device {int(owners.max())}, counting from 0, "
                f"but the group has {devices}; raise `count`"
            )
        self.owners = np.full(len(self.times_s), -1, dtype=np.int32) if owners is None else owners
        self.period_s = float(self.times_s[-1]) if spec.repeat else math.inf
        if self.period_s <= 0:
            raise DeviceError(f"traffic trace {path}: all times are 0, so it cannot repeat; leave `repeat` out")
        self.total_rate = len(self.times_s) / max(float(self.times_s[-1]), 1e-9)

    def rows(self, t0: float, t1: float) -> Rows:
        """The rows in [t0, t1), in order of time; rounds that overlap in an instant, in order of rounds."""
        rounds = range(1)
        if not math.isinf(self.period_s):
            # An arrival exactly at the end of the recording belongs to the round before.
            rounds = range(max(0, int(t0 // self.period_s) - 1), int(t1 // self.period_s) + 1)
        parts = [Rows(np.empty(0), np.empty(0, np.int32), np.empty(0, np.int64))]
        for n in rounds:
            times = self.times_s + (n * self.period_s if n else 0.0)
            low, high = np.searchsorted(times, [t0, t1], side="left")
            numbers = np.arange(low, high) + n * len(times)
            parts.append(Rows(times[low:high], self.owners[low:high], numbers))
        joined = [np.concatenate(column) for column in zip(*parts, strict=True)]
        order = np.argsort(joined[0], kind="stable")
        return Rows(*(column[order] for column in joined))


def read_trace(path: Path) -> tuple[Times, Devices | None]:
    """Times (s) and, where the file has them, devices of a CSV trace with the columns ``time_s`` and ``device``.

    Other columns, blank lines and lines that start with ``#`` are left alone.  Raises ``DeviceError`` that names the
    file and line for: a missing file, a wrong header, no rows, a row that is not numbers, times that are negative or
    decrease, and devices below 0.
    """
    try:
        header, *rows = read_table(path) or [Row(1, [])]
        places = columns(header.cells)
        if "time_s" not in places:
            raise TextFileError(path, header.line, "the header must have a column `time_s`, and may have `device`")
        wanted = [places[name] for name in ("time_s", "device") if name in places]
        return _parsed(path, list(cells(path, rows, wanted)), len(wanted) == 2)
    except TextFileError as error:
        where = f", line {error.line}" if error.line else ""
        raise DeviceError(f"traffic trace {path}{where}: {error.reason}") from error


LONGEST_S = 100 * 365.25 * 86400.0


def _parsed(path: Path, rows: list[tuple[int, list[str]]], named: bool) -> tuple[Times, Devices | None]:
    times = np.empty(len(rows))
    owners = np.empty(len(rows), dtype=np.int32)
    before = 0.0
    for place, (line, row) in enumerate(rows):
        try:
            time, device = number(row[0]), whole(row[1]) if named else 0
        except ValueError as error:
            raise TextFileError(path, line, str(error)) from None
        if not 0.0 <= time <= LONGEST_S:
            raise TextFileError(path, line, f"a time must be at least 0 s and at most {LONGEST_S:g} s, found {row[0]}")
        if not 0 <= device < 2**31:
            raise TextFileError(path, line, f"devices count from 0, found {device}")
        if time < before:
            raise TextFileError(path, line, f"time {row[0]} is before the line above")
        times[place], owners[place], before = time, device, time
    if not rows:
        raise TextFileError(path, None, "has no rows after its header")
    return times, owners if named else None
