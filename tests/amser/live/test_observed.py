"""Two observations of ten minutes, kept: simulations stay as near to them as docs/results/live-validation.md says."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import scenarios
from sim import model
from sim.build_site import Situation, build_site
from sim.draws import Draws
from sim.upload_log import Columns, columns_of
from sim.utterances import Tables

FOLDER = Path(__file__).parent / "observed"
FIGURES = {"mean": np.mean, "p95": lambda x: np.percentile(x, 95), "p99": lambda x: np.percentile(x, 99)}
BOUNDS = {"mean": 0.05, "p95": 0.10, "p99": 0.15}
WARMUP_S = 30.0


def _simulated(name: str, kept: dict) -> pd.DataFrame:
    machine = [f"server.service={FOLDER / name}.machine.json", *kept["machine"]]
    scenario = scenarios.load("live", [*kept["sets"], *machine]).points[0].scenario
    table = pd.read_parquet(FOLDER / f"{name}.table.parquet")
    tables = Tables.from_frame(table, list(scenario.codec_specs()))
    site = build_site(Situation(scenario, tables, FOLDER), Draws(scenario.seed, 0))
    chunks: list[Columns] = []
    model.run(site, lambda rows: chunks.append(columns_of(rows, site.server.service)))
    return pd.concat([pd.DataFrame(chunk) for chunk in chunks]).sort_values("upload", ignore_index=True)


@pytest.mark.parametrize("name", ["light", "bandwidth-bound"])
def test_a_simulation_is_as_near_to_the_observation_as_it_was(name: str) -> None:
    """Both sides speak the same utterances at the same instants, so an error moves with the model alone.

    It may move within the interval that it had when it was measured (stretches of both logs, drawn together): there
    chance could have put it; and never out of the bounds of the validation.
    """
    kept = json.loads((FOLDER / f"{name}.json").read_text(encoding="utf-8"))
    observed = pd.read_parquet(FOLDER / f"{name}.parquet")
    simulated = _simulated(name, kept)
    np.testing.assert_allclose(simulated["speech_end_s"], observed["speech_end_s"], atol=1e-6)
    for figure, of in FIGURES.items():
        sides = [log.loc[log["speech_end_s"] >= WARMUP_S, "latency_s"].dropna() for log in (simulated, observed)]
        error = of(sides[0]) / of(sides[1]) - 1.0
        _, low, high = kept["errors"][figure]
        assert low <= error <= high, (figure, error, kept["errors"][figure])
        assert abs(error) <= BOUNDS[figure]


@pytest.mark.parametrize("name", ["light", "bandwidth-bound"])
def test_every_upload_was_heard_as_its_cell_was(name: str) -> None:
    """What a server said of single uploads, in whatever batch, is what a measurement says in batches of its own."""
    observed = pd.read_parquet(FOLDER / f"{name}.parquet")
    cells = pd.read_parquet(FOLDER / f"{name}.table.parquet").set_index(["utterance", "codec"])
    cells = cells.loc[list(zip(observed["utterance"], observed["codec"], strict=True))]
    assert set(observed["outcome"]) == {"delivered"}
    assert observed["text"].tolist() == cells["hypothesis"].tolist()
    assert observed["emotion"].tolist() == cells["emotion_predicted"].tolist()
