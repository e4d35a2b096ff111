"""Traffic: when the devices of a group finish speaking an utterance."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from scenarios.quantities import Duration, EventRate, PositiveDuration
from scenarios.schema.base import PluginSpec, Spec


class PoissonTrafficSpec(Spec):
    """Each device speaks as an independent Poisson process: utterances with no memory of one another."""

    kind: Literal["poisson"]
    rate: EventRate
    """Utterances of one device per time, such as `6 /h`."""


class PeriodicTrafficSpec(Spec):
    """Each device speaks once per period, at its own phase within the period."""

    kind: Literal["periodic"]
    period: PositiveDuration
    """Time between two utterances of one device."""
    phase: Literal["random", "aligned"] = "random"
    """`random` draws each device's phase uniformly; `aligned` lets all of them speak at once."""


class TalkSpurtTrafficSpec(Spec):
    """Conversations: speech and pauses alternate, both exponential; an upload follows each talk spurt."""

    kind: Literal["talk-spurts"]
    speech: PositiveDuration = 1.004
    """Mean length of a talk spurt (ITU-T P.59 with hangover; remembered, unverified)."""
    pause: PositiveDuration = 1.587
    """Mean pause between two spurts (ITU-T P.59 with hangover; remembered, unverified)."""
    spurts: Annotated[float, Field(ge=1)] | None = None
    """Mean number of spurts in a conversation (geometric); without it the conversation never ends."""
    rest: PositiveDuration | None = None
    """Mean time between two conversations (exponential); needed with `spurts`."""

    @model_validator(mode="after")
    def _conversation_is_whole(self) -> TalkSpurtTrafficSpec:
        if (self.spurts is None) != (self.rest is None):
            raise ValueError("`spurts` and `rest` go together: a rest follows a conversation that ends")
        return self


class DiurnalTrafficSpec(Spec):
    """A Poisson process whose rate follows the hour of the day."""

    kind: Literal["diurnal"]
    rate: EventRate
    """Utterances of one device per time, averaged over the day."""
    hours: Annotated[list[Annotated[float, Field(ge=0)]], Field(min_length=24, max_length=24)]
    """Relative rate of each hour, from 0:00 to 23:00; scaled so that the daily mean is `rate`."""
    start: Duration = 0.0
    """Time of day at which the simulation begins, such as `18 h`."""

    @model_validator(mode="after")
    def _some_hour_speaks(self) -> DiurnalTrafficSpec:
        if not any(self.hours):
            raise ValueError("at least one of the 24 hours needs a rate above 0")
        return self


class HeavyTailedTrafficSpec(Spec):
    """Poisson devices whose rates differ widely: few users speak most of the utterances.

    The rate of a device is lognormal with the given mean and median.  The defaults are the 23.2 (mean) and
    10.0 (median) commands per active day of 88 Google Home users, Ammari et al., ACM TOCHI 26(3), 2019.
    """

    kind: Literal["heavy-tailed"]
    mean: EventRate = 23.2 / 86400
    """Mean over devices of the utterances per time."""
    median: EventRate = 10.0 / 86400
    """Median over devices of the utterances per time."""

    @model_validator(mode="after")
    def _mean_above_median(self) -> HeavyTailedTrafficSpec:
        if self.median > self.mean:
            raise ValueError("a heavy tail has a median of at most the mean")
        return self


class ClosedLoopTrafficSpec(Spec):
    """The next utterance follows the reply to the last one after a time to think."""

    kind: Literal["closed-loop"]
    think: PositiveDuration
    """Mean time between a reply and the end of the next utterance."""
    distribution: Literal["exponential", "constant"] = "exponential"
    """How the time to think varies."""


class TraceTrafficSpec(Spec):
    """Recorded times: a CSV file with the header ``time_s`` or ``time_s,device`` (device: 0, 1, ...)."""

    kind: Literal["trace"]
    file: str
    """The CSV file, relative to the scenario file; times in seconds, not decreasing."""
    repeat: bool = False
    """Begin again at the end of the recording (its length: the last time)."""


class TrafficPluginSpec(PluginSpec):
    """Traffic of your own: a class with ``arrivals(rng, t0, t1) -> (times, devices)``, called as
    ``Name(devices=..., rng=..., **options)``.
    """


TrafficSpec = Annotated[
    PoissonTrafficSpec
    | PeriodicTrafficSpec
    | TalkSpurtTrafficSpec
    | DiurnalTrafficSpec
    | HeavyTailedTrafficSpec
    | ClosedLoopTrafficSpec
    | TraceTrafficSpec
    | TrafficPluginSpec,
    Field(discriminator="kind"),
]
