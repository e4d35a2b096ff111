"""AMSER testbed: mobile speech uploads to a recognising edge server.

import amser

results = amser.run("quickstart", ["devices.phones.count=80"])
results.summary            # a tidy pandas frame: the point, metric, unit, mean, low, high, n
results.uploads()          # every upload: stages in seconds, energies in joules
amser.write_report(results)
"""

from amser.api import load, open_results, run, write_report

__version__ = "0.1.0"

__all__ = ["load", "open_results", "run", "write_report"]
