"""The engine against exact results of queueing theory.

Each test simulates a system whose mean response time is known in closed form and asks that the interval of ten
independent replications holds it.  The intervals are at 99.9 %, so a right engine fails one test in a thousand;
seeds are fixed, so a pass stays a pass.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from scipy import stats

SENDERS = """
devices:
  senders:
    count: {devices}
    profile: {{kind: custom, cpu_power: 0 W}}
    radio: {{kind: custom, transmit_power: 0 W}}
    traffic: {{kind: poisson, rate: {rate} /s}}
    codec: big
    cell: link
duration: {duration} s
warmup: {warmup} s
drain: 1 h
"""
# UDP in packets of 65,535 bytes: 150,000 bytes and three headers of 28 bytes on the wire.
WIRE_BITS = (150_000 + 3 * 28) * 8
FAST_SERVER = "server: {accelerators: 1000, service: {kind: constant, time: 1 us}, batching: {largest: 1}}\n"
FAST_LINK = "cells: {link: {capacity: 1 Tbit/s, sharing: dedicated, transport: udp}}\n"


def link(sharing: str) -> str:
    return f"cells: {{link: {{capacity: 10 Mbit/s, sharing: {sharing}, transport: udp, packet: {{mtu: 65535 B}}}}}}\n"


def interval(
    run: Callable, body: str, load_seconds: float, load: float, *, devices: int = 100, uploads: int = 4_000
) -> tuple[float, float]:  # type: ignore[type-arg]
    """99.9 % t-interval of the mean latency over ten replications at the given load of a station."""
    rate = load / load_seconds
    text = body + SENDERS.format(
        devices=devices, rate=rate / devices, duration=uploads / rate, warmup=0.1 * uploads / rate
    )
    means = [run(text, replication=r)[0]["latency_mean_s"] for r in range(10)]
    half = float(stats.t.ppf(0.9995, 9) * np.std(means, ddof=1) / np.sqrt(10))
    return float(np.mean(means)) - half, float(np.mean(means)) + half


@pytest.mark.parametrize("load", [0.5, 0.8])
def test_fifo_link_is_m_d_1(run_both_ways: Callable, load: float) -> None:  # type: ignore[type-arg]
    """M/D/1: mean response = s + rho s / (2 (1 - rho)) (Pollaczek-Khinchine with no variance of service)."""
    s = WIRE_BITS / 10e6
    low, high = interval(run_both_ways, link("fifo") + FAST_SERVER, s, load)
    assert low <= s + load * s / (2 * (1 - load)) <= high
    assert (high - low) / s < 1.0 if load == 0.8 else (high - low) / s < 0.2


@pytest.mark.parametrize("load", [0.5, 0.8])
def test_equal_sharing_is_m_g_1_ps(run_both_ways: Callable, load: float) -> None:  # type: ignore[type-arg]
    """M/G/1-PS: mean response = s / (1 - rho) whatever the distribution of sizes; here it is a constant."""
    s = WIRE_BITS / 10e6
    low, high = interval(run_both_ways, link("equal") + FAST_SERVER, s, load)
    assert low <= s / (1 - load) <= high


def test_exponential_server_is_m_m_1(run_both_ways: Callable) -> None:  # type: ignore[type-arg]
    """M/M/1: mean response = 1 / (mu - lambda)."""
    server = "server: {accelerators: 1, service: {kind: exponential, mean: 100 ms}, batching: {largest: 1}}\n"
    low, high = interval(run_both_ways, FAST_LINK + server, 0.1, 0.7)
    assert low <= 0.1 / (1 - 0.7) <= high


def test_several_accelerators_are_m_m_c(run_both_ways: Callable) -> None:  # type: ignore[type-arg]
    """M/M/c: mean waiting = C(c, a) / (c mu - lambda) with Erlang's C; c = 4, load 0.8 each."""
    c, mean, load = 4, 0.1, 0.8
    server = f"server: {{accelerators: {c}, service: {{kind: exponential, mean: 100 ms}}, batching: {{largest: 1}}}}\n"
    low, high = interval(run_both_ways, FAST_LINK + server, mean / c, load)
    a = c * load
    terms = [a**k / np.prod(np.arange(1, k + 1)) for k in range(c)]
    last = a**c / np.prod(np.arange(1, c + 1)) / (1 - load)
    erlang_c = last / (sum(terms) + last)
    assert low <= mean + erlang_c * mean / (c * (1 - load)) <= high


def test_tandem_that_the_peers_were_compared_on(run_both_ways: Callable) -> None:  # type: ignore[type-arg]
    """150 kB (here with headers) over FIFO at load 0.7, then 0.1 s: M/D/1 plus a server that is never met busy.

    Departures of the link are at least 0.12 s apart, so a server of 0.1 s has no queue: 0.36 s in all.
    """
    s = WIRE_BITS / 10e6
    server = "server: {accelerators: 1, service: {kind: constant, time: 100 ms}, batching: {largest: 1}}\n"
    low, high = interval(run_both_ways, link("fifo") + server, s, 0.7)
    assert low <= s + 0.7 * s / (2 * 0.3) + 0.1 <= high
    assert abs(s + 0.7 * s / 0.6 + 0.1 - 0.360) < 0.001


def test_littles_law(run_both_ways: Callable) -> None:  # type: ignore[type-arg]
    """L = lambda W on one sample path: the area under the number present equals the sum of the times spent.

    Every upload is followed to its end, so both sides are the same sum up to rounding.
    """
    text = link("equal") + FAST_SERVER + SENDERS.format(devices=50, rate=0.1, duration=600, warmup=0)
    metrics, log = run_both_ways(text)
    came, left = np.sort(log["speech_end_s"]), np.sort(log["speech_end_s"] + log["latency_s"])
    times = np.concatenate([came, left])
    steps = np.concatenate([np.ones(len(came)), -np.ones(len(left))])
    order = np.lexsort((-steps, times))
    present = np.cumsum(steps[order])
    area = float(np.sum(present[:-1] * np.diff(times[order])))
    assert present[-1] == 0
    assert area == pytest.approx(float(log["latency_s"].sum()), rel=1e-9)
    assert metrics["uploads"] == len(log)
