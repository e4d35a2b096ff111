"""Where phones are, from a file: a table of device, time, x and y."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Sequence
from pathlib import Path

from channel.links.errors import TraceError
from channel.links.terrain import Place
from scenarios.textfile import Row, TextFileError, cells, number, read_table, shown

FARTHEST_M = 5000.0
"""From a base station, TR 38.901, table 7.4.1-1."""
FASTEST_MPS = 1000.0
_TIMES = {"time_s": 1.0, "time_ms": 1e-3, "time_min": 60.0}
_LENGTHS = {"_m": 1.0, "_km": 1e3}


class Track:
    """The way of one phone: straight from row to row, at rest before the first and after the last."""

    __slots__ = ("_places", "_times_s", "line")

    def __init__(self) -> None:
        self._times_s: list[float] = []
        self._places: list[Place] = []
        self.line = 0

    def add(self, time_s: float, place: Place, line: int) -> None:
        """One more row of a file.  Raises ``ValueError`` for one that cannot follow."""
        if self._times_s:
            lasts_s, length_m = time_s - self._times_s[-1], math.dist(place, self._places[-1])
            if lasts_s <= 0.0:
                raise ValueError(
                    f"time {time_s:g} s does not come after that of the device's row before, line {self.line}"
                )
            if length_m > FASTEST_MPS * lasts_s:
                raise ValueError(
                    f"moves {length_m:g} m in {lasts_s:g} s since line {self.line}; are the units those of the header?"
                )
        self._times_s.append(time_s)
        self._places.append(place)
        self.line = line

    def at(self, now: float) -> Place:
        """Where the phone is."""
        i = bisect_right(self._times_s, now)
        if i in (0, len(self._times_s)):
            return self._places[min(i, len(self._times_s) - 1)]
        (t0, t1), ((x0, y0), (x1, y1)) = self._times_s[i - 1 : i + 1], self._places[i - 1 : i + 1]
        share = (now - t0) / (t1 - t0)
        return x0 + (x1 - x0) * share, y0 + (y1 - y0) * share


class Tracks:
    """Phones on the ways of a file: the first phone on that of the device which stands first in it, and so on."""

    def __init__(self, tracks: Sequence[Track]) -> None:
        self._tracks = tracks

    def place(self, device: int, now: float) -> Place:
        """Where a phone is."""
        return self._tracks[device].at(now)


def read_positions(path: Path, phones: int, stations: Sequence[Place]) -> Tracks:
    """Read the ways of ``phones`` phones, none farther from the nearest of ``stations`` than the path loss holds.

    The header names the units: ``device``, ``time_s`` (or ms, min), ``x_m`` and ``y_m`` (or km), east and north on the
    site's map; other columns are left alone.  Rows of one device rise in time, those of several may mix.  Raises
    `TraceError`.
    """
    try:
        table = read_table(path)
        if len(table) < 2:
            raise TraceError(path, None, "is empty; positions need a header and a row for each device")
        tracks = _tracks(path, table, stations)
    except TextFileError as error:
        raise TraceError(error.path, error.line, error.reason) from error
    if len(tracks) < phones:
        raise TraceError(path, None, f"has the ways of {len(tracks)} devices, and the group has {phones} phones")
    return Tracks(list(tracks.values())[:phones])


def _tracks(path: Path, table: Sequence[Row], stations: Sequence[Place]) -> dict[str, Track]:
    header, *rows = table
    (device_at, _), (time_at, time_unit), (x_at, x_unit), (y_at, y_unit) = (
        _column(path, header, *wanted)
        for wanted in (
            ("device", {"device": 1.0}),
            ("time", _TIMES),
            ("x", {f"x{end}": unit for end, unit in _LENGTHS.items()}),
            ("y", {f"y{end}": unit for end, unit in _LENGTHS.items()}),
        )
    )
    tracks: dict[str, Track] = {}
    for line, (device, time, x, y) in cells(path, rows, [device_at, time_at, x_at, y_at]):
        try:
            if not device:
                raise ValueError("names no device")
            time_s, place = number(time) * time_unit, (number(x) * x_unit, number(y) * y_unit)
            if time_s < 0.0:
                raise ValueError(f"time {time} is before the start of the simulation")
            far_m = min(math.dist(place, station) for station in stations)
            if far_m > FARTHEST_M:
                where = f"({shown(x)}, {shown(y)}) is {far_m / 1e3:,.1f} km from the nearest base station"
                raise ValueError(f"{where}; TR 38.901 holds to 5 km")
            tracks.setdefault(device, Track()).add(time_s, place, line)
        except ValueError as error:
            raise TraceError(path, line, str(error)) from None
    return tracks


def _column(path: Path, header: Row, what: str, accepted: dict[str, float]) -> tuple[int, float]:
    """Where a column stands, and its unit."""
    found = [(i, accepted[name]) for i, name in enumerate(map(str.lower, header.cells)) if name in accepted]
    if len(found) != 1:
        problem = "no" if not found else "more than one"
        raise TraceError(
            path,
            header.line,
            f"{problem} column of {what} in the header {header.cells!r}; accepted: {', '.join(accepted)}",
        )
    return found[0]
