"""How devices move, and between which cells they are handed over."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, model_validator

from scenarios.quantities import Coordinate, Distance, Duration, GainDb, PositiveDuration, Speed
from scenarios.schema.base import Listed, Spec


class WaypointSpec(Spec):
    """Straight to a place that is drawn anew each time, uniform over a disc, at a speed drawn for each way."""

    kind: Literal["waypoint"] = "waypoint"
    """`waypoint`: random waypoints."""
    slowest: Speed
    """Lowest speed; speeds are uniform between both."""
    fastest: Speed
    """Highest speed."""
    radius: Annotated[Distance, Field(ge=1.0)] | None = None
    """Radius of the disc, 1 m at least; left out, that of their cell."""
    centre: Annotated[tuple[Coordinate, Coordinate], Listed] | None = None
    """Its centre on the site's map, east and north; left out, their cell's base station."""

    @model_validator(mode="after")
    def _in_order(self) -> WaypointSpec:
        if self.slowest > self.fastest:
            raise ValueError(f"`slowest` ({self.slowest:g} m/s) is above `fastest` ({self.fastest:g} m/s)")
        return self


class PositionsSpec(Spec):
    """The ways of a file: a table of device, time, x and y, straight from row to row."""

    kind: Literal["positions"]
    """`positions`: from a file."""
    file: str
    """CSV file with the columns `device`, `time_s` (or `time_ms`, `time_min`), `x_m` and `y_m` (or `x_km`, `y_km`),
    east and north on the site's map; relative to the scenario file or the folder in AMSER_TRACES. Each phone takes the
    next device of the file."""


def _kind_of_movement(value: Any) -> Any:
    return {"kind": "waypoint", **value} if isinstance(value, dict) and "kind" not in value else value


_Movements = WaypointSpec | PositionsSpec
MovementSpec = Annotated[
    Annotated[_Movements, Field(discriminator="kind")],
    BeforeValidator(_kind_of_movement, json_schema_input_type=_Movements),
]


class HandoverSpec(Spec):
    """Between which cells phones that move are handed over, and when (event A3, TS 36.331).  Short form: the cells."""

    cells: Annotated[tuple[str, ...], Listed, Field(min_length=1)]
    """The other cells that can serve them, beside `cell`; all of them alike but for their radio and place."""
    hysteresis: Annotated[GainDb, Field(ge=0.0)] = 3.0
    """By how much another cell must be stronger, the event's offset included (ns-3's A3 algorithm: 3 dB)."""
    time_to_trigger: Duration = 0.256
    """For how long it must be (ns-3: 256 ms); with measurements every 200 ms that is two of them."""
    measured_every: Annotated[PositiveDuration, Field(ge=0.01)] = 0.2
    """Time between two measurements of a cell (TS 36.133, 200 ms on one frequency; remembered)."""
    interruption: Duration = 0.0495
    """Time in which nothing passes at each handover (LTE: 49.5 ms, TR 36.881; remembered)."""


def cells_short_form(value: Any) -> Any:
    """`handover: [east, north]` stands for `handover: {cells: [east, north]}`."""
    return {"cells": value} if isinstance(value, (list, tuple)) else value
