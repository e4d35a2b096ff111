"""Utterances against the laws they claim, and against all that must not move them."""

from __future__ import annotations

import math
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter
from scipy import stats

from devices.delivery import IMMEDIATE, Delivery
from devices.fleet import build_traffic
from devices.traffic import begin
from scenarios.schema.traffic import TrafficSpec
from sim.arrivals import WINDOW, Arrivals, Window
from sim.draws import Draws

ADAPTER: TypeAdapter[Any] = TypeAdapter(TrafficSpec)
DAY_S = 86400.0
HOURS = [0, 0, 0, 0, 0, 0.5, 1, 2, 3, 2, 2, 2, 2, 2, 2, 2, 3, 4, 5, 5, 4, 3, 2, 1]
AUDIO_S = np.linspace(1.0, 4.0, 13)


def group(devices: int, *, name: str = "g", index: int = 0, **spec: Any) -> Any:
    delivery = Delivery(block_s=1.0) if spec.pop("streamed", False) else IMMEDIATE
    traffic = build_traffic(ADAPTER.validate_python(spec), devices, np.random.default_rng(1))
    policy = SimpleNamespace(delivery=delivery)
    return SimpleNamespace(index=index, name=name, count=devices, traffic=traffic, policy=policy)


def said(groups: list[Any], end_s: float, seed: int = 1, window_s: float | None = None) -> Window:
    arrivals = Arrivals(groups, AUDIO_S, Draws(seed, 0), end_s)
    if window_s is not None:
        arrivals.window_s = window_s
    return np.concatenate(list(arrivals))


def times(devices: int, end_s: float, **spec: Any) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.int64]]:
    window = said([group(devices, **spec)], end_s)
    return window["spoken_s"], window["device"]


OPEN: list[dict[str, Any]] = [
    {"kind": "poisson", "rate": "20 /h"},
    {"kind": "periodic", "period": "3 min"},
    {"kind": "diurnal", "rate": "20 /h", "hours": HOURS, "start": "7 h"},
    {"kind": "heavy-tailed", "mean": "20 /h", "median": "8 /h"},
    {"kind": "talk-spurts", "spurts": 8.0, "rest": "6 min"},
]
by_kind = pytest.mark.parametrize("spec", OPEN, ids=lambda s: s["kind"])


@by_kind
def test_utterances_are_sorted_counted_and_of_the_stated_rate(spec: dict[str, Any]) -> None:
    window = said([speakers := group(80, **spec)], DAY_S / 2)
    assert np.all(np.diff(window["enter_s"]) >= 0)
    assert np.all((window["spoken_s"] >= 0) & (window["spoken_s"] < DAY_S / 2))
    assert np.all((window["device"] >= 0) & (window["device"] < 80))
    for device in range(80):
        assert np.array_equal(window["k"][window["device"] == device], np.arange((window["device"] == device).sum()))
    # Each utterance of the corpus alike: a binomial share.
    assert stats.chisquare(np.bincount(window["utterance"], minlength=13)).pvalue > 0.001
    # Poisson counts have a standard deviation of sqrt(mean); spurts come in clusters of 8, and devices differ: the
    # heavy-tailed rates have a variance of mean^2 ((mean / median)^2 - 1).
    expected = speakers.traffic.total_rate * DAY_S / 2
    if spec["kind"] == "diurnal":  # from 7 to 19 h of a day with weights HOURS
        expected *= 2 * sum(HOURS[7:19]) / sum(HOURS)
    spread = 8 * expected + (expected**2 * ((20 / 8) ** 2 - 1) / 80 if spec["kind"] == "heavy-tailed" else 0.0)
    assert abs(len(window["k"]) - expected) < 5 * np.sqrt(spread)


