"""An experiment: every point of a scenario, replicated, in parallel, resumable, summarised."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import signal
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import FIRST_COMPLETED, Executor, Future, ProcessPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from multiprocessing import get_context
from pathlib import Path
from types import ModuleType
from typing import Any

import pandas as pd

from channel.codecs import build_codec
from recognizers.measure import measure
from recognizers.measurement.build import corpus_of, emotion_of, recogniser_of
from scenarios import Experiment, Point, Scenario
from scenarios.paths import anchored, make_importable
from scenarios.schema.codec import CodecSpec
from sim.compile import Situation, describe
from sim.doubts import doubts_of
from sim.inputs import input_digests
from sim.metrics import unit_of
from sim.replication import Task, replicate
from sim.results import Results, finished_replication, write_atomically
from sim.statistics import mean_interval, paired_difference
from sim.tables import Tables

ENGINE_VERSION = 2  # raise it when the same scenario would give other figures: finished points are then not reused
Progress = Callable[[float, str], None]


class Interrupted(KeyboardInterrupt):
    """Ctrl-C; ``results`` holds what was finished (None when nothing was)."""

    def __init__(self, results: Results | None) -> None:
        super().__init__("interrupted")
        self.results = results


@dataclass
class _Run:
    """A run under way: its folder, its tasks and what has come of them."""

    experiment: Experiment
    folder: Path
    measurements: pd.DataFrame
    keys: list[str]
    tasks: dict[tuple[int, int], Task]
    provenance: dict[str, Any]
    started: datetime
    metrics: dict[tuple[int, int], dict[str, float]] = field(default_factory=dict)
    reused: int = 0
    failures: dict[str, str] = field(default_factory=dict)


def run(
    experiment: Experiment,
    *,
    jobs: int = 1,
    results_root: Path | str = "results",
    progress: Progress | None = None,
    cache_dir: Path | None = None,
    executor: Executor | None = None,
) -> Results:
    """Run every point of ``experiment`` and return its results folder.

    ``jobs`` processes share the work; ``executor`` (any ``concurrent.futures.Executor``) replaces them.
    ``progress`` is told the finished share and what is going on.  Replications that an earlier run under
    ``results_root`` has finished are taken from there.  Raises ``Interrupted`` on Ctrl-C.
    """
    tell = progress or (lambda share, text: None)
    for point in experiment.points:
        make_importable(point.scenario, experiment.base_dir)
    tell(0.0, "measuring")
    state = _prepare(experiment, Path(results_root), cache_dir, bool(progress))
    try:
        _take_finished(state, Path(results_root))
        _write_manifest(state, complete=False)
        _work(state, jobs, executor, tell)
    except KeyboardInterrupt:
        _finish(state)
        raise Interrupted(Results(state.folder) if state.metrics else None) from None
    _finish(state)
    return Results(state.folder)


def _prepare(experiment: Experiment, root: Path, cache_dir: Path | None, progress: bool) -> _Run:
    """Measure what the points need, give every replication its key, and make the folder."""
    frames = {id(p): f for p, f in _measure(experiment.points, experiment.base_dir, cache_dir, progress)}
    keys, tasks = [], {}
    started = datetime.now(UTC)
    situations = []
    for point in experiment.points:
        frame = frames[id(point)]
        tables = Tables.from_frame(frame, list(point.scenario.codec_specs()))
        situations.append(Situation(point.scenario, tables, experiment.base_dir))
        keys.append(_key(point, frame, experiment.base_dir))
    total = hashlib.sha256("".join(keys).encode()).hexdigest()[:8]
    folder = _new_folder(root / experiment.name, started, total)
    for i, (point, situation) in enumerate(zip(experiment.points, situations, strict=True)):
        for replication in range(experiment.replications):
            place = folder / "points" / f"{keys[i]}-s{replication}"
            tasks[i, replication] = Task(situation, point.scenario.seed, replication, place)
    first = experiment.points[0].scenario
    provenance = {**_inputs(experiment, cache_dir), **describe(first, experiment.base_dir)}
    unique = {id(f): f for f in frames.values()}
    measurements = pd.concat(unique.values(), ignore_index=True).drop_duplicates(
        ["utterance", "codec"], ignore_index=True
    )
    measurements.attrs = {}
    state = _Run(experiment, folder, measurements, keys, tasks, provenance, started)
    (folder / "scenario.yaml").write_text(experiment.text, encoding="utf-8")
    write_atomically(folder / "resolved.yaml", _yaml(experiment.resolved))
    measurements.to_parquet(folder / "measurements.parquet")
    return state


def _measure(
    points: Iterable[Point], base_dir: Path, cache_dir: Path | None, progress: bool
) -> Iterator[tuple[Point, pd.DataFrame]]:
    """The measurement table of each point; points that hear alike are measured together."""
    alike: dict[str, list[Point]] = {}
    for point in points:
        s = point.scenario
        heard = s.model_dump_json(include={"corpus", "recogniser", "emotion"})
        alike.setdefault(heard, []).append(point)
    for group in alike.values():
        codecs = {n: c for p in group for n, c in p.scenario.codec_specs().items()}
        # Two points may give one name to different codecs (a swept parameter of a codec): measure them apart.
        clash = any(c != codecs[n] for p in group for n, c in p.scenario.codec_specs().items())
        if clash:
            for point in group:
                yield (
                    point,
                    _measured(point.scenario, point.scenario.codec_specs(), base_dir, cache_dir, progress),
                )
            continue
        frame = _measured(group[0].scenario, codecs, base_dir, cache_dir, progress)
        for point in group:
            yield point, frame


def _measured(
    scenario: Scenario, specs: Mapping[str, CodecSpec], base_dir: Path, cache_dir: Path | None, progress: bool
) -> pd.DataFrame:
    scenario = anchored(scenario, base_dir)
    recogniser = recogniser_of(scenario.recogniser)
    bands = 80 if recogniser is None else recogniser.bands
    codecs = {name: build_codec(spec, bands=bands) for name, spec in specs.items()}
    emotion = emotion_of(scenario.emotion)
    return measure(corpus_of(scenario.corpus), codecs, recogniser, emotion, cache_dir=cache_dir, progress=progress)


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


def _take_finished(state: _Run, root: Path) -> None:
    """Replications that an earlier run has finished need not run again."""
    for at, task in state.tasks.items():
        earlier = finished_replication(root, state.experiment.name, task.folder.name)
        if earlier is None or earlier == task.folder:
            continue
        # Whole or not at all: a kill in the middle of a copy must not leave what looks finished.
        part = task.folder.with_name(f".{task.folder.name}.{os.getpid()}.part")
        shutil.copytree(earlier, part)
        os.replace(part, task.folder)
        state.metrics[at] = _metrics_of(task.folder)
        state.reused += 1


def _metrics_of(folder: Path) -> dict[str, float]:
    loaded = json.loads((folder / "metrics.json").read_text(encoding="utf-8"))
    return {name: float("nan") if value is None else float(value) for name, value in loaded.items()}


def _work(state: _Run, jobs: int, executor: Executor | None, tell: Progress) -> None:
    """Run the tasks that are left, here or in processes."""
    left = {at: task for at, task in state.tasks.items() if at not in state.metrics}
    total = len(state.tasks)
    if executor is None and (jobs <= 1 or len(left) <= 1):
        for at, task in left.items():
            _one(state, at, task, _tick(tell, len(state.metrics) + len(state.failures), total))
        return
    pool = executor or ProcessPoolExecutor(
        min(jobs, len(left)), mp_context=get_context("spawn"), initializer=_ignore_interrupt
    )
    try:
        with _anonymous_main():
            futures = {pool.submit(replicate, task): at for at, task in left.items()}
        _collect(state, futures, tell)
    except KeyboardInterrupt:
        pool.shutdown(wait=False, cancel_futures=True)
        for process in list((getattr(pool, "_processes", None) or {}).values()):
            process.terminate()
        raise
    finally:
        if executor is None:
            pool.shutdown(wait=True, cancel_futures=True)


def _tick(tell: Progress, done: int, total: int) -> Callable[[float], None]:
    """Progress within one run, as a share of all runs."""
    return lambda share: tell((done + share) / total, f"run {done + 1} of {total}")


def _one(state: _Run, at: tuple[int, int], task: Task, tick: Callable[[float], None]) -> None:
    try:
        state.metrics[at] = replicate(task, tick)
    except Exception as error:
        state.failures[task.folder.name] = f"{type(error).__name__}: {error}"


def _collect(state: _Run, futures: dict[Future[dict[str, float]], tuple[int, int]], tell: Progress) -> None:
    total = len(state.tasks)
    pending = set(futures)
    while pending:
        done, pending = wait(pending, timeout=0.5, return_when=FIRST_COMPLETED)
        for future in done:
            at = futures[future]
            try:
                state.metrics[at] = future.result()
            except Exception as error:
                state.failures[state.tasks[at].folder.name] = f"{type(error).__name__}: {error}"
        finished = len(state.metrics) + len(state.failures)
        tell(finished / total, f"{finished} of {total} runs done")


@contextmanager
def _anonymous_main() -> Iterator[None]:
    """Start workers without the user's script: they need nothing of it, and it may lack a ``__main__`` guard."""
    main = sys.modules["__main__"]
    sys.modules["__main__"] = ModuleType("__main__")
    try:
        yield
    finally:
        sys.modules["__main__"] = main


