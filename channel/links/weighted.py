"""Sharing in virtual time with unequal members: weighted, air-time and frame (WiFi).

One mechanism covers them all.  A member has a share s and a speed b; virtual time grows by

    dV = G(n) dK / sum of s      with the capacity's integral K, n members and a gain G(n)

and a member's bits by b dV.  It finishes at V + bits / b whatever happens later, so again a heap of virtual
finishes is enough: O(log n) an event.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from heapq import heappop, heappush

from channel.links.capacity import Capacity
from channel.links.errors import LinkError
from channel.links.sharing import Sender, SharedLink

INFINITY = math.inf
_Entry = tuple[float, int, int, float, float]  # virtual finish, sequence number, key, share s, speed b


class VirtualTimeLink(SharedLink):
    """Base of the disciplines with unequal members; a subclass says what a member's share and speed are.

    ``gain[n - 1]`` is G(n); beyond its end the last value holds; None means 1.
    """

    __slots__ = (
        "_busy_from", "_finish", "_gain", "_heap", "_integral", "_last", "_members", "_rate", "_sequence",
        "_shares", "_speeds", "_virtual", "busy_s", "capacity", "carried_bits",
    )  # fmt: skip

    def __init__(self, capacity: Capacity, gain: Sequence[float] | None = None) -> None:
        if gain is not None and (not len(gain) or min(gain) <= 0.0):
            raise LinkError("the gain by number of active uploads needs values above 0")
        self.capacity = capacity
        # With a constant rate bits are rate * time and need no integral.
        self._rate = capacity.constant_bps
        self._gain = None if gain is None else [1.0, *(float(g) for g in gain)]
        self._heap: list[_Entry] = []
        self._members: dict[int, _Entry] = {}
        self._sequence = 0
        self._virtual = 0.0
        self._last = 0.0
        self._integral = 0.0  # K(_last)
        self._shares = 0.0  # sum of s
        self._speeds = 0.0  # sum of b
        self._finish: float | None = INFINITY
        self._busy_from = 0.0
        self.carried_bits = 0.0
        self.busy_s = 0.0

    def _share_and_speed(self, weight: float, cap_bps: float) -> tuple[float, float]:
        raise NotImplementedError

    @property
    def gains(self) -> list[float]:
        """G(1), G(2), ...; empty where it is always 1."""
        return [] if self._gain is None else self._gain[1:]

    def _gain_of(self, n: int) -> float:
        gain = self._gain
        if gain is None:
            return 1.0
        return gain[n] if n < len(gain) else gain[-1]

    def _advance(self, now: float) -> None:
        if self._rate is not None:
            passed = (now - self._last) * self._rate
        else:
            integral = self.capacity.cumulative(now)
            passed, self._integral = integral - self._integral, integral
        n = len(self._members)
        if n:
            step = passed * self._gain_of(n) / self._shares
            self._virtual += step
            self.carried_bits += self._speeds * step
        self._last = now

    def _join(self, now: float, key: int, bits: float, sender: Sender) -> None:
        self._advance(now)
        if not self._members:
            # Every busy period starts at zero, which keeps rounding errors small.
            self._virtual = self._shares = self._speeds = 0.0
            self._heap.clear()
            self._busy_from = now
        share, speed = self._share_and_speed(sender.weight, sender.cap_bps)
        self._sequence += 1
        entry = (self._virtual + bits / speed, self._sequence, key, share, speed)
        self._members[key] = entry
        self._shares += share
        self._speeds += speed
        self._finish = None
        heappush(self._heap, entry)

    def next_finish(self) -> float:
        """Finish of the upload with the smallest virtual finish, if nobody joins or leaves before."""
        if self._finish is None:
            self._finish = self._work_out_finish()
        return self._finish

    def _work_out_finish(self) -> float:
        heap, members = self._heap, self._members
        if not members:
            return INFINITY
        while members.get(heap[0][2]) is not heap[0]:  # it has left
            heappop(heap)
        need = (heap[0][0] - self._virtual) * self._shares / self._gain_of(len(members))
        if need <= 0.0:
            return self._last
        if self._rate is not None:
            return self._last + need / self._rate
        finish = self.capacity.time_of(self._integral + need)
        return finish if finish > self._last else self._last

    def pop_finished(self, now: float) -> list[int]:
        """Keys finished by ``now``, by virtual finish, then by arrival."""
        done: list[int] = []
        finish = self.next_finish()
        while finish <= now:
            virtual, _, key, share, speed = heappop(self._heap)
            step = virtual - self._virtual
            if step > 0.0:
                self._integral += step * self._shares / self._gain_of(len(self._members))
                self.carried_bits += self._speeds * step
                self._virtual = virtual
            self._last = finish
            self._remove(key, share, speed, finish)
            done.append(key)
            finish = self._work_out_finish()
        self._finish = finish
        return done

    def _remove(self, key: int, share: float, speed: float, now: float) -> None:
        del self._members[key]
        self._shares -= share
        self._speeds -= speed
        if not self._members:
            self.busy_s += now - self._busy_from

    def leave(self, now: float, key: int) -> float:
        """Take an upload off the link; its entry in the heap is dropped when it surfaces."""
        virtual, _, _, share, speed = self._members[key]
        self._advance(now)
        self._remove(key, share, speed, now)
        self._finish = None
        return max(0.0, (virtual - self._virtual) * speed)

    def settle(self, now: float) -> None:
        """Bring the accounts to ``now`` and go on from there."""
        if self._members:
            self._advance(now)
            self._finish = None
            self.busy_s += now - self._busy_from
            self._busy_from = now

    def fair_rate_bps(self, now: float, cap_bps: float = INFINITY, weight: float = 1.0) -> float:
        """Rate of one more upload."""
        share, speed = self._share_and_speed(weight, cap_bps)
        total = share + (self._shares if self._members else 0.0)
        return self.capacity.rate_at(now) * self._gain_of(len(self._members) + 1) * speed / total


class WeightedLink(VirtualTimeLink):
    """The capacity is shared in proportion to the uploads' weights (generalised processor sharing)."""

    __slots__ = ()

    def _share_and_speed(self, weight: float, cap_bps: float) -> tuple[float, float]:
        if not weight > 0.0:
            raise LinkError(f"a weight must be above 0, found {weight!r}")
        return weight, weight


