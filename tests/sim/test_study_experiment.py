"""Experiments: the results folder, reuse, interruption, and the same figures whatever the number of workers."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from scenarios import load, loads
from sim.study.experiment import Interrupted, run
from sim.study.results import Results, ResultsError
from tests.sim.small_study import TEXT, contents


def test_summary_is_tidy(undisturbed: Results) -> None:
    summary = undisturbed.summary
    columns = ["devices.phones.codec", "metric", "unit", "mean", "low", "high", "n", "over", "planned"]
    assert list(summary.columns) == columns
    latency = summary[summary["metric"] == "latency_mean_s"].set_index("devices.phones.codec")
    assert (latency["n"] == 3).all() and (latency["unit"] == "s").all()
    assert (latency["low"] < latency["mean"]).all() and (latency["mean"] < latency["high"]).all()
    assert latency.loc["small", "mean"] < latency.loc["big", "mean"]


def test_summary_is_the_mean_of_the_logs(undisturbed: Results) -> None:
    uploads = undisturbed.uploads()
    means = uploads.groupby(["devices.phones.codec", "replication"])["latency_s"].mean().groupby(level=0).mean()
    told = undisturbed.summary.query("metric == 'latency_mean_s'").set_index("devices.phones.codec")["mean"]
    pd.testing.assert_series_equal(means, told, check_names=False, rtol=1e-12)


def test_paired_differences_are_tighter_than_independent_ones(undisturbed: Results) -> None:
    row = undisturbed.differences.query("metric == 'energy_per_upload_j'").iloc[0]
    assert row["difference"] < 0 and row["high"] < 0
    assert row["variance_reduction"] > 1


def test_codecs_are_compared_at_the_same_load(tmp_path: Path) -> None:
    """With two loads, each codec is compared with the first one at its own load, not at the first load."""
    sets = ["sweep.grid={devices.phones.codec: [big, small], devices.phones.count: [5, 20]}", "sweep.replications=2"]
    results = run(loads(TEXT, sets), results_root=tmp_path, cache_dir=tmp_path / "cache")
    found = results.differences.query("metric == 'latency_mean_s'").set_index("devices.phones.count")["difference"]
    means = results.summary.query("metric == 'latency_mean_s'").set_index(results.parameters)["mean"]
    assert sorted(found.index) == [5, 20]
    for count in (5, 20):
        assert found[count] == pytest.approx(means["small", count] - means["big", count], rel=1e-9)


def test_swept_quantities_are_numbers_too_and_values_stay_as_written(tmp_path: Path) -> None:
    """1 beside 2.5 is no 1.0, null is not lost, and 500 kbit/s beside 5 Mbit/s are 5e5 and 5e6 bit/s."""
    sets = [
        "sweep.grid={cells.cell.capacity: [500 kbit/s, 5 Mbit/s], devices.phones.weight: [1, 2.5], "
        "devices.phones.battery: [null, profile]}",
        "sweep.replications=1",
        "duration=1 min",
        "cells.cell.sharing=weighted",
    ]
    results = run(loads(TEXT, sets), results_root=tmp_path, cache_dir=tmp_path / "cache")
    written = pd.read_csv(results.folder / "summary.csv")
    rates = written.groupby("cells.cell.capacity")["cells.cell.capacity [bit/s]"].unique()
    assert rates["500 kbit/s"].tolist() == [5e5] and rates["5 Mbit/s"].tolist() == [5e6]
    entries = {tuple(map(str, p["parameters"].values())) for p in results.manifest["points"]}
    assert {tuple(map(str, p)) for p in results.summary[results.parameters].itertuples(index=False)} == entries
    assert {str(w) for w in results.summary["devices.phones.weight"]} == {"1", "2.5"}


def test_manifest_says_what_was_run(undisturbed: Results) -> None:
    manifest = undisturbed.manifest
    assert manifest["complete"] and not manifest["failures"]
    assert manifest["parameters"] == ["devices.phones.codec"]
    assert manifest["versions"]["simpy"]
    assert "SIGCOMM 2021" in manifest["devices"]["phones"]["radio"]
    assert loads((undisturbed.folder / "resolved.yaml").read_text()).points[0].key == loads(TEXT).points[0].key


def test_workers_change_nothing(undisturbed: Results, tmp_path: Path) -> None:
    """Byte for byte: each replication has its own streams, whoever runs it."""
    parallel = run(loads(TEXT), jobs=2, results_root=tmp_path, cache_dir=tmp_path / "cache")
    assert contents(parallel) == contents(undisturbed)


def test_finished_runs_are_reused_and_more_replications_add_to_them(tmp_path: Path) -> None:
    first = run(loads(TEXT), results_root=tmp_path, cache_dir=tmp_path / "cache")
    second = run(loads(TEXT, ["sweep.replications=4"]), results_root=tmp_path, cache_dir=tmp_path / "cache")
    assert first.folder != second.folder
    assert second.manifest["reused"] == 6
    assert (second.summary.query("metric == 'uploads'")["n"] == 4).all()
    changed = run(loads(TEXT, ["cells.cell.rtt=50 ms"]), results_root=tmp_path, cache_dir=tmp_path / "cache")
    assert changed.manifest["reused"] == 0


def test_a_file_that_changed_is_a_changed_scenario(tmp_path: Path) -> None:
    """The same text, but its trace says something else: nothing of the earlier run may be reused."""
    text = TEXT.replace("capacity: 10 Mbit/s", "capacity: {kind: csv, file: t.csv}").replace("replications: 3", "")
    (tmp_path / "s.yaml").write_text(text)
    digests, reused = [], []
    for rate in ("1e7", "1e7", "2e7"):
        (tmp_path / "t.csv").write_text(f"time_s,rate_bps\n0,{rate}\n10,{rate}\n")
        made = run(load(tmp_path / "s.yaml"), results_root=tmp_path, cache_dir=tmp_path / "cache")
        digests.append(made.manifest["inputs"]["t.csv"])
        reused.append(made.manifest["reused"])
    assert reused == [0, 2, 0]
    assert digests[0] == digests[1] != digests[2]


def test_what_was_damaged_since_is_run_again(undisturbed: Results, tmp_path: Path) -> None:
    first = run(loads(TEXT), results_root=tmp_path, cache_dir=tmp_path / "cache")
    logs = sorted(first.folder.glob("points/*/uploads.parquet"))
    logs[0].write_bytes(logs[0].read_bytes()[:-100])
    logs[1].with_name("metrics.json").write_text("{")
    logs[2].with_name("status.json").unlink()
    again = run(loads(TEXT), results_root=tmp_path, cache_dir=tmp_path / "cache")
    assert again.manifest["reused"] == 3
    assert contents(again) == contents(undisturbed)


def test_a_run_without_uploads_is_a_doubt_and_no_defect(tmp_path: Path) -> None:
    quiet = loads(TEXT, ["devices.phones.traffic.rate=1e-9 /d"])
    results = run(quiet, results_root=tmp_path, cache_dir=tmp_path / "cache")
    assert results.complete
    assert any("nothing was spoken after the warm-up in 3 of 3" in line for line in results.manifest["warnings"])


def test_a_run_that_fails_is_named_and_the_others_go_on(tmp_path: Path) -> None:
    broken = TEXT.replace("[big, small]", "[big, 'no']").replace("  small:", "  'no':")
    experiment = loads(broken)
    experiment.points[1].scenario.devices["phones"].traffic.__dict__["rate"] = float("nan")
    results = run(experiment, results_root=tmp_path, cache_dir=tmp_path / "cache")
    assert len(results.manifest["failures"]) == 3
    assert not results.complete
    assert results.partial.startswith(
        "partial results: 3 of 6 replications are finished, 1 of 2 points have none, 3 failed;"
    )
    assert set(results.summary["devices.phones.codec"]) == {"big"}


def test_interruption_keeps_what_is_finished(tmp_path: Path) -> None:
    def interrupt(share: float, text: str) -> None:
        if share > 0.5:
            raise KeyboardInterrupt

    with pytest.raises(Interrupted) as caught:
        run(loads(TEXT), results_root=tmp_path, cache_dir=tmp_path / "cache", progress=interrupt)
    kept = caught.value.results
    assert kept is not None and not kept.complete
    finished = len(kept.replications())
    assert 0 < finished < 6
    assert kept.partial.startswith(f"partial results: {finished} of 6 replications are finished")
    rows = kept.summary.query("metric == 'uploads'")
    assert rows["n"].sum() == finished and (rows["planned"] == 3).all()


def test_a_study_under_way_can_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another process, or whoever comes after a kill, finds the summary of what is finished so far."""
    monkeypatch.setattr("sim.study.points.STREAM_EVERY_S", 0.0)
    seen: list[int] = []

    def look(share: float, text: str) -> None:
        if folders := list(tmp_path.glob("small/*/summary.csv")):
            under_way = Results.open(folders[0].parent)
            seen.append(int(under_way.summary.query("metric == 'uploads'")["n"].sum()))
            assert f"{seen[-1]} of 6 replications" in under_way.partial or seen[-1] == 6

    whole = run(loads(TEXT), results_root=tmp_path, cache_dir=tmp_path / "cache", progress=look)
    assert sorted(set(seen)) == [1, 2, 3, 4, 5]
    assert whole.partial == ""


def test_opening_nothing_is_one_clear_error(tmp_path: Path) -> None:
    with pytest.raises(ResultsError, match="no results here"):
        Results.open(tmp_path)
    (tmp_path / "manifest.json").write_text("{")
    with pytest.raises(ResultsError, match="damaged or missing"):
        _ = Results.open(tmp_path).manifest
