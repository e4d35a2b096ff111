"""Recordings of others as traces of our own: Mahimahi, tables of time and throughput, lists of runs.

What a recording does not say, whoever imports it has to: the interval of its values where it has no times, the unit
where no name tells it, where it comes from and under which licence.  All that goes into a trace's first lines.
"""

from __future__ import annotations

import hashlib
import math
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import accumulate, pairwise
from pathlib import Path
from statistics import median

from channel.links.errors import TraceError
from channel.links.traces import HIGHEST_RATE_BPS, read_mahimahi
from scenarios.textfile import TextFileError, number, read_lines, read_table, shown, whole

UNITS = {"bit/s": 1.0, "kbit/s": 1e3, "Mbit/s": 1e6, "Gbit/s": 1e9, "kB/s": 8e3, "MB/s": 8e6}
MOST_BACK = 0.02  # share of the times of a recording that may go back
BIN_S = 0.1  # of packet traces, unless another is asked for
_TIMES = ("time_s", "time_ms", "time_us", "time", "timestamp", "t", "seconds", "elapsed", "elapsed_s", "sec")
_RATES = ("ul_bitrate", "upload", "uplink", "ul_", "throughput", "rate", "bandwidth", "tput")  # uplinks first
_UNIT_NAMES = (
    (r"gbps|gbit", "Gbit/s"), (r"mbps|mbit", "Mbit/s"), (r"kbps|kbit", "kbit/s"), (r"(^|[^a-z])bps|bit/s", "bit/s"),
)  # fmt: skip
_CLOCKS = ("%Y.%m.%d_%H.%M.%S", "%Y-%m-%d %H:%M:%S.%f", "%Y-%m-%d %H:%M:%S", "%Y-%m-%dT%H:%M:%S.%f", "%H:%M:%S")


@dataclass(frozen=True)
class Recording:
    """One run of a recording: ``rates_bps[i]`` holds from ``times_s[i]`` to the next."""

    name: str
    times_s: tuple[float, ...]
    rates_bps: tuple[float, ...]
    interval: str
    """Where the times come from, in words."""


def recordings(
    path: Path, *, interval_s: float | None = None, unit: str | None = None, skip_s: float = 0.0
) -> list[Recording]:
    """Read the runs of a file, without their first ``skip_s`` seconds (the ramp of a TCP test).

    Raises `TraceError` with the remedy for what is unreadable or not said.
    """
    try:
        lines = read_lines(path)
        written = [line for line in lines if line.strip() and not line.startswith("#")]
        if not written:
            raise TraceError(path, None, "is empty")
        if all(_is_whole(line) for line in written[:20]):
            found = [_packets(path, BIN_S if interval_s is None else interval_s)]
        elif re.match(r"\s*run\b", written[0], re.IGNORECASE) or _is_number(written[0].split(",")[0]):
            found = list(_runs(path, lines, interval_s, unit))
        else:
            found = [_table(path, interval_s, unit)]
    except TextFileError as error:
        raise TraceError(error.path, error.line, error.reason) from error
    kept = [short for run in found if (short := _without_start(run, skip_s)) is not None]
    if not kept:
        raise TraceError(path, None, f"has no run of two values and a rate above 0 after its first {skip_s:g} s")
    return kept


def write_trace(run: Recording, path: Path, origin: Path, source: str, licence: str) -> None:
    """Write a trace for ``capacity: {kind: csv}``; an existing file is never overwritten (`TraceError`)."""
    digest = hashlib.sha256(origin.read_bytes()).hexdigest()[:16]
    head = {"source": source, "licence": licence, "interval": run.interval}
    head["imported from"] = f"{origin.name}, sha256 {digest}"
    text = [f"# {key}: {' '.join(value.split())}" for key, value in head.items()]
    rows = (f"{t:.6f},{r:.1f}" for t, r in zip(run.times_s, run.rates_bps, strict=True))
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write("\n".join([*text, "time_s,rate_bps", *rows, ""]))
    except FileExistsError:
        raise TraceError(path, None, "is there already; name another folder") from None


def _is_whole(text: str) -> bool:
    return _reads(whole, text)


def _is_number(text: str) -> bool:
    return _reads(number, text)


def _reads(read: Callable[[str], object], text: str) -> bool:
    try:
        read(text)
    except ValueError:
        return False
    return True


def _without_start(run: Recording, skip_s: float) -> Recording | None:
    first = next((i for i, t in enumerate(run.times_s) if t - run.times_s[0] >= skip_s), len(run.times_s))
    times, rates = run.times_s[first:], run.rates_bps[first:]
    if len(times) < 2 or not any(rates):
        return None
    skipped = f"; the first {skip_s:g} s left out" if skip_s else ""
    return Recording(run.name, tuple(t - times[0] for t in times), rates, run.interval + skipped)


def _packets(path: Path, bin_s: float) -> Recording:
    """A packet trace in bins, whose bits stay the same."""
    trace = read_mahimahi(path)
    capacity = trace.capacity()
    count = max(2, round(trace.period_s / bin_s))
    edges = [trace.period_s * i / count for i in range(count + 1)]
    bits = [capacity.cumulative(t) for t in edges[:-1]] + [trace.mean_rate_bps * trace.period_s]
    rates = tuple((b - a) / (trace.period_s / count) for a, b in pairwise(bits))
    return Recording(path.stem, tuple(edges[:-1]), rates, f"packets of a Mahimahi trace in bins of {bin_s:g} s")


