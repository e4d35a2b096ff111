"""One replication of one point: run every site, write the log, keep the figures."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from scenarios.schema.scenario import LogSpec
from sim.compile import Situation, build_world
from sim.metrics import Accumulator, as_json
from sim.recorder import Columns
from sim.results import FINISHED, LOG_NAMES, UploadLog, write_atomically
from sim.streams import Streams

Tick = Callable[[float], None]


@dataclass(frozen=True)
class Task:
    """What a worker needs to run one replication and where it leaves the result."""

    situation: Situation
    seed: int
    replication: int
    folder: Path


def simulate(
    situation: Situation,
    seed: int,
    replication: int,
    keep: Callable[[Columns], None],
    tick: Tick | None = None,
) -> dict[str, float]:
    """Run all sites of one replication; ``keep`` takes the upload log in chunks.  Returns the metrics."""
    scenario = situation.scenario
    accumulator = Accumulator(situation.tables, scenario.warmup)
    sites: list[dict[str, float]] = []
    events = 0
    for site in range(scenario.sites):

        def sink(columns: Columns, site: int = site) -> None:
            accumulator.add(columns)
            if scenario.sites > 1:
                columns["site"] = np.full(len(columns["upload"]), site, dtype=np.int32)
            keep(columns)

        world = build_world(situation, Streams(seed, replication, site), sink)
        sites.append(world.run(_site_tick(tick, site, scenario.sites, scenario.duration)))
        events += world.events
    figures = {name: float(np.mean([s[name] for s in sites])) for name in sites[0]}
    figures["idle_power_w"] *= scenario.sites
    uploads = max(1, accumulator.seen)
    return accumulator.metrics({**figures, "events_per_upload": events / uploads})


def _site_tick(tick: Tick | None, site: int, sites: int, duration_s: float) -> Tick | None:
    """Progress of one site as a share of the whole replication."""
    if tick is None:
        return None
    return lambda now: tick((site + min(now / duration_s, 1.0)) / sites)


def replicate(task: Task, tick: Tick | None = None) -> dict[str, float]:
    """Run a task and leave its folder: log, metrics, and last the status that makes it count as finished.

    The folder appears whole or not at all, so a kill at any moment leaves nothing half-written behind.
    """
    part = task.folder.with_name(f".{task.folder.name}.{os.getpid()}.part")
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir(parents=True)
    scenario, tables = task.situation.scenario, task.situation.tables
    names = {
        **LOG_NAMES,
        "codec": list(tables.codecs),
        "utterance": list(tables.utterances),
        "group": list(scenario.devices),
    }
    log = UploadLog(part / "uploads.parquet", names)
    keep = _keeper(scenario.log, log, Streams(task.seed, task.replication)("log"))
    try:
        metrics = simulate(task.situation, task.seed, task.replication, keep, tick)
        log.close()
        (part / "metrics.json").write_text(json.dumps(as_json(metrics), indent=1), encoding="utf-8")
        write_atomically(part / "status.json", json.dumps({"state": FINISHED, "uploads": metrics["uploads"]}))
        if task.folder.exists():  # another process was faster; both are the same to the last bit
            shutil.rmtree(part)
        else:
            os.replace(part, task.folder)
    except BaseException:
        log.close()
        shutil.rmtree(part, ignore_errors=True)
        raise
    return metrics


def _keeper(spec: LogSpec, log: UploadLog, rng: np.random.Generator) -> Callable[[Columns], None]:
    """What happens to the log: all of it, a random share, or nothing goes to disk."""
    if spec.keep == "none":
        return lambda columns: None
    if spec.keep == "all":
        return log.write

    def sample(columns: Columns) -> None:
        chosen = rng.random(len(columns["upload"])) < spec.share
        log.write({name: values[chosen] for name, values in columns.items()})

    return sample
