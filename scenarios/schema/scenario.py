"""The scenario: one whole file, in SI units, frozen."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, WithJsonSchema

from scenarios.faults import KeyPath
from scenarios.quantities import DURATION, SI, Duration, PositiveDuration, Share
from scenarios.schema.base import Spec
from scenarios.schema.codec import STANDARD_CODECS, CodecSpec
from scenarios.schema.corpus import CorpusSpec
from scenarios.schema.device import DeviceGroupSpec
from scenarios.schema.engine import EngineName, beyond_compiled
from scenarios.schema.link import CellSpec
from scenarios.schema.server import EmotionSpec, RecognizerSpec, ServerSpec
from scenarios.schema.sweep import SweepSpec

Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.+-]*$", max_length=60)]


def _warm_up(value: Any) -> float | str:
    if value == "auto":
        return "auto"
    return float(value) if isinstance(value, SI) else DURATION.parse(value)


AUTO_SHARE = 0.1
"""Part of the duration that `warmup: auto` cuts."""

WarmUp = Annotated[
    float | Literal["auto"],
    BeforeValidator(_warm_up),
    WithJsonSchema(
        {"type": "string", "description": "a duration with its unit, or auto", "examples": ["1 min", "auto"]}
    ),
]


class LogSpec(Spec):
    """How much of the upload log is kept on disk."""

    keep: Literal["all", "sample", "none"] = "all"
    """Every upload, a random share of them, or none; metrics always use every upload."""
    share: Share = 0.01
    """Share of the uploads that `sample` keeps, drawn independently of what happens to them."""


class Scenario(Spec):
    """One situation to simulate, read from a scenario file."""

    amser: Literal[1]
    """Version of this language."""
    name: Name
    """Short name, used for folders of results."""
    title: str = ""
    """One line for people."""
    description: str = ""
    """What the scenario is about and what it teaches."""
    seed: Annotated[int, Field(ge=0, lt=2**63)] = 1
    """Seed of all random numbers."""
    duration: PositiveDuration
    """How long utterances are spoken; uploads under way then are still followed."""
    warmup: WarmUp = 0.0
    """Utterances spoken before this are simulated but not counted; `auto`: the first tenth of the duration."""
    drain: Duration = 120.0
    """How long after `duration` uploads under way are followed before they count as unfinished."""
    corpus: CorpusSpec
    """Which recordings the devices speak."""
    recognizer: RecognizerSpec
    """What the server understands speech with."""
    emotion: EmotionSpec
    """The network that classifies emotions on the server."""
    codecs: Mapping[Name, CodecSpec] = Field(default_factory=dict)
    """Codecs of your own, by name; the standard ones need no entry (`amser list codecs`)."""
    cells: Annotated[Mapping[Name, CellSpec], Field(min_length=1)]
    """Shared uplinks by name; `city: lte-10mhz` is a ready cell of `amser list cells`."""
    devices: Annotated[Mapping[Name, DeviceGroupSpec], Field(min_length=1)]
    """Groups of like devices by name."""
    server: ServerSpec
    """The edge server of each site."""
    sites: Annotated[int, Field(ge=1, le=1_000_000)] = 1
    """Number of like sites, each with its own cells, devices and edge server."""
    engine: EngineName = "auto"
    """`simpy`, the reference, or `compiled`, for fleets; `auto` takes the compiled one where it covers the scenario and
    the study is large enough. Figures are the same."""
    log: LogSpec = LogSpec()
    """How much of the upload log is kept."""
    sweep: SweepSpec = SweepSpec()
    """Points and replications."""

    @property
    def warmup_s(self) -> float:
        """The warm-up in seconds.

        ``auto`` looks at no latency: a cut that is chosen by what it cuts favours runs that happen to be fast, and the
        means after it were 5 % too low (M/M/1, 1,500 uploads).  ``latency_drift`` says what a fixed one leaves.
        """
        return self.duration * AUTO_SHARE if isinstance(self.warmup, str) else self.warmup

    def codec_specs(self) -> dict[str, CodecSpec]:
        """The codecs that the device groups can pick, by name."""
        known = {**STANDARD_CODECS, **self.codecs}
        names = dict.fromkeys(name for group in self.devices.values() for name in group.codec_names())
        return {name: known[name] for name in names}


def broken_references(scenario: Scenario) -> Iterator[tuple[KeyPath, str, str, list[str]]]:
    """Names that point at nothing: ``(path, found, what it should name, what exists)``."""
    codecs = [*scenario.codecs, *STANDARD_CODECS]
    for name, group in scenario.devices.items():
        if group.cell not in scenario.cells:
            yield ("devices", name, "cell"), group.cell, "cell", list(scenario.cells)
        for cell in group.handover.cells if group.handover else ():
            if cell not in scenario.cells:
                yield ("devices", name, "handover"), cell, "cell", list(scenario.cells)
        for codec in group.codec_names():
            if codec not in codecs:
                key = "codec" if codec == group.codec else "policy"
                yield ("devices", name, key), codec, "codec", codecs


def inconsistencies(scenario: Scenario) -> Iterator[tuple[KeyPath, str]]:
    """Values that are fine alone and wrong together."""
    if not isinstance(scenario.warmup, str) and scenario.warmup >= scenario.duration:
        yield (
            ("warmup",),
            f"the warm-up ({scenario.warmup:g} s) leaves nothing of the duration ({scenario.duration:g} s)",
        )
    yield from _inconsistent_cells(scenario)
    beyond = beyond_compiled(scenario)
    if scenario.engine == "compiled" and beyond is not None:
        where, what = ".".join(map(str, beyond[0])), beyond[1]
        yield ("engine",), f"the compiled engine does not cover {where}: {what}; take `auto` or `simpy`"
    lengths = {len(values) for values in scenario.sweep.zip.values()}
    if len(lengths) > 1:
        yield ("sweep", "zip"), f"lists that go together need one length, found {sorted(lengths)}"
    seen: dict[str, KeyPath] = {}
    for path, key in scenario.sweep.swept():
        if key in seen:
            yield ("sweep", *path), f"this key is in `{seen[key][0]}` too; keep one of them"
        seen[key] = path
        if key.split(".")[0] in ("sweep", "amser", "name", "extends"):
            yield ("sweep", *path), f"'{key.split('.')[0]}' cannot be swept"


NO_OWN_RATES = ("fifo", "equal", "weighted")
WEIGHTS = ("weighted", "airtime", "wifi")


def _inconsistent_traces(name: str, cell: CellSpec) -> Iterator[tuple[KeyPath, str]]:
    """Where devices have traces of their own."""
    if cell.sharing.kind not in ("dedicated", "max-min"):
        yield (
            ("cells", name, "device_rates"),
            f"`sharing: {cell.sharing.kind}` knows no rates that change; take dedicated (a link for each device) or "
            "max-min (each device's limit in front of the shared cell)",
        )
    elif cell.sharing.kind == "dedicated" and cell.capacity.kind != "constant":
        yield ("cells", name, "capacity"), "devices with traces have this rate at most: give one that is constant"


def _inconsistent_cells(scenario: Scenario) -> Iterator[tuple[KeyPath, str]]:
    """What a cell or a group says that its other parts would leave without effect."""
    for name, cell in scenario.cells.items():
        sharing = cell.sharing.kind
        if cell.device_rates is not None and sharing in NO_OWN_RATES:
            yield (
                ("cells", name, "device_rates"),
                f"`sharing: {sharing}` knows no rates of the devices' own; take max-min, dedicated or router (a limit) "
                "or airtime, wifi, blocks or proportional-fair (a physical rate)",
            )
        elif cell.device_rates is not None and cell.device_rates.kind == "traces":
            yield from _inconsistent_traces(name, cell)
        if sharing == "wifi" and cell.access.kind == "wifi":
            yield ("cells", name, "access"), "`sharing: wifi` counts the contention already; leave `access` out"
    for name, group in scenario.devices.items():
        shared = scenario.cells[group.cell].sharing.kind if group.cell in scenario.cells else "weighted"
        if group.weight != 1.0 and shared not in WEIGHTS:
            yield (
                ("devices", name, "weight"),
                f"`sharing: {shared}` of cell '{group.cell}' knows no weights; take {', '.join(WEIGHTS)}",
            )
        yield from _inconsistent_movement(scenario, name, group)
        if group.policy.kind == "battery" and group.battery is None:
            yield (
                ("devices", name, "policy"),
                "this policy looks at a charge that nobody follows; give the devices a `battery`",
            )


ALIKE = ("rtt", "backhaul", "transport", "packet", "access", "loss", "retry")
"""What an upload has from the cell where it began and takes along."""


def _inconsistent_movement(scenario: Scenario, name: str, group: DeviceGroupSpec) -> Iterator[tuple[KeyPath, str]]:
    """Phones that move where there are no places, or between cells that are not alike."""
    others = group.handover.cells if group.handover else ()
    if group.handover is not None and group.movement is None:
        yield ("devices", name, "handover"), "phones that stay where they are are never handed over; give a `movement`"
    if len({group.cell, *others}) < 1 + len(others):
        yield ("devices", name, "handover"), f"a cell stands here twice, or is their own `cell` ('{group.cell}')"
    for cell in (group.cell, *others) if group.movement is not None else ():
        if cell not in scenario.cells:
            continue
        spec, own = scenario.cells[cell], scenario.cells.get(group.cell)
        key = "movement" if cell == group.cell else "handover"
        if spec.device_rates is None or spec.device_rates.kind != "propagation":
            yield (
                ("devices", name, key),
                f"cell '{cell}' has no places; give it `device_rates: {{kind: propagation}}`",
            )
        if others and spec.sharing.kind == "router":
            yield (
                ("devices", name, "handover"),
                f"windows in the router's queue of cell '{cell}' cannot move to another",
            )
        unlike = next((part for part in ALIKE if own is not None and getattr(spec, part) != getattr(own, part)), None)
        if unlike is not None:
            yield (
                ("devices", name, "handover"),
                f"cell '{cell}' has another `{unlike}` than '{group.cell}'; an upload takes its own along",
            )
