"""Trace files: Mahimahi packet-delivery traces and CSV files of time and rate.

Every kind of broken trace has its own message with the file and the line.
"""

from __future__ import annotations

import csv
import math
import os
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from channel.links.capacity import PeriodicCapacity
from channel.links.errors import TraceError

MAHIMAHI_PACKET_BITS = 1500 * 8  # one line of a Mahimahi trace lets one 1500-byte packet leave
TRACES_VARIABLE = "AMSER_TRACES"
_LARGEST_FILE_BYTES = 512 * 1024 * 1024
_TIME_COLUMNS = {"time_s": 1.0, "time_ms": 1e-3, "time_us": 1e-6}
_RATE_COLUMNS = {"rate_bps": 1.0, "rate_kbps": 1e3, "rate_mbps": 1e6, "rate_gbps": 1e9}


@dataclass(frozen=True)
class Trace:
    """A parsed trace: stretches of constant rate that repeat after ``period_s`` (see `PeriodicCapacity`)."""

    starts_s: tuple[float, ...]
    rates_bps: tuple[float, ...]
    period_s: float
    source: str

    @property
    def mean_rate_bps(self) -> float:
        """Mean over one period in bit/s."""
        ends = (*self.starts_s[1:], self.period_s)
        spans = zip(self.starts_s, ends, self.rates_bps, strict=True)
        return math.fsum(r * (e - s) for s, e, r in spans) / self.period_s

    def capacity(self, *, offset_s: float = 0.0, mean_rate_bps: float | None = None) -> PeriodicCapacity:
        """Return the trace as a capacity, begun at ``offset_s`` and scaled to ``mean_rate_bps`` if given."""
        rates: tuple[float, ...] = self.rates_bps
        if mean_rate_bps is not None:
            factor = mean_rate_bps / self.mean_rate_bps
            rates = tuple(r * factor for r in rates)
        return PeriodicCapacity(self.starts_s, rates, self.period_s, offset_s)


def find_trace(name: str, base_dir: Path | None = None) -> Path:
    """Return the file that a scenario calls ``name``.

    Looked for beside the scenario (``base_dir``), in the folder named by AMSER_TRACES, then among the
    library's own traces.  Raises `TraceError` that lists the places.
    """
    given = Path(name).expanduser()
    places: list[Path] = []
    if given.is_absolute():
        places.append(given)
    else:
        if base_dir is not None:
            places.append(base_dir / given)
        if os.environ.get(TRACES_VARIABLE):
            places.append(Path(os.environ[TRACES_VARIABLE]) / given)
        places.append(library_traces() / given)
    for place in places:
        if place.is_file():
            return place
    looked = ", ".join(str(p) for p in places)
    hint = "" if os.environ.get(TRACES_VARIABLE) else f"; the variable {TRACES_VARIABLE} is not set"
    raise TraceError(name, None, f"no such trace file (looked at {looked}{hint})")


def library_traces() -> Path:
    """Return the folder of the traces that ship with the scenario library."""
    import scenarios  # floor 1: data only

    return Path(scenarios.__path__[0]) / "library" / "traces"


def read_mahimahi(path: Path) -> Trace:
    """Read a Mahimahi trace.

    An opportunity at millisecond t is a rate of 1500 bytes per millisecond during (t-1, t], so the file
    ``1`` is a constant 12 Mbit/s; opportunities at 0 count in the first millisecond.  The last line is the
    period (Mahimahi repeats the file there).  Raises `TraceError`.
    """
    return _cached(_parse_mahimahi, path)


def read_csv(path: Path) -> Trace:
    """Read a CSV trace whose header names its units: ``time_s|time_ms|time_us`` and
    ``rate_bps|kbps|mbps|gbps``.

    Each rate holds until the next row; the last one holds as long as the one before it, then the trace
    repeats.  Times are taken relative to the first row.  Lines that start with ``#`` are comments.
    Raises `TraceError`.
    """
    return _cached(_parse_csv, path)


@lru_cache(maxsize=32)
def _parsed(parse: object, path: str, size: int, modified_ns: int) -> Trace:
    assert callable(parse)
    trace = parse(Path(path))
    assert isinstance(trace, Trace)
    return trace


def _cached(parse: object, path: Path) -> Trace:
    """Parse once per process and state of the file: a sweep builds the same cell many times."""
    try:
        state = path.stat()
    except OSError as error:
        raise TraceError(path, None, f"cannot be read ({error.strerror})") from error
    if state.st_size > _LARGEST_FILE_BYTES:
        raise TraceError(path, None, f"is larger than {_LARGEST_FILE_BYTES // 2**20} MiB; cut it into parts")
    return _parsed(parse, str(path), state.st_size, state.st_mtime_ns)


def _text(path: Path) -> str:
    try:
        return path.read_bytes().removeprefix(b"\xef\xbb\xbf").decode("ascii")  # spreadsheets put a mark before UTF-8
    except UnicodeDecodeError as error:
        raise TraceError(path, None, "is not a text file (a byte that is not ASCII); is it compressed?") from error
    except OSError as error:
        raise TraceError(path, None, f"cannot be read ({error.strerror})") from error