@by_kind
@pytest.mark.parametrize("streamed", [False, True])
def test_nothing_moves_what_was_there(spec: dict[str, Any], streamed: bool) -> None:
    """More devices, another group, a longer run, other windows: a device says the same at the same moments."""
    spec = spec | {"streamed": streamed}
    base = said([group(7, **spec)], 4000.0)
    larger = said([group(9, **spec)], 4000.0)
    beside = said([group(5, name="new", **OPEN[0]), group(7, index=1, **spec)], 4000.0)
    longer = said([group(7, **spec)], 9000.0)
    cut = said([group(7, **spec)], 4000.0, window_s=77.7)

    def same(other: Window, mine: npt.NDArray[np.bool_]) -> None:
        for name in set(WINDOW.names or ()) - {"group"}:
            np.testing.assert_array_equal(other[name][mine], base[name])

    same(larger, larger["device"] < 7)
    same(beside, beside["group"] == 1)
    same(longer, longer["spoken_s"] < 4000.0)
    same(cut, cut["device"] >= 0)


def test_streamed_utterances_enter_when_speech_begins() -> None:
    """At the end less the duration, but not before the device's last utterance has ended or before time 0."""
    window = said([group(3, kind="poisson", rate="20 /min", streamed=True)], 600.0)
    for device in range(3):
        mine = window["device"] == device
        last = np.concatenate(([0.0], window["spoken_s"][mine][:-1]))
        begun = np.maximum(window["spoken_s"][mine] - AUDIO_S[window["utterance"][mine]], last)
        np.testing.assert_array_equal(window["enter_s"][mine], begun)
    assert (window["enter_s"] == window["spoken_s"]).sum() == 0


def test_ties_go_by_group_then_by_device() -> None:
    aligned = {"kind": "periodic", "period": "10 s", "phase": "aligned"}
    window = said([group(3, name="a", **aligned), group(2, name="b", index=1, **aligned)], 20.0)
    assert window["spoken_s"].tolist() == [0.0] * 5 + [10.0] * 5
    assert window["group"].tolist() == [0, 0, 0, 1, 1] * 2
    assert window["device"].tolist() == [0, 1, 2, 0, 1] * 2


def test_poisson_gaps_are_exponential_and_devices_equally_likely() -> None:
    spoken, owners = times(50, 20_000.0, kind="poisson", rate="72 /h")
    # Superposition: gaps exponential with 50 * 0.02 = 1 per second (Kolmogorov-Smirnov, fixed seed).
    assert stats.kstest(np.diff(spoken), "expon", args=(0, 1.0)).pvalue > 0.01
    assert stats.chisquare(np.bincount(owners, minlength=50)).pvalue > 0.01
    # One device alone is Poisson too.
    assert stats.kstest(np.diff(spoken[owners == 7]), "expon", args=(0, 50.0)).pvalue > 0.01


def test_poisson_counts_of_disjoint_intervals_have_variance_equal_to_mean() -> None:
    spoken, _ = times(10, 5000.0, kind="poisson", rate="360 /h")
    counts = np.histogram(spoken, np.arange(0.0, 5001.0, 5.0))[0]
    # Index of dispersion (n - 1) * var / mean is chi-square with n - 1 degrees of freedom.
    dispersion = (len(counts) - 1) * counts.var(ddof=1) / counts.mean()
    low, high = stats.chi2.ppf([0.005, 0.995], len(counts) - 1)
    assert low < dispersion < high


def test_periodic_phases_are_uniform_and_periods_exact() -> None:
    spoken, owners = times(2000, 20.0, kind="periodic", period="10 s")
    first = spoken[spoken < 10.0]
    assert len(first) == 2000 and stats.kstest(first, "uniform", args=(0, 10.0)).pvalue > 0.01
    order = np.lexsort((spoken, owners))
    np.testing.assert_allclose(np.diff(spoken[order].reshape(2000, 2), axis=1), 10.0, rtol=1e-12)


def test_diurnal_follows_the_hours_of_the_day() -> None:
    spoken, _ = times(300, 2 * DAY_S, kind="diurnal", rate="1 /h", hours=HOURS, start="18 h")
    clock = ((spoken + 18 * 3600.0) % DAY_S) / 3600.0
    counts = np.bincount(clock.astype(int), minlength=24)
    weights = np.array(HOURS)
    assert counts[weights == 0].sum() == 0  # hours that never speak
    expected = weights[weights > 0] / weights.sum() * counts.sum()
    assert stats.chisquare(counts[weights > 0], expected).pvalue > 0.01
    # Within an hour the rate is constant.
    assert stats.kstest(clock[clock.astype(int) == 18] - 18, "uniform").pvalue > 0.01


