"""What `amser check` says of a study's size, against theory and against runs."""

from __future__ import annotations

from pathlib import Path

import pytest

import scenarios
from amser.forecast import FILE_BYTES, Forecast, forecast
from sim.study.experiment import run


def of(text: str, *sets: str) -> Forecast:
    return forecast(scenarios.loads(text, list(sets)))


def test_poisson_uploads_are_rate_times_time(small_scenario: str) -> None:
    """5 phones x 10 /min x 2 min = 100 a run, 2 points x 2 replications; one draw of 100 stands for all.

    So the deviation of the total is 4 times sqrt(100); five of them are allowed.
    """
    found = of(small_scenario)
    assert found.runs == 4
    assert found.uploads == pytest.approx(400, abs=5 * 4 * 10)
    # Many are not drawn but computed, and every site has its own devices.
    assert of(small_scenario, "devices.phones.count=1000000", "sites=3").uploads == 4 * 3 * 2 * 10e6
    assert found.measurements == 2 * 20  # both codecs of 20 utterances
    assert found.recognizing_bytes == 0


def test_a_run_has_as_many_uploads(small_scenario: str, tmp_path: Path) -> None:
    """Periodic devices speak once a period, whatever the seed: 5 phones x 2 min / 4 s = 150."""
    text = small_scenario.replace("{kind: poisson, rate: 10 /min}", "{kind: periodic, period: 4 s}")
    expected = of(text)
    results = run(scenarios.loads(text), results_root=tmp_path, cache_dir=tmp_path / "cache")
    assert expected.uploads == len(results.uploads()) == 4 * 150
    on_disk = sum(path.stat().st_size for path in results.folder.rglob("uploads.parquet"))
    # The forecast is a bound.  Payloads of one size take a third of its bytes an upload, uploads that are alike still
    # less (amser/forecast.py); the files' heads, which are most of so small logs, are there in any case.
    assert 4 * 4_000 < on_disk < expected.log_bytes


def test_what_waits_for_replies_is_bounded(small_scenario: str, tmp_path: Path) -> None:
    text = small_scenario.replace("{kind: poisson, rate: 10 /min}", "{kind: closed-loop, think: 2 s}")
    bound = of(text)
    results = run(scenarios.loads(text), results_root=tmp_path, cache_dir=tmp_path / "cache")
    # A thought of 2 s and a reply that takes a tenth of it or more: below the bound, but not by half.
    assert bound.at_most and bound.uploads / 2 < len(results.uploads()) < bound.uploads * 1.1
    assert "at most 1,200 in 4 runs; fewer" in bound.lines()["uploads"]
    assert "an upload" in bound.lines()["simulating"] and "an upload" in bound.lines()["log"]


def test_logs_that_are_not_kept_and_precision_that_is_sought(small_scenario: str) -> None:
    assert of(small_scenario, "log={keep: none}").log_bytes == 0
    sampled = of(small_scenario, "log={keep: sample, share: 10 %}")
    files = 4 * FILE_BYTES  # each run's, however many uploads are in it
    assert sampled.log_bytes - files == pytest.approx(0.1 * (of(small_scenario).log_bytes - files))
    more = of(small_scenario, "sweep.precision={relative: 1 %}")
    assert more.at_least and "in 4 runs or more" in more.lines()["uploads"]


def test_measuring_cells_is_most_of_the_work_of_cars() -> None:
    """Sixty cars that measure three cells every 200 ms of 300 s, in 40 runs: 10.8 million times 6 to 12 us."""
    low_s, high_s = forecast(scenarios.load("driving")).cpu_s
    uploads = 60 * 4 / 60 * 300 * 40
    assert low_s == pytest.approx(10.8e6 * 6e-6 + uploads * 80e-6)
    assert high_s == pytest.approx(10.8e6 * 12e-6 + uploads * 300e-6)
