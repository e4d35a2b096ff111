"""Devices: what a scenario file can say about who speaks and sends.

A group of like devices has a profile (computer and battery), a radio, a traffic process, a codec and a
policy.  Most parts have a short form: ``profile: pixel-8``, ``radio: lte``, ``battery: 15 Wh``.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, model_validator

from scenarios.quantities import Duration, Energy, PositiveDuration, Power, Share
from scenarios.schema.base import Spec
from scenarios.schema.policy import FixedPolicySpec, PolicySpec
from scenarios.schema.traffic import TrafficSpec


def _short_form(value: Any) -> Any:
    return {"kind": value} if isinstance(value, str) else value


# ---------------------------------------------------------------- profile

ProfileName = Literal["pixel-8", "oneplus-8", "raspberry-pi-4", "poster-pc"]
"""Profiles with sourced figures (`devices/data/profiles.yaml`)."""


class CatalogueProfileSpec(Spec):
    """A device whose figures ship with the testbed, with their sources (`amser list profiles`)."""

    kind: ProfileName
    estimate: Literal["low", "central", "high"] = "central"
    """Which end of the band of the encoding time to use: benchmarks do not agree on how much slower it is."""


class CustomProfileSpec(Spec):
    """A device of your own."""

    kind: Literal["custom"]
    idle_power: Power = 0.0
    """What the device draws while nothing is spoken or sent."""
    cpu_power: Power
    """What one busy core adds to it."""
    encode_scale: Annotated[float, Field(gt=0)] = 1.0
    """Encoding time relative to the calibration host: 2 is half as fast."""
    battery: Energy | None = None
    """Energy of a full battery; without it the device is fed by mains."""


ProfileSpec = Annotated[
    Annotated[CatalogueProfileSpec | CustomProfileSpec, Field(discriminator="kind")],
    BeforeValidator(
        _short_form, json_schema_input_type=ProfileName | CatalogueProfileSpec | CustomProfileSpec
    ),
]

# ---------------------------------------------------------------- radio

RadioName = Literal["3g", "lte", "wifi", "lte-2021", "nsa-low", "nsa-mmwave", "sa"]
"""Radios with published figures (`devices/data/radios.yaml`)."""


class CatalogueRadioSpec(Spec):
    """A radio whose figures ship with the testbed, with their sources (`amser list radios`)."""

    kind: RadioName
    fast_dormancy: Duration | None = None
    """Release the connection this long after the last activity instead of waiting for the network's timer."""


class RadioPhaseSpec(Spec):
    """One phase of the tail: the radio stays awake after its last activity, at a constant mean power."""

    duration: PositiveDuration
    """How long the phase lasts."""
    power: Power
    """Mean power above idle."""
    wake_delay: Duration = 0.0
    """Time until an upload that arrives in this phase can be sent."""
    wake_power: Power = 0.0
    """Power above idle meanwhile."""


class CustomRadioSpec(Spec):
    """A radio of your own; all powers but `idle_power` are above idle."""

    kind: Literal["custom"]
    wake_delay: Duration = 0.0
    """Promotion: time from idle until the first bit."""
    wake_power: Power = 0.0
    """Power during the promotion."""
    transmit_power: Power
    """Power of an active uplink that carries nothing (the constant of the linear model)."""
    power_per_mbps: Power = 0.0
    """Power for each Mbit/s sent (the slope): `438 mW` means 438 nJ for each bit."""
    tail: tuple[RadioPhaseSpec, ...] = ()
    """What follows the last activity, in order."""
    idle_power: Power = 0.0
    """Mean power of the idle radio (paging or beacons), above the device's idle power."""


class RadioPluginSpec(Spec):
    """A radio of your own as a class with the methods of `devices.radio.Radio`."""

    kind: Literal["plugin"]
    class_: Annotated[str, Field(alias="class", pattern=r"^[\w.]+:\w+$")]
    """The class as `package.module:Name`; called as ``Name(**options)``."""
    options: dict[str, Any] = Field(default_factory=dict)
    """Keyword arguments of the class."""


_Radios = CatalogueRadioSpec | CustomRadioSpec | RadioPluginSpec
RadioSpec = Annotated[
    Annotated[_Radios, Field(discriminator="kind")],
    BeforeValidator(_short_form, json_schema_input_type=RadioName | _Radios),
]

# ---------------------------------------------------------------- battery


class BatterySpec(Spec):
    """A battery that is followed until it is empty.  Short form: its energy, or `profile`."""

    capacity: Energy | Literal["profile"] = "profile"
    """Energy when full; `profile` takes the device's own."""
    level: Share = 1.0
    """Charge at the start."""
    level_lowest: Share | None = None
    """With it, the devices start at charges drawn uniformly between this and `level`."""

    @model_validator(mode="after")
    def _levels_in_order(self) -> BatterySpec:
        if self.level == 0:
            raise ValueError("`level` must be above 0 %: these devices are dead before they speak")
        if self.level_lowest is not None and self.level_lowest > self.level:
            raise ValueError("`level_lowest` must be at most `level`")
        return self


def _battery_short_form(value: Any) -> Any:
    return {"capacity": value} if isinstance(value, (str, float)) else value


# ---------------------------------------------------------------- group


class DeviceGroupSpec(Spec):
    """A number of like devices."""

    count: Annotated[int, Field(ge=1, le=100_000_000)]
    """Number of devices (of each site)."""
    profile: ProfileSpec
    """Computer and battery: a name such as `pixel-8`, or figures of your own."""
    radio: RadioSpec
    """Radio: a name such as `lte`, or figures of your own."""
    battery: Annotated[
        BatterySpec | None,
        BeforeValidator(
            _battery_short_form, json_schema_input_type=Energy | Literal["profile"] | BatterySpec | None
        ),
    ] = None
    """A battery to follow until it is empty: `profile` (the device's own), an energy, or a mapping."""
    traffic: TrafficSpec
    """When the devices speak."""
    codec: str
    """Name of the codec, a standard one (`amser list codecs`) or one from `codecs`."""
    policy: PolicySpec = FixedPolicySpec()
    """How the codec of each utterance is picked, and when it is sent."""
    cell: str
    """Name of the cell they send through."""

    def codec_names(self) -> tuple[str, ...]:
        """The codecs that the group's policy can pick, in the order of the index that it returns."""
        candidates: tuple[str, ...] = getattr(self.policy, "codecs", ())
        return candidates or (self.codec,)
