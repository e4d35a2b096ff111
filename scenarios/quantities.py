"""Physical quantities: text with a unit in scenario files, SI floats in code.

In a file a quantity is a string such as ``10 Mbit/s``, ``50 ms`` or ``1.2 W``.  A bare number for a
dimensioned field is an error, because nobody can know which unit was meant.  bit and byte are never
abbreviated alike: ``bit`` or ``b`` in compound rates is a bit, ``B`` is a byte.

Prefixes are decimal (k = 1000) except the IEC ones (``KiB`` = 1024 bytes).
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, core_schema

_NUMBER_AND_UNIT = re.compile(r"^\s*([+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?)\s*(.*?)\s*$")


class SI(float):
    """A number that is in SI units already: for code that builds specifications without a file."""


@dataclass(frozen=True, eq=False)
class Dimension:
    """One physical dimension: its accepted units as factors to SI; annotates the floats of specifications.

    ``units`` maps a unit's spelling to the factor that gives SI; ``example`` is shown in errors;
    ``lowest`` and ``highest`` bound the value in SI units.
    """

    name: str
    si_unit: str
    units: Mapping[str, float]
    example: str
    lowest: float = 0.0
    lowest_allowed: bool = True
    highest: float = math.inf
    least: float = 0.0
    """The smallest above zero that is a quantity and no slip of the pen: beyond it, times and sums overflow."""

    def parse(self, value: Any) -> float:
        """Return ``value`` (a string with its unit) in SI units.

        Raises ``ValueError`` with the accepted units when the text is not a quantity of this dimension.
        """
        return self._within(self._magnitude(value), value)

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_before_validator_function(self._to_si, handler(source))

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        alternatives = "|".join(re.escape(u) for u in self.units)
        return {
            "type": "string",
            "pattern": rf"^\s*[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?\s*({alternatives})\s*$",
            "description": f"{self.name} with its unit",
            "examples": [self.example],
        }

    def _to_si(self, value: Any) -> float:
        """A float that is already SI passes only from code."""
        return self._within(float(value), value) if isinstance(value, SI) else self.parse(value)

    def _magnitude(self, value: Any) -> float:
        if isinstance(value, bool) or not isinstance(value, (str, int, float)):
            raise ValueError(f"expected {self.name} such as '{self.example}', found {value!r}")
        if not isinstance(value, str):
            raise ValueError(f"{self.name} needs a unit: write for example '{self.example}', not {value!r}")
        match = _NUMBER_AND_UNIT.match(value)
        if match is None:
            raise ValueError(f"expected {self.name} such as '{self.example}', found {value!r}")
        number, unit = float(match.group(1)), match.group(2)
        if unit not in self.units:
            raise ValueError(self._wrong_unit(value, unit))
        return number * self.units[unit]

    def _wrong_unit(self, value: str, unit: str) -> str:
        accepted = ", ".join(u for u in self.units if u)
        if not unit:
            return f"{self.name} needs a unit: found {value!r}, accepted units are {accepted}"
        return f"'{unit}' is not a unit of {self.name} (in {value!r}); accepted units are {accepted}"

    def _within(self, number: float, value: Any) -> float:
        if not math.isfinite(number):
            raise ValueError(f"{self.name} must be finite, found {value!r}")
        if number < self.lowest or (number == self.lowest and not self.lowest_allowed):
            bound = f"{self.lowest:g} {self.si_unit}".strip()
            raise ValueError(
                f"{self.name} must be {'at least' if self.lowest_allowed else 'above'} {bound}, found {value!r}"
            )
        if 0.0 < number < self.least:
            raise ValueError(f"{self.name} above 0 must be at least {self.least:g} {self.si_unit}, found {value!r}")
        if number > self.highest:
            raise ValueError(
                f"{self.name} must be at most {self.highest:g} {self.si_unit}, found {value!r}".replace(" ,", ",")
            )
        return number


def _decimal(base: str, prefixes: str, factor: float = 1.0) -> dict[str, float]:
    powers = {"n": 1e-9, "u": 1e-6, "m": 1e-3, "": 1.0, "k": 1e3, "M": 1e6, "G": 1e9, "T": 1e12}
    return {("" if p == "-" else p) + base: powers["" if p == "-" else p] * factor for p in prefixes}


_TIME = {"s": 1.0, "ms": 1e-3, "us": 1e-6, "ns": 1e-9, "min": 60.0, "h": 3600.0, "d": 86400.0}
_SIZE = {
    **_decimal("B", "-kMGT"),
    **_decimal("byte", "-"),
    **_decimal("bytes", "-"),
    "KiB": 1024.0,
    "MiB": 1024.0**2,
    "GiB": 1024.0**3,
    **_decimal("bit", "-kMG", 1 / 8),
}
_RATE = {**_decimal("bit/s", "-kMGT"), **_decimal("bps", "-kMGT"), **_decimal("B/s", "-kMG", 8.0)}

_CENTURY_S = 100 * 365.25 * 86400.0  # beyond it a time is a slip of the pen, and sums lose their milliseconds
DURATION = Dimension("a duration", "s", _TIME, "50 ms", highest=_CENTURY_S, least=1e-12)
POSITIVE_DURATION = Dimension("a duration", "s", _TIME, "10 min", lowest_allowed=False, highest=_CENTURY_S, least=1e-12)
STAY = Dimension("a mean stay", "s", _TIME, "10 s", lowest=1e-3, highest=_CENTURY_S)
SIZE = Dimension("a size", "byte", _SIZE, "12 kB", highest=1e12)
RATE = Dimension("a bit rate", "bit/s", _RATE, "10 Mbit/s", lowest_allowed=False, highest=1e15, least=1e-3)
RATE_OR_ZERO = Dimension("a bit rate", "bit/s", _RATE, "10 Mbit/s", highest=1e15, least=1e-3)
POWER = Dimension("a power", "W", _decimal("W", "um-k"), "1.2 W", highest=1e9)
ENERGY = Dimension(
    "an energy",
    "J",
    {**_decimal("J", "um-kM"), **_decimal("Wh", "m-k", 3600.0)},
    "15 Wh",
    lowest_allowed=False,
    highest=1e15,
    least=1e-12,
)
FREQUENCY = Dimension("a frequency", "Hz", _decimal("Hz", "-kMG"), "3.5 GHz", lowest_allowed=False, highest=1e12)
_LENGTH = {"m": 1.0, "km": 1e3, "cm": 1e-2}
DISTANCE = Dimension("a distance", "m", _LENGTH, "400 m", highest=1e9)
COORDINATE = Dimension("a coordinate", "m", _LENGTH, "-250 m", lowest=-1e6, highest=1e6)
_SPEED = {"m/s": 1.0, "km/h": 1 / 3.6}
SPEED = Dimension("a speed", "m/s", _SPEED, "5 km/h", lowest_allowed=False, highest=1e3, least=1e-3)
EVENT_RATE = Dimension(
    "a rate of events",
    "1/s",
    {"/s": 1.0, "/min": 1 / 60, "/h": 1 / 3600, "/d": 1 / 86400},
    "6 /h",
    lowest_allowed=False,
    highest=1e6,
    least=1e-15,
)
LEVEL_DBM = Dimension("a power level", "dBm", {"dBm": 1.0}, "23 dBm", lowest=-1000.0, highest=1000.0)
GAIN_DB = Dimension("a level difference", "dB", {"dB": 1.0}, "7 dB", lowest=-1000.0, highest=1000.0)
SHARE = Dimension("a share", "", {"%": 0.01}, "12.5 %", highest=1.0)
PERCENT = Dimension("a percentage", "", {"%": 0.01}, "12.5 %", highest=1e6)


Duration = Annotated[float, DURATION]  # seconds, >= 0
PositiveDuration = Annotated[float, POSITIVE_DURATION]  # seconds, > 0
Stay = Annotated[float, STAY]  # seconds, >= 1 ms: each change of a capacity is held in memory
Size = Annotated[float, SIZE]  # bytes
Rate = Annotated[float, RATE]  # bit/s, > 0
RateOrZero = Annotated[float, RATE_OR_ZERO]  # bit/s, >= 0
Power = Annotated[float, POWER]  # watts
Energy = Annotated[float, ENERGY]  # joules, > 0
Frequency = Annotated[float, FREQUENCY]  # hertz
Distance = Annotated[float, DISTANCE]  # metres
Coordinate = Annotated[float, COORDINATE]  # metres, of either sign
Speed = Annotated[float, SPEED]  # metres per second, > 0
EventRate = Annotated[float, EVENT_RATE]  # events per second, > 0
LevelDbm = Annotated[float, LEVEL_DBM]  # dBm
GainDb = Annotated[float, GAIN_DB]  # dB
Share = Annotated[float, SHARE]  # fraction, 0..1, written in %
