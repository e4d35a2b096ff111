"""The files that the figures of a scenario depend on, beside its own text and the measurements: their digests.

They decide whether finished work may be reused, and stand in the manifest.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from contextlib import suppress
from importlib.resources import files
from pathlib import Path
from typing import Any

from channel.links import TraceError, find_trace, find_traces
from recognizers.service import calibrations
from scenarios import Scenario
from scenarios.plugins import classes, sources
from scenarios.schema.link_radio import TraceRatesSpec
from scenarios.schema.server import CalibratedServiceSpec

DEVICE_DATA = ("profiles.yaml", "radios.yaml", "nr.yaml", "local.yaml")


def input_digests(scenario: Scenario, base_dir: Path) -> dict[str, str]:
    """SHA-256 of every file that ``scenario`` reads while it is simulated, by its name in the scenario.

    Traces and recorded traffic, the calibrations of server and encoders, the modules of plugins, and the data of
    devices and radios that ship.  What cannot be found is left out: building the part reports it, with its place.
    """
    found: dict[str, str] = {}
    for name, path in input_files(scenario, base_dir):
        with suppress(OSError):
            found[name] = hashlib.sha256(path.read_bytes()).hexdigest()
    return dict(sorted(found.items()))


def input_files(scenario: Scenario, base_dir: Path) -> Iterator[tuple[str, Path]]:
    """Name and place of every file that ``input_digests`` is about."""
    dumped = scenario.model_dump()
    for name in _named_files(dumped):
        with suppress(TraceError):
            yield _written(name, base_dir), find_trace(name)
    for cell in scenario.cells.values():
        if isinstance(cell.device_rates, TraceRatesSpec):
            with suppress(TraceError):
                for path in find_traces(cell.device_rates.folder, cell.device_rates.files):
                    yield f"{_written(cell.device_rates.folder, base_dir)}/{path.name}", path
    for plugin in classes(dumped):
        yield from sources(plugin.partition(":")[0], base_dir).items()
    service = scenario.server.service
    if isinstance(service, CalibratedServiceSpec):
        name = service.hardware
        place = Path(name) if name.endswith(".json") else calibrations().get(name)
        if place is not None:
            yield place.name, place
    yield "encode-host.json", Path(str(files("recognizers") / "data" / "calibration" / "encode-host.json"))
    for name in DEVICE_DATA:
        yield name, Path(str(files("devices") / "data" / name))


def _written(name: str, base_dir: Path) -> str:
    """The name of a file as the scenario has it: the folder that holds both is no part of what they say."""
    path = Path(name)
    return path.relative_to(base_dir).as_posix() if path.is_relative_to(base_dir) else name


def _named_files(node: Any) -> Iterator[str]:
    if isinstance(node, Mapping):
        if isinstance(node.get("file"), str):
            yield node["file"]
        for value in node.values():
            yield from _named_files(value)
    elif isinstance(node, (list, tuple)):
        for value in node:
            yield from _named_files(value)
