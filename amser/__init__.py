"""AMSER testbed: mobile speech uploads to a recognizing edge server.

import amser

results = amser.run("quickstart", ["devices.phones.count=80"])
results.summary            # a tidy pandas frame: the point, metric, unit, mean, low, high, n, over
results.uploads()          # every upload: stages in seconds, energies in joules
amser.write_report(results)
amser.plot(results, "figure.pdf", x="count", y="latency_p95_s", by="codec")
amser.compare("results/a", "results/b").frame()            # every figure of b minus that of a, with its interval
amser.advise([6.2], uplink="2 Mbit/s", radio="lte").frame()  # codecs for clips of 6.2 s, and the one to take
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from amser.api import compare, load, open_results, run, write_report
from amser.version import __version__ as __version__

if TYPE_CHECKING:
    from amser.advice import advise
    from amser.plots import plot
    from scenarios import Experiment, ScenarioError
    from sim.study.results import Results, ResultsError

__all__ = [
    "Experiment",
    "Results",
    "ResultsError",
    "ScenarioError",
    "advise",
    "compare",
    "load",
    "open_results",
    "plot",
    "run",
    "write_report",
]


_LATER = {
    "advise": "amser.advice",
    "plot": "amser.plots",
    "Experiment": "scenarios",
    "ScenarioError": "scenarios",
    "Results": "sim.study.results",
    "ResultsError": "sim.study.results",
}


def __getattr__(name: str) -> Any:
    """What is imported when it is asked for, so that ``import amser`` takes no time: types, and all that draws."""
    if name not in _LATER:
        raise AttributeError(f"module 'amser' has no attribute '{name}'")
    return getattr(import_module(_LATER[name]), name)