def _ignore_interrupt() -> None:
    """Ctrl-C goes to the parent, which ends the workers in order."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def _finish(state: _Run) -> None:
    """Write what there is: summary, then the manifest that points at it."""
    rows = list(_summary(state))
    if rows:
        frame = pd.DataFrame(rows)
        write_atomically(state.folder / "summary.csv", frame.to_csv(index=False))
        write_atomically(state.folder / "summary.json", frame.to_json(orient="records", indent=1) or "[]")
        differences = pd.DataFrame(list(_differences(state)))
        if len(differences):
            write_atomically(state.folder / "differences.csv", differences.to_csv(index=False))
    _write_manifest(state, complete=len(state.metrics) == len(state.tasks))


def _summary(state: _Run) -> Iterator[dict[str, Any]]:
    for i, point in enumerate(state.experiment.points):
        runs = [state.metrics[at] for at in state.tasks if at[0] == i and at in state.metrics]
        if not runs:
            continue
        for metric in runs[0]:
            interval = mean_interval([r[metric] for r in runs])
            yield {
                **point.parameters,
                "metric": metric,
                "unit": unit_of(metric),
                "mean": interval.mean,
                "low": interval.low,
                "high": interval.high,
                "n": interval.n,
            }


def _differences(state: _Run) -> Iterator[dict[str, Any]]:
    """Each point minus the first, replication by replication: both met the same arrivals and channel."""
    points, shared = state.experiment.points, range(state.experiment.replications)
    for i, point in enumerate(points[1:], start=1):
        pairs = [
            (state.metrics[i, r], state.metrics[0, r])
            for r in shared
            if (i, r) in state.metrics and (0, r) in state.metrics
        ]
        if len(pairs) < 2 or point.scenario.seed != points[0].scenario.seed:
            continue
        for metric in pairs[0][0]:
            paired = paired_difference([a[metric] for a, _ in pairs], [b[metric] for _, b in pairs])
            yield {
                **point.parameters,
                "metric": metric,
                "unit": unit_of(metric),
                "difference": paired.difference.mean,
                "low": paired.difference.low,
                "high": paired.difference.high,
                "n": paired.difference.n,
                "variance_reduction": paired.variance_reduction,
            }


def _write_manifest(state: _Run, *, complete: bool) -> None:
    experiment = state.experiment
    manifest = {
        "format": 1,
        "name": experiment.name,
        "title": experiment.title,
        "scenario": str(experiment.source),
        "sets": list(experiment.sets),
        "started": state.started.isoformat(timespec="seconds"),
        "finished": datetime.now(UTC).isoformat(timespec="seconds"),
        "complete": complete,
        "replications": experiment.replications,
        "reused": state.reused,
        "parameters": list(dict.fromkeys(k for p in experiment.points for k in p.parameters)),
        "points": [
            {"key": key, "parameters": dict(p.parameters), "seed": p.scenario.seed}
            for key, p in zip(state.keys, experiment.points, strict=True)
        ],
        "failures": state.failures,
        "warnings": doubts_of(experiment, state.metrics),
        "versions": _versions(),
        "engine": ENGINE_VERSION,
        "command": sys.argv,
        **state.provenance,
    }
    write_atomically(state.folder / "manifest.json", json.dumps(manifest, indent=1, default=str))


def _inputs(experiment: Experiment, cache_dir: Path | None) -> dict[str, Any]:
    """Corpus, recogniser and emotion network of the first point, with their digests."""
    scenario = anchored(experiment.points[0].scenario, experiment.base_dir)
    corpus = corpus_of(scenario.corpus)
    recogniser = recogniser_of(scenario.recogniser)
    emotion = emotion_of(scenario.emotion)
    return {
        "inputs": {
            name: value
            for point in experiment.points
            for name, value in input_digests(point.scenario, experiment.base_dir).items()
        },
        "corpus": {"name": corpus.name, "digest": getattr(corpus, "digest", ""), "utterances": len(corpus.utterances)},
        "recogniser": None
        if recogniser is None
        else {"name": recogniser.name, "fingerprint": recogniser.fingerprint()},
        "emotion": None if emotion is None else {"name": emotion.name, "fingerprint": emotion.fingerprint()},
    }


def _versions() -> dict[str, str]:
    found = {"python": sys.version.split()[0]}
    for package in (
        "amser",
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


def _yaml(data: Mapping[str, Any]) -> str:
    from io import StringIO

    from ruamel.yaml import YAML

    yaml = YAML(typ="safe", pure=True)
    yaml.default_flow_style = False
    stream = StringIO()
    yaml.dump(json.loads(json.dumps(data)), stream)
    return stream.getvalue()
