"""One replication of one point: run every site, write the log, keep the figures."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd

from sim import engine
from sim.build_site import Situation, build_site
from sim.draws import Draws
from sim.figures.fleet_energy import fleet_energy
from sim.figures.growth import Growth
from sim.figures.metrics import Accumulator, as_json
from sim.figures.statistics import Histogram
from sim.study import percentiles
from sim.study.disk import named, seal, write_atomically
from sim.study.percentiles import FILE as LATENCIES
from sim.study.recognized import FILE as RECOGNIZED
from sim.study.results import GROUPS, LOG_NAMES, UploadLog
from sim.upload_log import CHUNK_ROWS, Columns, Figures, Rows, columns_of

Tick = Callable[[float], None]
LogShare = Literal["all", "sample", "none"]


@dataclass(frozen=True)
class Task:
    """What a worker needs to run one replication and where it leaves the result."""

    situation: Situation
    seed: int
    replication: int
    folder: Path

    def draws(self, first: int = 0, last: int | None = None) -> Iterator[Draws]:
        """The random numbers of the sites in ``range(first, last)``, by default all, in order."""
        for site in range(first, self.situation.scenario.sites if last is None else last):
            yield Draws(self.seed, self.replication, site)


class Gathered:
    """Rows of a sample, until they are worth a chunk.

    Of a hundred million uploads each chunk keeps less than one: as chunks of their own these filled two gigabytes.
    """

    def __init__(self) -> None:
        self._parts: list[Rows] = []
        self._count = 0

    def add(self, rows: Rows) -> Rows | None:
        """Take in some; all there are when they are enough."""
        if len(rows):
            self._parts.append(rows)
            self._count += len(rows)
        return self.rest() if self._count >= CHUNK_ROWS else None

    def rest(self) -> Rows | None:
        """What is there, if anything."""
        found = np.concatenate(self._parts) if self._parts else None
        self._parts, self._count = [], 0
        return found


@dataclass(frozen=True)
class Site:
    """What is left of a site that has run."""

    accumulator: Accumulator
    figures: Figures
    growth: Growth
    alive_s: tuple[float, ...]
    """Device-seconds of each group after the warm-up and before its batteries were empty."""


@dataclass(frozen=True)
class Outcome:
    """What a replication gave, beside its log."""

    metrics: dict[str, float]
    latencies: Histogram
    groups: pd.DataFrame
    """Uploads, energy and latency by device group and codec (``sim.figures.parts.COLUMNS``)."""
    recognized: pd.DataFrame
    """Which utterances were recognized, how often under which codec (``sim.figures.accuracy.COLUMNS``)."""


Keep = Callable[[Columns], None]
"""Takes the part of the upload log that is kept, in chunks."""


def run_site(
    situation: Situation,
    draws: Draws,
    keep: Keep,
    tick: Tick | None = None,
    share: LogShare = "all",
    play: engine.Play = engine.run,
) -> Site:
    """Run one site of one replication; ``share`` says how much of its log ``keep`` is given."""
    scenario = situation.scenario
    site = build_site(situation, draws)
    accumulator = Accumulator(situation.tables, len(site.groups), scenario.warmup_s, scenario.duration, scenario.sites)
    growth = Growth(np.array([group.cell for group in site.groups]), len(site.cells), scenario.duration)
    counter, luck = engine.counter(scenario, site), draws.key("log")
    gathered = Gathered()

    def write(kept: Rows) -> None:
        columns = columns_of(kept, site.server.service)
        if scenario.sites > 1:
            columns["site"] = np.full(len(kept), draws.site, dtype=np.int32)
        keep(columns)

    def sink(rows: Rows) -> None:
        if counter is None:
            columns = columns_of(rows, site.server.service)
            accumulator.add(columns)
            growth.add(columns)
        else:
            counted = counter(rows)
            accumulator.add_counted(counted)
            growth.add_counted(counted)
        if share == "none":
            return
        if share == "all":
            write(rows)
        elif (enough := gathered.add(engine.sample(scenario, rows, luck))) is not None:
            write(enough)

    ran = play(scenario, site, sink, tick)
    if (rest := gathered.rest()) is not None:
        write(rest)
    begin_s, end_s = scenario.warmup_s, scenario.duration
    alive_s = (
        g.count * (end_s - begin_s) if g.battery is None else g.battery.alive_s(begin_s, end_s) for g in site.groups
    )
    return Site(accumulator, ran, growth, tuple(alive_s))


def together(situation: Situation, sites: Iterable[Site]) -> Outcome:
    """The figures of a replication from its sites, in their order: whoever ran them, the sums are the same."""
    scenario = situation.scenario
    whole: Accumulator | None = None
    figures: list[Figures] = []
    alive: list[tuple[float, ...]] = []
    for site in sites:
        if whole is None:
            whole, growth = site.accumulator, site.growth
            whole.tables = situation.tables
        else:
            whole.merge(site.accumulator)
            growth.merge(site.growth)
        figures.append(site.figures)
        alive.append(site.alive_s)
    assert whole is not None, "a scenario has a site"
    mean = {
        "uplink_utilisation": float(np.mean([f.uplink_utilisation for f in figures])),
        "server_utilisation": float(np.mean([f.server_utilisation for f in figures])),
    }
    events = sum(f.events for f in figures)
    stations = [*(f"uplink_growth_{name}" for name in scenario.cells), "server_growth"]
    mean.update(zip(stations, growth.ratios(), strict=True))
    metrics = whole.metrics({**mean, "events_per_upload": events / max(1, whole.seen)})
    if any(group.handover for group in scenario.devices.values()):
        metrics |= whole.handed_over()
    alive_s = [sum(groups) for groups in zip(*alive, strict=True)]
    energies = fleet_energy(scenario, whole.group_energies_j(), alive_s, whole.sent())
    parts = whole.parts
    groups = parts.table(list(scenario.devices), situation.tables.codecs)
    return Outcome({**metrics, **energies}, parts.latencies().histogram(), groups, whole.recognized())


def simulate(
    situation: Situation,
    seed: int,
    replication: int,
    keep: Keep,
    tick: Tick | None = None,
    share: LogShare = "all",
) -> dict[str, float]:
    """Run all sites of one replication; ``keep`` takes ``share`` of the upload log in chunks.  Returns the metrics."""
    scenario = situation.scenario
    return together(
        situation,
        (
            run_site(
                situation,
                Draws(seed, replication, site),
                keep,
                _site_tick(tick, site, scenario.sites, scenario.duration),
                share,
            )
            for site in range(scenario.sites)
        ),
    ).metrics


def _site_tick(tick: Tick | None, site: int, sites: int, duration_s: float) -> Tick | None:
    """Progress of one site as a share of the whole replication."""
    if tick is None:
        return None
    return lambda now: tick((site + min(now / duration_s, 1.0)) / sites)


def replicate(task: Task, tick: Tick | None = None, play: engine.Play = engine.run) -> dict[str, float]:
    """Run a task and leave its folder: log, metrics, and last the status that makes it count as finished.

    The folder appears whole or not at all, so a kill at any moment leaves nothing half-written behind.
    """
    scenario = task.situation.scenario

    def work(log: UploadLog) -> Outcome:
        sites = (
            run_site(
                task.situation,
                draws,
                log.write,
                _site_tick(tick, draws.site, scenario.sites, scenario.duration),
                scenario.log.keep,
                play,
            )
            for draws in task.draws()
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
        with named(part / LATENCIES):
            percentiles.write(part, outcome.latencies)
        with named(part / GROUPS):
            outcome.groups.to_parquet(part / GROUPS)
        with named(part / RECOGNIZED):
            outcome.recognized.to_parquet(part / RECOGNIZED)
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
