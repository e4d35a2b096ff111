"""A study under way: what is measured before it, its folder, its tasks, and what has come of them."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from time import monotonic
from typing import Any

import pandas as pd

from recognizers.corpora import left_out
from recognizers.measurement.hearing import Hearing, described, hearings, measured
from scenarios import Experiment, Point
from sim.build_site import Situation, describe
from sim.study.disk import named, own, release, release_abandoned, write_atomically
from sim.study.inputs import input_digests
from sim.study.replication import Task
from sim.study.results import finished_replication, read_metrics
from sim.utterances import Tables

ENGINE_VERSION = 8  # raise it when the same scenario would give other figures: finished points are then not reused
STREAM_EVERY_S = 5.0
At = tuple[int, int]
"""Number of the point, number of the replication."""


@dataclass
class Study:
    """A run under way."""

    experiment: Experiment
    folder: Path
    root: Path
    """Where earlier runs are looked for."""
    measurements: pd.DataFrame
    keys: list[str]
    situations: list[Situation]
    provenance: dict[str, Any]
    started: datetime
    tasks: dict[At, Task] = field(default_factory=dict)
    metrics: dict[At, dict[str, float]] = field(default_factory=dict)
    reused: int = 0
    failures: dict[str, str] = field(default_factory=dict)
    imprecise: list[str] = field(default_factory=list)
    """Points that did not become as precise as was asked, in words."""
    notes: list[str] = field(default_factory=list)
    """What went wrong on the way and was mended, in words."""
    _streamed: float = field(default_factory=monotonic)

    def add(self, point: int, replication: int) -> None:
        """Ask for one more replication; an earlier run that has finished it is taken instead."""
        scenario = self.experiment.points[point].scenario
        # Workers of a cluster have working folders of their own.
        place = self.folder.absolute() / "points" / f"{self.keys[point]}-s{replication}"
        task = self.tasks[point, replication] = Task(self.situations[point], scenario.seed, replication, place)
        earlier = finished_replication(self.root, self.experiment.name, place.name)
        if earlier is not None and earlier.absolute() != place:
            # Whole or not at all: a kill in the middle of a copy must not leave what looks finished.
            part = place.with_name(f".{place.name}.{os.getpid()}.part")
            shutil.copytree(earlier, part)
            os.replace(part, place)
            self.metrics[point, replication] = read_metrics(task.folder)
            self.reused += 1

    def left(self) -> dict[At, Task]:
        """The tasks that are to be run."""
        return {at: t for at, t in self.tasks.items() if at not in self.metrics and t.folder.name not in self.failures}

    def clear_halves(self) -> None:
        """Remove what workers that were killed or stopped have left half done; no task is under way."""
        release(self.folder)

    def runs(self) -> list[list[dict[str, float]]]:
        """By point, the metrics of its finished replications in their order."""
        found: list[list[dict[str, float]]] = [[] for _ in self.experiment.points]
        for at in self.tasks:
            if at in self.metrics:
                found[at[0]].append(self.metrics[at])
        return found

    def folders(self) -> list[tuple[Path, ...]]:
        """By point, the folders of its finished replications in their order."""
        found: list[list[Path]] = [[] for _ in self.experiment.points]
        for at, task in self.tasks.items():
            if at in self.metrics:
                found[at[0]].append(task.folder)
        return [tuple(folders) for folders in found]

    def planned(self) -> list[int]:
        """By point, how many replications are wanted."""
        found = [0] * len(self.experiment.points)
        for point, _ in self.tasks:
            found[point] += 1
        return found

    def stream(self, write: Callable[[Study], None]) -> None:
        """Let ``write`` put what there is on disk now and then, so that a study under way can be read."""
        if monotonic() - self._streamed >= STREAM_EVERY_S:
            write(self)
            self._streamed = monotonic()

    def shortfall(self) -> str:
        """What is missing, for readers of partial results; empty when nothing is."""
        if len(self.metrics) == len(self.tasks):
            return ""
        text = f"partial results: {len(self.metrics)} of {len(self.tasks)} replications are finished"
        bare = sum(not runs for runs in self.runs())
        if bare:
            text += f", {bare} of {len(self.experiment.points)} points have none"
        if self.failures:
            text += f", {len(self.failures)} failed"
        return text + "; run the scenario again to add what is missing"


def prepare(experiment: Experiment, root: Path, cache_dir: Path | None, progress: bool) -> Study:
    """Measure what the points need, give every point its key, and make the folder."""
    frames = {id(p): f for p, f in _measure(experiment.points, cache_dir, progress)}
    keys = []
    started = datetime.now(UTC)
    situations = []
    for point in experiment.points:
        frame = frames[id(point)]
        tables = Tables.from_frame(frame, list(point.scenario.codec_specs()))
        situations.append(Situation(point.scenario, tables, experiment.base_dir))
        keys.append(_key(point, frame, experiment.base_dir))
    total = hashlib.sha256("".join(keys).encode()).hexdigest()[:8]
    release_abandoned(root / experiment.name)
    folder = _new_folder(root / experiment.name, started, total)
    own(folder)
    first = experiment.points[0].scenario
    unique = {id(f): f for f in frames.values()}
    used = {table["table"]: table for frame in unique.values() for table in frame.attrs.get("tables", [])}
    heard = hearings(first)
    provenance = {**_inputs(experiment, heard, list(used.values())), **describe(first)}
    measurements = pd.concat(unique.values(), ignore_index=True).drop_duplicates(
        ["utterance", "codec"], ignore_index=True
    )
    measurements.attrs = {}
    study = Study(experiment, folder, root, measurements, keys, situations, provenance, started)
    study.notes += [text for one in heard if (text := left_out(one.corpus))]
    write_atomically(folder / "scenario.yaml", experiment.text)
    write_atomically(folder / "resolved.yaml", _yaml(experiment.resolved))
    with named(folder / "measurements.parquet"):
        measurements.to_parquet(folder / "measurements.parquet")
    return study


def _measure(points: Iterable[Point], cache_dir: Path | None, progress: bool) -> Iterator[tuple[Point, pd.DataFrame]]:
    """The measurement table of each point; points that hear alike are measured together."""
    alike: dict[str, list[Point]] = {}
    for point in points:
        s = point.scenario
        heard = s.model_dump_json(include={"corpus", "recognizer", "emotion"})
        alike.setdefault(heard, []).append(point)
    for group in alike.values():
        codecs = {n: c for p in group for n, c in p.scenario.codec_specs().items()}
        # Two points may give one name to different codecs (a swept parameter of a codec): measure them apart.
        clash = any(c != codecs[n] for p in group for n, c in p.scenario.codec_specs().items())
        if clash:
            for point in group:
                specs = point.scenario.codec_specs()
                yield point, measured(point.scenario, specs, cache_dir=cache_dir, progress=progress)
            continue
        frame = measured(group[0].scenario, codecs, cache_dir=cache_dir, progress=progress)
        for point in group:
            yield point, frame


def _key(point: Point, frame: pd.DataFrame, base_dir: Path) -> str:
    """Hash of all that decides a replication's figures: scenario, seed, measurements, files, engine."""
    digest = hashlib.sha256(f"{ENGINE_VERSION}|{point.key}|{point.scenario.seed}|{point.scenario.log}".encode())
    codecs = list(point.scenario.codec_specs())
    mine = frame[frame["codec"].isin(codecs)]
    digest.update(pd.util.hash_pandas_object(mine.astype(str), index=False).to_numpy().tobytes())
    digest.update(json.dumps(input_digests(point.scenario, base_dir)).encode())
    return digest.hexdigest()[:12]


