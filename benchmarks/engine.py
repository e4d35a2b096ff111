"""Speed of the engine against textbook SimPy, in one run.

The workload is the one on which the peers were compared: 150 kB messages of N devices over one FIFO link of
10 Mbit/s at load 0.7, then a FIFO server of 0.1 s.  The exact mean response is 0.360 s: M/D/1 waiting
rho s / (2 (1 - rho)) = 0.14 s, the link 0.12 s, and 0.1 s at a server that is never met busy.

    python -m benchmarks.engine [--devices N] [--uploads M] [--rounds R] [--alone]

prints uploads per CPU second for textbook SimPy (a process for each message, two Resources), for the compiled engine on
the same workload, and for the full model: a policy that picks a codec by the rate it expects, encoding on the CPU,
radio states and energy, TCP over an equally shared cell, a batching server, streaming figures.  The full model is run
with a sample of one upload in a hundred in the log, with the whole log written to Parquet, and by ``sim.model``, the
reference in SimPy (a twentieth of the uploads).  Textbook SimPy, whose speed does not depend on their number, runs a
tenth.  The server's replies are at once, as ever in this benchmark; the row ``full, replies`` has them wait until the
radio listens.  Each is paired with a run of textbook SimPy right before it; the ratio is the median of the pairs'
ratios.  ``--alone`` runs the full model once without textbook SimPy and prints the peak memory of the process.
"""

from __future__ import annotations

import argparse
import random
import resource
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import simpy

from scenarios import loads
from sim.build_site import Situation
from sim.study.replication import LogShare, simulate
from sim.study.results import LOG_NAMES, UploadLog
from sim.utterances import Tables

SERVICE_S, LINK_S, LOAD = 0.1, 0.12, 0.7

COMMON = """
amser: 1
duration: {duration} s
drain: 1 h
corpus: {{kind: synthetic, utterances: 200}}
recognizer: {{kind: none}}
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
  lean: {{kind: fixed, size: {lean} B}}
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
    policy: {{kind: link, codecs: [message, lean], transfer: 300 ms}}
    cell: lte
server:
  accelerators: 2
  service: {{kind: affine, per_batch: 40 ms, per_utterance: 10 ms}}
  batching: {{largest: 16, longest_wait: 20 ms}}
  reply: {reply}
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


def engine(
    template: str,
    size: int,
    devices: int,
    uploads: int,
    share: LogShare = "all",
    name: str = "compiled",
    reply: str = "at-once",
) -> tuple[float, dict[str, float]]:
    """Uploads per CPU second of an engine, and its metrics; the full model's log goes to a temporary file."""
    rate, lean = LOAD / LINK_S, size * 9 // 10
    figures = {"duration": uploads / rate, "size": size, "lean": lean, "devices": devices, "rate": rate / devices}
    text = template.format(**figures, reply=reply)
    point = loads(text + "log: {keep: sample, share: 1 %}\n", [f"engine={name}"]).points[0]
    sizes = {name: {"message": size, "lean": lean}[name] for name in point.scenario.codec_specs()}
    tables = Tables.unrecognized(sizes, np.full(200, 3.0), 0.002 if template is FULL else 0.0)
    with tempfile.TemporaryDirectory() as folder:
        names = {**LOG_NAMES, "codec": list(sizes), "utterance": list(tables.utterances)}
        log = UploadLog(Path(folder) / "uploads.parquet", {**names, "group": list(point.scenario.devices)})
        begun = time.process_time()
        kept = share if template is FULL else "none"
        metrics = simulate(Situation(point.scenario, tables, Path.cwd()), 1, 0, log.write, share=kept)
        log.close()
        return metrics["uploads"] / (time.process_time() - begun), metrics


def main() -> None:
    """Run the pairs and print their ratios."""
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--devices", type=int, default=10_000)
    options.add_argument("--uploads", type=int, default=1_000_000)
    options.add_argument("--rounds", type=int, default=3)
    options.add_argument("--alone", action="store_true")
    chosen = options.parse_args()
    # 149,916 bytes make 150,000 with the headers of three jumbo datagrams.
    runs: dict[str, Callable[[], tuple[float, dict[str, float]]]] = {
        "same workload": lambda: engine(PLAIN, 149_916, chosen.devices, chosen.uploads),
        "full, sampled": lambda: engine(FULL, 140_000, chosen.devices, chosen.uploads, "sample"),
        "full, replies": lambda: engine(FULL, 140_000, chosen.devices, chosen.uploads, "sample", reply="500 B"),
        "full, whole log": lambda: engine(FULL, 140_000, chosen.devices, chosen.uploads),
        "full, sim.model": lambda: engine(FULL, 140_000, chosen.devices, chosen.uploads // 20, "sample", "simpy"),
    }
    engine(FULL, 140_000, 100, 1_000)  # data files are read and caches filled once
    if chosen.alone:
        rate, metrics = engine(FULL, 140_000, chosen.devices, chosen.uploads, "sample")
        peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        print(f"full model {rate:9.0f}   events per upload {metrics['events_per_upload']:.2f}   peak {peak_mb:.0f} MB")
        return
    print(f"{chosen.devices} devices, {chosen.uploads} uploads, {chosen.rounds} rounds; uploads per CPU second, median")
    for name, work in runs.items():
        pairs = [(textbook(chosen.devices, chosen.uploads // 10), *work()) for _ in range(chosen.rounds)]
        base, ours = statistics.median(p[0] for p in pairs), statistics.median(p[1] for p in pairs)
        ratio = statistics.median(p[1] / p[0] for p in pairs)
        metrics = pairs[-1][2]
        print(
            f"{name:16s}  textbook SimPy {base:9.0f}   this engine {ours:9.0f}   ratio {ratio:5.2f}   "
            f"mean response {metrics['latency_mean_s']:.4f} s   events per upload {metrics['events_per_upload']:.2f}"
        )


if __name__ == "__main__":
    main()
