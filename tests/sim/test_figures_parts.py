"""Figures by device group and codec: those of the whole log, whether it is kept or not, whoever simulates."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from scenarios import loads
from sim.figures.parts import COLUMNS, Parts
from sim.study.experiment import run
from sim.study.results import Results

TEXT = """
amser: 1
duration: 400 s
warmup: 40 s
sites: 2
corpus: {kind: synthetic, utterances: 20}
recognizer: {kind: none}
emotion: {kind: none}
codecs: {big: {kind: fixed, size: 144 kB}, small: {kind: fixed, size: 14.4 kB}}
cells: {cell: {capacity: 3 Mbit/s, rtt: 40 ms, loss: {kind: payload, probability: 5 %}}}
devices:
  phones:
    {count: 20, profile: pixel-8, radio: lte, traffic: {kind: poisson, rate: 4 /min}, codec: big, cell: cell,
     policy: {kind: link, codecs: [big, small], transfer: 800 ms}}
  boards:
    {count: 9, profile: raspberry-pi-4, radio: wifi, traffic: {kind: poisson, rate: 4 /min}, codec: small, cell: cell,
     battery: {capacity: 1 kJ, level_lowest: 20 %}}
server: {service: {kind: constant, time: 100 ms}}
"""


def _run(tmp_path: Path, *sets: str) -> Results:
    return run(loads(TEXT, list(sets)), results_root=tmp_path / "-".join(sets), cache_dir=tmp_path / "cache")


@pytest.mark.parametrize("engine", ["simpy", "compiled"])
def test_they_are_those_of_the_whole_log(tmp_path: Path, engine: str) -> None:
    results = _run(tmp_path, f"engine={engine}")
    log = results.uploads()
    found = results.groups().set_index(["group", "codec"])
    log = log[log["speech_end_s"] >= 40.0]
    parts = dict(iter(log.groupby(["group", "codec"], observed=True)))
    assert len(parts) == 3 and set(parts) == set(found.index)
    for at, rows in parts.items():
        one = found.loc[at]
        sent = rows[rows["wire_bytes"] > 0]
        latency = rows["latency_s"].dropna()
        assert one["uploads"] == len(rows)
        assert one["delivered"] == (rows["outcome"] == "delivered").sum()
        assert (one["sent"], one["answered"]) == (len(sent), len(latency))
        assert one["energy_per_upload_j"] == pytest.approx(rows["energy_j"].sum() / len(sent), rel=1e-12)
        assert one["latency_mean_s"] == pytest.approx(latency.mean(), rel=1e-12)
        quantiles = one[["latency_p50_s", "latency_p95_s", "latency_p99_s"]].to_numpy(float)
        assert quantiles == pytest.approx(latency.quantile([0.5, 0.95, 0.99]).to_numpy(), rel=1e-12)
    assert (log["outcome"] == "battery-dead").sum() > 20


def test_they_do_not_depend_on_the_log(tmp_path: Path) -> None:
    whole = _run(tmp_path)
    sampled = _run(tmp_path, "log={keep: sample, share: 5 %}")
    assert 0 < len(sampled.uploads()) < 0.2 * len(whole.uploads())
    pd.testing.assert_frame_equal(sampled.groups()[list(COLUMNS)], whole.groups()[list(COLUMNS)])


def test_beyond_the_limit_every_part_is_a_sketch_and_the_whole_is_their_sum() -> None:
    """Within 0.1 %, however sites are put together; exact as long as all of them together are few."""
    rng = np.random.default_rng(5)
    values, part = rng.lognormal(size=30_000), rng.integers(0, 2, 30_000) * 3 + 2  # parts (0, 2) and (1, 2)
    few, many = Parts(2, 3, limit=3_000), Parts(2, 3, limit=2_000)
    for chunk, numbers in zip(np.split(values, 10), np.split(part, 10), strict=True):
        for whole, room in ((few, 3_000), (many, 2_000)):
            site = Parts(2, 3, limit=room)
            uploads = np.bincount(numbers, minlength=6).reshape(2, 3)
            site.add(uploads, uploads, uploads, uploads * 2.0)
            site.add_latencies(numbers, chunk)
            whole.merge(site)
    assert few.latencies().exact and not many.latencies().exact
    names, codecs = ("one", "two"), ("a", "b", "c")
    exact, sketched = few.table(names, codecs), many.table(names, codecs)
    for g, name in enumerate(names):
        own = values[part == g * 3 + 2]
        row = exact.set_index("group").loc[name]
        assert (row["codec"], row["uploads"], row["energy_per_upload_j"]) == ("c", len(own), 2.0)
        assert row["latency_p95_s"] == pytest.approx(np.quantile(own, 0.95), rel=1e-12)
    assert np.allclose(sketched["latency_p50_s"], exact["latency_p50_s"], rtol=0.002)
    assert np.allclose(sketched["latency_mean_s"], exact["latency_mean_s"], rtol=1e-12)
    assert many.latencies().quantiles((0.9,)) == pytest.approx(np.quantile(values, [0.9]), rel=0.002)
