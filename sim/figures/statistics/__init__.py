"""Statistics that a reviewer accepts: intervals, quantiles, ratios, warm-up, all as pure functions.

Nothing here knows of a simulation: numbers in, figures with their intervals out.
"""

from sim.figures.statistics.intervals import (
    Interval,
    independent_difference,
    mean_interval,
    paired_difference,
    proportion_interval,
    replications_needed,
    t_quantile,
    within,
)
from sim.figures.statistics.quantiles import ClusteredQuantile, Histogram, clustered_quantile
from sim.figures.statistics.sketch import QuantileSketch
from sim.figures.statistics.steady import batch_means, drift_warning, growth, growth_warning, percentile_warning

__all__ = [
    "ClusteredQuantile",
    "Histogram",
    "Interval",
    "QuantileSketch",
    "batch_means",
    "clustered_quantile",
    "drift_warning",
    "growth",
    "growth_warning",
    "independent_difference",
    "mean_interval",
    "paired_difference",
    "percentile_warning",
    "proportion_interval",
    "replications_needed",
    "t_quantile",
    "within",
]
