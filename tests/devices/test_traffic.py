"""Traffic against the laws it claims: rates, spacing, shares, independence of how time is cut."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError
from scipy import stats

from devices.errors import DeviceError
from devices.fleet import build_traffic
from devices.sessions import ClosedLoopTraffic, TalkSpurtTraffic, TraceTraffic
from devices.traffic import Arrivals, HeavyTailedTraffic, Traffic
from scenarios.plugins import PluginError
from scenarios.schema.traffic import TrafficSpec

ADAPTER: TypeAdapter[Any] = TypeAdapter(TrafficSpec)
DAY_S = 86400.0
HOURS = [0, 0, 0, 0, 0, 0.5, 1, 2, 3, 2, 2, 2, 2, 2, 2, 2, 3, 4, 5, 5, 4, 3, 2, 1]


def make(devices: int, seed: int = 1, base_dir: Path | None = None, **spec: Any) -> Any:
    return build_traffic(ADAPTER.validate_python(spec), devices, np.random.default_rng(seed), base_dir)


def run(traffic: Traffic, cuts: list[float], seed: int = 2) -> Arrivals:
    rng = np.random.default_rng(seed)
    parts = [traffic.arrivals(rng, a, b) for a, b in pairwise(cuts)]
    return np.concatenate([p[0] for p in parts]), np.concatenate([p[1] for p in parts])


OPEN = [
    {"kind": "poisson", "rate": "20 /h"},
    {"kind": "periodic", "period": "3 min"},
    {"kind": "diurnal", "rate": "20 /h", "hours": HOURS, "start": "7 h"},
    {"kind": "heavy-tailed", "mean": "20 /h", "median": "8 /h"},
    {"kind": "talk-spurts", "spurts": 8.0, "rest": "6 min"},
]


@pytest.mark.parametrize("spec", OPEN, ids=lambda s: s["kind"])
def test_arrivals_are_sorted_within_their_chunk_and_of_the_stated_rate(spec: dict[str, Any]) -> None:
    traffic = make(400, **spec)
    cuts = [0.0, 10.0, 3600.0, DAY_S / 3, DAY_S]
    rng = np.random.default_rng(3)
    count = 0
    for t0, t1 in pairwise(cuts):
        times, owners = traffic.arrivals(rng, t0, t1)
        assert times.dtype == np.float64
        assert owners.dtype == np.int32
        assert np.all(np.diff(times) >= 0)
        assert np.all((times >= t0) & (times < t1))
        assert np.all((owners >= 0) & (owners < 400))
        count += len(times)
    # Poisson counts have a standard deviation of sqrt(mean); spurts come in clusters of 8: allow for that.
    expected = traffic.total_rate * DAY_S
    assert abs(count - expected) < 5 * np.sqrt(8 * expected)


@pytest.mark.parametrize("spec", OPEN, ids=lambda s: s["kind"])
def test_an_empty_chunk_gives_empty_arrays(spec: dict[str, Any]) -> None:
    times, owners = make(3, **spec).arrivals(np.random.default_rng(0), 5.0, 5.0)
    assert len(times) == len(owners) == 0


def test_poisson_gaps_are_exponential_and_devices_equally_likely() -> None:
    times, owners = run(make(50, kind="poisson", rate="72 /h"), [0.0, 1000.0, 1001.0, 20_000.0])
    # Superposition: gaps exponential with 50 * 0.02 = 1 per second (Kolmogorov-Smirnov, fixed seed).
    assert stats.kstest(np.diff(times), "expon", args=(0, 1.0)).pvalue > 0.01
    assert stats.chisquare(np.bincount(owners, minlength=50)).pvalue > 0.01
    # One device alone is Poisson too.
    assert stats.kstest(np.diff(times[owners == 7]), "expon", args=(0, 50.0)).pvalue > 0.01


def test_poisson_counts_of_disjoint_chunks_have_variance_equal_to_mean() -> None:
    times, _ = run(make(10, kind="poisson", rate="360 /h"), list(np.arange(0.0, 5001.0, 5.0)))
    counts = np.histogram(times, np.arange(0.0, 5001.0, 5.0))[0]
    # Index of dispersion (n - 1) * var / mean is chi-square with n - 1 degrees of freedom.
    dispersion = (len(counts) - 1) * counts.var(ddof=1) / counts.mean()
    low, high = stats.chi2.ppf([0.005, 0.995], len(counts) - 1)
    assert low < dispersion < high


@settings(max_examples=30)
@given(st.lists(st.floats(0.01, 999.0), max_size=6))
def test_periodic_arrivals_do_not_depend_on_how_time_is_cut(cuts: list[float]) -> None:
    edges = [0.0, *sorted(cuts), 1000.0]
    times, owners = run(make(7, kind="periodic", period="61 s"), edges)
    whole = run(make(7, kind="periodic", period="61 s"), [0.0, 1000.0])
    np.testing.assert_allclose(times, whole[0], rtol=1e-15)  # the last bit may be moved into its chunk
    np.testing.assert_array_equal(owners, whole[1])
    for device in range(7):
        np.testing.assert_allclose(np.diff(times[owners == device]), 61.0)


def test_periodic_phases_are_uniform_or_aligned() -> None:
    random = make(2000, kind="periodic", period="10 s")
    assert stats.kstest(random.phases_s, "uniform", args=(0, 10.0)).pvalue > 0.01
    aligned = make(5, kind="periodic", period="10 s", phase="aligned")
    times, owners = aligned.arrivals(np.random.default_rng(0), 0.0, 20.0)
    assert times.tolist() == [0.0] * 5 + [10.0] * 5
    assert owners.tolist() == [0, 1, 2, 3, 4] * 2


def test_diurnal_follows_the_hours_of_the_day() -> None:
    traffic = make(1000, kind="diurnal", rate="1 /h", hours=HOURS, start="18 h")
    times, _ = run(traffic, list(np.linspace(0.0, 2 * DAY_S, 14)))
    clock = ((times + 18 * 3600.0) % DAY_S) / 3600.0
    counts = np.bincount(clock.astype(int), minlength=24)
    weights = np.array(HOURS)
    assert counts[weights == 0].sum() == 0  # hours that never speak
    expected = weights[weights > 0] / weights.sum() * counts.sum()
    assert stats.chisquare(counts[weights > 0], expected).pvalue > 0.01
    # Within an hour the rate is constant.
    within = clock[clock.astype(int) == 18] - 18
    assert stats.kstest(within, "uniform").pvalue > 0.01


def test_heavy_tail_fits_the_google_home_figures() -> None:
    """Default: lognormal rates with mean 23.2 and median 10.0 per day (Ammari et al. 2019)."""
    traffic = make(400_000, kind="heavy-tailed")
    assert isinstance(traffic, HeavyTailedTraffic)
    per_day = traffic.rates * DAY_S
    # Lognormal: sd / mean = sqrt((mean / median)^2 - 1) = 2.09, so 1 sd of this mean is 0.33 %.
    assert per_day.mean() == pytest.approx(23.2, rel=0.012)
    assert np.median(per_day) == pytest.approx(10.0, rel=0.012)
    # The busiest tenth of the users speak more than half of the commands: Phi(sigma - z_0.9) = 0.507.
    busiest = np.sort(per_day)[-40_000:].sum() / per_day.sum()
    assert busiest == pytest.approx(stats.norm.cdf(traffic.sigma - stats.norm.ppf(0.9)), rel=0.02)


def test_heavy_tail_gives_each_device_its_own_rate() -> None:
    traffic = make(40, kind="heavy-tailed", mean="600 /h", median="300 /h")
    _, owners = run(traffic, [0.0, 3600.0, 7200.0])
    expected = traffic.rates / traffic.rates.sum() * len(owners)
    assert stats.chisquare(np.bincount(owners, minlength=40), expected).pvalue > 0.01


def test_talk_spurts_begin_in_steady_state() -> None:
    """Renewal theory: from time 0 on, spurts end at the long-run rate 1 / (mean cycle)."""
    spec = {"kind": "talk-spurts", "speech": "1 s", "pause": "1.5 s", "spurts": 5.0, "rest": "60 s"}
    traffic = make(200_000, **spec)
    assert isinstance(traffic, TalkSpurtTraffic)
    cycle = 1.0 + 0.8 * 1.5 + 0.2 * 60.0
    assert traffic.total_rate == pytest.approx(200_000 / cycle)
    rng = np.random.default_rng(5)
    for start in range(0, 10, 2):
        count = len(traffic.arrivals(rng, start, start + 2.0)[0])
        assert count == pytest.approx(traffic.total_rate * 2.0, rel=0.025)  # 5 sd of a clustered count


def test_endless_conversation_alternates_speech_and_pause() -> None:
    times, owners = run(make(1, kind="talk-spurts"), [0.0, 30_000.0])
    gaps = np.diff(times[owners == 0])
    assert gaps.mean() == pytest.approx(1.004 + 1.587, rel=0.05)
    # Sum of two exponentials: variance = sum of squares of the means.
    assert gaps.var() == pytest.approx(1.004**2 + 1.587**2, rel=0.1)


def test_closed_loop_thinks_exponentially_or_constantly() -> None:
    loop = make(1000, kind="closed-loop", think="20 s")
    assert isinstance(loop, ClosedLoopTraffic)
    assert not loop.open_loop
    rng = np.random.default_rng(6)
    times, owners = loop.first(rng)
    assert sorted(owners.tolist()) == list(range(1000))
    assert np.all(np.diff(times) >= 0)
    assert stats.kstest(loop.think_times(rng, 2000), "expon", args=(0, 20.0)).pvalue > 0.01
    assert np.mean([loop.think_time(rng) for _ in range(4000)]) == pytest.approx(20.0, rel=0.08)
    constant = make(10, kind="closed-loop", think="20 s", distribution="constant")
    assert constant.think_time(rng) == 20.0
    assert constant.think_times(rng, 3).tolist() == [20.0] * 3
    assert constant.first(rng)[0].max() < 20.0


def write(folder: Path, text: str) -> Path:
    (folder / "t.csv").write_text(text, encoding="utf-8")
    return folder


def test_trace_is_played_once_or_again(tmp_path: Path) -> None:
    write(tmp_path, "time_s,device\n0.5,1\n2,0\n4,1\n")
    once = make(2, base_dir=tmp_path, kind="trace", file="t.csv")
    assert isinstance(once, TraceTraffic)
    times, owners = run(once, [0.0, 2.0, 100.0])
    assert (times.tolist(), owners.tolist()) == ([0.5, 2.0, 4.0], [1, 0, 1])
    again = make(2, base_dir=tmp_path, kind="trace", file="t.csv", repeat=True)
    times, _ = run(again, [0.0, 3.0, 4.0, 4.5, 9.0])
    assert times.tolist() == [0.5, 2.0, 4.0, 4.5, 6.0, 8.0, 8.5]


@settings(max_examples=40)
@given(st.lists(st.floats(0.0, 29.9), max_size=6))
def test_a_repeated_trace_does_not_depend_on_how_time_is_cut(cuts: list[float]) -> None:
    traffic = object.__new__(TraceTraffic)
    traffic.devices, traffic.period_s, traffic.total_rate = 3, 7.0, 4 / 7
    traffic.times_s, traffic.owners = np.array([0.0, 1.0, 1.0, 7.0]), np.array([0, 1, 2, 0], dtype=np.int32)
    times, owners = run(traffic, [0.0, *sorted(cuts), 30.0])
    whole = run(traffic, [0.0, 30.0])
    np.testing.assert_array_equal(times, whole[0])
    np.testing.assert_array_equal(np.sort(owners), np.sort(whole[1]))


def test_trace_without_devices_draws_them(tmp_path: Path) -> None:
    write(tmp_path, "time_s\n" + "\n".join(str(0.01 * n) for n in range(3000)))
    _, owners = run(make(5, base_dir=tmp_path, kind="trace", file="t.csv"), [0.0, 31.0])
    assert stats.chisquare(np.bincount(owners, minlength=5)).pvalue > 0.01


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "line 1: the header must have a column `time_s`"),
        ("time\n1\n", "line 1: the header must have a column `time_s`"),
        ("time_s\n", "has no rows"),
        ("time_s\n1\nx\n", "line 3: 'x' is not a number"),
        ("time_s\n3\n2\n", "line 3: time 2 is before the line above"),
        ("time_s\n-1\n", "line 2: a time must be at least 0 s"),
        ("time_s\nnan\n", "line 2: 'nan' is not finite"),
        ("time_s,device\n1\n", "line 2: has 1 columns, fewer than the header"),
        ("time_s,device\n1,-2\n", "line 2: devices count from 0"),
        ("time_s,device\n1,9\n", "names device 9"),
        ("time_s,device\n1,1.5\n", "line 2: '1.5' is not a whole number"),
    ],
)
def test_each_broken_trace_has_its_own_message(tmp_path: Path, text: str, message: str) -> None:
    write(tmp_path, text)
    with pytest.raises(DeviceError, match=message):
        make(5, base_dir=tmp_path, kind="trace", file="t.csv")


def test_missing_binary_and_unrepeatable_traces(tmp_path: Path) -> None:
    with pytest.raises(DeviceError, match="cannot be read"):
        make(5, base_dir=tmp_path, kind="trace", file="none.csv")
    (tmp_path / "t.csv").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(DeviceError, match=r"not a text file .byte 0xff is not UTF-8"):
        make(5, base_dir=tmp_path, kind="trace", file="t.csv")
    write(tmp_path, "time_s\n0\n")
    with pytest.raises(DeviceError, match="cannot repeat"):
        make(5, base_dir=tmp_path, kind="trace", file="t.csv", repeat=True)


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ({"kind": "poisson", "rate": 3}, "needs a unit"),
        ({"kind": "talk-spurts", "spurts": 4.0}, "go together"),
        ({"kind": "diurnal", "rate": "1 /h", "hours": [0] * 24}, "at least one of the 24 hours"),
        ({"kind": "diurnal", "rate": "1 /h", "hours": [1] * 23}, "at least 24 items"),
        ({"kind": "heavy-tailed", "mean": "1 /h", "median": "2 /h"}, "median of at most the mean"),
    ],
)
def test_faulty_specifications_are_refused(spec: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        ADAPTER.validate_python(spec)


EVERY_SECOND = """
import numpy as np
from devices import Traffic

class EverySecond(Traffic):  # device 0 speaks at each full second
    def __init__(self, devices, rng, lag=0.0):
        self.lag = lag
    def arrivals(self, rng, t0, t1):
        times = np.arange(np.ceil(t0), t1) + self.lag
        return times, np.zeros(len(times), dtype=np.int32)
"""


def test_plugin(plugin_module: Callable[[str, str], Path]) -> None:
    plugin_module("users_traffic", EVERY_SECOND)
    traffic = make(3, kind="plugin", **{"class": "users_traffic:EverySecond", "options": {"lag": 0.25}})
    assert traffic.open_loop
    assert traffic.arrivals(np.random.default_rng(0), 0.0, 2.0)[0].tolist() == [0.25, 1.25]
    with pytest.raises(PluginError, match=r"refused its options: .*lagg"):
        make(3, kind="plugin", **{"class": "users_traffic:EverySecond", "options": {"lagg": 1}})
