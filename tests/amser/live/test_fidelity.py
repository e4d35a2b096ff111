"""Simulations held against observations, and calibrations from them: on logs whose truth is known."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest

import scenarios
from amser.live.errors import LiveError
from amser.live.fidelity import fidelity
from amser.live.observed_costs import around, batches_of, points_of, spread_of
from recognizers.service.batches import cost_of
from recognizers.service.calibration import Point
from recognizers.service.service_time import Affine
from recognizers.service.spread import at_quantile, mean_of
from sim.study.results import Results
from sim.upload_log import STAGES

N = 4000


def folder(path, latency_s, key="k", observed=False, heard=None, warmup_s=0.0):
    """A results folder whose uploads spend all their time in service."""
    place = path / "points" / f"{key}-s0"
    place.mkdir(parents=True)
    log = {f"{stage}_s": np.zeros(len(latency_s)) for stage in STAGES}
    log |= {"service_s": latency_s, "latency_s": latency_s, "speech_end_s": np.arange(len(latency_s)) * 1.0}
    pd.DataFrame(log | {"outcome": "delivered"}).to_parquet(place / "uploads.parquet")
    (place / "metrics.json").write_text(json.dumps({"warmup_s": warmup_s}))
    manifest = {"parameters": [], "points": [{"key": key, "parameters": {}}], "complete": True}
    if observed:
        manifest["observed"] = {"network": "loopback"}
    if heard is not None:
        (path / "observed").mkdir()
        heard.to_parquet(path / "observed" / f"{key}-s0.parquet")
    (path / "manifest.json").write_text(json.dumps(manifest))
    return Results.open(path)


def exponential(seed, mean_s=0.2):
    return np.random.default_rng(seed).exponential(mean_s, N)


def test_an_error_is_the_models_and_its_interval_holds_it(tmp_path):
    """A model that is 10 % slow at every quantile: errors of +10 %, within the sampling error.

    The mean of N exponential times has a relative deviation of 1 / sqrt(N) = 1.6 %, the ratio of two 2.2 %; p99 has
    sqrt(99 / N) / ln(100) = 3.4 %, the ratio 4.8 %.  The bounds are three of each.
    """
    found = fidelity(
        folder(tmp_path / "a", exponential(1, 0.22)), folder(tmp_path / "b", exponential(2), observed=True)
    )
    (one,) = found
    mean, p99 = one.error("latency", "mean"), one.error("latency", "p99")
    assert mean.error == pytest.approx(0.10, abs=0.07) and p99.error == pytest.approx(0.10, abs=0.15)
    assert mean.low < 0.10 < mean.high and mean.high - mean.low == pytest.approx(2 * 1.96 * 0.022 * 1.1, rel=0.4)
    assert one.error("service", "mean")[2:][0] == mean.simulated_s
    assert np.isnan(one.error("queue", "mean").error)  # no time was spent there: no ratio
    assert one.simulated == one.observed == N and one.outcomes == {"delivered": (1.0, 1.0)}


def test_the_warm_up_is_left_out_on_both_sides(tmp_path):
    slow_first = np.concatenate([np.full(100, 9.0), np.full(200, 1.0)])
    sides = (
        folder(tmp_path / "a", slow_first, warmup_s=100.0),
        folder(tmp_path / "b", np.full(200, 1.0), observed=True),
    )
    (one,) = fidelity(*sides)
    assert one.error("latency", "mean").error == 0.0 and one.simulated == 200


def test_words_and_classes_are_held_against_the_cells(tmp_path):
    rows = [
        ("a", "a", "sad", "sad", 200),
        ("a", "b", "sad", "sad", 200),
        ("a", "a", "sad", "happy", 200),
        ("", "a", None, "sad", 503),
    ]
    heard = pd.DataFrame(rows, columns=["text", "cell_text", "emotion", "cell_emotion", "status"])
    (one,) = fidelity(
        folder(tmp_path / "a", exponential(1)), folder(tmp_path / "b", exponential(2), observed=True, heard=heard)
    )
    assert one.heard is not None
    assert (one.heard.answered, one.heard.other_words, one.heard.other_classes) == (3, 1, 1)


def test_studies_without_a_common_point_are_one_message(tmp_path):
    one, two = folder(tmp_path / "a", exponential(1)), folder(tmp_path / "b", exponential(2), observed=True)
    manifest = json.loads((two.folder / "manifest.json").read_text())
    manifest["points"][0]["parameters"] = {"x": 1}
    (two.folder / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(LiveError, match="share no point"):
        fidelity(one, Results.open(two.folder))


def test_service_times_are_found_again_from_the_batches():
    """Batches of a known law with noise upwards in one of five, which medians leave out; the fit is within 3 %."""
    rng = np.random.default_rng(3)
    rows = []
    for number in range(600):
        size = int(rng.integers(1, 5))
        durations = rng.uniform(1.0, 5.0, size)
        seconds = 0.010 + 0.020 * size + 0.002 * durations.sum() + (0.2 if rng.random() < 0.2 else 0.0)
        rows += [("r", number, 10 * number + i, size, duration, seconds) for i, duration in enumerate(durations)]
    log = pd.DataFrame(rows, columns=["replication", "batch_number", "upload", "batch", "duration_s", "service_s"])
    torn = log.drop(index=log.index[log["batch_number"] == 7][:1])  # an upload of a batch that was not answered
    batches = batches_of(torn)
    assert len(batches) == 600 - (1 if (log["batch_number"] == 7).sum() else 0)
    cost = cost_of(points_of(batches), "test")
    for size, audio_s in ((1, 3.0), (2, 6.0), (4, 12.0)):
        found = cost.per_batch_s + cost.per_utterance_s * size
        found += cost.per_audio_second_s * audio_s + cost.per_step_second_s * audio_s / size
        assert found == pytest.approx(0.010 + 0.020 * size + 0.002 * audio_s, rel=0.03)


def test_a_spread_has_the_mean_and_the_quantiles_of_the_batches():
    """Times uniform between 80 and 120 % of 50 ms, and one in a hundred twice as long: mean 1.01 times, p99.5 double.

    Of 20,000 the mean is known to 0.1 %, and a quantile within the bulk to sqrt(p (1 - p) / n) * 40 % = 0.14 %.
    """
    rng = np.random.default_rng(5)
    factor = np.where(rng.random(20_000) < 0.01, 2.0, rng.uniform(0.8, 1.2, 20_000))
    batches = pd.DataFrame({"utterances": 1, "audio_s": 2.0, "seconds": 0.05 * factor})
    cost = spread_of(cost_of([Point(utterances=1, audio_s=2.0, seconds=0.05)], "test"), batches)
    model = Affine(cost.per_batch_s, cost.per_utterance_s, cost.per_audio_second_s, cost.per_step_second_s)
    assert model(1, 2.0) == pytest.approx(0.05 * 1.01, rel=0.004)
    assert mean_of(cost.spread) == pytest.approx(1.0, abs=1e-3)
    for probability, seconds in ((0.495, 0.05), (0.8, 0.05 * 1.1232), (0.995, 0.1)):
        assert model(1, 2.0) * at_quantile(cost.spread, probability) == pytest.approx(seconds, rel=0.006)


def test_what_is_around_an_upload_is_found_again(tmp_path):
    """A head of 145 bytes, 3 ms before the queue, 2 ms after the batch, on the cell of `live`: medians, so stragglers
    (one in five) do not count; nor do set-ups, or uploads that outgrow the first window."""
    rng = np.random.default_rng(6)
    n = 400
    kinds = rng.choice(["plain", "setup", "large"], n, p=[0.6, 0.2, 0.2])
    payload = np.where(kinds == "large", 200_000, rng.integers(2_000, 13_000, n))
    wire = payload + 145 + 52 * np.ceil((payload + 145) / 1448)
    late_s = np.where(rng.random(n) < 0.2, 0.05, 0.0)
    arrived_s = 0.010 + wire * 8 / 20e6 + 0.003 + late_s + np.where(kinds == "plain", 0.0, 0.02)
    found = folder(tmp_path, np.full(n, 0.1), observed=True)
    found.manifest["observed"]["network"] = "namespaces with a relay"
    log = pd.read_parquet(tmp_path / "points" / "k-s0" / "uploads.parquet")
    log["upload"], log["payload_bytes"], log["reply_s"] = np.arange(n), payload, 0.010 + 0.002 + late_s
    log["utterance"], log["codec"], log["batch"] = "a", "amser-12.5", 1
    log.to_parquet(tmp_path / "points" / "k-s0" / "uploads.parquet")
    pd.DataFrame({"utterance": ["a"], "duration_s": [2.0]}).to_parquet(tmp_path / "measurements.parquet")
    heard = {"upload": np.arange(n), "status": 200, "attempts": 1, "connections": (kinds == "setup").astype(int)}
    heard |= {"batch_number": 0, "ready_s": 0.0, "left_s": 0.0, "arrived_s": arrived_s, "encode_cpu_s": 0.0}
    (tmp_path / "observed").mkdir()
    pd.DataFrame({**heard, "sent_bytes": payload + 145}).to_parquet(tmp_path / "observed" / "k-s0.parquet")
    beside = around([found], scenarios.load("live").points[0].scenario)
    assert beside is not None and beside.request_bytes == 145
    assert beside.request_s == pytest.approx(0.003, abs=1e-6) and beside.reply_s == pytest.approx(0.002, abs=1e-9)
