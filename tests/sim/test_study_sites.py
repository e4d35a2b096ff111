"""Large studies: many sites over processes, quantiles of streams, replications until precise, warm-up found."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from scenarios import ScenarioError, loads
from sim.figures.metrics import Accumulator
from sim.figures.tally import Latencies
from sim.study.experiment import run
from tests.sim.small_study import contents

TEXT = """
amser: 1
name: town
duration: 2 min
corpus: {kind: synthetic, utterances: 20}
recognizer: {kind: none}
emotion: {kind: none}
codecs: {small: {kind: fixed, size: 14.4 kB}}
cells: {cell: {capacity: 10 Mbit/s, rtt: 40 ms}}
devices:
  phones:
    {count: 10, profile: pixel-8, radio: lte, traffic: {kind: poisson, rate: 4 /min}, codec: small, cell: cell}
server: {service: {kind: exponential, mean: 100 ms}}
"""


@pytest.mark.parametrize("log", ["all", "sample"])
def test_sites_spread_over_workers_change_nothing(tmp_path: Path, log: str) -> None:
    """Byte for byte, however the sites are divided: one after the other, over 2, over 5 workers."""
    text = TEXT + f"sites: 7\nlog: {{keep: {log}, share: 30 %}}\nsweep: {{replications: 2}}\n"
    alone = run(loads(text), results_root=tmp_path / "1", cache_dir=tmp_path / "cache")
    assert alone.uploads()["site"].nunique() == 7
    for jobs in (2, 5):
        with ThreadPoolExecutor(jobs) as executor:
            spread = run(
                loads(text),
                jobs=jobs,
                results_root=tmp_path / str(jobs),
                cache_dir=tmp_path / "cache",
                executor=executor,
            )
        assert contents(spread) == contents(alone)
        assert not list(spread.folder.glob("points/.*"))


def test_sites_are_independent_and_alike(tmp_path: Path) -> None:
    results = run(loads(TEXT + "sites: 7\n"), results_root=tmp_path, cache_dir=tmp_path / "cache")
    log = results.uploads()
    first = log.groupby("site")["speech_end_s"].min()
    assert first.is_unique
    one = run(loads(TEXT), results_root=tmp_path, cache_dir=tmp_path / "cache").uploads()
    pd.testing.assert_frame_equal(log[log["site"] == 0].drop(columns="site").reset_index(drop=True), one)


def test_a_site_that_fails_fails_its_replication(tmp_path: Path) -> None:
    experiment = loads(TEXT + "sites: 7\n")
    experiment.points[0].scenario.devices["phones"].traffic.__dict__["rate"] = float("nan")
    with ThreadPoolExecutor(2) as executor:
        results = run(experiment, jobs=2, results_root=tmp_path, cache_dir=tmp_path / "cache", executor=executor)
    assert len(results.manifest["failures"]) == 1 and not results.complete
    assert not list(results.folder.glob("points/.*"))


def test_quantiles_of_streams_too_long_to_keep() -> None:
    """Above the limit a sketch answers within 0.1 %, and parts merge to the same as the whole."""
    values = np.random.default_rng(1).lognormal(size=30_000)
    exact, whole, merged = Latencies(), Latencies(limit=1_000), Latencies(limit=1_000)
    for part in np.split(values, 30):
        exact.add(part)
        whole.add(part)
        other = Latencies(limit=5_000)
        other.add(part)
        merged.merge(other)
    assert exact.exact and not whole.exact and not merged.exact
    asked = (0.5, 0.95, 0.99)
    assert whole.quantiles(asked) == merged.quantiles(asked)
    assert np.allclose(whole.quantiles(asked), exact.quantiles(asked), rtol=0.005)
    assert whole.mean() == pytest.approx(exact.mean(), rel=1e-12)
    assert whole.count == merged.count == exact.count == 30_000
    assert all(np.isnan(Latencies().quantiles(asked))) and np.isnan(Latencies().mean())


PRECISION = "sweep: {{precision: {{metric: latency_mean_s, relative: {relative}, most: {most}}}}}\n"


def test_replications_are_added_until_the_interval_is_tight(tmp_path: Path) -> None:
    text = TEXT + PRECISION.format(relative="3 %", most=60)
    results = run(loads(text), results_root=tmp_path / "1", cache_dir=tmp_path / "cache")
    row = results.summary.query("metric == 'latency_mean_s'").iloc[0]
    assert 5 < row["n"] < 60
    assert (row["high"] - row["low"]) / 2 <= 0.03 * row["mean"]
    said = ("latency_mean_s is known", "one replication")
    assert results.complete and not any(text in w for w in results.manifest["warnings"] for text in said)
    with ThreadPoolExecutor(3) as executor:
        spread = run(loads(text), jobs=3, results_root=tmp_path / "2", cache_dir=tmp_path / "cache", executor=executor)
    assert contents(spread) == contents(results)


def test_a_cap_on_replications_is_said(tmp_path: Path) -> None:
    results = run(
        loads(TEXT + PRECISION.format(relative="0.01 %", most=6)), results_root=tmp_path, cache_dir=tmp_path / "cache"
    )
    assert results.summary.query("metric == 'latency_mean_s'")["n"].iloc[0] == 6
    assert any("after 6 replications" in w for w in results.manifest["warnings"])
    nothing = loads(TEXT + "sweep: {precision: {metric: wer}}\n")
    warned = run(nothing, results_root=tmp_path, cache_dir=tmp_path / "cache").manifest["warnings"]
    assert any("wer is as precise as its corpus" in w for w in warned)


def test_precision_must_be_possible() -> None:
    for wrong in ("{relative: 0 %}", "{confidence: 100 %}", "{most: 1}"):
        with pytest.raises(ScenarioError, match="precision"):
            loads(TEXT + f"sweep: {{precision: {wrong}}}\n")


def test_latency_that_moves_while_it_is_counted_is_told() -> None:
    """20 * exp(-t / 20) s over 1 s, counted from 20 s to 1,000 s: its mean over the first half of 490 s is
    20 * 20 / 490 * exp(-1) = 0.30 s, over the second nothing, so the later half is 0.30 s less: a drift of
    -0.30 / (1.30 + 1)."""
    energies = ("encode_j", "wake_j", "transmit_j", "tail_j", "receive_j", "energy_j", "server_j")
    columns = {name: np.zeros(40_000) for name in energies}
    rng = np.random.default_rng(3)
    spoken = np.sort(rng.uniform(0, 1_000, 40_000))
    latency = 1.0 + 0.1 * rng.standard_normal(40_000) + 20.0 * np.exp(-spoken / 20.0)
    from sim.upload_log import STAGES
    from sim.utterances import Tables

    columns |= {f"{stage}_s": np.zeros(40_000) for stage in STAGES}
    columns |= {name: np.zeros(40_000) for name in ("payload_bytes", "wire_bytes", "handovers", "interrupted_s")}
    columns["batch"] = np.where(np.arange(40_000) % 4 == 0, 1.0, 3.0)  # as many batches of one as of three
    columns |= {name: np.zeros(40_000, np.int64) for name in ("utterance", "codec", "outcome", "upload", "group")}
    columns |= {"speech_end_s": spoken, "latency_s": latency}
    found = Accumulator(Tables.unrecognized({"c": 1}, np.ones(1)), 1, 20.0, 1_000.0)
    for part in np.array_split(rng.permutation(40_000), 7):
        found.add({name: values[part] for name, values in columns.items()})  # type: ignore[index]
    metrics = found.metrics({})
    early = 400 / 490 * np.exp(-1)
    assert metrics["latency_drift"] == pytest.approx(-early / (2 + early), rel=0.05)
    assert metrics["uploads"] == (spoken >= 20).sum()
    # By batch 2, but three of four uploads were in one of three.
    assert metrics["batch_mean"] == pytest.approx(2.0, rel=0.02)
    assert metrics["batch_seen_mean"] == pytest.approx(2.5, rel=0.02)


def test_warm_up_auto_in_a_scenario(run_text: Callable) -> None:  # type: ignore[type-arg]
    body = TEXT.split("codecs:")[1].split("\n", 1)[1]
    metrics, log = run_text(body + "duration: 10 min\nwarmup: auto\n")
    given, _ = run_text(body + "duration: 10 min\nwarmup: 1 min\n")
    for name, value in given.items():
        assert metrics[name] == pytest.approx(value, rel=1e-12, nan_ok=True)
    assert metrics["uploads"] == (log["speech_end_s"] >= metrics["warmup_s"]).sum()
