"""Devices: what a scenario file can say about who speaks and sends.

A group of like devices has a profile (computer and battery), a radio, a traffic process, a codec and a
policy.  Most parts have a short form: ``profile: pixel-8``, ``radio: lte``, ``battery: 15 Wh``.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, model_validator

from scenarios.quantities import (
    ENERGY,
    SI,
    Duration,
    Energy,
    EventRate,
    LevelDbm,
    PositiveDuration,
    Power,
    Share,
)
from scenarios.schema.base import Listed, PluginSpec, Spec, kind_short_form
from scenarios.schema.movement import HandoverSpec, MovementSpec, cells_short_form
from scenarios.schema.policy import FixedPolicySpec, PolicySpec
from scenarios.schema.traffic import TrafficSpec

# ---------------------------------------------------------------- profile

ProfileName = Literal[
    "pixel-8",
    "oneplus-8",
    "pixel-5",
    "moto-g7-plus",
    "galaxy-watch4",
    "esp32",
    "raspberry-pi-zero-2w",
    "raspberry-pi-3b",
    "raspberry-pi-4",
    "raspberry-pi-5",
    "jetson-nano",
    "jetson-orin-nano",
    "thinkpad-x230",
    "mini-pc-n100",
    "poster-pc",
]
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
    BeforeValidator(kind_short_form, json_schema_input_type=ProfileName | CatalogueProfileSpec | CustomProfileSpec),
]

# ---------------------------------------------------------------- radio

RadioName = Literal[
    "wifi",
    "lte",
    "sa",
    "nsa-low",
    "nsa-tmobile",
    "nsa-mmwave",
    "lte-m",
    "nb-iot",
    "ble-watch",
    "esp32-wifi",
    "wifi-no-power-save",
    "wifi-2012",
    "lte-2012",
    "lte-drx-2012",
    "3g-2012",
]
"""Radios with published figures (`devices/data/radios.yaml`)."""


class CatalogueRadioSpec(Spec):
    """A radio whose figures ship with the testbed, with their sources (`amser list radios`)."""

    kind: RadioName
    fast_dormancy: Duration | None = None
    """Release the connection this long after the last activity instead of waiting for the network's timer."""


class NrRadioSpec(Spec):
    """A 5G NR radio by the power states of 3GPP TR 38.840, below 7 GHz (fr1) or at millimetre waves (fr2)."""

    kind: Literal["nr-fr1", "nr-fr2"]
    unit: Power = 4.65e-3
    """Power of one relative unit; the default fits measured uplink power (see docs/energy.md)."""
    transmit_level: Annotated[LevelDbm, Field(ge=0, le=23)] = 19.2
    """Transmit power while sending; the default is the mean measured in a city (Doubb uplink traces). Where a cell says
    where its phones are (`device_rates: {kind: propagation}`) power control decides, unless they move."""
    promotion: Duration = 0.408
    """Time from idle until the first bit (the report gives none; that of the radio `sa`, Narayanan et al. 2021)."""
    inactivity: Duration = 0.1
    """How long the radio listens in every slot after its last activity."""
    cycle: PositiveDuration = 0.32
    """Connected DRX cycle after that (measured on three networks, Narayanan et al. 2021)."""
    on_duration: PositiveDuration = 0.01
    """Listening at the start of each cycle (an assumption; the report's evaluations use 8 or 10 ms)."""
    release: PositiveDuration = 10.2
    """When the network releases the connection, after the last activity (Narayanan et al. 2021)."""
    inactive: Duration = 0.0
    """How long the radio is then in RRC INACTIVE: it sleeps as idle does, but resumes sooner. 0: never (networks of
    2021 mixed it with idle up to 15 s, Narayanan et al.)."""
    resume: Duration = 0.08
    """Time from INACTIVE until the first bit (an assumption; the delay counts one exchange less than from idle)."""

    @model_validator(mode="after")
    def _times_in_order(self) -> NrRadioSpec:
        if self.on_duration >= self.cycle:
            raise ValueError("`on_duration` must be shorter than `cycle`")
        return self


