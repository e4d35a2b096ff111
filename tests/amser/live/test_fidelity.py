"""Simulations held against observations, and calibrations from them: on logs whose truth is known."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest

from amser.live.errors import LiveError
from amser.live.fidelity import fidelity
from amser.live.observed_costs import batches_of, points_of
from recognizers.service.batches import cost_of
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
