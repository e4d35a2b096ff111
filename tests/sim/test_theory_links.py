"""The engine's links and tails against exact results for mixed sizes, unequal rates and changing capacity.

As in ``test_queueing_theory``: an interval of ten independent replications must hold the closed form, at 99.9 %, with
fixed seeds.  Figures are normalised by their closed form, so the interval must hold 1.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd
import pytest
from scipy import stats

# UDP in packets of 65,535 bytes: three headers of 28 bytes for 150,000 bytes, one for 15,000.
BITS = {"big": (150_000 + 3 * 28) * 8, "small": (15_000 + 28) * 8}
RATE_BPS = 10e6
REPLICATIONS = 10

BODY = """
cells: {{link: {{capacity: {capacity}, sharing: {sharing}, transport: udp, packet: {{mtu: 65535 B}}{more}}}}}
server: {{accelerators: 1000, service: {{kind: constant, time: 1 us}}, batching: {{largest: 1}}}}
duration: {duration} s
warmup: {warmup} s
drain: 2 h
devices:
{groups}
"""
GROUP = """
  {name}:
    count: {count}
    profile: {{kind: custom, cpu_power: 0 W}}
    radio: {{kind: custom, transmit_power: 0 W}}
    traffic: {traffic}
    codec: {codec}
    cell: link
