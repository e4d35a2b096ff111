"""Statistics that a reviewer accepts: intervals, quantiles, ratios, warm-up, all as pure functions.

Nothing here knows of a simulation: numbers in, figures with their intervals out.
"""

from sim.figures.statistics.intervals import (
    Interval,
    Paired,
    mean_interval,
    paired_difference,
    proportion_interval,
    replications_needed,
    t_quantile,
)
from sim.figures.statistics.quantiles import needed_samples, quantile_interval
from sim.figures.statistics.sketch import QuantileSketch
from sim.figures.statistics.steady import batch_means, growth, growth_warning, mser, percentile_warning

__all__ = [
    "Interval",
    "Paired",
    "QuantileSketch",
    "batch_means",
    "growth",
    "growth_warning",
    "mean_interval",
    "mser",
    "needed_samples",
    "paired_difference",
    "percentile_warning",
    "proportion_interval",
    "quantile_interval",
    "replications_needed",
    "t_quantile",
]
