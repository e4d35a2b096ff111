"""Observes a study: every point and replication once, in real time, into a results folder like a run's."""

from __future__ import annotations

import hashlib
import os
import platform
import secrets
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import pandas as pd

from amser.live.errors import LiveError
from amser.live.netns import Network, Unavailable, network
from amser.live.phone import Entry
from amser.live.plan import observable, write_plan
from amser.live.reality import Stage, figures_of, perform, rows_of
from amser.live.sketch import audio_of, spoken_corpus
from recognizers.corpora import Corpus
from recognizers.measurement.hearing import hearings
from recognizers.service.machine import describe_machine
from scenarios import Experiment, Scenario
from scenarios.paths import make_importable
from scenarios.schema.corpus import MeasuredCorpusSpec
from scenarios.schema.link_capacity import ConstantCapacitySpec
from scenarios.schema.link_parts import PacketLossSpec, RouterSharingSpec
from sim.draws import Draws
from sim.site import Site
from sim.study.conclusion import finish, write_manifest
from sim.study.experiment import Interrupted
from sim.study.points import Study, prepare
from sim.study.replication import Task, replicate
from sim.study.results import Results
from sim.upload_log import Figures, Rows

FOLDER = "observed"
"""Beside ``points``: what was heard of each upload, a Parquet file for each replication."""
BUFFER_BYTES = 250_000  # of the gateway, where the scenario's sharing does not say
ON_TIME_S = 0.05  # phones that notice the end of speech later say more of the machine than of the scenario
Where = Literal["auto", "loopback", "namespaces"]
Tell = Callable[[float, str], None]


@dataclass(frozen=True)
class Setting:
    """How a study is observed."""

    where: Where = "auto"
    threads: int = 1


def observe(
    experiment: Experiment,
    setting: Setting,
    *,
    results_root: Path = Path("results"),
    progress: Tell | None = None,
) -> Results:
    """Observe every point and replication of ``experiment``, and return its results folder.

    Nothing that was observed or simulated before is taken instead.  Raises ``Interrupted`` on Ctrl-C, ``LiveError``
    for what cannot be observed.
    """
    tell = progress or (lambda share, text: None)
    for point in experiment.points:
        make_importable(point.scenario, experiment.base_dir)
        _check(point.scenario)
    study = prepare(experiment, results_root, None, bool(progress))
    own = secrets.token_hex(8)  # a run must never find these, nor another observation
    study.keys[:] = [f"observed-{hashlib.sha256(f'{own}{key}'.encode()).hexdigest()[:12]}" for key in study.keys]
    study.provenance["observed"] = {**_machine(), "load_before": _load()}
    study.provenance.pop("simulated_by", None)
    try:
        for number in range(len(experiment.points)):
            for replication in range(experiment.replications):
                study.add(number, replication)
        write_manifest(study)
        for done, (at, task) in enumerate(list(study.tasks.items())):
            _one(study, at, task, setting, _part(tell, done, len(study.tasks)))
    except KeyboardInterrupt:
        _end(study)
        raise Interrupted(Results(study.folder) if study.metrics else None) from None
    _end(study)
    return Results(study.folder)


def _part(tell: Tell, done: int, whole: int) -> Callable[[float], None]:
    return lambda share: tell((done + share) / whole, "observing")


def _end(study: Study) -> None:
    study.provenance["observed"]["load_after"] = _load()
    study.clear_halves()
    finish(study)


def _one(study: Study, at: tuple[int, int], task: Task, setting: Setting, tick: Callable[[float], None]) -> None:
    scenario = task.situation.scenario
    corpus = spoken_corpus(scenario)
    with tempfile.TemporaryDirectory(prefix="amser-observe-") as place, _stage(study, scenario, setting) as stage:
        draws = Draws(task.seed, task.replication)
        plan = write_plan(Path(place) / "plan", task.situation, draws, audio_of(corpus), _bands(scenario))
        entries: list[Entry] = []

        def play(_: Scenario, site: Site, sink: Callable[[Rows], None], __: object = None) -> Figures:
            entries.extend(perform(plan, stage, Path(place) / "log", tick))
            rows = rows_of(entries, plan, site)
            sink(rows)
            return figures_of(rows, site)

        study.metrics[at] = replicate(task, play=play)
    heard = _heard(entries, study, corpus)
    (study.folder / FOLDER).mkdir(exist_ok=True)
    heard.to_parquet(study.folder / FOLDER / f"{task.folder.name}.parquet")
    study.notes.extend(_doubts(heard, task.folder.name))


