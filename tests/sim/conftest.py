"""Small worlds in scenario text, with payloads that are only sent."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from scenarios import loads
from sim.build_site import Situation
from sim.study.experiment import run as run_experiment
from sim.study.replication import simulate
from sim.study.results import Results
from sim.upload_log import Columns
from sim.utterances import Tables
from tests.sim.small_study import TEXT

Simulated = tuple[dict[str, float], pd.DataFrame]

HEAD = """
amser: 1
corpus: {kind: synthetic, utterances: 50}
recognizer: {kind: none}
emotion: {kind: none}
codecs:
  big: {kind: fixed, size: 150 kB}
  small: {kind: fixed, size: 15 kB}
"""


@pytest.fixture
def run_text() -> Callable[..., Simulated]:
    """Simulate one replication of scenario text (put below ``HEAD``); returns metrics and the upload log."""

    def run(
        body: str,
        *sets: str,
        seed: int = 1,
        replication: int = 0,
        audio_s: float = 3.0,
        encode_s: float = 0.0,
        engine: str = "auto",
    ) -> Simulated:
        point = loads(HEAD + body, [f"engine={engine}", *sets]).points[0]
        sizes = {"big": 150_000, "small": 15_000}
        tables = Tables.unrecognized(
            {c: sizes[c] for c in point.scenario.codec_specs()}, np.full(50, audio_s), encode_s
        )
        chunks: list[Columns] = []
        metrics = simulate(Situation(point.scenario, tables, Path.cwd()), seed, replication, chunks.append)
        log = pd.concat([pd.DataFrame(c) for c in chunks], ignore_index=True) if chunks else pd.DataFrame()
        return metrics, log

    return run


@pytest.fixture(params=["compiled", pytest.param("simpy", marks=pytest.mark.slow)])
def run_both_ways(run_text: Callable[..., Simulated], request: pytest.FixtureRequest) -> Callable[..., Simulated]:
    """``run_text`` by one engine after the other: a theory must hold in both."""
    return partial(run_text, engine=request.param)


@pytest.fixture(scope="session")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Results:
    """The small study, run in one go by one process."""
    root = tmp_path_factory.mktemp("results")
    return run_experiment(loads(TEXT), results_root=root, cache_dir=root / "cache")
