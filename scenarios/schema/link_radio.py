"""Where devices are in a cell, and what rate of their own that gives them."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from scenarios.quantities import Coordinate, Distance, Duration, Frequency, GainDb, LevelDbm, Rate, Share
from scenarios.schema.base import Listed, Spec


class GivenRatesSpec(Spec):
    """Each device draws its own rate from a list, for example the physical rates of WiFi stations."""

    kind: Literal["given"]
    """`given`: rates from a list."""
    rates: Annotated[tuple[Rate, ...], Listed, Field(min_length=1)]
    """The rates."""
    shares: Annotated[tuple[Share, ...], Listed] | None = None
    """Share of the devices that has each of them; without it, all alike."""

    @model_validator(mode="after")
    def _shares_fit(self) -> GivenRatesSpec:
        if self.shares is not None and (len(self.shares) != len(self.rates) or abs(sum(self.shares) - 1.0) > 1e-6):
            raise ValueError("shares needs one share for each rate, and they must sum to 100 %")
        return self


class TraceRatesSpec(Spec):
    """Each device has the capacity of a trace of its own from a folder, under `dedicated` or `max-min` sharing."""

    kind: Literal["traces"]
    """`traces`: a trace for each device."""
    folder: str
    """Folder of traces, relative to the scenario file or the folder in AMSER_TRACES."""
    files: Annotated[str, Field(pattern=r"^[^/\\]+$", max_length=100)] = "*.csv"
    """Names of its traces, such as `lte-*.csv`; files that end in `.csv` are columns of time and rate, others
    Mahimahi's."""
    assign: Literal["in-turn", "drawn"] = "in-turn"
    """`in-turn`: devices take the traces in order of name, again from the first when there are more devices; `drawn`:
    each device draws one."""
    start: Duration | Literal["random"] = 0.0
    """Where in its trace a device begins; `random` draws the place for each device and replication."""
    mean_rate: Rate | None = None
    """Scale each trace so that its mean is this rate; without it they are taken as recorded."""


class PropagationRatesSpec(Spec):
    """Devices are spread over a cell; path loss, shadowing and transmit power give each an uplink rate."""

    kind: Literal["propagation"]
    """`propagation`: rates by placement and path loss (3GPP TR 38.901)."""
    environment: Literal["uma", "umi"] = "uma"
    """Urban macro cell (antenna at 25 m) or urban micro cell (street canyon, antenna at 10 m)."""
    frequency: Frequency = 2.0e9
    """Carrier frequency, 0.5 to 100 GHz."""
    bandwidth: Frequency = 9.0e6
    """Bandwidth of the cell's blocks (LTE 10 MHz: 50 blocks, 9 MHz)."""
    uplink_share: Annotated[Share, Field(gt=0.0)] = 1.0
    """Share of the time that belongs to the uplink (TDD); devices send with full power then."""
    position: Annotated[tuple[Coordinate, Coordinate], Listed] = (0.0, 0.0)
    """Where the base station stands on the site's map, east and north, for phones that move (`[-250 m, 0 m]`)."""
    radius: Distance = 500.0
    """Radius of the cell; devices are uniform over its area."""
    nearest: Distance = 35.0
    """Smallest distance on the ground (TR 38.901: 35 m in UMa, 10 m in UMi)."""
    device_height: Distance = 1.5
    """Height of the devices."""
    max_power: LevelDbm = 23.0
    """Largest transmit power (power class 3: 23 dBm)."""
    p0: LevelDbm = -80.0
    """Target power of a block of 180 kHz (TS 36.213, 5.1.1); a common choice with alpha 0.8, remembered."""
    alpha: Annotated[float, Field(ge=0.0, le=1.0)] = 0.8
    """Share of the path loss that power control compensates; 1 compensates all of it."""
    noise_figure: GainDb = 5.0
    """Noise figure of the base station (TR 36.942: 5 dB)."""
    interference: GainDb = 3.0
    """Interference from other cells, as a rise over the noise."""
    antenna_gain: GainDb = 0.0
    """Gain of the base station's antenna, which path loss leaves out and power control sees: 8 dB for one element of
    TR 38.901 (table 7.3-1)."""
    extra_loss: GainDb = 0.0
    """Loss on top, such as walls for devices indoors."""
    rate: Literal["shannon", "lte-cqi", "nr-cqi"] = "shannon"
    """SNR to rate: attenuated Shannon bound of TR 36.942 (uplink), or the CQI tables."""

    @model_validator(mode="after")
    def _within_the_model(self) -> PropagationRatesSpec:
        if not 0.5e9 <= self.frequency <= 100e9:
            raise ValueError(f"TR 38.901 holds from 0.5 to 100 GHz, found a frequency of {self.frequency / 1e9:g} GHz")
        if not 0.0 < self.nearest < self.radius <= 5000.0:
            raise ValueError(
                f"a cell needs 0 m < `nearest` < `radius` <= 5 km, found {self.nearest:g} and {self.radius:g} m"
            )
        if not 1.5 <= self.device_height < 13.0:
            raise ValueError(f"`device_height` must be from 1.5 to 13 m, found {self.device_height:g} m")
        if self.bandwidth < 180e3:
            raise ValueError(f"`bandwidth` must hold a resource block of 180 kHz, found {self.bandwidth / 1e3:g} kHz")
        return self


DeviceRatesSpec = Annotated[GivenRatesSpec | PropagationRatesSpec | TraceRatesSpec, Field(discriminator="kind")]