def _heard(entries: list[Entry], study: Study, corpus: Corpus) -> pd.DataFrame:
    """One row for each upload that phones logged: words and emotion, and those of its measured cell."""
    frame = pd.DataFrame(entries)
    frame["utterance"] = [corpus.utterances[number].id for number in frame["utterance"]]
    cells = study.measurements[["utterance", "codec", "hypothesis", "emotion_predicted"]]
    cells = cells.rename(columns={"hypothesis": "cell_text", "emotion_predicted": "cell_emotion"})
    return frame.merge(cells, on=["utterance", "codec"], how="left").sort_values("upload", ignore_index=True)


def _doubts(heard: pd.DataFrame, name: str) -> Iterator[str]:
    answered = heard[heard["status"] == 200]
    other = answered[answered["text"] != answered["cell_text"].fillna("")]
    if len(other):
        first = other.iloc[0]
        yield (
            f"{name}: {len(other)} of {len(answered)} uploads were recognized otherwise than measured, first "
            f"'{first['utterance']}' under {first['codec']}"
        )
    late_s = (heard["woke_s"] - heard["spoken_s"]).quantile(0.95)
    if late_s > ON_TIME_S:
        yield (
            f"{name}: one in twenty phones woke more than {1e3 * late_s:.0f} ms after the end of speech: this machine "
            f"was too busy to observe on (load {os.getloadavg()[0]:.1f} on {os.cpu_count()} processors)"
        )
    for error, count in heard.loc[~heard["status"].isin([200, 503]), "error"].value_counts().head(3).items():
        yield f"{name}: {count} uploads failed: {error}"


@contextmanager
def _stage(study: Study, scenario: Scenario, setting: Setting) -> Iterator[Stage]:
    """Namespaces with the cell between them where they are wanted and allowed, else loopback, which is said."""
    if setting.where == "loopback":
        study.provenance["observed"]["network"] = "loopback, without the cell"
        yield Stage(None, setting.threads)
        return
    try:
        context = network()
        found = context.__enter__()
    except Unavailable as error:
        if setting.where == "namespaces":
            raise
        study.provenance["observed"]["network"] = f"loopback, without the cell ({error})"
        yield Stage(None, setting.threads)
        return
    try:
        study.provenance["observed"]["network"] = _shaped(found, scenario)
        yield Stage(found, setting.threads)
    finally:
        context.__exit__(None, None, None)


def _shaped(found: Network, scenario: Scenario) -> str:
    cell = next(iter(scenario.cells.values()))
    assert isinstance(cell.capacity, ConstantCapacitySpec)
    sharing = cell.sharing
    buffer = sharing.buffer if isinstance(sharing, RouterSharingSpec) and sharing.buffer else float(BUFFER_BYTES)
    loss = cell.loss.probability if isinstance(cell.loss, PacketLossSpec) else 0.0
    rtt_s = cell.rtt + 2.0 * cell.backhaul
    found.shape(cell.capacity.rate, rtt_s, int(buffer), loss=loss)
    return (
        f"namespaces with a relay: {cell.capacity.rate / 1e6:g} Mbit/s, {1e3 * rtt_s:g} ms, drop-tail buffer of "
        f"{buffer / 1e3:g} kB, packet loss {loss:.2%}"
    )


def _check(scenario: Scenario) -> None:
    """Raise ``LiveError`` for what cannot be observed."""
    observable(scenario)
    spoken_corpus(scenario)
    if isinstance(scenario.corpus, MeasuredCorpusSpec) and scenario.emotion.kind != "none":
        raise LiveError(
            "this corpus's emotions are those of cross-validation, which no server has: --set emotion.kind=none"
        )
    if len(scenario.cells) > 1:
        raise LiveError(f"one cell is observed at a time, not {len(scenario.cells)}")
    for name, cell in scenario.cells.items():
        where = f"cells.{name}"
        if not isinstance(cell.capacity, ConstantCapacitySpec) or cell.outages is not None:
            raise LiveError(f"{where}.capacity: a constant one is observed, such as `10 Mbit/s`")
        if cell.transport.kind != "tcp" or cell.transport.tls != "none":
            raise LiveError(f"{where}.transport: phones speak TCP without TLS here: {{kind: tcp, tls: none}}")
        if cell.access.kind != "none" or cell.device_rates is not None:
            raise LiveError(f"{where}: neither access delays nor device rates are observed; leave them out")
        if cell.loss.kind not in ("none", "packet", "packets") or getattr(cell.loss, "mean_burst", 1.0) not in (
            None,
            1.0,
        ):
            raise LiveError(f"{where}.loss: independent losses of packets are observed, not `{cell.loss.kind}`")


def _bands(scenario: Scenario) -> int:
    return hearings(scenario)[0].bands


def _machine() -> dict[str, Any]:
    return {**describe_machine(), "kernel": platform.release(), "python": platform.python_version()}


def _load() -> list[float]:
    return [round(value, 2) for value in os.getloadavg()]
