"""The events of ``sim.model`` once more, on flat arrays and compiled by Numba: for fleets."""

from sim.compiled.run import run

__all__ = ["run"]
