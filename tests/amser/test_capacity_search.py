"""Capacities against queues whose answer is known."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from amser.capacity_search import Level, Range, find_capacity
from amser.cli.main import run
from amser.exits import UserError

LATENCY = Level.parse("latency_mean_s < 500 ms")


def mm1_ends(arrival: float, service: float, spread: float = 0.0) -> tuple[float, float, float]:
    """Mean response of M/M/1, 1 / (mu - lambda), with an interval of ± ``spread``; infinite when saturated."""
    mean = 1 / (service - arrival) if arrival < service else float("inf")
    return mean * (1 + spread), mean, mean * (1 - spread)


@given(st.integers(min_value=20, max_value=5000), st.floats(min_value=0.0, max_value=0.3))
def test_most_devices_of_an_mm1_queue(service: int, spread: float) -> None:
    # n devices of rate 1: 1 / (mu - n) <= 0.5 where n <= mu - 2; with the interval's worst end, mu - 2 (1 + s).
    def evaluate(value: str, points: Sequence[int]) -> dict[int, list[tuple[float, float, float]]]:
        return {p: [mm1_ends(float(value), service, spread)] for p in points}

    [(sure, mean, hopeful, tried)] = find_capacity(1, Range.parse("1", "10000", False), [LATENCY], evaluate)
    assert mean is not None and sure is not None and hopeful is not None
    exact = service - 2
    # Found to 2 % or one device, and never above what really meets the level.
    assert exact * 0.98 - 1 <= mean <= exact
    assert sure <= mean <= hopeful
    assert tried <= 40


def test_least_bandwidth_of_a_transfer() -> None:
    # 60 kB in 100 ms need 4.8 Mbit/s.
    def evaluate(value: str, points: Sequence[int]) -> dict[int, list[tuple[float, float, float]]]:
        megabits, unit = value.split()
        assert unit == "Mbit/s"
        time_s = 0.48 / float(megabits)
        return {p: [(time_s, time_s, time_s)] for p in points}

    level = Level.parse("latency_p95_s <= 100 ms")
    [(sure, mean, _, _)] = find_capacity(1, Range.parse("0.1 Mbit/s", "100 Mbit/s", True), [level], evaluate)
    assert mean == sure and mean is not None
    assert 4.8 <= mean <= 4.8 * 1.021


def test_points_share_their_evaluations_and_ends_of_the_range_are_told() -> None:
    calls: list[tuple[str, tuple[int, ...]]] = []

    def evaluate(value: str, points: Sequence[int]) -> dict[int, list[tuple[float, float, float]]]:
        calls.append((value, tuple(points)))
        n = float(value)
        figures = {0: n / 1000, 1: 9.0, 2: 0.001}  # meets up to 500; never; always
        return {p: [(figures[p],) * 3] for p in points}

    found = find_capacity(3, Range.parse("1", "1000", False), [LATENCY], evaluate)
    assert calls[0] == ("1", (0, 1, 2))
    assert found[0][1] is not None and 490 <= found[0][1] <= 500
    assert found[1][:3] == (None, None, None)
    assert found[2][:3] == (1000.0, 1000.0, 1000.0)


def test_all_levels_must_hold() -> None:
    wer = Level.parse("wer < 5 %")

    def evaluate(value: str, points: Sequence[int]) -> dict[int, list[tuple[float, float, float]]]:
        n = float(value)
        return {p: [(n / 1000,) * 3, (n / 2000,) * 3] for p in points}

    [(_, mean, _, _)] = find_capacity(1, Range.parse("1", "1000", False), [LATENCY, wer], evaluate)
    assert mean is not None and 97 <= mean <= 100  # 5 % of 2000


@pytest.mark.parametrize(
    "text", ["latency_p95_s", "latency_p95_s < 500", "latency_p95_s = 1 s", "wer < 5 s", "energy_per_upload_j < 1 W"]
)
def test_a_level_needs_a_sign_and_the_metrics_unit(text: str) -> None:
    with pytest.raises(UserError, match="--slo"):
        Level.parse(text)


@pytest.mark.parametrize(("low", "high"), [("10", "1"), ("0", "5"), ("1 Mbit/s", "5"), ("a", "b"), ("-1", "5")])
def test_a_range_needs_two_ends_of_one_unit(low: str, high: str) -> None:
    with pytest.raises(UserError, match="--between"):
        Range.parse(low, high, False)


@pytest.mark.slow
def test_devices_that_fill_half_a_link(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, small_scenario: str, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("small.yaml").write_text(small_scenario, encoding="utf-8")
    command = ["capacity", "small.yaml", "--over", "devices.phones.count", "--slo", "uplink_utilisation < 50 %"]
    assert run([*command, "--between", "1", "400", "-j", "1", "--json"]) == 0
    big, small = json.loads(capsys.readouterr().out)["points"]
    # 10 uploads a minute of 60 kB are 80 kbit/s a device: 2.5 Mbit/s carry 31, a little fewer with headers.  Poisson
    # arrivals over 2 minutes leave 10 %; a tenth of the payload lets about ten times as many speak.
    assert 31 * 0.85 <= big["value"] <= 31 * 1.1
    assert 6 <= small["value"] / big["value"] <= 11
    assert big["basis"] == {"uplink_utilisation": "2 replications"}
    assert run([*command, "--between", "1", "40", "-j", "1"]) == 0
    out = capsys.readouterr().out
    assert "surely" in out and "intervals: uplink_utilisation over 2 replications" in out


def test_a_swept_key_has_no_capacity(tmp_path: Path, small_scenario: str, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "small.yaml"
    path.write_text(small_scenario, encoding="utf-8")
    command = ["capacity", str(path), "--slo", "wer < 5 %", "--between", "1", "2"]
    assert run([*command, "--over", "devices.phones.codec"]) == 2
    assert run([*command, "--over", "devices.phnes.count"]) == 2
    assert "Traceback" not in capsys.readouterr().err