def _check_wake(delay_s: float, power_w: float) -> None:
    if power_w > 0.0 and delay_s == 0.0:
        raise ValueError("`wake_power` needs a `wake_delay`: no time, no energy")


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
    drx_cycle: Duration = 0.0
    """Time between two moments at which a reply can reach the radio in this phase; 0: it always listens."""

    @model_validator(mode="after")
    def _waking_takes_time(self) -> RadioPhaseSpec:
        _check_wake(self.wake_delay, self.wake_power)
        return self


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
    tail: Annotated[tuple[RadioPhaseSpec, ...], Listed] = ()
    """What follows the last activity, in order."""
    idle_power: Power = 0.0
    """Mean power of the idle radio (paging or beacons), above the device's idle power."""
    paging_cycle: Duration = 0.0
    """Time between two paging occasions of the idle radio. With it, or a `drx_cycle`, replies wait until it listens."""

    @model_validator(mode="after")
    def _waking_takes_time(self) -> CustomRadioSpec:
        _check_wake(self.wake_delay, self.wake_power)
        return self


class RadioPluginSpec(PluginSpec):
    """A radio of your own: a subclass of `devices.radio.Radio`, or a class with its methods and figures."""


_Radios = CatalogueRadioSpec | NrRadioSpec | CustomRadioSpec | RadioPluginSpec
RadioSpec = Annotated[
    Annotated[_Radios, Field(discriminator="kind")],
    BeforeValidator(kind_short_form, json_schema_input_type=RadioName | Literal["nr-fr1", "nr-fr2"] | _Radios),
]

# ---------------------------------------------------------------- battery


def _capacity(value: Any) -> Any:
    return value if value == "profile" or isinstance(value, SI) else ENERGY.parse(value)


class BatterySpec(Spec):
    """A battery that is followed until it is empty.  Short form: its energy, or `profile`."""

    capacity: Annotated[
        float | Literal["profile"],
        BeforeValidator(_capacity, json_schema_input_type=Energy | Literal["profile"]),
    ] = "profile"
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
    return {"capacity": value} if isinstance(value, (str, int, float)) else value


# ---------------------------------------------------------------- other traffic

BackgroundName = Literal["screen-off", "screen-on"]
"""Other traffic with its sources (`devices/data/background.yaml`)."""


class CatalogueBackgroundSpec(Spec):
    """Other traffic of a phone that ships with the testbed."""

    kind: BackgroundName


class BackgroundSpec(Spec):
    """Other traffic of a phone: a Poisson process of short exchanges."""

    kind: Literal["poisson"]
    rate: EventRate
    """Exchanges of one device per time; each wakes the radio or restarts its tail."""


_Backgrounds = CatalogueBackgroundSpec | BackgroundSpec

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
        BeforeValidator(_battery_short_form, json_schema_input_type=Energy | Literal["profile"] | BatterySpec | None),
    ] = None
    """A battery to follow until it is empty: `profile` (the device's own), an energy, or a mapping."""
    background: Annotated[
        Annotated[_Backgrounds, Field(discriminator="kind")] | None,
        BeforeValidator(kind_short_form, json_schema_input_type=BackgroundName | _Backgrounds | None),
    ] = None
    """Other traffic that keeps the radio awake (`screen-off`, `screen-on`, or a rate); left out, there is none."""
    traffic: TrafficSpec
    """When the devices speak."""
    codec: str
    """Name of the codec, a standard one (`amser list codecs`) or one from `codecs`."""
    policy: PolicySpec = FixedPolicySpec()
    """How the codec of each utterance is picked, and when it is sent."""
    cell: str
    """Name of the cell they send through."""
    movement: MovementSpec | None = None
    """How they move in a cell with `device_rates: {kind: propagation}`; left out, they stay where they are."""
    handover: Annotated[
        HandoverSpec | None,
        BeforeValidator(cells_short_form, json_schema_input_type=list[str] | HandoverSpec | None),
    ] = None
    """Cells between which they are handed over as they move; left out, they stay in theirs."""
    weight: Annotated[float, Field(gt=0, le=1e6)] = 1.0
    """Weight of each of their uploads where the cell's sharing knows weights: `weighted`, `airtime`, `wifi`."""

    def codec_names(self) -> tuple[str, ...]:
        """The codecs that the group's policy can pick, in the order of the index that it returns."""
        candidates: tuple[str, ...] = getattr(self.policy, "codecs", ())
        return candidates or (self.codec,)
