"""Capacity of a cell over time, and its outages."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, model_validator

from scenarios.quantities import Duration, PositiveDuration, Rate, RateOrZero, Share, Stay
from scenarios.schema.base import Listed, PluginSpec, Spec


class ConstantCapacitySpec(Spec):
    """A capacity that never changes.  Short form: the rate itself, ``capacity: 10 Mbit/s``."""

    kind: Literal["constant"] = "constant"
    """`constant`: the same rate for ever."""
    rate: Rate
    """Capacity of the cell's uplink."""


class MahimahiCapacitySpec(Spec):
    """A Mahimahi trace: one integer per line, the millisecond at which a packet of 1500 bytes may leave."""

    kind: Literal["mahimahi"]
    """`mahimahi`: a packet-delivery trace, repeated at its end."""
    file: str
    """Trace file, relative to the scenario file or the folder in AMSER_TRACES, or one of the library's."""
    start: Duration | Literal["random"] = 0.0
    """Where in the trace the simulation begins; `random` draws the place anew for each replication."""
    mean_rate: Rate | None = None
    """Scale the trace so that its mean is this rate; without it the trace is taken as recorded."""


class CsvCapacitySpec(Spec):
    """A CSV file of time and rate, header ``time_s,rate_bps`` or the like; a rate holds until the next row."""

    kind: Literal["csv"]
    """`csv`: columns of time and rate, repeated at the end."""
    file: str
    """Trace file, relative to the scenario file or the folder in AMSER_TRACES, or one of the library's."""
    start: Duration | Literal["random"] = 0.0
    """Where in the trace the simulation begins; `random` draws the place anew for each replication."""
    mean_rate: Rate | None = None
    """Scale the trace so that its mean is this rate; without it the trace is taken as recorded."""


class RateStateSpec(Spec):
    """One state of a Markov capacity."""

    rate: RateOrZero
    """Rate in this state; `0 bit/s` is an outage."""
    dwell: Stay
    """Mean time in this state (exponentially distributed)."""


_Row = Annotated[tuple[Annotated[float, Field(ge=0.0, le=1.0)], ...], Listed]


class MarkovCapacitySpec(Spec):
    """A continuous-time Markov chain over rates."""

    kind: Literal["markov"]
    """`markov`: the rate jumps between states at random times."""
    states: Annotated[tuple[RateStateSpec, ...], Listed, Field(min_length=2)]
    """The states."""
    jumps: Annotated[tuple[_Row, ...], Listed] | None = None
    """Probability to go from each state (row) to each other (column) when it ends; without it all others alike."""

    @model_validator(mode="after")
    def _consistent(self) -> MarkovCapacitySpec:
        if not any(state.rate > 0.0 for state in self.states):
            raise ValueError("at least one state needs a rate above 0 bit/s")
        if self.jumps is None:
            return self
        n = len(self.states)
        if len(self.jumps) != n or any(len(row) != n for row in self.jumps):
            raise ValueError(f"jumps needs {n} rows of {n} probabilities, one for each state")
        for i, row in enumerate(self.jumps):
            if abs(sum(row) - 1.0) > 1e-6:
                raise ValueError(f"row {i + 1} of jumps must sum to 1, found {sum(row):g}")
            if row[i] > 0.0:
                raise ValueError(f"row {i + 1} of jumps has a jump to the same state; make its dwell longer instead")
        return self


class GilbertElliottCapacitySpec(Spec):
    """Two states, good and bad: the Gilbert-Elliott model with rates in place of loss probabilities."""

    kind: Literal["gilbert-elliott"]
    """`gilbert-elliott`: a good and a bad state."""
    good_rate: Rate
    """Rate in the good state."""
    bad_rate: RateOrZero = 0.0
    """Rate in the bad state."""
    good: Stay
    """Mean time in the good state."""
    bad: Stay
    """Mean time in the bad state."""


class DiurnalCapacitySpec(Spec):
    """A rate that follows the hour of the day, because others use the cell too."""

    kind: Literal["diurnal"]
    """`diurnal`: 24 hourly shares of a rate, repeated every day."""
    rate: Rate
    """Rate at a share of 100 %."""
    hours: Annotated[tuple[Share, ...], Listed, Field(min_length=24, max_length=24)]
    """Share of the rate that is free in each hour from 0:00 on, 24 values."""
    start: Duration = 0.0
    """Time of day at which the simulation begins, for example `8 h`."""

    @model_validator(mode="after")
    def _some_hour_carries(self) -> DiurnalCapacitySpec:
        if not any(self.hours):
            raise ValueError("at least one of the 24 hours needs a share above 0 %; this cell could carry nothing")
        return self


class CapacityPluginSpec(PluginSpec):
    """A capacity of your own: a class with the interface of `channel.links.Capacity`; it may ask for `rng`."""


def _constant_short_form(value: Any) -> Any:
    return {"kind": "constant", "rate": value} if isinstance(value, (str, int, float)) else value


_AnyCapacity = (
    ConstantCapacitySpec
    | MahimahiCapacitySpec
    | CsvCapacitySpec
    | MarkovCapacitySpec
    | GilbertElliottCapacitySpec
    | DiurnalCapacitySpec
    | CapacityPluginSpec
)
CapacitySpec = Annotated[
    Annotated[_AnyCapacity, Field(discriminator="kind")],
    BeforeValidator(_constant_short_form, json_schema_input_type=Rate | _AnyCapacity),
]


class OutageSpec(Spec):
    """Times at which the cell carries nothing: random ones, or windows that are given."""

    mean_up: Stay | None = None
    """Mean time between outages (exponential); needs `mean_down`."""
    mean_down: Stay | None = None
    """Mean length of an outage (exponential); needs `mean_up`."""
    windows: Annotated[tuple[Annotated[tuple[Duration, PositiveDuration], Listed], ...], Listed] = ()
    """Outages by the clock: pairs of start and length."""

    @model_validator(mode="after")
    def _one_way(self) -> OutageSpec:
        if (self.mean_up is None) != (self.mean_down is None):
            raise ValueError("random outages need both mean_up and mean_down")
        if (self.mean_up is None) == (not self.windows):
            raise ValueError("give either mean_up and mean_down, or windows")
        last = 0.0
        for start, length in self.windows:
            if start < last:
                raise ValueError("windows must be in order and must not overlap")
            last = start + length
        return self
