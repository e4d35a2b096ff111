"""A router's FIFO queue shared by senders with congestion windows, one burst per round trip.

This is what uploads over TCP meet at a home router or in a wired backhaul: nobody divides the capacity, the
order of the packets in one queue does.  The first round of a sender (its window) is one burst in the queue; its
acknowledgements come one round trip after it began to leave and release the next, twice as large one, while it leaves:
in four parts, so that others' packets get between them as they do in a real queue.
So an upload costs a few events for each round, log2(size / initial window) of them, and everything else follows
from the queue: set-up packets wait behind other uploads' data, small uploads pass between the rounds of large
ones, and windows that together fill the path keep it busy, though none of them does alone.

Not modelled: delayed acknowledgements (Linux sends them at once at the start of a connection), pacing,
losses other than by a full buffer.
"""

from __future__ import annotations

import math
from heapq import heappop, heappush

from channel.links.capacity import Capacity
from channel.links.sharing import Sender, SharedLink, Start

INFINITY = math.inf
# HyStart (Ha and Rhee, Computer Networks 55(9), 2011; Linux tcp_cubic.c): slow start ends when a round's smallest
# round-trip time exceeds the connection's smallest by an eighth, at least 4 and at most 16 ms.
HYSTART_FLOOR_S, HYSTART_CEILING_S, HYSTART_LOW_WINDOW = 0.004, 0.016, 16
HYSTART_SAMPLES = 8  # acknowledgements it waits for in each round, which still grow the window
BETA = {"cubic": 0.7, "reno": 0.5}  # RFC 9438, section 4.6; RFC 5681, section 3.1
RTO_MIN_S = 0.2  # Linux TCP_RTO_MIN
MOST_BACKOFF = 8  # timeouts double up to 51 s and more, near Linux's TCP_RTO_MAX of 120 s
_SETUP, _ACKNOWLEDGED, _FINISHED, _FOLLOWING, _PROBING, _PART = range(6)
PARTS = 4
"""Of a round that acknowledgements release.  As a whole it would stand before packets of others that came while it was
still being sent, and uploads that share a link would end too early (docs/results/live-validation.md)."""


class _Flow:
    """One upload: what it still has to send and its window, in bits."""

    __slots__ = (
        "burst",
        "cap",
        "device_free_at",
        "firsts",
        "key",
        "left",
        "lost",
        "setup_bits",
        "setup_rounds",
        "shortest_wait",
        "slow_start",
        "timeouts",
        "unreleased",
        "wait",
        "window",
    )  # fmt: skip

    def __init__(self, key: int, bits: float, cap: float, start: Start | None) -> None:
        self.key, self.left, self.cap = key, bits, cap
        self.setup_rounds, self.setup_bits, self.window = start or Start(0, 0.0, INFINITY)
        self.slow_start = True
        self.lost = 0.0  # of the burst whose end is lost, until that shows
        self.shortest_wait = INFINITY
        self.burst = self.wait = 0.0  # the round in flight: its bits, and how long it waited in the queue
        self.firsts: list[float] = []  # when the first packet of each part of that round leaves
        self.unreleased = 0.0  # bits of it that acknowledgements will release
        self.device_free_at = 0.0
        self.timeouts = 0  # a probe and retransmission timeouts in a row that showed nothing


def _between(instants: list[float], position: float) -> float:
    """The instant at a position counted in parts, between those at which parts begin."""
    part = min(int(position), len(instants) - 2)
    if instants[part + 1] == INFINITY:  # a capacity that has ended for good
        return INFINITY
    return instants[part] + (position - part) * (instants[part + 1] - instants[part])


