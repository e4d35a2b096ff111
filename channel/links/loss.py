"""Loss: whether an upload arrives, and what it costs a transport to make it arrive."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from typing import NamedTuple

from channel.links.chance import Uniform, geometric
from channel.links.errors import LinkError

INFINITY = math.inf
INITIAL_WINDOW = 10  # RFC 6928
PACKET_BITS = 12000.0
RTO_MIN_S = 0.2  # Linux TCP_RTO_MIN
CUBIC_FACTOR = 0.7  # RFC 9438, section 4.6
GROWTH_AFTER_LOSS = 0.8  # packets a round; between CUBIC's Reno-friendly 0.53 and Reno's 1, fitted to measurements


class Resent(NamedTuple):
    """What losses do to an upload.

    ``packets`` are lost and sent again; ``delay_s`` is what that takes beside their time on the link; ``window`` is
    what the connection has left for its next upload.
    """

    delay_s: float = 0.0
    window: float = INITIAL_WINDOW
    packets: int = 0


class Loss(ABC):
    """Whether the payload of an upload arrives, and the time that retransmissions take."""

    __slots__ = ()

    name: str
    lossless = False
    """True when no upload is ever lost."""
    delays = False
    """True when `resent` may take time: lost packets are sent again."""

    @abstractmethod
    def probability(self, packets: int) -> float:
        """Probability that an upload of so many packets is lost."""

    def lost(self, uniform: Uniform, packets: int) -> bool:
        """Draw whether an upload is lost."""
        return uniform() < self.probability(packets)

    def resent(
        self,
        uniform: Uniform,
        packets: int,
        rtt_s: float,
        rate_bps: float = INFINITY,
        window: float = INITIAL_WINDOW,
    ) -> Resent:
        """Draw what losses do to an upload of so many packets.

        ``rate_bps`` is what the link gives it: where that is the bottleneck, a smaller window costs less.  ``window``
        is what earlier uploads of the connection have left, in packets; at most the initial one, as after idle time.
        """
        return Resent()


class NoLoss(Loss):
    """Every payload arrives."""

    __slots__ = ()
    name = "none"
    lossless = True

    def probability(self, packets: int) -> float:
        """Zero."""
        return 0.0

    def lost(self, uniform: Uniform, packets: int) -> bool:
        """Never; draws nothing."""
        return False


class PayloadLoss(Loss):
    """A whole payload is lost with the same probability, whatever its size."""

    __slots__ = ("share",)
    name = "payload"

    def __init__(self, probability: float) -> None:
        self.share = probability

    def probability(self, packets: int) -> float:
        """The given probability."""
        return self.share


class PacketLoss(Loss):
    """Packets are lost in bursts: Gilbert's model, a chain of a good and a bad state with one step per packet.

    ``probability`` is the share of packets lost, ``mean_burst`` how many are lost in a row on average.  The chain
    goes from bad to good with 1 / mean_burst and from good to bad so that the share is right.

    With ``retransmits`` (TCP, QUIC) nothing is lost for good, but time is, and packets go again: a round with losses
    shrinks the window by CUBIC's factor and ends slow start, what was lost is sent again a round later, a loss that no
    later packet shows costs one more round (the probe of RFC 8985; for a packet alone in flight the retransmission
    timeout, which is earlier), a lost retransmission a timeout.  A connection that persists remembers: its next upload
    starts with the window that is left, in congestion avoidance, and only rounds that fill the window widen it
    (RFC 7661).
    """

    __slots__ = ("delays", "enter", "lossless", "retransmits", "share")
    name = "packet"

    def __init__(self, probability: float, mean_burst: float = 1.0, *, retransmits: bool = False) -> None:
        if not 0.0 <= probability < 1.0 or mean_burst < 1.0:
            raise LinkError("packet loss needs a probability below 100 % and a mean burst of at least 1")
        enter = probability / (1.0 - probability) / mean_burst
        if enter > 1.0:
            raise LinkError(
                f"losing {probability:.0%} of the packets needs bursts of at least "
                f"{probability / (1.0 - probability):.1f} packets on average, found {mean_burst:g}"
            )
        self.share, self.enter = probability, enter
        self.retransmits = self.lossless = self.delays = retransmits

    def probability(self, packets: int) -> float:
        """Probability that at least one of so many packets in a row is lost; 0 with retransmission."""
        if self.retransmits:
            return 0.0
        return hit_probability(packets, self.share, self.enter)

    def resent(
        self,
        uniform: Uniform,
        packets: int,
        rtt_s: float,
        rate_bps: float = INFINITY,
        window: float = INITIAL_WINDOW,
    ) -> Resent:
        """Draw losses round by round; the delay is against an upload from the initial window without them.

        The chain begins in its good state, so the first burst is geometrically far: most uploads cost one draw.
        """
        if not self.retransmits or self.enter == 0.0:
            return Resent()
        good = geometric(uniform, self.enter) - 1
        if good >= packets and window >= INITIAL_WINDOW:
            return Resent(0.0, window)
        packet_s = PACKET_BITS / rate_bps
        total_s, left, again = self._rounds(uniform, packets, good, rtt_s, packet_s, window)
        delay_s = total_s - again * packet_s - _lossless(packets, rtt_s, packet_s)
        return Resent(max(0.0, delay_s), min(left, INITIAL_WINDOW), again)

    def _rounds(
        self, uniform: Uniform, left: int, good: int, rtt_s: float, packet_s: float, window: float
    ) -> tuple[float, float, int]:
        """Seconds until all packets are through, the window then, packets lost; ``good`` ones pass before the next."""
        slow_start, total, again = window >= INITIAL_WINDOW, 0.0, 0
        while left > 0:
            sent = min(int(window), left)
            lost, good, last = self._losses(uniform, sent, good)
            left, again = left - (sent - lost), again + lost
            total += max(rtt_s + packet_s, sent * packet_s) if left else sent * packet_s
            if not lost:
                if slow_start:
                    window += sent
                elif sent == int(window):
                    window += GROWTH_AFTER_LOSS
                continue
            if last and left == lost:  # no later packet shows the loss; a packet alone waits for its timeout
                total += rtt_s if sent > 1 else RTO_MIN_S
            if uniform() < 1.0 - (1.0 - self.share) ** lost:
                total += rtt_s + RTO_MIN_S
            window, slow_start = max(2.0, window * CUBIC_FACTOR), False
        return total, window, again

    def _losses(self, uniform: Uniform, sent: int, good: int) -> tuple[int, int, bool]:
        """Packets lost of the next ``sent``, good packets left before the next burst, whether the last was lost."""
        lost, position = 0, good
        last = False
        while position < sent:
            burst = min(geometric(uniform, self.enter * (1.0 - self.share) / self.share), sent - position)
            lost += burst
            position += burst
            last = position == sent
            position += geometric(uniform, self.enter)
        return lost, position - sent, last


def hit_probability(packets: int, share: float, enter: float) -> float:
    """Probability that one of so many packets is lost: ``share`` of all are, a burst begins with ``enter``."""
    return 1.0 - (1.0 - share) * (1.0 - enter) ** (packets - 1)


def _lossless(left: int, rtt_s: float, packet_s: float) -> float:
    """Seconds of the same rounds without losses."""
    window, total = INITIAL_WINDOW, 0.0
    while left > window:
        total += max(rtt_s + packet_s, window * packet_s)
        left -= window
        window *= 2
    return total + left * packet_s
