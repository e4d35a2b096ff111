"""The reference pages say what the code says, and leave nothing out that a run writes."""

from __future__ import annotations

import csv
import re
from pathlib import Path

import pandas as pd
import pytest

import amser
from amser.glossary import FILES, METRICS, UPLOAD_COLUMNS, formula_of
from docs.make_reference import stale

SMALL = [
    "duration=20 s", "warmup=auto", "devices.phones.count=4", "sweep={grid: {devices.phones.codec: [raw, amser-12.5]}}",
]  # fmt: skip


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return amser.run("quickstart", SMALL, results_root=tmp_path_factory.mktemp("results"), report=True).folder


@pytest.fixture(scope="module")
def moving(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A study whose phones are handed over, which others have no figures of."""
    small = ["duration=20 s", "devices.cars.count=4", "sweep={replications: 1}"]
    return amser.run("driving", small, results_root=tmp_path_factory.mktemp("moving")).folder


def test_pages_are_what_the_code_says() -> None:
    assert stale() == [], "run `python -m docs.make_reference`"


def test_every_metric_of_a_run_has_its_formula(results: Path) -> None:
    with (results / "summary.csv").open() as file:
        found = {row["metric"] for row in csv.DictReader(file)}
    assert [name for name in found if not formula_of(name)] == []


def test_no_formula_is_of_a_metric_that_no_run_writes(results: Path, moving: Path) -> None:
    found = {name for folder in (results, moving) for name in pd.read_csv(folder / "summary.csv")["metric"]}
    assert [m.shown for m in METRICS if not any(re.fullmatch(m.pattern, name) for name in found)] == []


def test_every_file_and_column_is_named(results: Path) -> None:
    written = {
        re.sub(r"points/[^/]+/", "points/KEY-sSEED/", str(path.relative_to(results)))
        for path in results.rglob("*")
        if path.is_file()
    }
    assert written <= set(FILES)
    log = next(results.glob("points/*/uploads.parquet"))
    assert list(pd.read_parquet(log).columns) == list(UPLOAD_COLUMNS)
