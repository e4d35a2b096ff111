"""Speed of the engine against textbook SimPy, in one run.

The workload is the one on which the peers were compared: 150 kB messages of N devices over one FIFO link of
10 Mbit/s at load 0.7, then a FIFO server of 0.1 s.  The exact mean response is 0.360 s: M/D/1 waiting
rho s / (2 (1 - rho)) = 0.14 s, the link 0.12 s, and 0.1 s at a server that is never met busy.

    python benchmarks/engine.py [--devices N] [--uploads M] [--rounds R]

prints uploads per CPU second for textbook SimPy (a process for each message, two Resources), for this engine on
the same workload, and for the full model (codec, encoding on the CPU, radio states and energy, TCP over an equally
shared cell, batching server, upload log), with the ratio of each pair of neighbouring runs.
"""

from __future__ import annotations

import argparse
import random
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import simpy

from scenarios import loads
from sim.compile import Situation
from sim.replication import simulate
from sim.tables import Tables

SERVICE_S, LINK_S, LOAD = 0.1, 0.12, 0.7

COMMON = """
amser: 1
duration: {duration} s
drain: 1 h
corpus: {{kind: synthetic, utterances: 200}}
recogniser: {{kind: none}}
emotion: {{kind: none}}
codecs:
  message: {{kind: fixed, size: {size} B}}
"""

PLAIN = (
    COMMON
    + """
cells:
  link: {{capacity: 10 Mbit/s, sharing: fifo, transport: udp, packet: {{mtu: 65535 B}}}}
devices:
  senders:
    count: {devices}
    profile: {{kind: custom, cpu_power: 0 W}}
    radio: {{kind: custom, transmit_power: 0 W}}
    traffic: {{kind: poisson, rate: {rate} /s}}
    codec: message
    cell: link
server: {{service: {{kind: constant, time: 100 ms}}, batching: {{largest: 1}}}}
"""
)

FULL = (
    COMMON
    + """
cells:
  lte:
    {{capacity: 10 Mbit/s, sharing: equal, rtt: 40 ms, backhaul: 5 ms, access: {{kind: fixed, delay: 17 ms}}}}
devices:
  phones:
    count: {devices}
    profile: pixel-8
    radio: lte
    traffic: {{kind: poisson, rate: {rate} /s}}
    codec: message
    cell: lte
server:
  accelerators: 2
  service: {{kind: affine, per_batch: 40 ms, per_utterance: 10 ms}}
  batching: {{largest: 16, longest_wait: 20 ms}}
"""
)


def textbook(devices: int, uploads: int) -> float:
    """Uploads per CPU second of the model that a SimPy tutorial would give."""
    env = simpy.Environment()
    link, server = simpy.Resource(env), simpy.Resource(env)
    rng = random.Random(1)
    rate = LOAD / LINK_S / devices
    response: list[float] = []

    def message(env: simpy.Environment):  # type: ignore[no-untyped-def]
        begun = env.now
        with link.request() as turn:
            yield turn
            yield env.timeout(LINK_S)
        with server.request() as turn:
            yield turn
            yield env.timeout(SERVICE_S)
        response.append(env.now - begun)

    def device(env: simpy.Environment):  # type: ignore[no-untyped-def]
        for _ in range(max(1, uploads // devices)):
            yield env.timeout(rng.expovariate(rate))
            env.process(message(env))

    for _ in range(devices):
        env.process(device(env))
    begun = time.process_time()
    env.run()
    return len(response) / (time.process_time() - begun)


def engine(template: str, size: int, devices: int, uploads: int) -> tuple[float, dict[str, float]]:
    """Uploads per CPU second of this engine, and its metrics."""
    rate = LOAD / LINK_S
    text = template.format(duration=uploads / rate, size=size, devices=devices, rate=rate / devices)
    point = loads(text).points[0]
    tables = Tables.unrecognised({"message": size}, np.full(200, 3.0), 0.002 if template is FULL else 0.0)
    begun = time.process_time()
    metrics = simulate(Situation(point.scenario, tables, Path.cwd()), 1, 0, lambda columns: None)
    return metrics["uploads"] / (time.process_time() - begun), metrics


def main() -> None:
    """Run the pairs and print their ratios."""
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--devices", type=int, default=10_000)
    options.add_argument("--uploads", type=int, default=100_000)
    options.add_argument("--rounds", type=int, default=3)
    chosen = options.parse_args()
    # 149,916 bytes make 150,000 with the headers of three jumbo datagrams.
    runs: dict[str, Callable[[], tuple[float, dict[str, float]]]] = {
        "same workload": lambda: engine(PLAIN, 149_916, chosen.devices, chosen.uploads),
        "full model": lambda: engine(FULL, 140_000, chosen.devices, chosen.uploads),
    }
    print(f"{chosen.devices} devices, {chosen.uploads} uploads, {chosen.rounds} rounds; uploads per CPU second, median")
    engine(FULL, 140_000, 100, 1_000)  # data files are read and caches filled once
    for name, work in runs.items():
        pairs = [(textbook(chosen.devices, chosen.uploads), *work()) for _ in range(chosen.rounds)]
        base, ours = statistics.median(p[0] for p in pairs), statistics.median(p[1] for p in pairs)
        ratio = statistics.median(p[1] / p[0] for p in pairs)
        metrics = pairs[-1][2]
        print(
            f"{name:14s}  textbook SimPy {base:9.0f}   this engine {ours:9.0f}   ratio {ratio:5.2f}   "
            f"mean response {metrics['latency_mean_s']:.4f} s   events per upload {metrics['events_per_upload']:.2f}"
        )


if __name__ == "__main__":
    main()
