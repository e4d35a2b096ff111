"""Policies: which codec a device picks for an utterance, and when it sends."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, model_validator

from scenarios.quantities import PositiveDuration, Share
from scenarios.schema.base import Listed, PluginSpec, Spec, kind_short_form

Candidates = Annotated[tuple[str, ...], Listed, Field(min_length=2)]
"""Names of codecs from the richest (most bytes) to the leanest."""


class FixedPolicySpec(Spec):
    """Every utterance takes the group's `codec`."""

    kind: Literal["fixed"] = "fixed"


class LinkPolicySpec(Spec):
    """The richest codec whose bytes the link carries in a given time, at the rate the device expects."""

    kind: Literal["link"]
    codecs: Candidates
    """Codecs to pick from, the richest first; the last one is taken when none is small enough."""
    transfer: PositiveDuration
    """How long the transfer may take at the estimated rate."""


class DeadlinePolicySpec(Spec):
    """The richest codec that encoding, transfer and server are expected to finish before the deadline."""

    kind: Literal["deadline"]
    codecs: Candidates
    """Codecs to pick from, the richest first; the last one is taken when none is fast enough."""
    deadline: PositiveDuration
    """Wanted time from the end of speech to the reply."""
    server_time: PositiveDuration = 0.3
    """What the device assumes for backhaul, queue and service (an assumption; set it to your server's)."""


class BatteryPolicySpec(Spec):
    """A leaner codec as the battery empties."""

    kind: Literal["battery"]
    codecs: Candidates
    """Codecs to pick from, the richest first."""
    below: Annotated[tuple[Share, ...], Listed, Field(min_length=1)]
    """Battery shares, decreasing, one fewer than codecs: below the n-th, codec n + 1 is taken."""

    @model_validator(mode="after")
    def _steps_fit(self) -> BatteryPolicySpec:
        _check_steps(self.codecs, self.below, decreasing=True)
        return self


class LoadPolicySpec(Spec):
    """A leaner codec as the cell or the server fills up."""

    kind: Literal["load"]
    codecs: Candidates
    """Codecs to pick from, the richest first."""
    watch: Literal["uploads", "replies", "queue"] = "uploads"
    """What is watched: the cell's `uploads` that are being sent (its gateway knows), those that still wait for
    `replies` (which phones can know), or the `queue` of the server."""
    above: Annotated[tuple[Annotated[float, Field(ge=0)], ...], Listed, Field(min_length=1)]
    """Counts, increasing, one fewer than codecs: above the n-th, codec n + 1 is taken."""

    @model_validator(mode="after")
    def _steps_fit(self) -> LoadPolicySpec:
        _check_steps(self.codecs, self.above, decreasing=False)
        return self


class HoldPolicySpec(Spec):
    """Keep utterances back and upload several at once: they share one promotion and one radio tail."""

    kind: Literal["hold"]
    longest: PositiveDuration
    """An utterance waits at most this long."""
    largest: Annotated[int, Field(ge=1)] = 1_000_000
    """Upload as soon as so many wait."""


class StreamPolicySpec(Spec):
    """Send blocks while the user is still speaking; after the end of speech only the last block is left."""

    kind: Literal["stream"]
    block: PositiveDuration = 1.0
    """Speech in one block."""


class LocalPolicySpec(Spec):
    """Recognize on the device and send the text: what a user weighs against all uploading."""

    kind: Literal["local"]
    recognizer: Literal["whisper-tiny", "whisper-tiny-ct2"] = "whisper-tiny"
    """Whose time on the device is charged (see `devices/data/local.yaml` for the sources)."""


class PolicyPluginSpec(PluginSpec):
    """A policy of your own: a class with ``choose(context) -> int`` and the attribute ``codecs``, called as
    ``Name(codecs=..., **options)``.
    """

    codecs: Annotated[tuple[str, ...], Listed, Field(min_length=1)]
    """Names of the codecs the class picks from."""


def _check_steps(codecs: Sequence[str], steps: Sequence[float], *, decreasing: bool) -> None:
    if len(steps) != len(codecs) - 1:
        raise ValueError(f"{len(codecs)} codecs need {len(codecs) - 1} thresholds, found {len(steps)}")
    wanted = sorted(set(steps), reverse=decreasing)
    if list(steps) != wanted:
        raise ValueError(f"thresholds must {'decrease' if decreasing else 'increase'}, found {list(steps)}")


_Policies = (
    FixedPolicySpec
    | LinkPolicySpec
    | DeadlinePolicySpec
    | BatteryPolicySpec
    | LoadPolicySpec
    | HoldPolicySpec
    | StreamPolicySpec
    | LocalPolicySpec
    | PolicyPluginSpec
)

PolicySpec = Annotated[
    Annotated[_Policies, Field(discriminator="kind")],
    BeforeValidator(kind_short_form, json_schema_input_type=Literal["fixed", "stream", "local"] | _Policies),
]
