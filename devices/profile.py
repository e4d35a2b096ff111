"""Profiles: the computer and the battery of a device, with the band that its benchmarks imply.

Encoding is measured on a calibration host and scaled: t_device = t_host * host's rating / device's rating.
Two published ratings bracket the truth.  7-zip's single-core rating fits scalar and FFT work and gives the
low end; double-precision matrix speed per core (HPL) fits the SVD's matrix products and gives the high end.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from typing import Any

from devices.bands import EXACT, Band, Bands, bands_of
from devices.errors import unknown
from devices.library import load_data
from scenarios.schema.device import CatalogueProfileSpec, CustomProfileSpec

CALIBRATION_HOST = "calibration-host"
COULOMB_PER_MAH = 3.6


@dataclass(frozen=True)
class HostRating:
    """Speed of the machine on which encoding times were calibrated.

    ``seven_zip_single``: 7-zip's rating of one core, per CPU used (MIPS); ``matrix_gflops``: double-precision
    matrix product of one core, 10^9 operations a second, None where it was not measured.
    """

    seven_zip_single: float
    matrix_gflops: float | None = None


@dataclass(frozen=True)
class Profile:
    """A device's computer and battery.

    ``cpu_power_w`` is one busy core and ``all_cores_power_w`` all of them, both above ``idle_power_w``.
    ``encode_scale`` multiplies times measured on the calibration host; ``encode_scale_low`` and ``_high`` are
    its band; with ``band_inferred`` its upper end is not this device's but that of the worst device with both
    ratings. ``battery_j`` is None for a device fed by mains.
    """

    name: str
    title: str
    idle_power_w: float
    cpu_power_w: float
    encode_scale: float = 1.0
    encode_scale_low: float = 1.0
    encode_scale_high: float = 1.0
    band_inferred: bool = False
    battery_j: float | None = None
    all_cores_power_w: float | None = None
    cores: int = 1
    device_class: str = "custom"
    source: str = ""
    status: str = ""
    note: str = ""
    bands: Bands = field(default_factory=dict)
    """Of the energy of coding, beside the band of its time, and of the idle power."""

    @property
    def encode_band(self) -> Band:
        """Between which factors the energy of coding lies: of its time and of the core's power together."""
        low, high = self.bands.get("encode", EXACT)
        return Band(low * self.encode_scale_low / self.encode_scale, high * self.encode_scale_high / self.encode_scale)

    def encode_s(self, host_s: float) -> float:
        """Time to encode here what takes ``host_s`` on the calibration host."""
        return host_s * self.encode_scale

    def encode_j(self, host_s: float) -> float:
        """Energy above idle of that encoding, J: one core busy for its time."""
        return host_s * self.encode_scale * self.cpu_power_w


def profiles() -> tuple[str, ...]:
    """Names of the profiles that ship with the testbed."""
    return tuple(name for name in load_data("profiles") if name != CALIBRATION_HOST)


@cache
def default_host() -> HostRating:
    """Rating of the machine that the shipped encoding times come from."""
    entry = load_data("profiles")[CALIBRATION_HOST]
    return HostRating(float(entry["seven_zip_single"]), float(entry["matrix_gflops"]))


@cache
def load_profile(name: str, host: HostRating | None = None) -> Profile:
    """The profile ``name`` from the data file, its encoding time relative to ``host``.

    Without ``host`` it is the shipped calibration's; give another when encoding times were calibrated
    elsewhere.  Raises ``DeviceError`` for an unknown name.
    """
    if name not in profiles():
        raise unknown("profile", name, profiles())
    entry = load_data("profiles")[name]
    low, central, high = _scales(entry, host or default_host())
    return Profile(
        name=name,
        title=entry["title"],
        idle_power_w=entry["idle_power_w"],
        cpu_power_w=entry["cpu_power_w"],
        encode_scale=central,
        encode_scale_low=low,
        encode_scale_high=high,
        band_inferred="matrix_gflops" not in entry and high > central,
        battery_j=_battery_j(entry),
        all_cores_power_w=entry.get("all_cores_power_w"),
        cores=entry.get("cores", 1),
        device_class=entry["class"],
        source=entry["source"],
        status=entry["status"],
        note=entry.get("note", ""),
        bands=bands_of(entry),
    )


def build_profile(spec: CatalogueProfileSpec | CustomProfileSpec, host: HostRating | None = None) -> Profile:
    """The profile that a scenario describes; ``estimate`` picks the end of the band, ``host`` as above."""
    if isinstance(spec, CustomProfileSpec):
        return Profile(
            name="custom",
            title="a device of the scenario",
            idle_power_w=spec.idle_power,
            cpu_power_w=spec.cpu_power,
            encode_scale=spec.encode_scale,
            encode_scale_low=spec.encode_scale,
            encode_scale_high=spec.encode_scale,
            battery_j=spec.battery,
        )
    profile = load_profile(spec.kind, host)
    if spec.estimate == "central":
        return profile
    scale = profile.encode_scale_low if spec.estimate == "low" else profile.encode_scale_high
    return replace(profile, encode_scale=scale)


def _scales(entry: Mapping[str, Any], host: HostRating) -> tuple[float, float, float]:
    """Low, central and high encoding time relative to the host; central is the 7-zip ratio where known."""
    if "encode_scale" in entry:
        scale = float(entry["encode_scale"])
        return scale, scale, scale
    central = host.seven_zip_single / entry["seven_zip_single"]
    if host.matrix_gflops is None:
        return central, central, central
    if "matrix_gflops" not in entry:
        return central, central, central * _widest(host.seven_zip_single, host.matrix_gflops)
    by_matrix = host.matrix_gflops / entry["matrix_gflops"]
    return min(central, by_matrix), central, max(central, by_matrix)


def _widest(seven_zip_single: float, matrix_gflops: float) -> float:
    """How far the matrix ratio is above the 7-zip ratio, at most, on the devices whose both ratings are known."""
    both = [entry for entry in load_data("profiles").values() if "matrix_gflops" in entry]
    host = matrix_gflops / seven_zip_single
    return max(1.0, *(host * float(e["seven_zip_single"] / e["matrix_gflops"]) for e in both))


def _battery_j(entry: Mapping[str, Any]) -> float | None:
    if "battery_wh" in entry:
        return float(entry["battery_wh"] * 3600.0)
    if "battery_mah" not in entry:
        return None
    return float(entry["battery_mah"] * COULOMB_PER_MAH * entry["battery_v"])