# ---------------------------------------------------------------- lists of runs


def _runs(path: Path, lines: Sequence[str], interval_s: float | None, unit: str | None) -> Iterator[Recording]:
    """Rows of values under ``Run N``; of two alike in length the first has the times, if it rises."""
    factor = _unit(path, 1, "", unit)
    rows: list[tuple[str, int, list[float]]] = []
    run = 1
    for at, line in enumerate(lines, start=1):
        titled = re.match(r"\s*run\s*(\d+)", line, re.IGNORECASE)
        if titled:
            run = int(titled[1])
        elif line.strip() and not line.startswith("#"):
            rows.append((str(run), at, [_number(path, at, cell) for cell in line.split(",") if cell.strip()]))
    used: dict[str, int] = {}
    while rows:
        name, at, values = rows.pop(0)
        times: list[float] = []
        if rows and rows[0][0] == name and len(rows[0][2]) == len(values) and _rises(values):
            times, (_, at, values) = values, rows.pop(0)
        used[name] = part = used.get(name, 0) + 1
        label = f"{path.stem}-run{name}" + (f"-{part}" if part > 1 else "")
        yield _recording(path, at, label, times, [v * factor for v in values], interval_s)


def _rises(values: Sequence[float]) -> bool:
    """Whether these are times: of a throughput's steps some two fifths fall, of a clock's that is put right a few."""
    falls = sum(b < a for a, b in pairwise(values))
    return len(values) > 1 and values[0] < values[-1] and falls <= MOST_BACK * len(values)


# ---------------------------------------------------------------- tables


def _table(path: Path, interval_s: float | None, unit: str | None) -> Recording:
    header, *rows = read_table(path, delimiter=_delimiter(path))
    names = [cell.strip().lower() for cell in header.cells]
    rate_at = _find(names, _RATES)
    if rate_at is None:
        raise TraceError(path, header.line, f"no column of throughput in {header.cells!r}; known names hold {_RATES}")
    time_at = _find(names, _TIMES, whole_name=True)
    factor = _unit(path, header.line, names[rate_at], unit)
    times: list[float] = []
    rates: list[float] = []
    line = header.line
    for row in rows:
        line = row.line
        if len(row.cells) <= max(rate_at, time_at or 0):
            raise TraceError(path, line, f"has {len(row.cells)} columns, fewer than the header")
        if row.cells[rate_at].strip() in ("", "-", "nan", "NaN"):
            continue
        rate = _number(path, line, row.cells[rate_at]) * factor
        if time_at is not None:
            at = _clock(path, line, row.cells[time_at], names[time_at])
            times.append(at)
        rates.append(rate)
    return _recording(path, line, path.stem, times, rates, interval_s)


def _delimiter(path: Path) -> str:
    first = next(line for line in read_lines(path) if line.strip() and not line.startswith("#"))
    return max(",;\t", key=first.count)


def _find(names: Sequence[str], known: Sequence[str], whole_name: bool = False) -> int | None:
    for word in known:
        for i, name in enumerate(names):
            if name == word or (not whole_name and word in name):
                return i
    return None


def _clock(path: Path, line: int, text: str, name: str) -> float:
    """Seconds of a time that is a number or is written as on a clock."""
    if _is_number(text):
        return number(text) * {"time_ms": 1e-3, "time_us": 1e-6}.get(name, 1.0)
    for form in _CLOCKS:
        try:
            return datetime.strptime(text.strip(), form).timestamp()
        except ValueError:
            continue
    raise TraceError(path, line, f"time {shown(text)} is neither a number of seconds nor a date that is known")


def _unit(path: Path, line: int, name: str, given: str | None) -> float:
    if given is not None:
        return UNITS[given]
    if name == "ul_bitrate":  # the 4G and 5G production data sets of UCC
        return 1e3
    for pattern, unit in _UNIT_NAMES:
        if re.search(pattern, name):
            return UNITS[unit]
    where = f"column '{name}'" if name else "the list"
    raise TraceError(path, line, f"{where} does not tell its unit; give --unit ({', '.join(UNITS)})")


def _number(path: Path, line: int, text: str) -> float:
    try:
        return number(text)
    except ValueError as error:
        raise TraceError(path, line, str(error)) from None


def _recording(
    path: Path, line: int, name: str, times: list[float], rates: list[float], interval_s: float | None
) -> Recording:
    if times:
        latest = [-math.inf, *accumulate(times, max)]
        kept = [i for i, t in enumerate(times) if t > latest[i]]
        back = sum(t < before for t, before in zip(times, latest, strict=False))
        if sum(b < a for a, b in pairwise(times)) > MOST_BACK * len(times):
            raise TraceError(path, line, "has times that go back")
        times, rates = [times[i] for i in kept], [rates[i] for i in kept]
        interval = f"times in the file, {median(b - a for a, b in pairwise(times)):.6g} s apart" if kept[1:] else "none"
        if back:
            interval += f"; {back} values at times before those of others left out"
    elif interval_s is not None:
        times = [i * interval_s for i in range(len(rates))]
        interval = f"{interval_s:g} s, given by whoever imported it; the file does not state it"
    else:
        raise TraceError(path, line, "has values without times, and states no interval; give --interval")
    for rate in rates:
        if not 0.0 <= rate <= HIGHEST_RATE_BPS:
            raise TraceError(path, line, f"a rate of {rate:g} bit/s; is the unit right?")
    return Recording(name, tuple(times), tuple(rates), interval)
