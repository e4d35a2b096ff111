"""The scenario language: what can be described, its units, its loader and a library of ready scenarios."""

import importlib
from typing import TYPE_CHECKING, Any

from scenarios.faults import Fault, Place, ScenarioError

if TYPE_CHECKING:
    from scenarios.loader import Experiment, Point, library, load, loads
    from scenarios.schema.scenario import Scenario

__all__ = ["Experiment", "Fault", "Place", "Point", "Scenario", "ScenarioError", "library", "load", "loads"]


def __getattr__(name: str) -> Any:
    """The loader and the schema when they are asked for: errors alone, which every command imports, need neither."""
    if name in ("Experiment", "Point", "library", "load", "loads"):
        return getattr(importlib.import_module("scenarios.loader"), name)
    if name == "Scenario":
        return importlib.import_module("scenarios.schema.scenario").Scenario
    raise AttributeError(f"module 'scenarios' has no attribute '{name}'")
