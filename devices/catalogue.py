"""What ships with the devices: every profile, radio and on-device recognizer with its source and status."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from devices.bands import Band, bands_of, why
from devices.library import load_data
from devices.local import load_local
from devices.nr import build_nr
from devices.profile import load_profile, profiles
from devices.radio import Radio
from devices.radios import load_radio, radios
from scenarios.schema.device import NrRadioSpec

NR: tuple[Literal["nr-fr1", "nr-fr2"], ...] = ("nr-fr1", "nr-fr2")


@dataclass(frozen=True)
class Entry:
    """One entry of the catalogue.

    ``kind``: profile, radio or local; ``figures``: its main numbers as text with units; ``status``: read,
    computed, remembered or assumed; ``remembered``: single figures of it that are only remembered;
    ``assumed``: single figures that nobody published; ``bands``: factors between which such a component's energy lies.
    """

    kind: str
    name: str
    title: str
    figures: Mapping[str, str]
    source: str
    status: str
    note: str = ""
    remembered: tuple[str, ...] = ()
    assumed: tuple[str, ...] = ()
    bands: Mapping[str, Band] = field(default_factory=dict)
    why: str = ""
    """What the bands rest on."""


def catalogue() -> list[Entry]:
    """All entries, by kind and in the order of the data files."""
    return [
        *(_entry("profile", name, _profile_figures(name)) for name in profiles()),
        *(_entry("radio", name, _radio_figures(load_radio(name))) for name in radios()),
        *(_entry("radio", name, _radio_figures(build_nr(NrRadioSpec(kind=name))), "nr") for name in NR),
        *(_entry("local", name, _local_figures(name)) for name in load_data("local")),
    ]


_FILES = {"profile": "profiles", "radio": "radios", "local": "local"}


def _entry(kind: str, name: str, figures: Mapping[str, str], file: str = "") -> Entry:
    data: Mapping[str, Any] = load_data(file or _FILES[kind])[name]
    return Entry(
        kind=kind,
        name=name,
        title=data["title"],
        figures=figures,
        source=data["source"],
        status=data["status"],
        note=data.get("note", ""),
        remembered=tuple(data.get("remembered", ())),
        assumed=tuple(data.get("assumed", ())),
        bands=bands_of(data),
        why=why(data),
    )


def _profile_figures(name: str) -> dict[str, str]:
    profile = load_profile(name)
    band = f"{profile.encode_scale_low:.2f}"
    if profile.encode_scale_high > profile.encode_scale_low:
        band += f" to {profile.encode_scale_high:.2f}"
    return {
        "idle": f"{profile.idle_power_w:.3g} W",
        "busy core": f"+{profile.cpu_power_w:.3g} W",
        "encoding time": f"{band} x host" + (" (inferred)" if profile.band_inferred else ""),
        "battery": "mains" if profile.battery_j is None else f"{profile.battery_j / 3600:.1f} Wh",
    }


def _radio_figures(radio: Radio) -> dict[str, str]:
    return {
        "promotion": f"{radio.idle_wake_delay_s * 1e3:.0f} ms, {radio.wake_j(math.inf):.3g} J",
        "transmit": f"{radio.transmit_power_w:.3g} W + {radio.transmit_j_per_bit * 1e9:.3g} nJ/bit",
        "tail": f"{radio.tail_s:.3g} s, {radio.tail_j(math.inf):.3g} J",
        "idle": f"{radio.idle_power_w * 1e3:.3g} mW",
    }


def _local_figures(name: str) -> dict[str, str]:
    local = load_local(name)
    return {
        "time": f"{local.fixed_s:.3g} s + {local.per_audio_s:.3g} x audio on {local.reference}",
        "threads": str(local.threads),
    }
