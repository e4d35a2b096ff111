"""Loss: whether an upload arrives, and what it costs a transport to make it arrive."""

from __future__ import annotations

from abc import ABC, abstractmethod

import numpy as np

from channel.links.errors import LinkError


class Loss(ABC):
    """Whether the payload of an upload arrives, and the time that retransmissions take."""

    __slots__ = ()

    name: str
    lossless = False
    """True when no upload is ever lost; an engine may then skip the draw."""
    delays = False
    """True when `delay_s` may be above 0: lost packets are sent again."""

    @abstractmethod
    def probability(self, packets: int) -> float:
        """Probability that an upload of so many packets is lost."""

    def lost(self, rng: np.random.Generator, packets: int) -> bool:
        """Draw whether an upload is lost."""
        return bool(rng.random() < self.probability(packets))

    def delay_s(self, rng: np.random.Generator, packets: int, rtt_s: float) -> float:
        """Draw the time that retransmissions add to an upload, in seconds."""
        return 0.0


class NoLoss(Loss):
    """Every payload arrives."""

    __slots__ = ()
    name = "none"
    lossless = True

    def probability(self, packets: int) -> float:
        """Zero."""
        return 0.0

    def lost(self, rng: np.random.Generator, packets: int) -> bool:
        """Never; draws nothing."""
        return False


class PayloadLoss(Loss):
    """A whole payload is lost with the same probability, whatever its size."""

    __slots__ = ("_probability",)
    name = "payload"

    def __init__(self, probability: float) -> None:
        self._probability = probability

    def probability(self, packets: int) -> float:
        """The given probability."""
        return self._probability


class PacketLoss(Loss):
    """Packets are lost in bursts: Gilbert's model, a chain of a good and a bad state with one step per packet.

    ``probability`` is the share of packets lost, ``mean_burst`` how many are lost in a row on average.  The chain goes
    from bad to good with 1 / mean_burst and from good to bad so that the share is right.  With
    ``retransmits`` (TCP, QUIC) nothing is lost for good: each burst costs one round trip of fast recovery,
    a loss of the last packet two (the probe of RFC 8985 that makes up for the missing acknowledgements).
    The smaller window after a loss is not modelled.
    """

    __slots__ = ("_enter", "_share", "delays", "lossless", "retransmits")
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
        self._share, self._enter = probability, enter
        self.retransmits = self.lossless = self.delays = retransmits

    def probability(self, packets: int) -> float:
        """Probability that at least one of so many packets in a row is lost; 0 with retransmission."""
        if self.retransmits:
            return 0.0
        return 1.0 - (1.0 - self._share) * (1.0 - self._enter) ** (packets - 1)

    def delay_s(self, rng: np.random.Generator, packets: int, rtt_s: float) -> float:
        """Draw the bursts that hit an upload and add their round trips."""
        if not self.retransmits or self._share == 0.0:
            return 0.0
        last_lost = rng.random() < self._share
        bursts = int(rng.binomial(packets - 1, self._enter * (1.0 - self._share))) if packets > 1 else 0
        return (bursts + (2 if last_lost else 0)) * rtt_s
