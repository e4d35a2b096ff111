"""Access: the delay between having data and being allowed to send it."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod

from channel.links import wifi
from channel.links.chance import Uniform

HARQ_ROUND_TRIP_S = 8e-3  # LTE FDD; remembered, unverified


class Access(ABC):
    """A delay before the first byte may leave."""

    __slots__ = ()

    name: str
    source: str
    constant_s: float | None = None
    """The delay when it never changes, else None."""

    @property
    @abstractmethod
    def mean_s(self) -> float:
        """Mean delay in seconds."""

    @abstractmethod
    def delay(self, uniform: Uniform) -> float:
        """Draw one delay in seconds."""


class FixedAccess(Access):
    """Always the same delay, 0 for a channel that is granted at once."""

    __slots__ = ("constant_s",)
    name = "fixed"
    source = "given in the scenario"

    def __init__(self, delay_s: float = 0.0) -> None:
        self.constant_s: float = delay_s

    @property
    def mean_s(self) -> float:
        """The delay."""
        return self.constant_s

    def delay(self, uniform: Uniform) -> float:
        """Return the delay; draws nothing."""
        return self.constant_s


def periodic_delay_s(
    when: float, luck: float, period_s: float, fixed_s: float, error: float, retransmission_s: float
) -> float:
    """Delay by the wait for an occasion, a procedure and retransmissions, from two uniform numbers in [0, 1).

    The number of failures in a row is geometric: ``error`` to the power of n is the chance of n or more.
    """
    delay_s = period_s * when + fixed_s
    if error > 0.0:
        delay_s += retransmission_s * math.floor(math.log(1.0 - luck) / math.log(error))
    return delay_s


class PeriodicAccess(Access):
    """Wait for the next of the periodic occasions, then a fixed procedure, then retransmissions.

    delay = U(0, ``period_s``) + ``fixed_s`` + ``retransmission_s`` * (failures before a success at ``error``).
    """

    __slots__ = ("figures", "name", "source")

    def __init__(
        self,
        name: str,
        period_s: float,
        fixed_s: float,
        *,
        error: float = 0.0,
        retransmission_s: float = 0.0,
        source: str = "",
    ) -> None:
        self.name, self.source = name, source
        self.figures = period_s, fixed_s, error, retransmission_s

    @property
    def mean_s(self) -> float:
        """Half a period, the procedure, and error / (1 - error) retransmissions."""
        period_s, fixed_s, error, retransmission_s = self.figures
        return period_s / 2.0 + fixed_s + retransmission_s * error / (1.0 - error)

    def delay(self, uniform: Uniform) -> float:
        """Draw one delay from two uniform numbers."""
        return periodic_delay_s(uniform(), uniform(), *self.figures)


def lte_access(sr_period_s: float, *, buffer_report: bool = True, block_error: float = 0.1) -> PeriodicAccess:
    """LTE: T_SR/2 on average, then SR 1 + eNB 3 + grant 1 + UE 3 + data 1 + decoding 3 ms = 12 ms.

    The small first grant usually carries a buffer status report; the grant for the real size costs 8 ms more.
    """
    fixed = 12e-3 + (8e-3 if buffer_report else 0.0)
    return PeriodicAccess(
        "lte", sr_period_s, fixed, error=block_error, retransmission_s=HARQ_ROUND_TRIP_S,
        source="components of TR 36.912 and TR 36.881; HARQ round trip 8 ms and 10 % block errors remembered",
    )  # fmt: skip


def nr_access(grant: str, period_s: float, slot_s: float) -> PeriodicAccess:
    """NR: a dynamic grant takes 8 slots after the request's occasion, a configured one data and decoding only.

    SR 1 + gNB 2 + grant 1 + UE 1 (PUSCH preparation) + data 1 + decoding 2 slots: inferred; with 0.5 ms slots and
    requests every 5 ms this is 4 to 9 ms, within the 2 to 10 ms that are reported for dynamic grants.
    """
    slots = 8 if grant == "dynamic" else 3
    return PeriodicAccess(
        f"nr-{grant}", period_s, slots * slot_s, source="slots inferred; range 2 to 10 ms as reported for NR"
    )


class WifiAccess(Access):
    """WiFi: AIFS and a random backoff, again with a doubled window after every collision.

    Collisions and busy slots come from Bianchi's fixed point for ``stations`` saturated stations with 1500-byte
    frames of 802.11a at 54 Mbit/s.  ``sharing: wifi`` contains this cost already.
    """

    __slots__ = ("_busy_s", "_collision", "_slot_s")
    name = "wifi"
    source = "IEEE 802.11 EDCA (AIFSN 3 remembered, unverified); Bianchi, IEEE JSAC 18(3), 2000"

    def __init__(self, stations: int) -> None:
        tau, self._collision = wifi.contention(stations)
        others_send = 1.0 - (1.0 - tau) ** (stations - 1)
        self._busy_s = wifi.access_s(wifi.STANDARDS["11a"]) + wifi.data_bits(1) / 54e6
        self._slot_s = (1.0 - others_send) * wifi.SLOT_S + others_send * self._busy_s

    def _window(self, collisions: int) -> int:
        return int(wifi.SMALLEST_WINDOW << min(collisions, wifi.BACKOFF_STAGES))

    @property
    def mean_s(self) -> float:
        """Sum over the number of collisions before success."""
        total, reach = wifi.AIFS_BEST_EFFORT_S, 1.0
        for collisions in range(1000):
            total += reach * (self._window(collisions) - 1) / 2.0 * self._slot_s
            reach *= self._collision
            total += reach * self._busy_s
            if reach < 1e-12:
                break
        return total

    def delay(self, uniform: Uniform) -> float:
        """Draw backoffs until one ends without a collision."""
        delay, collisions = wifi.AIFS_BEST_EFFORT_S, 0
        while True:
            delay += math.floor(uniform() * self._window(collisions)) * self._slot_s
            if uniform() >= self._collision:
                return delay
            delay += self._busy_s
            collisions += 1
