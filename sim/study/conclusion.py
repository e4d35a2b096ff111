"""What a study says in the end: the summary, paired differences, and the manifest."""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import pandas as pd

from recognizers.scores.doubt import recognition_doubts
from scenarios import Point
from scenarios.magnitudes import in_si
from sim.figures.accuracy import ACCURACY
from sim.figures.doubts import doubts_of
from sim.figures.long_run import long_run_intervals
from sim.figures.metrics import DRIFT, SHARES, unit_of
from sim.figures.parts import PERCENTILES
from sim.figures.statistics import Interval, mean_interval, within
from sim.study.checkout import source_of, version_of
from sim.study.csv_cells import swept_cell
from sim.study.differences import Runs, paired
from sim.study.disk import write_atomically
from sim.study.percentiles import percentiles_of
from sim.study.points import ENGINE_VERSION, Study
from sim.study.recognized import accuracies_of


def finish(study: Study) -> None:
    """Write what there is, also while the study goes on: summary, then the manifest that points at it."""
    rows = list(_summary(study))
    if rows:
        frame = _frame(study, rows)
        write_atomically(study.folder / "summary.csv", _csv(study, frame))
        write_atomically(study.folder / "summary.json", frame.to_json(orient="records", indent=1) or "[]")
        if differences := list(_differences(study)):
            write_atomically(study.folder / "differences.csv", _csv(study, _frame(study, differences)))
    write_manifest(study)


def _csv(study: Study, frame: pd.DataFrame) -> str:
    """Swept values as text, and beside each quantity a column of numbers, such as `cells.uplink.capacity [bit/s]`."""
    keys = _swept(study)
    columns: dict[str, Any] = {}
    for name, values in ((str(column), frame[column]) for column in frame.columns):
        columns[name] = values
        if name in keys:
            columns[name] = [swept_cell(value) for value in values]
            found = in_si(list(values))
            columns |= {f"{name} [{found.unit}]": found.values} if found else {}
    return pd.DataFrame(columns).to_csv(index=False)


def _swept(study: Study) -> list[str]:
    return list(dict.fromkeys(k for p in study.experiment.points for k in p.parameters))


def _frame(study: Study, rows: Sequence[Mapping[str, Any]]) -> pd.DataFrame:
    """``rows`` with the swept values as they are: pandas would make 1.0 of a 1 beside a 2.5, and nothing of a null."""
    frame = pd.DataFrame(rows)
    return frame.assign(**{k: pd.Series([row[k] for row in rows], dtype=object) for k in _swept(study)})


def _summary(study: Study) -> Iterator[dict[str, Any]]:
    points = zip(study.experiment.points, study.keys, study.runs(), study.folders(), study.planned(), strict=True)
    for point, key, runs, folders, planned in points:
        if not runs:
            continue
        inner = _within_one_run(study, key, point, runs[0]) if planned == 1 else {}
        right = accuracies_of(folders)
        for metric in runs[0]:
            ends, over = interval_of(metric, runs, folders), "replications"
            mean = ends.mean
            if metric in ACCURACY:
                mean, *_, over = right[metric]
                ends = Interval(*right[metric][:4])
            elif metric in inner:
                ends, over = inner[metric], "batches"
            row = {"mean": mean, "low": ends.low, "high": ends.high, "n": ends.n, "over": over, "planned": planned}
            yield {**point.parameters, "metric": metric, "unit": unit_of(metric), **row}


def interval_of(
    metric: str, runs: Sequence[Mapping[str, float]], folders: tuple[Path, ...], confidence: float = 0.95
) -> Interval:
    """A figure of a point over its replications: percentiles of all their latencies together, else the mean."""
    if metric in PERCENTILES:
        return percentiles_of(folders, confidence)[metric].interval
    interval = mean_interval([run[metric] for run in runs if metric in run], confidence)
    if metric == DRIFT:  # the only one that may be negative
        return interval
    return within(interval, 1.0 if metric.endswith(SHARES) else math.inf)


def _within_one_run(study: Study, key: str, point: Point, metrics: Mapping[str, float]) -> dict[str, Interval]:
    """Intervals from batches of the only replication, where its whole log was kept."""
    log = study.folder / "points" / f"{key}-s0" / "uploads.parquet"
    if point.scenario.log.keep != "all" or not log.is_file():
        return {}
    return long_run_intervals(log, metrics["warmup_s"])


def _differences(study: Study) -> Iterator[dict[str, Any]]:
    points = study.experiment.points
    finished = _finished(study)
    for point, mine, base in zip(points, finished, _baselines(points), strict=True):
        if mine is finished[base] or not mine.folders or not finished[base].folders:
            continue
        for metric, found in paired(mine, finished[base]).items():
            yield {**point.parameters, "metric": metric, "unit": unit_of(metric), **found._asdict()}


def _finished(study: Study) -> list[Runs]:
    """By point, its finished replications."""
    found: list[tuple[dict[int, Mapping[str, float]], dict[int, Path]]] = [({}, {}) for _ in study.experiment.points]
    for at, task in study.tasks.items():
        if at in study.metrics:
            metrics, folders = found[at[0]]
            metrics[at[1]], folders[at[1]] = study.metrics[at], task.folder
    seeds = [point.scenario.seed for point in study.experiment.points]
    return [Runs(seed, *parts) for seed, parts in zip(seeds, found, strict=True)]


def _baselines(points: Sequence[Point]) -> list[int]:
    """The point that each is compared with: the first that differs in nothing but codecs, else the first of all."""
    swept = [{k: v for k, v in p.parameters.items() if not k.endswith(".codec")} for p in points]
    if any(s == p.parameters for s, p in zip(swept, points, strict=True)):
        return [0] * len(points)  # no codec is swept
    return [swept.index(mine) for mine in swept]


def write_manifest(study: Study) -> None:
    """Write what is run, with what, and whether all of it is there."""
    experiment, partial = study.experiment, study.shortfall()
    manifest = {
        "format": 1,
        "name": experiment.name,
        "title": experiment.title,
        "scenario": str(experiment.source),
        "sets": list(experiment.sets),
        "started": study.started.isoformat(timespec="seconds"),
        "finished": datetime.now(UTC).isoformat(timespec="seconds"),
        "complete": not partial,
        "partial": partial,
        "replications": experiment.replications,
        "reused": study.reused,
        "parameters": _swept(study),
        "points": [
            {
                "key": key,
                "parameters": dict(p.parameters),
                "seed": p.scenario.seed,
                "replications": planned,
            }
            for key, p, planned in zip(study.keys, experiment.points, study.planned(), strict=True)
        ],
        "failures": study.failures,
        "warnings": [
            *dict.fromkeys([*experiment.warnings, *study.notes]),
            *study.imprecise,
            *recognition_doubts(study.measurements),
            *doubts_of(experiment, study.metrics, [percentiles_of(folders) for folders in study.folders()]),
        ],
        "versions": _versions(),
        **({"source": source} if (source := source_of()) else {}),
        "engine": ENGINE_VERSION,
        "command": sys.argv,
        **study.provenance,
    }
    write_atomically(study.folder / "manifest.json", json.dumps(manifest, indent=1, default=str))


def _versions() -> dict[str, str]:
    found = {"python": sys.version.split()[0], "amser": version_of()}
    for package in (
        "simpy",
        "numpy",
        "scipy",
        "torch",
        "openai-whisper",
        "pandas",
        "soundfile",
        "av",
    ):
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found
