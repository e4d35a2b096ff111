"""How much work a study will be, before it is run: uploads, CPU time, memory, disk, and what is to be recognized."""

from __future__ import annotations

from dataclasses import dataclass
from math import inf
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from scenarios import Experiment, Scenario
    from scenarios.schema.device import DeviceGroupSpec

CPU_S_PER_UPLOAD = {"compiled": (0.5e-6, 5e-6), "simpy": (80e-6, 300e-6)}
"""Seconds of one core by engine: plain uploads whose log is not kept; batteries, retries and blocks with all of it
(docs/results/engines.md)."""
CPU_S_PER_MEASUREMENT = (6e-6, 12e-6)
"""Seconds of one core for a phone that may be handed over to measure one cell once (8.6 us with three cells)."""
PROCESS_BYTES, RECOGNIZING_BYTES, DEVICE_BYTES = 250e6, 750e6, 100.0
"""Resident memory: a process that simulates 50,000 devices took 276 MB and one of a million 308 MB; the one that
recognizes with nano 718 MB. Uploads do not stay in memory unless they wait."""
ROW_BYTES, FILE_BYTES = 90.0, 7_200.0
"""Of an upload in the log, and of the head and footer of each run's file (Parquet, LZ4).  Measured: of the quickstart
76 to 88 (raw and amser-12.5, 800 uploads), 62 and 76 (opus-9 and raw, 48,000 uploads); less where uploads are alike.
So these bound a log rather than tell it."""


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
    upload_s: tuple[float, float]
    """The same for one upload of the first point."""
    process_bytes: float
    """Memory of each process that simulates."""
    recognizing_bytes: float
    """Memory of the process that recognizes; 0 where nothing is."""
    log_bytes: float
    """Disk for the logs, at most about."""
    measurements: int
    """Pairs of utterance and codec that are coded and recognized, unless they are cached."""

    def lines(self) -> dict[str, str]:
        """The forecast in words, by what it is about."""
        runs = f"{self.runs:,} run{'s' if self.runs != 1 else ''}" + (" or more" if self.at_least else "")
        memory = f"{self.process_bytes / 1e9:.1f} GB a process"
        if self.recognizing_bytes:
            memory += f", {self.recognizing_bytes / 1e9:.1f} GB while recognizing"
        low, high = self.cpu_s
        simulating = f"{_time(low)} to {_time(high)} of CPU, shared by the processes" if high > 1 else "about a second"
        uploads, log = f"about {_rounded(self.uploads)} in {runs}", f"up to {self.log_bytes / 1e6:,.1f} MB"
        if self.at_most:  # how many depends on the latency, which is what the simulation is for
            uploads = f"at most {_rounded(self.uploads)} in {runs}; fewer, as devices wait for replies"
            low, high = (1e6 * seconds for seconds in self.upload_s)
            simulating, log = f"{low:.0f} to {high:.0f} us of CPU an upload", f"up to {ROW_BYTES:.0f} B an upload"
        return {
            "uploads": uploads,
            "simulating": simulating,
            "memory": memory + ", and more where a queue grows",
            "log": log,
            "measuring": f"{self.measurements:,} pairs of utterance and codec, unless cached",
        }


def forecast(experiment: Experiment) -> Forecast:
    """What ``experiment`` will take, where its parts can be built; nothing is run."""
    from sim.engine import choose

    counted: dict[str, tuple[float, bool]] = {}
    uploads, logged, files, at_most, devices, low_s, high_s = 0.0, 0.0, 0, False, 0, 0.0, 0.0
    for point in experiment.points:
        scenario = point.scenario
        each_s = CPU_S_PER_UPLOAD[choose(scenario).name]
        for group in scenario.devices.values():
            key = f"{group.traffic.model_dump_json()} {group.count} {scenario.duration}"
            if key not in counted:
                counted[key] = _arrivals(group, scenario)
            number, bounded = counted[key]
            number *= scenario.sites * experiment.replications
            uploads += number
            measured = _measurements_of_cells(group, scenario) * scenario.sites * experiment.replications
            low_s += number * each_s[0] + measured * CPU_S_PER_MEASUREMENT[0]
            high_s += number * each_s[1] + measured * CPU_S_PER_MEASUREMENT[1]
            logged += number * {"all": 1.0, "none": 0.0}.get(scenario.log.keep, scenario.log.share)
            at_most |= bounded
        files += experiment.replications * (scenario.log.keep != "none")
        devices = max(devices, sum(group.count for group in scenario.devices.values()))
    first = experiment.points[0].scenario
    return Forecast(
        runs=len(experiment.points) * experiment.replications,
        uploads=uploads,
        at_most=at_most,
        at_least=first.sweep.precision is not None,
        cpu_s=(low_s, high_s),
        upload_s=CPU_S_PER_UPLOAD[choose(first).name],
        process_bytes=PROCESS_BYTES + DEVICE_BYTES * devices,
        recognizing_bytes=0.0 if first.recognizer.kind == "none" else RECOGNIZING_BYTES,
        log_bytes=logged * ROW_BYTES + files * FILE_BYTES,
        measurements=_measurements(experiment),
    )


def _arrivals(group: DeviceGroupSpec, scenario: Scenario) -> tuple[float, bool]:
    """Utterances of a group in one run of one site, and whether that is only a bound."""
    import numpy as np

    from devices.fleet import build_traffic
    from devices.sessions import TraceTraffic

    rng = np.random.default_rng(scenario.seed)
    traffic: Any = build_traffic(group.traffic, group.count, rng)
    expected = getattr(traffic, "total_rate", 0.0) * scenario.duration
    if not traffic.open_loop:
        return expected or inf, True
    if isinstance(traffic, TraceTraffic):
        return float(len(traffic.rows(0.0, scenario.duration).times_s)), False
    return (expected if expected else float(len(traffic.arrivals(rng, 0.0, scenario.duration)[0]))), False


def _measurements_of_cells(group: DeviceGroupSpec, scenario: Scenario) -> float:
    """How often phones of a group that may be handed over measure a cell, in one run of one site."""
    handover = group.handover
    if handover is None:
        return 0.0
    return group.count * (1 + len(handover.cells)) * scenario.duration / handover.measured_every


def _measurements(experiment: Experiment) -> int:
    from recognizers.measurement.hearing import corpora, rests_on_tables

    sizes: dict[str, int] = {}
    pairs = {}
    for point in experiment.points:
        scenario = point.scenario
        if rests_on_tables(scenario):
            continue
        corpus = scenario.corpus.model_dump_json()
        if corpus not in sizes:
            sizes[corpus] = sum(len(one.utterances) for one in corpora(scenario))
        heard = f"{scenario.recognizer.model_dump_json()} {scenario.emotion.model_dump_json()}"
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
        return f"{seconds:.2g} s" if seconds < 10 else f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.0f} h"
