"""How often the 95 % intervals of whole studies contain the true value, where queueing theory gives it.

    python -m benchmarks.interval_coverage [--studies 200] [--replications 10] [--uploads 3000] [--jobs 1]

A study is what ``amser run`` does for one point: independent replications of the full engine (traffic, link, server,
log), ``warmup: auto``, the interval over the replications.  It is done ``--studies`` times with seeds of its own.
An honest 95 % interval contains the truth in 92 to 98 % of 200 studies (three standard errors of 1.5 %).
"""

from __future__ import annotations

import argparse
import math
import sys
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from scenarios import loads
from scenarios.quantities import SI
from scenarios.schema.sweep import PrecisionSpec
from sim.build_site import Situation
from sim.draws import Draws
from sim.figures.statistics import clustered_quantile, mean_interval, paired_difference, proportion_interval
from sim.figures.statistics.intervals import Interval
from sim.study.precision import wanted_replications
from sim.study.replication import Outcome, run_site, together
from sim.utterances import Tables

UTTERANCES = 4_000
PROBABILITIES = (0.5, 0.95, 0.99)
PRECISIONS = (0.2, 0.1)
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
warmup: auto
engine: compiled
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


BUSY = System("M/M/1 at 0.7", FAST_LINK, next(_systems()).server, SERVICE_S, 0.7, SERVICE_S / 0.3)


def mm1_percentile_s(system: System, probability: float) -> float:
    """The response time of M/M/1, first come first served, is exponential."""
    return -math.log(1.0 - probability) * system.true_s


SYSTEMS = {system.name: system for system in _systems()}


def run_once(system: System, seed: int, replication: int, uploads: int, work_s: float | None = None) -> Outcome:
    """One replication; ``work_s`` replaces the constant service time."""
    rate = system.load / system.work_s
    server = system.server if work_s is None else system.server.replace("100 ms", f"{work_s * 1e3} ms")
    text = TEXT.format(
        utterances=UTTERANCES, link=system.link, server=server, rate=rate / 50, duration=uploads / rate
    )  # fmt: skip
    tables = Tables.unrecognized({"fixed": SIZE_BYTES}, np.full(UTTERANCES, 3.0))
    if system.exponential_sizes:
        # Drawn once for each replication, scaled to the exact mean on the wire, so that the load is exact.
        drawn = np.random.default_rng([seed, replication, 77]).exponential(1.0, UTTERANCES)
        wire = drawn / drawn.mean() * (SIZE_BYTES + HEADER_BYTES)
        tables.payload_bytes[:] = np.maximum(1, np.round(wire - HEADER_BYTES)).astype(np.int64)
    situation = Situation(loads(text).points[0].scenario, tables, Path.cwd())
    return together(situation, [run_site(situation, Draws(seed, replication), lambda _: None, share="none")])


def mean_response(system: System, seed: int, replication: int, uploads: int, work_s: float | None = None) -> float:
    """Mean response time of one replication in seconds."""
    return run_once(system, seed, replication, uploads, work_s).metrics["latency_mean_s"]


def study(system: System, replications: int, uploads: int, seed: int) -> dict[str, Interval]:
    """The intervals of one study, by figure."""
    runs = [run_once(system, seed, r, uploads) for r in range(replications)]
    found = {"mean": mean_interval([run.metrics["latency_mean_s"] for run in runs])}
    for probability in PROBABILITIES:
        found[f"p{round(probability * 100)}"] = clustered_quantile([r.latencies for r in runs], probability).interval
    return found


def mean_study(system: System, replications: int, uploads: int, seed: int) -> Interval:
    """The interval of the mean of one study."""
    return study(system, replications, uploads, seed)["mean"]


def precise_study(system: System, relative: Sequence[float], uploads: int, seed: int) -> list[Interval]:
    """The interval at which ``sweep: {precision: ...}`` stops, for each precision; the same replications serve all."""
    values: list[float] = []
    found = []
    for one in relative:
        asked, wanted = PrecisionSpec(relative=SI(one), most=1_000), 1
        while True:
            values += [mean_response(system, seed, r, uploads) for r in range(len(values), wanted)]
            interval = mean_interval(values[:wanted], asked.confidence)
            more = wanted_replications(interval, values[:wanted], asked)
            if more is None or more == wanted:
                break
            wanted = more
        found.append(interval)
    return found


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
    """One line of the table; an interval without an upper end holds what lies above its lower one."""
    hits = sum(i.low <= true_s and not i.high < true_s for i in found)
    share = proportion_interval(hits, len(found))
    open_ended = sum(math.isnan(i.high) for i in found)
    width = float(np.nanmean([i.half_width for i in found])) / abs(true_s)
    bias = float(np.mean([i.mean for i in found])) / true_s - 1
    return (
        f"| {name} | {true_s * 1e3:.3f} ms | {hits} of {len(found)} | {share.mean:.1%} | "
        f"{share.low:.1%} to {share.high:.1%} | {bias:+.2%} | ± {width:.1%} | {open_ended} | {more} |"
    )


Each = Callable[[Callable[[int], Any]], list[Any]]
"""Does a study of one seed for all seeds."""


def lines(each: Each, replications: int, uploads: int) -> Iterator[str]:
    """All lines of the table."""
    for system, size in ((SYSTEMS["M/M/1"], uploads), (BUSY, 1_500), (BUSY, 6_000)):
        found = each(partial(study, system, replications, size))
        yield row(f"{system.name}, {size:,} uploads", system.true_s, [s["mean"] for s in found])
        for p in PROBABILITIES:
            name = f"p{round(p * 100)}"
            yield row(f"{name} of it", mm1_percentile_s(system, p), [s[name] for s in found])
    for system in (SYSTEMS["M/D/1"], SYSTEMS["M/M/1-PS"]):
        found = each(partial(mean_study, system, replications, uploads))
        yield row(f"{system.name}, {uploads:,} uploads", system.true_s, found)
    pairs = each(partial(paired_study, replications, uploads))
    reduction = float(np.median([r for _, r in pairs]))
    name = "M/D/1, 80 ms minus 100 ms of service"
    yield row(name, true_difference(), [i for i, _ in pairs], f"variance reduction {reduction:.0f} (median)")
    stops = each(partial(precise_study, BUSY, PRECISIONS, 1_500))
    for relative, found in zip(PRECISIONS, zip(*stops, strict=True), strict=True):
        runs = float(np.median([i.n for i in found]))
        name = f"precision {relative:.0%}, {BUSY.name}, 1,500 uploads"
        yield row(name, BUSY.true_s, list(found), f"{runs:.0f} replications (median)")


def main(arguments: list[str] | None = None) -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    for name, default in (("studies", 200), ("replications", 10), ("uploads", 3_000), ("jobs", 1)):
        parser.add_argument(f"--{name}", type=int, default=default)
    given = parser.parse_args(arguments)
    sys.stdout.write(
        "| study | truth | contained | share | its 95 % interval | mean error | mean half width | open above | |\n"
        "| --- | --- | --- | --- | --- | --- | --- | --- | --- |\n"
    )
    with ProcessPoolExecutor(given.jobs) as pool:

        def each(study: Callable[[int], Any]) -> list[Any]:
            return list(pool.map(study, range(1, given.studies + 1), chunksize=4))

        size = given.replications, given.uploads
        for line in lines(each, *size):
            sys.stdout.write(line + "\n")
            sys.stdout.flush()


if __name__ == "__main__":
    main()
