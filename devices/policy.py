"""Policies: which codec a device picks for an utterance, and how it delivers it.

``choose(context)`` returns the index of a codec in the group's ``codec_names()``.  ``policy.needs`` names the
fields of :class:`Context` that the rule reads, so the engine fills only those; ``policy.index`` is the choice
when it never varies (then ``choose`` need not be called at all); ``policy.delivery`` says when and how the
bytes leave.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

from devices.delivery import IMMEDIATE, Delivery, build_delivery
from scenarios.plugins import make
from scenarios.schema.device import DeviceGroupSpec
from scenarios.schema.policy import (
    BatteryPolicySpec,
    DeadlinePolicySpec,
    LinkPolicySpec,
    LoadPolicySpec,
    PolicyPluginSpec,
)


@dataclass(slots=True)
class Context:
    """What a device knows when speech ends; one object may be filled again and again.

    ``payload_bits`` and ``encode_s`` are those of this utterance under each codec, in the order of
    ``codec_names()``: a device knows its own encoder and can tell both from the utterance's length.
    ``link_rate_bps`` is the device's estimate: what one more upload of it would get of its cell now; 0 when
    that is nothing.  ``active_uploads`` of the cell are being sent, ``unanswered_uploads`` have left and have no reply.
    ``battery`` is the charge as a share of a full battery, 1 for a device without one.
    """

    time_s: float = 0.0
    duration_s: float = 0.0
    battery: float = 1.0
    link_rate_bps: float = 0.0
    active_uploads: int = 0
    unanswered_uploads: int = 0
    server_queue: int = 0
    rtt_s: float = 0.0
    payload_bits: Sequence[float] = ()
    encode_s: Sequence[float] = ()
    device: int = 0


CONTEXT_FIELDS = frozenset(Context.__slots__)


class Policy(Protocol):
    """A rule that picks a codec; see the module for the attributes."""

    index: int | None = None
    needs: frozenset[str] = CONTEXT_FIELDS
    delivery: Delivery = IMMEDIATE

    @abstractmethod
    def choose(self, context: Context) -> int:
        """Index of the codec for this utterance."""
        ...


Numbers = Sequence[float] | npt.NDArray[np.float64]


def first_within(bits: Numbers, affordable_bits: float) -> int:
    """Index of the first codec that is small enough, else of the last."""
    for index in range(len(bits)):
        if bits[index] <= affordable_bits:
            return index
    return len(bits) - 1


def first_in_time(bits: Numbers, encode_s: Numbers, rate_bps: float, budget_s: float) -> int:
    """Index of the first codec that is encoded and sent within the budget, else of the last."""
    if rate_bps > 0.0:
        for index in range(len(bits)):
            if encode_s[index] + bits[index] / rate_bps <= budget_s:
                return index
    return len(bits) - 1


def steps_below(thresholds: Numbers, level: float) -> int:
    """How many of the decreasing thresholds the level is below."""
    steps = 0
    while steps < len(thresholds) and level < thresholds[steps]:
        steps += 1
    return steps


def steps_above(thresholds: Numbers, count: float) -> int:
    """How many of the increasing thresholds the count is above."""
    steps = 0
    while steps < len(thresholds) and count > thresholds[steps]:
        steps += 1
    return steps


class FixedPolicy:
    """Always the same codec."""

    needs: frozenset[str] = frozenset()

    def __init__(self, index: int = 0, delivery: Delivery = IMMEDIATE) -> None:
        self.index: int | None = index
        self.delivery = delivery
        self._always = index

    def choose(self, context: Context) -> int:
        """The one index."""
        return self._always


class LinkPolicy:
    """The richest codec whose bits cross the link in ``transfer_s`` at the estimated rate, else the leanest.

    A device without an estimate takes the leanest: it cannot know what the link carries.
    """

    index: int | None = None
    needs = frozenset({"link_rate_bps", "payload_bits"})
    delivery = IMMEDIATE

    def __init__(self, spec: LinkPolicySpec) -> None:
        self.transfer_s = spec.transfer

    def choose(self, context: Context) -> int:
        """Index of the first codec that fits."""
        return first_within(context.payload_bits, context.link_rate_bps * self.transfer_s)


class DeadlinePolicy:
    """The richest codec with encode + round trip + transfer + server time <= deadline, else the leanest."""

    index: int | None = None
    needs = frozenset({"link_rate_bps", "payload_bits", "encode_s", "rtt_s"})
    delivery = IMMEDIATE

    def __init__(self, spec: DeadlinePolicySpec) -> None:
        self.budget_s = spec.deadline - spec.server_time

    def choose(self, context: Context) -> int:
        """Index of the first codec that is expected in time."""
        budget_s = self.budget_s - context.rtt_s
        return first_in_time(context.payload_bits, context.encode_s, context.link_rate_bps, budget_s)


class BatteryPolicy:
    """A leaner codec below each of the thresholds of the battery's charge."""

    index: int | None = None
    needs = frozenset({"battery"})
    delivery = IMMEDIATE

    def __init__(self, spec: BatteryPolicySpec) -> None:
        self.below = spec.below

    def choose(self, context: Context) -> int:
        """Number of thresholds that the charge is below."""
        return steps_below(self.below, context.battery)


_WATCHED = {"uploads": "active_uploads", "replies": "unanswered_uploads", "queue": "server_queue"}


class LoadPolicy:
    """A leaner codec above each of the thresholds of the cell's uploads or the server's queue."""

    index: int | None = None
    delivery = IMMEDIATE

    def __init__(self, spec: LoadPolicySpec) -> None:
        self.watched = _WATCHED[spec.watch]
        self.needs = frozenset({self.watched})
        self.above = spec.above

    def choose(self, context: Context) -> int:
        """Number of thresholds that the count is above."""
        return steps_above(self.above, getattr(context, self.watched))


def build_policy(group: DeviceGroupSpec) -> Policy:
    """The policy of a group; its choices index ``group.codec_names()``."""
    spec = group.policy
    if isinstance(spec, LinkPolicySpec):
        return LinkPolicy(spec)
    if isinstance(spec, DeadlinePolicySpec):
        return DeadlinePolicy(spec)
    if isinstance(spec, BatteryPolicySpec):
        return BatteryPolicy(spec)
    if isinstance(spec, LoadPolicySpec):
        return LoadPolicy(spec)
    if isinstance(spec, PolicyPluginSpec):
        return make(spec.class_, Policy, "policy", spec.options, codecs=spec.codecs)
    return FixedPolicy(0, build_delivery(spec))