"""


def holds(samples: Sequence[float], exact: float = 1.0) -> bool:
    """Whether the 99.9 % t-interval of independent samples holds ``exact``; it must be within 15 % of it to count."""
    half = float(stats.t.ppf(0.9995, len(samples) - 1) * np.std(samples, ddof=1) / np.sqrt(len(samples)))
    assert half < 0.15 * exact, f"interval of +-{half:.3g} is too wide to tell anything about {exact:.3g}"
    return abs(float(np.mean(samples)) - exact) <= half


def two_sizes(sharing: str, load: float, uploads: int = 3_000) -> tuple[str, dict[str, float]]:
    """Text of a link with four small uploads to one big one, and the rate of each in 1/s."""
    mean_s = (BITS["big"] + 4 * BITS["small"]) / 5 / RATE_BPS
    total = load / mean_s
    rates = {"big": total / 5, "small": total * 4 / 5}
    duration = uploads / total
    groups = "".join(
        GROUP.format(name=c, count=50, codec=c, traffic=f"{{kind: poisson, rate: {rates[c] / 50} /s}}") for c in rates
    )
    text = BODY.format(
        capacity="10 Mbit/s", sharing=sharing, more="", duration=duration, warmup=duration / 10, groups=groups
    )
    return text, rates


def counted(log: pd.DataFrame) -> pd.DataFrame:
    """The uploads after the warm-up (a tenth of the time)."""
    return log[log["speech_end_s"] >= log["speech_end_s"].max() / 10]


def test_processor_sharing_slows_all_sizes_alike(run_both_ways: Callable) -> None:  # type: ignore[type-arg]
    """M/G/1-PS: E[T | size x] = (x / C) / (1 - rho), for each size by itself (Kleinrock 1976, section 4.4)."""
    load = 0.6
    text, _ = two_sizes("equal", load)
    logs = [counted(run_both_ways(text, replication=r)[1]) for r in range(REPLICATIONS)]
    for group, codec in enumerate(("big", "small")):
        exact = BITS[codec] / RATE_BPS / (1 - load)
        assert holds([log.loc[log["group"] == group, "latency_s"].mean() / exact for log in logs])


def test_fifo_makes_small_wait_for_big(run_both_ways: Callable) -> None:  # type: ignore[type-arg]
    """M/G/1: every size waits lambda E[S^2] / (2 (1 - rho)) (Pollaczek-Khinchine), then takes its own x / C."""
    load = 0.6
    text, rates = two_sizes("fifo", load)
    second = sum(rates[c] * (BITS[c] / RATE_BPS) ** 2 for c in rates)
    wait = second / (2 * (1 - load))
    logs = [counted(run_both_ways(text, replication=r)[1]) for r in range(REPLICATIONS)]
    for group, codec in enumerate(("big", "small")):
        exact = wait + BITS[codec] / RATE_BPS
        assert holds([log.loc[log["group"] == group, "latency_s"].mean() / exact for log in logs])


def test_equal_air_time_is_processor_sharing_in_time(run_both_ways: Callable) -> None:  # type: ignore[type-arg]
    """Devices of 10 and 2 Mbit/s that share air time: M/G/1-PS with service S / r, so E[T | r] = (S / r) / (1 - rho).

    Which device drew which rate is read off its fastest upload, which a shared link can only slow; rho then follows
    from the rates drawn, replication by replication.
    """
    rates_bps, load, devices, uploads = (10e6, 2e6), 0.6, 60, 3_000
    mean_s = float(np.mean([BITS["small"] / r for r in rates_bps]))
    each = load / mean_s / devices
    duration = uploads / (each * devices)
    group = GROUP.format(name="senders", count=devices, codec="small", traffic=f"{{kind: poisson, rate: {each} /s}}")
    text = BODY.format(
        capacity="10 Mbit/s",
        sharing="airtime",
        more=", device_rates: {kind: given, rates: [10 Mbit/s, 2 Mbit/s]}",
        duration=duration,
        warmup=duration / 10,
        groups=group,
    )
    ratios: dict[float, list[float]] = {r: [] for r in rates_bps}
    for replication in range(REPLICATIONS):
        _, log = run_both_ways(text, replication=replication)
        alone_s = log.groupby("device")["transfer_s"].min()
        slow = alone_s > 0.99 * BITS["small"] / 2e6
        own = log["device"].map(pd.Series(np.where(slow, 2e6, 10e6), index=alone_s.index))
        rho = each * devices * float(np.mean(np.where(slow, BITS["small"] / 2e6, BITS["small"] / 10e6)))
        late = counted(log)
        for rate in rates_bps:
            exact = BITS["small"] / rate / (1 - rho)
            ratios[rate].append(float(late.loc[own == rate, "latency_s"].mean()) / exact)
    assert holds(ratios[10e6])
    assert holds(ratios[2e6])


@pytest.mark.parametrize(
    ("jumps", "visits"),
    [("null", (1 / 3, 1 / 3, 1 / 3)), ("[[0, 1, 0], [0.5, 0, 0.5], [0, 1, 0]]", (0.25, 0.5, 0.25))],
    ids=["any", "neighbours"],
)
def test_markov_capacity_has_its_stationary_mean(  # type: ignore[type-arg]
    run_both_ways: Callable, jumps: str, visits: tuple[float, ...]
) -> None:
    """A link that is never idle carries sum(pi r), with pi proportional to visits of the jump chain times dwell.

    Ten users who speak again as soon as they have their reply keep a FIFO link busy; what it has carried by the end
    is the uploads finished by then, but for a part of one.
    """
    rates, dwells, seconds = np.array([16e6, 6e6, 1e6]), np.array([1.0, 2.0, 1.5]), 300.0
    states = ", ".join(f"{{rate: {r} bit/s, dwell: {d} s}}" for r, d in zip(rates, dwells, strict=True))
    share = np.array(visits) * dwells
    mean_bps = float((share / share.sum()) @ rates)
    group = GROUP.format(name="users", count=10, codec="big", traffic="{kind: closed-loop, think: 1 us}")
    text = BODY.format(
        capacity=f"{{kind: markov, states: [{states}], jumps: {jumps}}}",
        sharing="fifo",
        more="",
        duration=seconds,
        warmup=0,
        groups=group,
    )
    carried = []
    for replication in range(REPLICATIONS):
        _, log = run_both_ways(text, replication=replication)
        done = int((log["speech_end_s"] + log["latency_s"] <= seconds).sum())
        carried.append(done * BITS["big"] / seconds / mean_bps)
    assert holds(carried)


@pytest.mark.parametrize("rate_per_s", [0.05, 0.2, 1.0])
def test_poisson_uploads_cut_one_anothers_tails(run_both_ways: Callable, rate_per_s: float) -> None:  # type: ignore[type-arg]
    """A tail of power p and length T that the next upload cuts after an exponential gap costs p (1 - exp(-r T)) / r.

    Uploads take microseconds here and a device's first one is charged a full tail, for the one after its last, so
    the mean over all uploads of a long run is the closed form up to one upload of each device in hundreds.
    """
    power_w, tail_s = 1.0, 5.0
    duration = 300 / rate_per_s
    group = GROUP.format(
        name="phones", count=10, codec="small", traffic=f"{{kind: poisson, rate: {rate_per_s} /s}}"
    ).replace("transmit_power: 0 W", f"transmit_power: 0 W, tail: [{{duration: {tail_s} s, power: {power_w} W}}]")
    text = BODY.format(
        capacity="100 Gbit/s", sharing="dedicated", more="", duration=duration, warmup=duration / 10, groups=group
    )
    means = [run_both_ways(text, replication=r)[0]["energy_tail_j"] for r in range(REPLICATIONS)]
    exact = power_w * (1 - np.exp(-rate_per_s * tail_s)) / rate_per_s
    assert holds(np.array(means) / exact)  # type: ignore[arg-type]
