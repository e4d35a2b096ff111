"""How much work a study will be, before it is run: uploads, CPU time, memory, disk, and what is to be recognised."""

from __future__ import annotations

from dataclasses import dataclass
from math import inf
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from scenarios import Experiment, Scenario
    from scenarios.schema.device import DeviceGroupSpec

CPU_S_PER_UPLOAD = (10e-6, 40e-6)
"""Seconds of one core: plain uploads; closed loops, batteries, retries, blocks (docs/results/engine.md, and runs of
50,000 uploads: 12 us plain, 14 with batteries, 20 in a closed loop)."""
PROCESS_BYTES, RECOGNISING_BYTES, DEVICE_BYTES = 250e6, 750e6, 100.0
"""Resident memory: a process that simulates 50,000 devices took 276 MB and one of a million 308 MB; the one that
recognises with nano 718 MB. Uploads do not stay in memory unless they wait."""
ROW_BYTES = 60.0
"""Of an upload in the log (Parquet): 39 to 64 in those runs."""
DRAWN = 5e6
"""Arrivals up to which a group's traffic is drawn once and counted; above, its mean rate is taken."""


@dataclass(frozen=True)
class Forecast:
    """What a study is expected to take."""

    runs: int
    """Points times replications."""
    uploads: float
    """In all runs."""
    at_most: bool
    """Some devices wait for replies, which takes time too: fewer uploads, and so less CPU time and disk."""
    at_least: bool
    """Replications are added until a precision is reached: more runs."""
    cpu_s: tuple[float, float]
    """Seconds of one core for simulating, of quick and of laborious uploads."""
    process_bytes: float
    """Memory of each process that simulates."""
    recognising_bytes: float
    """Memory of the process that recognises; 0 where nothing is."""
    log_bytes: float
    """Disk for the logs."""
    measurements: int
    """Pairs of utterance and codec that are coded and recognised, unless they are cached."""

    def lines(self) -> dict[str, str]:
        """The forecast in words, by what it is about."""
        runs = f"{self.runs:,} run{'s' if self.runs != 1 else ''}" + (" or more" if self.at_least else "")
        memory = f"{self.process_bytes / 1e9:.1f} GB a process"
        if self.recognising_bytes:
            memory += f", {self.recognising_bytes / 1e9:.1f} GB while recognising"
        low, high = self.cpu_s
        simulating = f"{_time(low)} to {_time(high)} of CPU, shared by the processes" if high > 1 else "about a second"
        uploads, log = f"about {_rounded(self.uploads)} in {runs}", f"about {self.log_bytes / 1e6:,.1f} MB"
        if self.at_most:  # how many depends on the latency, which is what the simulation is for
            uploads = f"at most {_rounded(self.uploads)} in {runs}; fewer, as devices wait for replies"
            low, high = (1e6 * seconds for seconds in CPU_S_PER_UPLOAD)
            simulating, log = f"{low:.0f} to {high:.0f} us of CPU an upload", f"about {ROW_BYTES:.0f} B an upload"
        return {
            "uploads": uploads,
            "simulating": simulating,
            "memory": memory + ", and more where a queue grows",
            "log": log,
            "measuring": f"{self.measurements:,} pairs of utterance and codec, unless cached",
        }


def forecast(experiment: Experiment) -> Forecast:
    """What ``experiment`` will take, where its parts can be built; nothing is run."""
    counted: dict[str, tuple[float, bool]] = {}
    uploads, logged, at_most, devices = 0.0, 0.0, False, 0
    for point in experiment.points:
        scenario = point.scenario
        for group in scenario.devices.values():
            key = f"{group.traffic.model_dump_json()} {group.count} {scenario.duration}"
            if key not in counted:
                counted[key] = _arrivals(group, scenario, experiment.base_dir)
            number, bounded = counted[key]
            number *= scenario.sites * experiment.replications
            uploads += number
            logged += number * {"all": 1.0, "none": 0.0}.get(scenario.log.keep, scenario.log.share)
            at_most |= bounded
        devices = max(devices, sum(group.count for group in scenario.devices.values()))
    first = experiment.points[0].scenario
    return Forecast(
        runs=len(experiment.points) * experiment.replications,
        uploads=uploads,
        at_most=at_most,
        at_least=first.sweep.precision is not None,
        cpu_s=(uploads * CPU_S_PER_UPLOAD[0], uploads * CPU_S_PER_UPLOAD[1]),
        process_bytes=PROCESS_BYTES + DEVICE_BYTES * devices,
        recognising_bytes=0.0 if first.recogniser.kind == "none" else RECOGNISING_BYTES,
        log_bytes=logged * ROW_BYTES,
        measurements=_measurements(experiment),
    )


def _arrivals(group: DeviceGroupSpec, scenario: Scenario, base_dir: Path) -> tuple[float, bool]:
    """Utterances of a group in one run of one site, and whether that is only a bound."""
    import numpy as np

    from devices.fleet import build_traffic

    rng = np.random.default_rng(scenario.seed)
    traffic: Any = build_traffic(group.traffic, group.count, rng, base_dir)
    expected = getattr(traffic, "total_rate", 0.0) * scenario.duration
    if not traffic.open_loop:
        return expected or inf, True
    if expected > DRAWN:
        return expected, False
    return float(len(traffic.arrivals(rng, 0.0, scenario.duration)[0])), False


def _measurements(experiment: Experiment) -> int:
    from recognizers.measurement.hearing import corpora, rests_on_tables
    from scenarios.paths import anchored

    sizes: dict[str, int] = {}
    pairs = {}
    for point in experiment.points:
        scenario = anchored(point.scenario, experiment.base_dir)
        if rests_on_tables(scenario):
            continue
        corpus = scenario.corpus.model_dump_json()
        if corpus not in sizes:
            sizes[corpus] = sum(len(one.utterances) for one in corpora(scenario))
        heard = f"{scenario.recogniser.model_dump_json()} {scenario.emotion.model_dump_json()}"
        for spec in scenario.codec_specs().values():
            pairs[corpus, heard, spec.model_dump_json()] = sizes[corpus]
    return sum(pairs.values())


def _rounded(number: float) -> str:
    """Three digits of a large number: more would not be known."""
    if number < 1000 or number == inf:
        return f"{number:,.0f}"
    return f"{float(f'{number:.3g}'):,.0f}"


def _time(seconds: float) -> str:
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.0f} h"