def _parse_mahimahi(path: Path) -> Trace:
    per_ms = _opportunities(path)
    last = max(per_ms)
    if last == 0:
        raise TraceError(path, None, "lasts 0 ms: the last line, which is the period, must be above 0")
    first = per_ms.pop(0, 0)
    if first:
        per_ms[1] = per_ms.get(1, 0) + first
    starts: list[float] = []
    rates: list[float] = []
    position = 0
    for ms, count in sorted(per_ms.items()):
        if ms - 1 > position:
            starts.append(position / 1000.0)
            rates.append(0.0)
        rate = count * MAHIMAHI_PACKET_BITS * 1000.0
        if not rates or rates[-1] != rate:
            starts.append((ms - 1) / 1000.0)
            rates.append(rate)
        position = ms
    return Trace(tuple(starts), tuple(rates), last / 1000.0, f"{path.name} (Mahimahi trace)")


def _opportunities(path: Path) -> dict[int, int]:
    """Packets in each millisecond of the file, every line checked."""
    per_ms: dict[int, int] = {}
    before = 0
    for number, line in enumerate(_text(path).splitlines(), start=1):
        word = line.strip()
        if not word:
            raise TraceError(path, number, "empty line; a Mahimahi trace has one integer on each line")
        if not word.isdigit():
            raise TraceError(path, number, _not_a_millisecond(word))
        ms = int(word)
        if ms < before:
            raise TraceError(path, number, f"{ms} comes after {before}; milliseconds must not decrease")
        if ms > 10**12:
            raise TraceError(path, number, f"{ms} ms is more than 30 years; are these milliseconds?")
        per_ms[ms] = per_ms.get(ms, 0) + 1
        before = ms
    if not per_ms:
        raise TraceError(path, None, "is empty; a trace needs at least one packet opportunity")
    return per_ms


def _not_a_millisecond(word: str) -> str:
    shown = word if len(word) <= 40 else word[:40] + "..."
    try:
        number = float(word)
    except ValueError:
        return f"'{shown}' is not an integer number of milliseconds"
    if number < 0:
        return f"{shown} is negative; milliseconds count from the start of the trace"
    return f"'{shown}' is not an integer; Mahimahi traces are in whole milliseconds"


def _parse_csv(path: Path) -> Trace:
    rows = [
        (number, row)
        for number, row in enumerate(csv.reader(_text(path).splitlines()), start=1)
        if row and not row[0].lstrip().startswith("#")
    ]
    if not rows:
        raise TraceError(path, None, "is empty; a CSV trace needs a header and at least two rows")
    time_at, time_unit, rate_at, rate_unit = _columns(path, *rows[0])
    times: list[float] = []
    rates: list[float] = []
    for number, row in rows[1:]:
        if len(row) <= max(time_at, rate_at):
            raise TraceError(path, number, f"has {len(row)} columns, the header has {len(rows[0][1])}")
        time = _number(path, number, row[time_at], "time") * time_unit
        rate = _number(path, number, row[rate_at], "rate") * rate_unit
        if rate < 0.0:
            raise TraceError(path, number, f"rate {row[rate_at].strip()} is negative")
        if times and time <= times[-1]:
            raise TraceError(path, number, f"time {row[time_at].strip()} does not come after the row before it")
        times.append(time)
        rates.append(rate)
    if len(times) < 2:
        raise TraceError(path, None, "needs at least two rows after the header (their distance gives the step)")
    if not any(rates):
        raise TraceError(path, None, "every rate is 0; nothing could ever be sent")
    starts = tuple(t - times[0] for t in times)
    period = starts[-1] + (starts[-1] - starts[-2])
    return Trace(starts, tuple(rates), period, f"{path.name} (CSV trace)")


def _columns(path: Path, number: int, header: list[str]) -> tuple[int, float, int, float]:
    names = [h.strip().lower() for h in header]
    found_time = [(i, _TIME_COLUMNS[n]) for i, n in enumerate(names) if n in _TIME_COLUMNS]
    found_rate = [(i, _RATE_COLUMNS[n]) for i, n in enumerate(names) if n in _RATE_COLUMNS]
    for what, found, accepted in (
        ("time", found_time, _TIME_COLUMNS),
        ("rate", found_rate, _RATE_COLUMNS),
    ):
        if len(found) != 1:
            problem = "no" if not found else "more than one"
            raise TraceError(
                path,
                number,
                f"{problem} {what} column in the header {header!r}; accepted: {', '.join(accepted)}",
            )
    return (*found_time[0], *found_rate[0])


def _number(path: Path, line: int, text: str, what: str) -> float:
    try:
        value = float(text)
    except ValueError:
        raise TraceError(path, line, f"{what} {text.strip()!r} is not a number") from None
    if not math.isfinite(value):
        raise TraceError(path, line, f"{what} {text.strip()!r} is not finite")
    return value
