"""What a reader must know before trusting a figure: unstable queues, too few samples."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from statistics import fmean

from scenarios import Experiment, Scenario
from sim.figures.metrics import DRIFT
from sim.figures.statistics import ClusteredQuantile, drift_warning, growth_warning, mean_interval, percentile_warning
from sim.upload_log import COMPONENTS


def doubts_of(
    experiment: Experiment,
    metrics: Mapping[tuple[int, int], Mapping[str, float]],
    percentiles: Sequence[Mapping[str, ClusteredQuantile]],
) -> list[str]:
    """One line for each doubt, by point; ``percentiles`` are each point's, by metric."""
    said: list[str] = []
    for i, point in enumerate(experiment.points):
        runs = [m for (p, _), m in metrics.items() if p == i]
        if not runs:
            continue
        # A reader takes the point for what stands before the first ": ", and swept mappings hold some.
        label = ", ".join(f"{k}={v}".replace(": ", ":") for k, v in point.parameters.items()) or "the run"
        said += [f"{label}: {text}" for text in _doubts(point.scenario, runs, percentiles[i])]
    if all(replication == 0 for _, replication in metrics):
        said.append(
            "one replication: latency and energy have intervals from batches of the run, where it was long enough, "
            "words and emotions from the corpus, other figures none; set sweep.replications to 5 or more"
        )
    return said


def _doubts(
    scenario: Scenario, runs: list[Mapping[str, float]], percentiles: Mapping[str, ClusteredQuantile]
) -> list[str]:
    said = []
    silent = sum(m["uploads"] == 0 for m in runs)
    if silent:
        said.append(
            f"nothing was spoken after the warm-up in {silent} of {len(runs)} replications; their figures are missing"
        )
        runs = [m for m in runs if m["uploads"] > 0]
        if not runs:
            return said
    stations = {f"the uplink of {name}": f"uplink_growth_{name}" for name in scenario.cells}
    stations["the edge server"] = "server_growth"
    growths = {name: max(m[metric] for m in runs) for name, metric in stations.items()}
    said += [text for name, ratio in growths.items() if (text := growth_warning(name, ratio))]
    server = max(m["server_utilisation"] for m in runs)
    dead = max(m["battery-dead_fraction"] for m in runs)
    if dead > 0.0:
        said.append(
            f"{dead:.2%} of the uploads met an empty battery; payload and rate are means over those that were coded, "
            "energy over those that were sent"
        )
    unfinished = max(m["unfinished_fraction"] for m in runs)
    if server > 0.98 and growths["the edge server"] == 1.0:
        said.append(f"the edge server is saturated ({server:.0%}); latencies grow with the duration")
    if unfinished > 0.0:
        said.append(f"{unfinished:.2%} of the uploads were unfinished at the end; their latencies are missing")
    said += _open_energy(scenario, runs)
    if len(runs) > 1:
        # At 99 %, so that few of the many points of a study are named by chance.
        drift = mean_interval([m[DRIFT] for m in runs], 0.99)
        said += [text for text in (drift_warning(drift),) if text]
        said += _loose_percentiles(runs, percentiles)
    return said


OPEN_ENERGY = 1.5


def _open_energy(scenario: Scenario, runs: list[Mapping[str, float]]) -> Iterator[str]:
    """An energy that remembered or assumed figures decide: its ends are more than a factor of 1.5 apart."""

    def mean(metric: str) -> float:
        return fmean(m.get(metric, math.nan) for m in runs)

    low, high = (mean(f"energy_per_upload_{end}_j") for end in ("low", "high"))
    if not high > OPEN_ENERGY * low > 0.0:
        return
    spreads = {c: mean(f"energy_{c}_high_j") - mean(f"energy_{c}_low_j") for c in COMPONENTS}
    widest = max((s, c) for c, s in spreads.items() if s == s)[1]
    used = {getattr(g.profile if widest == "encode" else g.radio, "kind", "") for g in scenario.devices.values()}
    yield (
        f"energy per upload lies between {low:.3g} and {high:.3g} J: most of that is `{widest}` of "
        f"{', '.join(sorted(used))}, which rests on remembered, assumed or inferred figures"
    )


def _loose_percentiles(runs: list[Mapping[str, float]], percentiles: Mapping[str, ClusteredQuantile]) -> Iterator[str]:
    """Percentiles that the uploads at hand do not bound from both sides."""
    replied = round(sum(m["uploads"] * (m["delivered_fraction"] + m["late_fraction"]) for m in runs))
    for metric, found in percentiles.items():
        text = percentile_warning(metric, replied, found.needed)
        if text:
            yield text
