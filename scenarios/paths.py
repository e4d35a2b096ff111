"""The files and modules that a scenario names: relative ones start at the scenario file's folder."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel

from scenarios.plugins import classes, trust
from scenarios.schema.link_radio import TraceRatesSpec
from scenarios.schema.scenario import Scenario
from scenarios.schema.server import CalibratedServiceSpec, EmotionSpec, WhisperSpec

CHECKPOINTS = (".pt", ".pth", ".safetensors")
PartT = TypeVar("PartT", bound=BaseModel)


def anchored(part: PartT, base_dir: Path) -> PartT:
    """A scenario, or a part of one, with the files that it names found from ``base_dir``, the scenario's folder.

    The loader does this once, so that nobody after it asks where a scenario lay.  ``~`` and ``$NAME`` are expanded.  A
    relative path that is not beside the scenario stays as it is, so that it starts at the working folder, and traces
    are looked for in places of their own.  Names of what ships (``nano``, ``shipped``, ``host-cpu``) are left alone.
    """
    changes: dict[str, object] = {}
    for name in type(part).model_fields:
        value = getattr(part, name)
        found = _found(part, name, value, base_dir)
        if found is not value:
            changes[name] = found
    return part.model_copy(update=changes) if changes else part


def _found(part: BaseModel, name: str, value: object, base_dir: Path) -> object:
    match value:
        case BaseModel():
            return anchored(value, base_dir)
        case tuple() if any(isinstance(one, BaseModel) for one in value):
            return tuple(_found(part, name, one, base_dir) for one in value)
        case dict() if any(isinstance(one, BaseModel) for one in value.values()):
            return {key: _found(part, name, one, base_dir) for key, one in value.items()}
        case str() if _names_a_file(part, name, value):
            found = beside(value, base_dir)
            return _told_from_a_name(found) if isinstance(part, WhisperSpec) else found
    return value


def _names_a_file(part: BaseModel, name: str, value: str) -> bool:
    match part:
        case WhisperSpec():
            return name == "model" and (value.endswith(CHECKPOINTS) or "/" in value)
        case EmotionSpec():
            return name == "weights" and value != "shipped"
        case CalibratedServiceSpec():
            return name == "hardware" and value.endswith(".json")
        case TraceRatesSpec():
            return name == "folder"
    return name in ("path", "file")


def _told_from_a_name(found: str) -> str:
    """A folder of weights is told from the name of a model by its slash, which stays: ``./base``."""
    return found if found.endswith(CHECKPOINTS) or "/" in found else f"./{found}"


def beside(name: str, base_dir: Path) -> str:
    """The path of ``name``: in ``base_dir`` if it is there, else as it stands."""
    path = Path(os.path.expandvars(name)).expanduser()
    return str(base_dir / path) if (base_dir / path).exists() else str(path)


def make_importable(scenario: Scenario, base_dir: Path) -> None:
    """Let the modules of a scenario's plugins lie beside its file.  Every process that builds its parts says so."""
    if has_plugins(scenario):
        trust(base_dir)


def has_plugins(scenario: Scenario) -> bool:
    """Whether a scenario names classes of the user's own: then it is code."""
    return any(True for _ in classes(scenario.model_dump()))
