"""The data files of this folder: read once, every entry with its source and status."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Any

from ruamel.yaml import YAML

STATUSES = ("read", "computed", "remembered", "assumed")


@cache
def load_data(name: str) -> Mapping[str, Mapping[str, Any]]:
    """The entries of ``devices/data/<name>.yaml`` by name."""
    text = files("devices").joinpath("data", f"{name}.yaml").read_text(encoding="utf-8")
    entries: Mapping[str, Mapping[str, Any]] = YAML(typ="safe", pure=True).load(text)
    return entries
