"""One replication of one point: run every site, write the log, keep the figures."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from scenarios.schema.scenario import LogSpec
from sim.accuracy import FILE as RECOGNISED
from sim.compile import Situation, build_world
from sim.disk import named, seal, write_atomically
from sim.fleet_energy import fleet_energy
from sim.growth import Growth
from sim.metrics import Accumulator, as_json
from sim.recorder import Columns
from sim.results import LOG_NAMES, UploadLog
from sim.streams import Streams

Tick = Callable[[float], None]


@dataclass(frozen=True)
class Task:
    """What a worker needs to run one replication and where it leaves the result."""

    situation: Situation
    seed: int
    replication: int
    folder: Path

    def streams(self, first: int = 0, last: int | None = None) -> Iterator[Streams]:
        """The random streams of the sites in ``range(first, last)``, by default all, in order."""
        for site in range(first, self.situation.scenario.sites if last is None else last):
            yield Streams(self.seed, self.replication, site)


@dataclass(frozen=True)
class Site:
    """What is left of a site that has run."""

    accumulator: Accumulator
    figures: dict[str, float]
    """What belongs to the site and not to an upload (``World.run``)."""
    events: int
    growth: Growth


@dataclass(frozen=True)
class Outcome:
    """What a replication gave, beside its log."""

    metrics: dict[str, float]
    recognised: pd.DataFrame
    """Which utterances were recognised, how often under which codec (``sim.accuracy.COLUMNS``)."""


def run_site(situation: Situation, streams: Streams, keep: Callable[[Columns], None], tick: Tick | None = None) -> Site:
    """Run one site of one replication; ``keep`` takes the upload log in chunks."""
    scenario = situation.scenario
    warmup_s = None if isinstance(scenario.warmup, str) else scenario.warmup
    accumulator = Accumulator(situation.tables, warmup_s, scenario.duration)
    cells = list(scenario.cells)
    cell_of_group = np.array([cells.index(group.cell) for group in scenario.devices.values()])
    growth = Growth(cell_of_group, len(cells), scenario.duration)

    def sink(columns: Columns) -> None:
        accumulator.add(columns)
        growth.add(columns)
        if scenario.sites > 1:
            columns["site"] = np.full(len(columns["upload"]), streams.site, dtype=np.int32)
        keep(columns)

    world = build_world(situation, streams, sink)
    figures = world.run(tick)
    return Site(accumulator, figures, world.events, growth)


def together(situation: Situation, sites: Iterable[Site]) -> Outcome:
    """The figures of a replication from its sites, in their order: whoever ran them, the sums are the same."""
    scenario = situation.scenario
    whole: Accumulator | None = None
    figures: list[dict[str, float]] = []
    events = 0
    for site in sites:
        if whole is None:
            whole, growth = site.accumulator, site.growth
            whole.tables = situation.tables
        else:
            whole.merge(site.accumulator)
            growth.merge(site.growth)
        figures.append(site.figures)
        events += site.events
    assert whole is not None, "a scenario has a site"
    mean = {name: float(np.mean([f[name] for f in figures])) for name in figures[0]}
    mean["idle_power_w"] *= scenario.sites
    stations = [*(f"uplink_growth_{name}" for name in scenario.cells), "server_growth"]
    mean.update(zip(stations, growth.ratios(), strict=True))
    metrics = whole.metrics({**mean, "events_per_upload": events / max(1, whole.seen)})
    counted_s = scenario.duration - metrics["warmup_s"]
    energies = fleet_energy(scenario, whole.group_energies_j(), counted_s)
    return Outcome({**metrics, **energies}, whole.recognised())


def simulate(
    situation: Situation,
    seed: int,
    replication: int,
    keep: Callable[[Columns], None],
    tick: Tick | None = None,
) -> dict[str, float]:
    """Run all sites of one replication; ``keep`` takes the upload log in chunks.  Returns the metrics."""
    scenario = situation.scenario
    return together(
        situation,
        (
            run_site(
                situation,
                Streams(seed, replication, site),
                keep,
                _site_tick(tick, site, scenario.sites, scenario.duration),
            )
            for site in range(scenario.sites)
        ),
    ).metrics


def _site_tick(tick: Tick | None, site: int, sites: int, duration_s: float) -> Tick | None:
    """Progress of one site as a share of the whole replication."""
    if tick is None:
        return None
    return lambda now: tick((site + min(now / duration_s, 1.0)) / sites)


def replicate(task: Task, tick: Tick | None = None) -> dict[str, float]:
    """Run a task and leave its folder: log, metrics, and last the status that makes it count as finished.

    The folder appears whole or not at all, so a kill at any moment leaves nothing half-written behind.
    """
    scenario = task.situation.scenario

    def work(log: UploadLog) -> Outcome:
        sites = (
            run_site(
                task.situation,
                streams,
                keeper(scenario.log, log.write, streams),
                _site_tick(tick, streams.site, scenario.sites, scenario.duration),
            )
            for streams in task.streams()
        )
        return together(task.situation, sites)

    return leave(task, work)


def leave(task: Task, work: Callable[[UploadLog], Outcome]) -> dict[str, float]:
    """Let ``work`` write the log and give the metrics, and put the task's folder in place."""
    part = task.folder.with_name(f".{task.folder.name}.{os.getpid()}.part")
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir(parents=True)
    tables = task.situation.tables
    names = {
        **LOG_NAMES,
        "codec": list(tables.codecs),
        "utterance": list(tables.utterances),
        "group": list(task.situation.scenario.devices),
    }
    log = UploadLog(part / "uploads.parquet", names)
    try:
        outcome = work(log)
        metrics = outcome.metrics
        log.close()
        with named(part / RECOGNISED):
            outcome.recognised.to_parquet(part / RECOGNISED)
        write_atomically(part / "metrics.json", json.dumps(as_json(metrics), indent=1))
        seal(part, {"uploads": metrics["uploads"]})
        if task.folder.exists():  # another process was faster; both are the same to the last bit
            shutil.rmtree(part)
        else:
            os.replace(part, task.folder)
    except BaseException:
        log.close()
        shutil.rmtree(part, ignore_errors=True)
        raise
    return metrics


def keeper(spec: LogSpec, write: Callable[[Columns], None], streams: Streams) -> Callable[[Columns], None]:
    """What happens to the log of a site: all of it, a random share, or nothing goes to ``write``."""
    if spec.keep == "none":
        return lambda columns: None
    if spec.keep == "all":
        return write
    rng = streams("log")

    def sample(columns: Columns) -> None:
        chosen = rng.random(len(columns["upload"])) < spec.share
        write({name: values[chosen] for name, values in columns.items()})

    return sample