def test_heavy_tail_fits_the_google_home_figures() -> None:
    """Default: lognormal rates with mean 23.2 and median 10.0 per day (Ammari et al. 2019)."""
    law = group(1, kind="heavy-tailed").traffic.law
    luck = np.random.default_rng(1).random((100_000, 4))
    per_day = DAY_S * np.array([begin(*law[:5], *u)[0] for u in luck.tolist()])
    # Lognormal: sd / mean = sqrt((mean / median)^2 - 1) = 2.09, so 1 sd of this mean is 0.66 %; of the median 0.5 %.
    assert per_day.mean() == pytest.approx(23.2, rel=0.03)
    assert np.median(per_day) == pytest.approx(10.0, rel=0.025)
    # The busiest tenth of the users speak about half of the commands: Phi(sigma - z_0.9) = 0.507.
    sigma = math.sqrt(2 * math.log(2.32))
    busiest = np.sort(per_day)[-10_000:].sum() / per_day.sum()
    assert busiest == pytest.approx(stats.norm.cdf(sigma - stats.norm.ppf(0.9)), rel=0.04)


def test_talk_spurts_begin_in_steady_state() -> None:
    """Renewal theory: from time 0 on, spurts end at the long-run rate 1 / (mean cycle)."""
    spec = {"kind": "talk-spurts", "speech": "1 s", "pause": "1.5 s", "spurts": 5.0, "rest": "60 s"}
    spoken, _ = times(20_000, 10.0, **spec)
    rate = 20_000 / (1.0 + 0.8 * 1.5 + 0.2 * 60.0)
    counts = np.histogram(spoken, np.arange(0.0, 11.0, 2.0))[0]
    assert counts == pytest.approx(rate * 2.0, rel=0.08)  # 5 sd of a clustered count


def test_endless_conversation_alternates_speech_and_pause() -> None:
    spoken, _ = times(1, 30_000.0, kind="talk-spurts")
    gaps = np.diff(spoken)
    assert gaps.mean() == pytest.approx(1.004 + 1.587, rel=0.05)
    # Sum of two exponentials: variance = sum of squares of the means.
    assert gaps.var() == pytest.approx(1.004**2 + 1.587**2, rel=0.1)


def test_recorded_times_without_devices_draw_them(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("time_s\n" + "\n".join(str(0.01 * n) for n in range(3000)), encoding="utf-8")
    window = said([group(5, kind="trace", file=str(tmp_path / "t.csv"))], 31.0, window_s=2.5)
    assert stats.chisquare(np.bincount(window["device"], minlength=5)).pvalue > 0.01
    whole = said([group(5, kind="trace", file=str(tmp_path / "t.csv"))], 31.0)
    for column, same in zip(window, whole, strict=True):
        np.testing.assert_array_equal(column, same)


@settings(max_examples=30, deadline=None)
@given(st.floats(0.5, 60.0), st.booleans())
def test_recorded_times_do_not_depend_on_how_time_is_cut(window_s: float, streamed: bool) -> None:
    from devices.sessions import TraceTraffic

    traffic = object.__new__(TraceTraffic)
    traffic.period_s, traffic.total_rate = 7.0, 4 / 7
    traffic.times_s, traffic.owners = np.array([0.0, 1.0, 1.0, 7.0]), np.array([0, -1, 2, 0], dtype=np.int32)
    delivery = Delivery(block_s=1.0) if streamed else IMMEDIATE
    policy = SimpleNamespace(delivery=delivery)
    players = SimpleNamespace(index=0, name="g", count=3, traffic=traffic, policy=policy)
    for column, same in zip(said([players], 60.0, window_s=window_s), said([players], 60.0), strict=True):
        np.testing.assert_array_equal(column, same)