class _AirTimeBase(VirtualTimeLink):
    """Disciplines that share time on the air: a device's own rate says what it makes of its time.

    A device of own rate r (``cap_bps``) that is alone runs at r times the capacity over its mean, so a
    varying capacity scales all devices alike; a device without a rate of its own runs at the capacity.
    """

    __slots__ = ("_reference",)

    def __init__(self, capacity: Capacity, gain: Sequence[float] | None = None) -> None:
        super().__init__(capacity, gain)
        self._reference = capacity.mean_rate_bps

    def _relative(self, cap_bps: float) -> float:
        if cap_bps == INFINITY:
            return 1.0
        if not cap_bps > 0.0:
            raise LinkError(f"a device's own rate must be above 0 bit/s, found {cap_bps!r}")
        return cap_bps / self._reference

    def utilisation(self, now: float) -> float:
        """Time on the air over the time that passed: bits say little where devices have different rates."""
        self.settle(now)
        return self.busy_s / now if now > 0.0 else 0.0


class AirTimeLink(_AirTimeBase):
    """Equal time on the air, one device after the other: WiFi with air-time fairness, cells of one carrier."""

    __slots__ = ()

    def _share_and_speed(self, weight: float, cap_bps: float) -> tuple[float, float]:
        return weight, weight * self._relative(cap_bps)


class FrameFairLink(_AirTimeBase):
    """Equal frames: WiFi's DCF gives every station the same throughput, so slow stations slow all of them.

    The anomaly of Heusse, Rousseau, Berger-Sabbatel and Duda (INFOCOM 2003): n stations of rates r_j get
    1 / sum(1 / r_j) each.  ``overhead_s_per_bit`` is the time of a frame that does not shrink with the rate
    (preamble, spaces, acknowledgement) over its payload, ``data_bits_per_bit`` counts its headers, ``gain`` is the
    loss by contention; see `channel.links.wifi`.
    """

    __slots__ = ("data_bits_per_bit", "overhead_s_per_bit")

    def __init__(
        self,
        capacity: Capacity,
        gain: Sequence[float] | None = None,
        overhead_s_per_bit: float = 0.0,
        data_bits_per_bit: float = 1.0,
    ) -> None:
        super().__init__(capacity, gain)
        self.overhead_s_per_bit = overhead_s_per_bit
        self.data_bits_per_bit = data_bits_per_bit

    def _share_and_speed(self, weight: float, cap_bps: float) -> tuple[float, float]:
        # Time on the air that one bit takes: at the station's own rate, and the fixed part of its frame.
        reference = self._reference
        bit_s = self.data_bits_per_bit / (self._relative(cap_bps) * reference) + self.overhead_s_per_bit
        return weight * bit_s * reference, weight