class RouterLink(SharedLink):
    """One FIFO packet queue with a drop-tail buffer in front of the capacity.

    ``rtt_s`` is the round trip with empty queues, ``segment_bits`` one full packet on the wire, ``buffer_bits`` the
    queue's room (inf: never full).  ``control`` is ``cubic`` (slow start also ends by HyStart) or ``reno``.
    ``cap_bps`` of an upload is a bottleneck in the device itself: bits wait there, without loss.
    A burst that finds too little room loses the rest and the window shrinks.  The next packet that passes shows it a
    round later (RACK, RFC 8985); the end of an initial window that nothing follows, and a whole burst, show by a
    probe after two round trips (tail loss probe, section 7 there), and by a retransmission timeout where that is lost.
    """

    __slots__ = (
        "_beta", "_buffer", "_constant", "_events", "_free_at", "_hystart", "_members", "_rtt", "_segment", "_sequence",
        "busy_s", "capacity", "carried_bits", "lost_bits",
    )  # fmt: skip

    def __init__(
        self,
        capacity: Capacity,
        rtt_s: float,
        segment_bits: float = 12000.0,
        buffer_bits: float = INFINITY,
        control: str = "cubic",
    ) -> None:
        self.capacity = capacity
        self._constant = capacity.constant_bps
        self._rtt, self._segment, self._buffer = rtt_s, segment_bits, buffer_bits
        self._hystart, self._beta = control == "cubic", BETA[control]
        self._free_at = 0.0  # the end of all work in the queue
        self._events: list[tuple[float, int, int, _Flow]] = []
        self._members: dict[int, _Flow] = {}
        self._sequence = 0
        self.carried_bits = self.busy_s = self.lost_bits = 0.0

    def backlog_bits(self, now: float) -> float:
        """Bits in the queue at ``now``, counted as carried when they entered it."""
        return self.capacity.bits_between(now, self._free_at) if self._free_at > now else 0.0

    def _join(self, now: float, key: int, bits: float, sender: Sender) -> None:
        """Start an upload (see `SharedLink.join`); without a ``start`` all its bits come at once, as datagrams do."""
        flow = self._members[key] = _Flow(key, bits, sender.cap_bps, sender.start)
        if flow.setup_rounds:
            self._set_up(now, flow)
        else:
            self._send(now, flow, flow.window, 1.0)

    def _at(self, when: float, what: int, flow: _Flow) -> None:
        self._sequence += 1
        heappush(self._events, (when, self._sequence, what, flow))

    def _enqueue(self, now: float, bits: float) -> tuple[float, float]:
        """Put bits at the end of the queue; returns when they begin and end to leave."""
        begin = self._free_at if self._free_at > now else now
        rate = self._constant
        end = begin + bits / rate if rate is not None else self.capacity.time_to_send(begin, bits)
        self._free_at = end
        self.busy_s += end - begin
        self.carried_bits += bits
        return begin, end

    def _set_up(self, now: float, flow: _Flow) -> None:
        """One round of set-up: small packets, then their answer."""
        flow.setup_rounds -= 1
        _, end = self._enqueue(now, flow.setup_bits)
        self._at(end + self._rtt, _SETUP, flow)

    def _send(self, now: float, flow: _Flow, bits: float, arriving_share: float) -> None:
        """Send one round.  ``arriving_share`` of it is in the queue before its first bit leaves."""
        burst = min(bits, flow.left)
        limited = self._buffer < INFINITY and flow.window < INFINITY
        lost = self._overflow(now, flow, burst, arriving_share) if limited else 0.0
        if lost:
            self._lose(now, flow, burst, lost, arriving_share)
            return
        flow.left -= burst
        flow.timeouts = 0
        flow.burst = burst
        released, flow.firsts = flow.firsts, []
        if released and arriving_share < 1.0 and burst >= PARTS * self._segment and flow.cap == INFINITY:
            flow.unreleased = burst
            self._release(now, flow)
            for part in range(1, PARTS):
                # Where few are left to send, the first acknowledgements release them.
                self._at(_between(released, part * burst / bits) + self._rtt, _PART, flow)
            return
        begin, end = self._enqueue(now, burst)
        first = begin + min(self._segment, burst) * (end - begin) / burst if burst else end
        if flow.cap < INFINITY:
            first, end = self._through_the_device(now, flow, burst, first, end)
        flow.firsts = [first + part * (end - begin) / PARTS for part in range(PARTS)]
        self._waited(flow, begin - now)
        if flow.left > 0.0:
            self._at(first + self._rtt, _ACKNOWLEDGED, flow)
        else:
            self._at(end, _FINISHED, flow)

    def _release(self, now: float, flow: _Flow) -> None:
        """Put the next part of a round into the queue; the last is there before the first comes back."""
        part = flow.burst / PARTS
        begin, end = self._enqueue(now, part)
        first = begin + min(self._segment, part) * (end - begin) / part
        if not flow.firsts:
            self._waited(flow, begin - now)
            if flow.left > 0.0:
                self._at(first + self._rtt, _ACKNOWLEDGED, flow)
        flow.firsts.append(first)
        flow.unreleased = flow.burst - part * len(flow.firsts)
        if len(flow.firsts) == PARTS:
            flow.unreleased = 0.0
            if flow.left <= 0.0:
                self._at(end, _FINISHED, flow)

    def _waited(self, flow: _Flow, wait: float) -> None:
        flow.wait = wait
        if wait < flow.shortest_wait:
            flow.shortest_wait = wait

    def _through_the_device(
        self, now: float, flow: _Flow, burst: float, first: float, end: float
    ) -> tuple[float, float]:
        """When the first packet and the last bit of a burst have passed both the queue and the device's own rate."""
        device = max(now, flow.device_free_at)
        flow.device_free_at = device + burst / flow.cap
        return max(first, device + self._segment / flow.cap), max(end, flow.device_free_at)

    def _acknowledged(self, now: float, flow: _Flow) -> None:
        """The round in flight comes back: grow the window and send the next one."""
        if flow.slow_start and self._hystart and flow.window >= HYSTART_LOW_WINDOW * self._segment:
            longer = (self._rtt + flow.shortest_wait) / 8.0
            longer = min(max(longer, HYSTART_FLOOR_S), HYSTART_CEILING_S)
            if flow.wait >= flow.shortest_wait + longer:
                flow.slow_start = False
                more = min(HYSTART_SAMPLES * self._segment, flow.burst)
                flow.window += more
                self._send(now, flow, flow.burst + more, 0.5)
                return
        if flow.slow_start:
            flow.window += flow.burst
            self._send(now, flow, 2.0 * flow.burst, 0.5)
        elif 2.0 * flow.burst < flow.window:  # recovering: two for each that arrives, up to the window
            self._send(now, flow, 2.0 * flow.burst, 0.5)
        else:
            more = self._segment * flow.burst / flow.window  # congestion avoidance: a segment for each window
            flow.window += more
            self._send(now, flow, flow.burst + more, more / (flow.burst + more))

    def _overflow(self, now: float, flow: _Flow, burst: float, arriving_share: float) -> float:
        """Bits of a burst for which the queue has no room; a device no faster than the queue fills none of it."""
        if flow.cap < INFINITY:
            rate = self._constant if self._constant is not None else self.capacity.rate_at(now)
            arriving_share = min(arriving_share, max(0.0, 1.0 - rate / flow.cap))
        return max(0.0, self.backlog_bits(now) + burst * arriving_share - self._buffer)

    def _lose(self, now: float, flow: _Flow, burst: float, lost: float, arriving_share: float) -> None:
        """Carry what finds room; the rest is sent again when its loss has shown.

        Packets that acknowledgements release one by one find the queue full now and then, and the next one shows it: a
        round later.  Of a burst that came at once the end is lost; what its acknowledgements release shows that, and
        where nothing follows, or nothing has passed, a probe.
        """
        flow.firsts = []
        passed = self._segment * max(0.0, (burst - lost) // self._segment)  # packets find room whole or not at all
        lost = burst - passed
        self.lost_bits += lost
        flow.left -= passed
        begin, end = self._enqueue(now, passed) if passed > 0.0 else (now, now)
        if flow.cap < INFINITY:
            _, end = self._through_the_device(now, flow, passed, begin, end)
        first = begin + min(self._segment, passed) * (end - begin) / passed if passed else end
        if flow.timeouts and not passed:
            flow.window, flow.slow_start, flow.burst = self._segment, True, self._segment / 2.0
            flow.timeouts = min(flow.timeouts + 1, MOST_BACKOFF + 1)
            again = end + (self._rtt + RTO_MIN_S) * 2.0 ** (flow.timeouts - 2)  # RFC 6298, 5.5
            self._at(again, _ACKNOWLEDGED, flow)
        elif passed and arriving_share < 1.0:
            self._shrink(flow, burst=INFINITY)
            # What is missing of the last round shows with its last packets: nothing fills the time until then.
            self._at((first if flow.left > lost else end) + self._rtt, _ACKNOWLEDGED, flow)
        elif passed and flow.left > lost:
            flow.burst, flow.lost = passed, lost
            self._at(first + self._rtt, _FOLLOWING, flow)
        else:
            self._shrink(flow, burst=self._segment)
            flow.timeouts = 1
            round_s = end - now + self._rtt  # as the last acknowledgement of the burst measures it
            self._at(now + 2.0 * round_s, _PROBING, flow)

    def _shrink(self, flow: _Flow, burst: float) -> None:
        """The window after a loss, and how much arrives in the round that shows it.

        A sender in recovery sends as much as arrives (proportional rate reduction, RFC 6937) until its new window is
        full: one packet for a probe, the whole window where most of a burst has passed.
        """
        flow.window, flow.slow_start = max(self._beta * flow.window, 2.0 * self._segment), False
        flow.burst, flow.wait, flow.timeouts = min(burst / 2.0, flow.window), flow.shortest_wait, 0

    def _follow(self, now: float, flow: _Flow) -> None:
        """Send what may follow a burst whose end is lost; a round later that shows."""
        fresh = min(2.0 * flow.burst, flow.left - flow.lost)
        lost = self._overflow(now, flow, fresh, 0.5)
        whole = self._segment * ((fresh - lost) // self._segment)
        passed = max(whole, min(self._segment, fresh)) if lost else fresh
        self.lost_bits += fresh - passed
        flow.left -= passed
        begin, end = self._enqueue(now, passed)
        self._shrink(flow, burst=max(passed, self._segment))
        self._at(begin + min(self._segment, passed) * (end - begin) / passed + self._rtt, _ACKNOWLEDGED, flow)

    def _probe(self, now: float, flow: _Flow) -> None:
        """Send one packet, whose answer shows the loss of all before it (tail loss probe, RFC 8985, section 7)."""
        self._send(now, flow, self._segment, 1.0)
        if not flow.timeouts:  # it has passed
            flow.burst = min(flow.burst, self._segment / 2.0)

    def next_finish(self) -> float:
        """Return the next event of any upload: a round that comes back or a finish; inf when there is none."""
        return self._events[0][0] if self._events else INFINITY

    def pop_finished(self, now: float) -> list[int]:
        """Keys finished by ``now``; rounds that come back by then go on."""
        done: list[int] = []
        events, flows = self._events, self._members
        while events and events[0][0] <= now:
            at, _, what, flow = heappop(events)
            if flows.get(flow.key) is not flow:
                continue  # it has left
            if what == _FINISHED:
                del flows[flow.key]
                done.append(flow.key)
            elif what == _ACKNOWLEDGED:
                self._acknowledged(at, flow)
            elif what == _PART:
                self._release(at, flow)
            elif what == _FOLLOWING:
                self._follow(at, flow)
            elif what == _PROBING:
                self._probe(at, flow)
            elif flow.setup_rounds:
                self._set_up(at, flow)
            else:
                self._send(at, flow, flow.window, 1.0)
        return done

    def leave(self, now: float, key: int) -> float:
        """Stop an upload and return the bits it had not sent yet; what is in the queue still passes."""
        flow = self._members.pop(key)
        return flow.left + flow.unreleased

    def settle(self, now: float) -> None:
        """Nothing to do: bits are counted when they enter the queue."""

    def fair_rate_bps(self, now: float, cap_bps: float = INFINITY, weight: float = 1.0) -> float:
        """The whole capacity: a burst that is being sent has the link for itself."""
        rate = self._constant if self._constant is not None else self.capacity.rate_at(now)
        return min(rate, cap_bps)
