"""Ready cells: ``cells.yaml`` beside this file, and what a scenario makes of their names."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from scenarios.document import Document, merge, parse_document
from scenarios.faults import Fault, ScenarioError

FILE = Path(__file__).with_name("cells.yaml")


class Preset(NamedTuple):
    """A ready cell; ``cell`` is written as in a scenario, ``status`` read, computed, remembered or assumed."""

    name: str
    title: str
    status: str
    source: str
    cell: Mapping[str, Any]


@cache
def presets() -> dict[str, Preset]:
    """The ready cells by name."""
    data = parse_document(FILE.read_text(encoding="utf-8"), FILE.name).data
    return {name: Preset(name, **entry) for name, entry in data.items()}


def expand(document: Document) -> Document:
    """``document`` with ready cells written out.

    ``city: lte-10mhz`` is the ready cell, ``city: {preset: lte-10mhz, rtt: 30 ms}`` the same with a change, and a group
    whose ``cell`` is the name of a ready cell, and of none of the scenario's own, gets that one.  Raises
    ``ScenarioError`` for a preset that there is not.
    """
    cells, groups = document.data.get("cells", {}), document.data.get("devices")
    if not isinstance(cells, Mapping):
        return document
    found = {str(name): _written_out(document, str(name), value) for name, value in cells.items()}
    for group in groups.values() if isinstance(groups, Mapping) else ():
        name = group.get("cell") if isinstance(group, Mapping) else None
        if isinstance(name, str) and name not in found and name in presets():
            found[name] = _of(name)
    if found == cells:
        return document
    return Document({**document.data, "cells": found}, document.places, document.warnings)


def _of(name: str) -> dict[str, Any]:
    return {"preset": name, **presets()[name].cell}


def _written_out(document: Document, name: str, value: Any) -> Any:
    preset = value.get("preset") if isinstance(value, Mapping) else value
    if not isinstance(preset, str):
        return value
    if preset not in presets():
        from scenarios.validation import suggest

        path = ("cells", name, "preset") if isinstance(value, Mapping) else ("cells", name)
        text = f"there is no ready cell '{preset}'{suggest(preset, list(presets()))}"
        raise ScenarioError([Fault(document.place(path), ".".join(path), text)])
    if not isinstance(value, Mapping):
        return _of(preset)
    return merge(Document(_of(preset)), Document(dict(value))).data
