"""Traffic with memory: conversations, closed loops and recorded times."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
from numpy.random import Generator

from devices.errors import DeviceError
from devices.traffic import Arrivals, Devices, Times, by_time
from scenarios.schema.traffic import ClosedLoopTrafficSpec, TalkSpurtTrafficSpec, TraceTrafficSpec
from scenarios.textfile import Row, TextFileError, cells, columns, number, read_table, whole


class TalkSpurtTraffic:
    """Speech, pause, speech, ..., and a rest after each conversation; all exponential, in steady state at 0.

    An utterance ends with each talk spurt.  A conversation has a geometric number of spurts, so what follows
    a spurt is a rest with probability 1 / spurts and a pause otherwise.
    """

    open_loop = True

    def __init__(self, spec: TalkSpurtTrafficSpec, devices: int, rng: Generator) -> None:
        self.speech_s, self.pause_s = spec.speech, spec.pause
        self.rest_s = spec.rest or 0.0
        self.rest_probability = 1.0 / spec.spurts if spec.spurts else 0.0
        shares = np.array(
            [self.speech_s, (1 - self.rest_probability) * self.pause_s, self.rest_probability * self.rest_s]
        )
        cycle_s = float(shares.sum())
        self.total_rate = devices / cycle_s
        # Steady state: each device is in a state with the share of time it spends there; what is left of an
        # exponential stay is exponential again.
        state = np.searchsorted(np.cumsum(shares / cycle_s), rng.random(devices), side="right")
        stay = np.array([self.speech_s, self.pause_s, self.rest_s])[np.minimum(state, 2)]
        self._next: Times = stay * rng.standard_exponential(devices)
        quiet = state > 0
        self._next[quiet] += self.speech_s * rng.standard_exponential(int(quiet.sum()))

    def arrivals(self, rng: Generator, t0: float, t1: float) -> Arrivals:
        """Sorted times in [t0, t1) and the device of each; chunks must be asked for in order."""
        times: list[Times] = []
        owners: list[Devices] = []
        speaking = np.flatnonzero(self._next < t1)
        while len(speaking):
            times.append(self._next[speaking])
            owners.append(speaking.astype(np.int32))
            self._next[speaking] += self._cycles(rng, len(speaking))
            speaking = speaking[self._next[speaking] < t1]
        if not times:
            return np.empty(0), np.empty(0, dtype=np.int32)
        return by_time(np.concatenate(times), np.concatenate(owners))

    def _cycles(self, rng: Generator, count: int) -> Times:
        """Times from the end of one spurt to the end of the next."""
        quiet = np.where(rng.random(count) < self.rest_probability, self.rest_s, self.pause_s)
        return quiet * rng.standard_exponential(count) + self.speech_s * rng.standard_exponential(count)


class ClosedLoopTraffic:
    """The next utterance ends a time to think after the reply to the last (or after its failure).

    The engine asks for ``first(rng)`` once and for ``think_time(rng)`` after each reply.
    """

    open_loop = False

    def __init__(self, spec: ClosedLoopTrafficSpec, devices: int, rng: Generator) -> None:
        self.devices = devices
        self.think_s = spec.think
        self.constant = spec.distribution == "constant"
        self.total_rate = devices / spec.think  # an upper bound: replies take time too

    def first(self, rng: Generator) -> Arrivals:
        """End of the first utterance of each device: thinking, seen at a random moment (steady state)."""
        draws = rng.random(self.devices) if self.constant else rng.standard_exponential(self.devices)
        return by_time(self.think_s * draws, np.arange(self.devices, dtype=np.int32))

    def think_time(self, rng: Generator) -> float:
        """One time to think, s."""
        return self.think_s if self.constant else self.think_s * float(rng.standard_exponential())

    def think_times(self, rng: Generator, count: int) -> Times:
        """Several times to think, s."""
        if self.constant:
            return np.full(count, self.think_s)
        return np.asarray(self.think_s * rng.standard_exponential(count))


class TraceTraffic:
    """Recorded times, once or again and again; without a device column each arrival picks one at random."""

    open_loop = True

    def __init__(self, spec: TraceTrafficSpec, devices: int, base_dir: Path | None = None) -> None:
        path = Path(spec.file) if base_dir is None else base_dir / spec.file
        self.devices = devices
        self.times_s, self.owners = read_trace(path)
        if self.owners is not None and int(self.owners.max()) >= devices:
            raise DeviceError(
                f"traffic trace {path}: names device {int(self.owners.max())}, counting from 0, "
                f"but the group has {devices}; raise `count`"
            )
        self.period_s = float(self.times_s[-1]) if spec.repeat else math.inf
        if self.period_s <= 0:
            raise DeviceError(
                f"traffic trace {path}: all times are 0, so it cannot repeat; leave `repeat` out"
            )
        self.total_rate = len(self.times_s) / max(float(self.times_s[-1]), 1e-9)

    def arrivals(self, rng: Generator, t0: float, t1: float) -> Arrivals:
        """Sorted times in [t0, t1) and the device of each."""
        if math.isinf(self.period_s):
            rounds = [0.0]
        else:
            first, last = int(t0 // self.period_s), int(t1 // self.period_s)
            # An arrival exactly at the end of the recording belongs to the round before.
            rounds = [n * self.period_s for n in range(max(0, first - 1), last + 1)]
        times, owners = [], []
        for offset in rounds:
            low, high = np.searchsorted(self.times_s + offset, [t0, t1], side="left")
            times.append(self.times_s[low:high] + offset)
            if self.owners is not None:
                owners.append(self.owners[low:high])
        joined = np.concatenate(times)
        if self.owners is None:
            return np.sort(joined), rng.integers(0, self.devices, len(joined), dtype=np.int32)
        return by_time(joined, np.concatenate(owners))


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
