"""Capacities against queues whose answer is known."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from amser.capacity import Figure, Level, Range, Trial, Verdict, find_capacity
from amser.cli.main import run
from amser.exits import UserError

LATENCY = Level.parse("latency_mean_s < 500 ms")


def trial(level: Level, mean: float, spread: float = 0.0) -> Trial:
    """What a value gives whose interval is ± ``spread`` of the mean; a mean that is infinite misses."""
    low, high = mean * (1 - spread), mean * (1 + spread)
    return Trial(level.verdict(mean, low, high), level.holds(mean), (Figure(level.metric, mean, low, high, ""),))


@given(st.integers(min_value=20, max_value=5000), st.floats(min_value=0.0, max_value=0.3))
def test_most_devices_of_an_mm1_queue(service: int, spread: float) -> None:
    """n devices of rate 1 on M/M/1 of rate mu: 1 / (mu - n) <= 0.5 where n <= mu - 2; surely where n <= mu - 2 (1 + s),
    not surely missed where n <= mu - 2 (1 - s).  Each is found to 2 % or one device, and not beyond it."""

    def evaluate(value: str, points: Sequence[int]) -> dict[int, Trial]:
        left = service - float(value)
        return {p: trial(LATENCY, 1 / left if left > 0 else float("inf"), spread) for p in points}

    [answer] = find_capacity(1, Range.parse("1", "10000", False), evaluate)
    exact = [math.floor(service - 2 * (1 + s) + 1e-9) for s in (spread, 0.0, -spread)]
    for found, most in zip(answer[:3], exact, strict=True):
        assert found is not None
        assert most * 0.98 - 1 <= found <= most
    assert len(answer.trials) <= 40


def test_least_bandwidth_of_a_transfer() -> None:
    """60 kB in 100 ms need 4.8 Mbit/s."""
    level = Level.parse("latency_p95_s <= 100 ms")

    def evaluate(value: str, points: Sequence[int]) -> dict[int, Trial]:
        megabits, unit = value.split()
        assert unit == "Mbit/s"
        return {p: trial(level, 0.48 / float(megabits)) for p in points}

    [answer] = find_capacity(1, Range.parse("0.1 Mbit/s", "100 Mbit/s", True), evaluate)
    assert answer.value == answer.sure == answer.hopeful and answer.value is not None
    assert 4.8 <= answer.value <= 4.8 * 1.021


def test_points_share_their_evaluations_and_ends_of_the_range_are_told() -> None:
    calls: list[tuple[str, tuple[int, ...]]] = []

    def evaluate(value: str, points: Sequence[int]) -> dict[int, Trial]:
        calls.append((value, tuple(points)))
        figures = {0: float(value) / 1000, 1: 9.0, 2: 0.001}  # meets up to 500; never; always
        return {p: trial(LATENCY, figures[p]) for p in points}

    found = find_capacity(3, Range.parse("1", "1000", False), evaluate)
    assert calls[0] == ("1", (0, 1, 2))
    assert found[0].value is not None and 490 <= found[0].value <= 500
    assert found[1][:3] == (None, None, None)
    assert found[2][:3] == (1000.0, 1000.0, 1000.0)


NAN, INF = float("nan"), float("inf")


@pytest.mark.parametrize(
    ("level", "mean", "low", "high", "verdict"),
    [
        ("latency_p95_s < 1 s", 0.8, 0.7, 0.9, Verdict.MET),
        ("latency_p95_s < 1 s", 1.2, 1.1, 1.3, Verdict.MISSED),
        ("latency_p95_s < 1 s", 0.9, 0.7, 1.1, Verdict.OPEN),
        ("latency_p95_s < 1 s", 0.9, 0.0, 9.0, Verdict.OPEN),  # it spans down to zero: no bound
        ("latency_p95_s < 1 s", 0.9, 0.7, INF, Verdict.OPEN),  # too few uploads for an upper end
        ("latency_p95_s < 1 s", 1.9, 1.7, INF, Verdict.MISSED),
        ("latency_p95_s < 1 s", 0.5, NAN, NAN, Verdict.OPEN),  # one replication says nothing
        ("latency_p95_s < 1 s", NAN, NAN, NAN, Verdict.MISSED),  # nothing was answered
        ("delivered_fraction > 99 %", 0.995, 0.991, 0.999, Verdict.MET),
        ("delivered_fraction > 99 %", 0.98, 0.975, 0.985, Verdict.MISSED),
        ("delivered_fraction > 99 %", 0.995, 0.985, 1.0, Verdict.OPEN),
    ],
)
def test_an_interval_decides_with_both_ends_or_not_at_all(
    level: str, mean: float, low: float, high: float, verdict: Verdict
) -> None:
    assert Level.parse(level).verdict(mean, low, high) is verdict


def test_all_levels_must_hold() -> None:
    met, missed, open_ = Verdict.MET, Verdict.MISSED, Verdict.OPEN
    assert Verdict.of_all([met, met]) is met
    assert Verdict.of_all([met, open_]) is open_
    assert Verdict.of_all([open_, missed, met]) is missed


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
    assert run([*command, "--between", "1", "400", "--most", "8", "-j", "1", "--json"]) == 0
    said = capsys.readouterr()
    big, small = json.loads(said.out)["points"]
    # Without a terminal each look at a value is a line.
    looks = [line for line in said.err.splitlines() if line.startswith("devices.phones.count=")]
    assert len(looks) >= len({t["value"] for point in (big, small) for t in point["tried"]})
    assert looks[0].startswith("devices.phones.count=1, 2 replications: codec big: not decided, uplink_utilisation 0.0")
    # 10 uploads a minute of 60 kB are 80 kbit/s a device: 2.5 Mbit/s carry 31, a little fewer with headers.  Poisson
    # arrivals over 2 minutes leave 10 %; a tenth of the payload lets about ten times as many speak.
    assert 31 * 0.85 <= big["value"] <= 31 * 1.1
    assert 6 <= small["value"] / big["value"] <= 11
    for point in (big, small):
        assert point["sure"] <= point["value"] <= point["hopeful"]
        for tried in point["tried"]:
            (figure,) = tried["figures"]
            replications = int(figure["basis"].split()[0])
            # Two at first, twice as many while the interval holds the limit, at most as many as are allowed.
            assert replications in (2, 4, 8) and (tried["verdict"] != "not decided" or replications == 8)
            if tried["verdict"] == "met":
                assert figure["high"] <= 0.5 and tried["value"] <= point["sure"]
            elif tried["verdict"] == "missed":
                assert figure["low"] > 0.5 and tried["value"] > point["hopeful"]
    assert run([*command, "--between", "1", "40", "--most", "8", "-j", "1"]) == 0
    out = capsys.readouterr().out
    page = Path(out.rsplit(" ", 1)[1].strip())
    assert "uplink_utilisation there" in out and "against devices.phones.count" in page.read_text(encoding="utf-8")


def test_a_failed_run_says_why(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, small_scenario: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Every replication fails: the first one's reason is the error, not that something is missing."""
    monkeypatch.chdir(tmp_path)
    Path("small.yaml").write_text(small_scenario, encoding="utf-8")

    def fail(*_: object) -> None:
        raise RuntimeError("the disk sings")

    monkeypatch.setattr("sim.study.workers.replicate", fail)
    command = ["capacity", "small.yaml", "--over", "devices.phones.count", "--slo", "latency_mean_s < 1 s", "-j", "1"]
    assert run(command) == 4
    error = capsys.readouterr().err
    assert "devices.phones.count=1" in error and "the disk sings" in error
    assert run(["run", "small.yaml", "-j", "1", "--no-report"]) != 0
    error = capsys.readouterr().err
    assert "the disk sings" in error and "interrupted" not in error


def test_a_swept_key_has_no_capacity(tmp_path: Path, small_scenario: str, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "small.yaml"
    path.write_text(small_scenario, encoding="utf-8")
    command = ["capacity", str(path), "--slo", "wer < 5 %", "--between", "1", "2"]
    assert run([*command, "--over", "devices.phones.codec"]) == 2
    assert run([*command, "--over", "devices.phnes.count"]) == 2
    assert "Traceback" not in capsys.readouterr().err
