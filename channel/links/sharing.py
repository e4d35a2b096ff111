"""Shared links: who gets how much of a capacity, and when an upload's last bit has passed.

A link is driven from outside: `SharedLink.join` when an upload starts, `SharedLink.next_finish` for the next
event, `SharedLink.pop_finished` at that event.  Nothing in here waits or draws random numbers.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import NamedTuple

from channel.links.capacity import Capacity

INFINITY = math.inf


class Start(NamedTuple):
    """How a sender with a congestion window begins, for links that play its rounds (`RouterLink`).

    ``setup_rounds`` round trips of ``setup_bits`` each before the first payload, then a first window of
    ``window_bits`` on the wire.
    """

    setup_rounds: int
    setup_bits: float
    window_bits: float


class Sender(NamedTuple):
    """Who sends an upload, for the links that ask: see `SharedLink.join`."""

    weight: float = 1.0
    cap_bps: float = INFINITY
    start: Start | None = None
    own: Capacity | None = None


class SharedLink(ABC):
    """What every discipline has in common.

    ``carried_bits`` and ``busy_s`` (time with at least one upload on the link) are complete up to the last
    event; `settle` brings them to a given instant.
    """

    __slots__ = ()

    capacity: Capacity
    carried_bits: float
    busy_s: float

    _members: Mapping[int, object]
    """What the discipline knows of each upload that is on the link, by key."""

    @property
    def active(self) -> int:
        """Number of uploads on the link now (as of the last call) that came by `join`."""
        return len(self._members)

    def join(
        self,
        now: float,
        key: int,
        bits: float,
        weight: float = 1.0,
        cap_bps: float = INFINITY,
        start: Start | None = None,
        own: Capacity | None = None,
    ) -> None:
        """Start an upload of ``bits`` at ``now``; ``key`` names it and must not be on the link already.

        ``weight`` matters to weighted sharing; ``cap_bps`` is the device's own rate: its limit under
        max-min and dedicated sharing, its physical rate under the air-time disciplines; ``start`` (from the
        transport's plan) to links that play the rounds of a window; ``own`` is what the device's radio can carry over
        time, one object for each device, to links of recorded phones.  Times never go back.  Raises ``KeyError`` for a
        key that is on the link and `LinkError` for a rate or weight that cannot be.
        """
        if key in self._members:
            raise KeyError(f"upload {key} is on the link already")
        self._join(now, key, bits, Sender(weight, cap_bps, start, own))

    @abstractmethod
    def _join(self, now: float, key: int, bits: float, sender: Sender) -> None:
        """`join` of a key that is not on the link."""

    @abstractmethod
    def leave(self, now: float, key: int) -> float:
        """Take an upload off the link and return its remaining bits; KeyError when it is not there."""

    @abstractmethod
    def next_finish(self) -> float:
        """Return the instant of the next event if nothing else happens; inf when there is none.

        Some disciplines also need to be called between finishes (max-min under a changing capacity): then
        `pop_finished` at that instant returns an empty list.
        """

    @abstractmethod
    def pop_finished(self, now: float) -> list[int]:
        """Return the keys of all uploads finished by ``now``, in order of finish, then of arrival."""

    @abstractmethod
    def fair_rate_bps(self, now: float, cap_bps: float = INFINITY, weight: float = 1.0) -> float:
        """Rate that one more upload could expect at ``now`` in bit/s, for the transport's window.

        ``cap_bps`` is its device's own rate and ``weight`` its weight, as for `join`.
        """

    @abstractmethod
    def settle(self, now: float) -> None:
        """Bring ``carried_bits`` and ``busy_s`` to ``now`` (for utilisation between two instants)."""

    def utilisation(self, now: float) -> float:
        """Bits that have passed by ``now`` over the bits that could have passed from 0 on."""
        self.settle(now)
        offered = self.capacity.bits_between(0.0, now)
        return (self.carried_bits - self.backlog_bits(now)) / offered if offered > 0.0 else 0.0

    def backlog_bits(self, now: float) -> float:
        """Bits that ``carried_bits`` counts already but that have not passed at ``now``.

        Above 0 only on links that know a finish in advance and count the whole upload at once.
        """
        return 0.0
