"""The scenario language: what can be described, its units, its loader and a library of ready scenarios."""

from scenarios.faults import Fault, Place, ScenarioError
from scenarios.loader import Experiment, Point, library, load, loads
from scenarios.schema.scenario import Scenario

__all__ = ["Experiment", "Fault", "Place", "Point", "Scenario", "ScenarioError", "library", "load", "loads"]
