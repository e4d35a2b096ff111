"""Where phones are: random waypoints.

Random waypoints (Johnson and Maltz, 1996) in a disc: a phone walks straight to a uniform point at a uniform speed, then
to the next.  It starts in the steady state (Le Boudec and Vojnovic, INFOCOM 2005): its first leg is drawn in proportion
to how long it lasts, and it is somewhere on it.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from channel.links.errors import LinkError
from channel.links.terrain import Place

Pairs = Callable[[int, int, int], tuple[float, float]]
"""Function of (device, leg, i): two independent numbers, uniform in [0, 1)."""


class Motion(Protocol):
    """The ways of a group's phones: known at any time, whoever asks when."""

    def place(self, device: int, now: float) -> Place:
        """Where a phone is."""


@dataclass(frozen=True)
class Walk:
    """A speed drawn for each leg, uniform between two bounds above 0 m/s, in a disc."""

    slowest_mps: float
    fastest_mps: float
    radius_m: float
    centre: Place = (0.0, 0.0)

    def __post_init__(self) -> None:
        if not 0.0 < self.slowest_mps <= self.fastest_mps:
            raise LinkError(
                f"speeds need 0 m/s < slowest <= fastest, found {self.slowest_mps:g} and {self.fastest_mps:g} m/s"
            )


@dataclass(slots=True)
class _Leg:
    """From one place to another, between two instants."""

    begin_s: float
    end_s: float
    begin: Place
    end: Place

    def at(self, now: float) -> Place:
        """Where the phone is."""
        share = (now - self.begin_s) / (self.end_s - self.begin_s)
        (x0, y0), (x1, y1) = self.begin, self.end
        return x0 + (x1 - x0) * share, y0 + (y1 - y0) * share


MOST_LEGS = 4096
"""Of a phone that are kept; whoever asks for earlier ones has it walk anew."""


class _Way:
    """The last legs of a phone, and the number of the next one."""

    __slots__ = ("ends_s", "legs", "next")

    def __init__(self, first: _Leg) -> None:
        self.legs, self.ends_s, self.next = [first], [first.end_s], 1

    def add(self, leg: _Leg) -> None:
        """Walk on."""
        if len(self.legs) == MOST_LEGS:
            del self.legs[: MOST_LEGS // 2], self.ends_s[: MOST_LEGS // 2]
        self.legs.append(leg)
        self.ends_s.append(leg.end_s)
        self.next += 1


class Waypoints:
    """Phones that walk from one random place to the next."""

    def __init__(self, walk: Walk, pairs: Pairs) -> None:
        self.walk, self._pairs = walk, pairs
        self._ways: dict[int, _Way] = {}

    def place(self, device: int, now: float) -> Place:
        """Where a phone is."""
        way = self._ways.get(device)
        if way is None or now < way.legs[0].begin_s:
            way = self._ways[device] = _Way(self._first(device))
        while way.ends_s[-1] <= now:
            way.add(self._next(device, way.next, way.legs[-1]))
        return way.legs[bisect_right(way.ends_s, now)].at(now)

    def _waypoint(self, device: int, leg: int, i: int) -> Place:
        area, turn = self._pairs(device, leg, i)
        r, angle = self.walk.radius_m * math.sqrt(area), 2.0 * math.pi * turn
        return self.walk.centre[0] + r * math.cos(angle), self.walk.centre[1] + r * math.sin(angle)

    def _first(self, device: int) -> _Leg:
        """The leg under way at 0 s: as likely as it is long, at a speed as likely as it is slow."""
        attempt = 0
        while True:
            begin, end = (self._waypoint(device, 0, 3 * attempt + i) for i in (1, 2))
            keep, share = self._pairs(device, 0, 3 * attempt + 3)
            length_m = math.dist(begin, end)
            if keep * 2.0 * self.walk.radius_m < length_m:
                break
            attempt += 1
        turn, _ = self._pairs(device, 0, 0)
        speed_mps = self.walk.slowest_mps * (self.walk.fastest_mps / self.walk.slowest_mps) ** turn
        lasts_s = length_m / speed_mps
        return _Leg(-share * lasts_s, (1.0 - share) * lasts_s, begin, end)

    def _next(self, device: int, number: int, before: _Leg) -> _Leg:
        turn, _ = self._pairs(device, number, 0)
        speed_mps = self.walk.slowest_mps + (self.walk.fastest_mps - self.walk.slowest_mps) * turn
        end = self._waypoint(device, number, 1)
        return _Leg(before.end_s, before.end_s + max(math.dist(before.end, end), 1e-3) / speed_mps, before.end, end)
