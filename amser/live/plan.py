"""What phones are to do: who says what when, and the audio to say it with.

A plan is a folder with ``plan.json`` and the audio as NumPy arrays, so that a device that speaks it needs neither the
corpus nor anything that reads it.  It is written where the scenario's tables are; the arrivals are those that a
simulation of the same scenario and seed draws.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import numpy.typing as npt

from amser.live.errors import LiveError
from scenarios.paths import has_plugins
from scenarios.quantities import SI
from scenarios.schema.scenario import Scenario

if TYPE_CHECKING:
    from sim.build_site import Situation
    from sim.draws import Draws

FORMAT, VERSION = "amser-plan", 1
Audio = npt.NDArray[np.float32]


class Spoken(NamedTuple):
    """One utterance: ``spoken_s`` ends it, seconds from the start; ``k`` counts those of its device."""

    spoken_s: float
    group: int
    device: int
    k: int
    utterance: int


@dataclass(frozen=True)
class Plan:
    """A plan that was read; ``payload_bytes`` and ``encode_host_s`` are by codec, then utterance."""

    folder: Path
    scenario: Scenario
    bands: int
    spoken: tuple[Spoken, ...]
    utterances: tuple[str, ...]
    audio_s: tuple[float, ...]
    payload_bytes: Mapping[str, tuple[int, ...]]
    encode_host_s: Mapping[str, tuple[float, ...]]

    def audio(self, utterance: int) -> Audio:
        """Samples at 16 kHz, as the codec takes them."""
        samples = np.load(self.folder / "audio" / f"{utterance}.npy", allow_pickle=False)
        return np.asarray(samples, dtype=np.float32) / np.float32(32768.0)


def observable(scenario: Scenario) -> None:
    """Raise ``LiveError`` where the scenario says what no phone of ours does."""
    for name, group in scenario.devices.items():
        where = f"devices.{name}"
        if group.traffic.kind == "closed-loop":
            raise LiveError(f"{where}.traffic: phones do not wait for replies; take poisson or periodic traffic")
        if group.policy.kind in ("hold", "stream", "local"):
            raise LiveError(
                f"{where}.policy: phones send whole utterances at once; `{group.policy.kind}` is simulated only"
            )
        if getattr(group.policy, "watch", "replies") != "replies":
            raise LiveError(f"{where}.policy: phones see neither the link nor the server's queue; watch `replies`")
        if group.battery is not None:
            raise LiveError(f"{where}.battery: phones do not follow a battery; leave it out")
    if has_plugins(scenario):
        raise LiveError("phones do not have classes of your own: name ready parts")
    if scenario.sites != 1:
        raise LiveError(f"sites: one site is observed at a time, not {scenario.sites}")
    kinds = {name: spec.kind for name, spec in scenario.codec_specs().items()}
    mute = [name for name, kind in kinds.items() if kind == "fixed"]
    if mute:
        raise LiveError(f"codec '{mute[0]}' carries no speech: there is nothing to recognize")


def write_plan(folder: Path, situation: Situation, draws: Draws, load: Callable[[int], Audio], bands: int) -> Plan:
    """Write the plan of one replication; ``load`` gives the audio of an utterance of the tables."""
    from sim.arrivals import Arrivals
    from sim.build_site import build_site

    scenario, tables = situation.scenario, situation.tables
    observable(scenario)
    site = build_site(situation, draws)
    spoken = [
        Spoken(*row[1:])
        for window in Arrivals(site.groups, tables.audio_s, site.draws, site.duration_s)
        for row in window.tolist()
    ]
    (folder / "audio").mkdir(parents=True)
    for utterance in sorted({one.utterance for one in spoken}):
        samples = np.clip(np.rint(load(utterance) * 32768.0), -32768, 32767).astype(np.int16)
        np.save(folder / "audio" / f"{utterance}.npy", samples)
    content = {
        "format": FORMAT,
        "version": VERSION,
        "bands": bands,
        "scenario": scenario.model_dump(mode="json", by_alias=True, exclude_unset=True),
        "utterances": list(tables.utterances),
        "audio_s": tables.audio_s.tolist(),
        "payload_bytes": dict(zip(tables.codecs, tables.payload_bytes.tolist(), strict=True)),
        "encode_host_s": dict(zip(tables.codecs, tables.encode_host_s.tolist(), strict=True)),
        "spoken": spoken,
    }
    (folder / "plan.json").write_text(json.dumps(content), encoding="utf-8")
    return read_plan(folder)


def read_plan(folder: Path) -> Plan:
    """Read a plan.  Raises ``LiveError`` for anything else."""
    path = folder / "plan.json"
    try:
        # Numbers with a point are quantities in SI units, as the scenario was written out.
        found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"), parse_float=SI)
        if (found["format"], found["version"]) != (FORMAT, VERSION):
            raise ValueError(f"format {found['format']} {found['version']}")
        return Plan(
            folder=folder,
            scenario=Scenario.model_validate(found["scenario"]),
            bands=int(found["bands"]),
            spoken=tuple(_spoken(row, found) for row in found["spoken"]),
            utterances=tuple(map(str, found["utterances"])),
            audio_s=tuple(map(float, found["audio_s"])),
            payload_bytes={name: tuple(map(int, sizes)) for name, sizes in found["payload_bytes"].items()},
            encode_host_s={name: tuple(map(float, times)) for name, times in found["encode_host_s"].items()},
        )
    except OSError as error:
        raise LiveError(f"{path}: {error.strerror or error}; `amser phone SCENARIO --write-plan` writes one") from None
    except (ValueError, KeyError, TypeError, IndexError, AttributeError) as error:
        raise LiveError(f"{path}: not a plan of this version ({error}); write it again") from None


def _spoken(row: Any, found: Mapping[str, Any]) -> Spoken:
    spoken_s, group, device, k, utterance = row
    if not (0 <= utterance < len(found["utterances"]) and 0 <= group < len(found["scenario"]["devices"])):
        raise ValueError(f"utterance {utterance} of group {group}")
    return Spoken(float(spoken_s), int(group), int(device), int(k), int(utterance))
