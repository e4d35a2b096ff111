"""How often the 95 % intervals of whole studies contain the true value, where queueing theory gives it.

    python -m benchmarks.interval_coverage [--studies 200] [--replications 10] [--uploads 3000] [--jobs 1]

A study is what ``amser run`` does for one point: independent replications of the full engine (traffic, link, server,
log), the warm-up left out, Student's t over the replications.  It is done ``--studies`` times with seeds of its own.
An honest 95 % interval contains the true mean in 92 to 98 % of 200 studies (three standard errors of 1.5 %).
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from scenarios import loads
from sim.build_site import Situation
from sim.figures.statistics import mean_interval, paired_difference, proportion_interval
from sim.figures.statistics.intervals import Interval
from sim.study.replication import simulate
from sim.utterances import Tables

UTTERANCES = 4_000
# UDP in packets of 65,535 bytes: 15,000 bytes and one header of 28 bytes on the wire.
SIZE_BYTES, HEADER_BYTES, RATE_BPS = 15_000, 28, 10e6
SERVICE_S = 0.1

TEXT = """
amser: 1
name: coverage
corpus: {{kind: synthetic, utterances: {utterances}}}
recognizer: {{kind: none}}
emotion: {{kind: none}}
codecs: {{fixed: {{kind: fixed, size: 15 kB}}}}
cells: {{link: {{{link}, transport: udp, packet: {{mtu: 65535 B}}}}}}
devices:
  senders:
    count: 50
    profile: {{kind: custom, cpu_power: 0 W}}
    radio: {{kind: custom, transmit_power: 0 W}}
    traffic: {{kind: poisson, rate: {rate} /s}}
    codec: fixed
    cell: link
server: {{{server}, batching: {{largest: 1}}}}
duration: {duration} s
warmup: {warmup} s
drain: 1 h
"""
FAST_LINK = "capacity: 1 Tbit/s, sharing: dedicated"
FAST_SERVER = "accelerators: 1000, service: {kind: constant, time: 1 us}"


@dataclass(frozen=True)
class System:
    """A queue whose mean response time is known."""

    name: str
    link: str
    server: str
    work_s: float
    """Mean service time alone."""
    load: float
    true_s: float
    """Mean response time; see ``SYSTEMS`` for the formula."""
    exponential_sizes: bool = False


def _systems() -> Iterator[System]:
    s, rho = SERVICE_S, 0.6
    one = "accelerators: 1, service: {{kind: {kind}}}"
    yield System("M/M/1", FAST_LINK, one.format(kind="exponential, mean: 100 ms"), s, rho, s / (1 - rho))
    # Pollaczek-Khinchine with no variance of service.
    yield System("M/D/1", FAST_LINK, one.format(kind="constant, time: 100 ms"), s, rho, s + rho * s / (2 * (1 - rho)))
    ps = (SIZE_BYTES + HEADER_BYTES) * 8 / RATE_BPS
    yield System("M/M/1-PS", "capacity: 10 Mbit/s, sharing: equal", FAST_SERVER, ps, rho, ps / (1 - rho), True)


SYSTEMS = {system.name: system for system in _systems()}


def mean_response(system: System, seed: int, replication: int, uploads: int, work_s: float | None = None) -> float:
    """Mean response time of one replication in seconds; ``work_s`` replaces the constant service time."""
    rate = system.load / system.work_s
    server = system.server if work_s is None else system.server.replace("100 ms", f"{work_s * 1e3} ms")
    text = TEXT.format(
        utterances=UTTERANCES, link=system.link, server=server, rate=rate / 50, duration=uploads / rate,
        warmup=0.1 * uploads / rate,
    )  # fmt: skip
    tables = Tables.unrecognized({"fixed": SIZE_BYTES}, np.full(UTTERANCES, 3.0))
    if system.exponential_sizes:
        # Drawn once for each replication, scaled to the exact mean on the wire, so that the load is exact.
        drawn = np.random.default_rng([seed, replication, 77]).exponential(1.0, UTTERANCES)
        wire = drawn / drawn.mean() * (SIZE_BYTES + HEADER_BYTES)
        tables.payload_bytes[:] = np.maximum(1, np.round(wire - HEADER_BYTES)).astype(np.int64)
    situation = Situation(loads(text).points[0].scenario, tables, Path.cwd())
    return simulate(situation, seed, replication, lambda columns: None)["latency_mean_s"]


def mean_study(system: System, replications: int, uploads: int, seed: int) -> Interval:
    """The interval of one study."""
    return mean_interval([mean_response(system, seed, r, uploads) for r in range(replications)])


def paired_study(replications: int, uploads: int, seed: int) -> tuple[Interval, float]:
    """M/D/1 with 80 ms minus 100 ms of service on the same arrivals: the interval, and the variance reduction."""
    system = SYSTEMS["M/D/1"]
    fast, slow = (
        [mean_response(system, seed, r, uploads, work_s) for r in range(replications)] for work_s in (0.08, 0.1)
    )
    found = paired_difference(fast, slow)
    return found.difference, found.variance_reduction


def true_difference() -> float:
    """What ``paired_study`` should find (Pollaczek-Khinchine twice, at the arrival rate of both)."""
    rate = SYSTEMS["M/D/1"].load / SERVICE_S
    fast, slow = (s + rate * s * s / (2 * (1 - rate * s)) for s in (0.08, 0.1))
    return fast - slow


def row(name: str, true_s: float, found: list[Interval], more: str = "") -> str:
    """One line of the table."""
    hits = sum(i.low <= true_s <= i.high for i in found)
    share = proportion_interval(hits, len(found))
    width = float(np.mean([i.half_width for i in found])) / abs(true_s)
    bias = float(np.mean([i.mean for i in found])) / true_s - 1
    return (
        f"| {name} | {true_s * 1e3:.3f} ms | {hits} of {len(found)} | {share.mean:.1%} | "
        f"{share.low:.1%} to {share.high:.1%} | {bias:+.2%} | ± {width:.1%} | {more} |"
    )


def main(arguments: list[str] | None = None) -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    for name, default in (("studies", 200), ("replications", 10), ("uploads", 3_000), ("jobs", 1)):
        parser.add_argument(f"--{name}", type=int, default=default)
    given = parser.parse_args(arguments)
    sys.stdout.write(
        "| study | truth | contained | share | its 95 % interval | mean error | mean half width "
        "| variance reduction |\n"
        "| --- | --- | --- | --- | --- | --- | --- | --- |\n"
    )
    with ProcessPoolExecutor(given.jobs) as pool:
        seeds = range(1, given.studies + 1)
        for system in SYSTEMS.values():
            work: Any = partial(mean_study, system, given.replications, given.uploads)
            sys.stdout.write(row(system.name, system.true_s, list(pool.map(work, seeds, chunksize=4))) + "\n")
            sys.stdout.flush()
        pairs = list(pool.map(partial(paired_study, given.replications, given.uploads), seeds, chunksize=4))
        reduction = float(np.median([r for _, r in pairs]))
        name = "M/D/1, 80 ms minus 100 ms of service"
        sys.stdout.write(row(name, true_difference(), [i for i, _ in pairs], f"{reduction:.0f} (median)") + "\n")


if __name__ == "__main__":
    main()