def _new_folder(parent: Path, started: datetime, total: str) -> Path:
    """A folder of its own, whatever else was started in the same second."""
    stem = f"{started:%Y%m%dT%H%M%SZ}-{total}"
    for attempt in range(1000):
        folder = parent / (stem if not attempt else f"{stem}-{attempt}")
        try:
            (folder / "points").mkdir(parents=True)
        except FileExistsError:
            continue
        return folder
    raise FileExistsError(f"{parent}: cannot make a folder for the results")


def _inputs(experiment: Experiment, hearing: list[Hearing], tables: list[dict[str, str]]) -> dict[str, Any]:
    """Corpus, recognizer and emotion network of the first point with their digests, and the measured tables used."""
    heard = list(described(hearing))
    return {
        "inputs": {
            name: value
            for point in experiment.points
            for name, value in input_digests(point.scenario, experiment.base_dir).items()
        },
        **(heard[0] if len(heard) == 1 else {"corpus": heard}),
        "measured_tables": tables,
    }


def _yaml(data: Mapping[str, Any]) -> str:
    from io import StringIO

    from ruamel.yaml import YAML

    yaml = YAML(typ="safe", pure=True)
    yaml.default_flow_style = False
    stream = StringIO()
    yaml.dump(json.loads(json.dumps(data)), stream)
    return stream.getvalue()
