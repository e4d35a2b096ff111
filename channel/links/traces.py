"""Trace files: Mahimahi packet-delivery traces and CSV files of time and rate.

Every kind of broken trace has its own message with the file and the line.
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from pathlib import Path
from typing import TypeVar

from channel.links.errors import TraceError
from channel.links.periodic import PeriodicCapacity
from scenarios.textfile import TextFileError, cells, number, read_lines, read_table, shown, whole

MAHIMAHI_PACKET_BITS = 1500 * 8  # one line of a Mahimahi trace lets one 1500-byte packet leave
TRACES_VARIABLE = "AMSER_TRACES"
HIGHEST_RATE_BPS = 1e15
LONGEST_S = 100 * 365.25 * 86400.0
T = TypeVar("T")
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

    def capacity(
        self, *, offset_s: float = 0.0, mean_rate_bps: float | None = None, most_bps: float = math.inf
    ) -> PeriodicCapacity:
        """Return the trace as a capacity, begun at ``offset_s``, scaled to ``mean_rate_bps`` if given, then cut at
        ``most_bps``.
        """
        rates: tuple[float, ...] = self.rates_bps
        if mean_rate_bps is not None:
            factor = mean_rate_bps / self.mean_rate_bps
            rates = tuple(r * factor for r in rates)
        if most_bps < math.inf:
            rates = tuple(min(r, most_bps) for r in rates)
        return PeriodicCapacity(self.starts_s, rates, self.period_s, offset_s)


MOST_TRACES = 10_000


def find_trace(name: str) -> Path:
    """Return the file that a scenario calls ``name``.

    One that lies beside the scenario has its whole path already; others are looked for in the folder named by
    AMSER_TRACES, then among the library's own traces.  Raises `TraceError` that lists the places.
    """
    return _place(name, Path.is_file, "trace file")


def find_traces(name: str, pattern: str) -> list[Path]:
    """Return the files of a folder, looked for as a trace is, whose names fit ``pattern``, in order of name.

    Hidden files are left out.  Raises `TraceError`.
    """
    folder = _place(name, Path.is_dir, "folder of traces")
    found = sorted(p for p in folder.glob(pattern) if p.is_file() and not p.name.startswith("."))
    if not found:
        raise TraceError(folder, None, f"holds no file {pattern}; say with `files` what its traces are called")
    if len(found) > MOST_TRACES:
        raise TraceError(folder, None, f"holds {len(found):,} files {pattern}, more than {MOST_TRACES:,}")
    return found


def _place(name: str, there: Callable[[Path], bool], what: str) -> Path:
    given = Path(name).expanduser()
    places: list[Path] = []
    if given.is_absolute():
        places.append(given)
    else:
        if os.environ.get(TRACES_VARIABLE):
            places.append(Path(os.environ[TRACES_VARIABLE]) / given)
        places.append(library_traces() / given)
    for place in places:
        if there(place):
            return place
    looked = ", ".join(str(p) for p in places)
    hint = "" if os.environ.get(TRACES_VARIABLE) else f"; the variable {TRACES_VARIABLE} is not set"
    raise TraceError(name, None, f"no such {what} beside the scenario (looked at {looked} too{hint})")


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
    ``rate_bps|kbps|mbps|gbps``; other columns are left alone.

    Each rate holds until the next row; the last one holds as long as the one before it, then the trace
    repeats.  Times are taken relative to the first row.  Lines that start with ``#`` are comments.
    Raises `TraceError`.
    """
    return _cached(_parse_csv, path)


@lru_cache(maxsize=1024)
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
    return _parsed(parse, str(path), state.st_size, state.st_mtime_ns)


def _told(read: Callable[[], T]) -> T:
    try:
        return read()
    except TextFileError as error:
        raise TraceError(error.path, error.line, error.reason) from error


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
    for at, line in enumerate(_told(lambda: read_lines(path)), start=1):
        word = line.strip()
        if not word:
            raise TraceError(path, at, "empty line; a Mahimahi trace has one integer on each line")
        try:
            ms = whole(word)
        except ValueError:
            raise TraceError(path, at, _not_a_millisecond(word)) from None
        if ms < 0:
            raise TraceError(path, at, f"{ms} is negative; milliseconds count from the start of the trace")
        if ms < before:
            raise TraceError(path, at, f"{ms} comes after {before}; milliseconds must not decrease")
        if ms > 10**12:
            raise TraceError(path, at, f"{ms} ms is more than 30 years; are these milliseconds?")
        per_ms[ms] = per_ms.get(ms, 0) + 1
        before = ms
    if not per_ms:
        raise TraceError(path, None, "is empty; a trace needs at least one packet opportunity")
    return per_ms


def _not_a_millisecond(word: str) -> str:
    try:
        number(word)
    except ValueError:
        return f"{shown(word)} is not an integer number of milliseconds"
    return f"{shown(word)} is not an integer; Mahimahi traces are in whole milliseconds"


def _parse_csv(path: Path) -> Trace:
    table = _told(lambda: read_table(path))
    if not table:
        raise TraceError(path, None, "is empty; a CSV trace needs a header and at least two rows")
    header, *rows = table
    time_at, time_unit, rate_at, rate_unit = _columns(path, header.line, header.cells)
    times: list[float] = []
    rates: list[float] = []
    for line, (time_text, rate_text) in _told(lambda: list(cells(path, rows, [time_at, rate_at]))):
        time = _number(path, line, time_text, "time") * time_unit
        rate = _number(path, line, rate_text, "rate") * rate_unit
        if not 0.0 <= rate <= HIGHEST_RATE_BPS:
            what = "is negative" if rate < 0.0 else f"is above {HIGHEST_RATE_BPS:g} bit/s"
            raise TraceError(path, line, f"rate {rate_text} {what}")
        if times and time <= times[-1]:
            raise TraceError(path, line, f"time {time_text} does not come after the row before it")
        times.append(time)
        rates.append(rate)
    if len(times) < 2:
        raise TraceError(path, None, "needs at least two rows after the header (their distance gives the step)")
    if not any(rates):
        raise TraceError(path, None, "every rate is 0; nothing could ever be sent")
    if times[-1] - times[0] > LONGEST_S:
        raise TraceError(path, None, f"lasts longer than {LONGEST_S:g} s; are these seconds?")
    starts = tuple(t - times[0] for t in times)
    if any(later <= earlier for earlier, later in pairwise(starts)):
        raise TraceError(path, None, "has steps too short for the size of its times; count them from the first row")
    period = starts[-1] + (starts[-1] - starts[-2])
    return Trace(starts, tuple(rates), period, f"{path.name} (CSV trace{_provenance(path)})")


def _provenance(path: Path) -> str:
    """What the first lines of an imported trace say of it."""
    said = []
    for line in _told(lambda: read_lines(path))[:8]:
        key, _, value = line.removeprefix("#").strip().partition(": ")
        if line.startswith("#") and key in ("source", "licence", "interval"):
            said.append(f"; {key}: {value.strip()}")
    return "".join(said)


def _columns(path: Path, number: int, header: list[str]) -> tuple[int, float, int, float]:
    names = [h.lower() for h in header]
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
        return number(text)
    except ValueError as error:
        raise TraceError(path, line, f"{what} {error}") from None
