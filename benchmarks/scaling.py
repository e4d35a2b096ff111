"""Cost of an upload against the number of devices and against the number of uploads on the link at once.

    python -m benchmarks.scaling [--rounds R]

Devices: the full model of benchmarks/engine.py at the same load for 10^2 to 10^6 devices, a million uploads each.
Concurrent uploads: a cell is offered twice what it carries for 100 s and shares its capacity equally, so that uploads
pile up, to 10^5 at once; the peak is counted in the log.

Machines are shared and their speed changes from minute to minute.  So every run stands beside one of textbook SimPy
(1,000 devices, 20 messages each), and the column to trust is their quotient: messages of textbook SimPy in the time of
one upload.  "relative" is that figure over the first row's.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import numpy as np

from benchmarks.engine import COMMON, FULL, engine, textbook
from scenarios import loads
from sim.build_site import Situation
from sim.study.replication import simulate
from sim.upload_log import Columns
from sim.utterances import Tables

DEVICES = (100, 1_000, 10_000, 100_000, 1_000_000)
CONCURRENT = (1_000, 10_000, 100_000)
LEAST_UPLOADS = 1_000_000  # of a row of devices: building a site must not count
LEAST_CROWDED = 200_000  # of a row of concurrent uploads, whose runs are repeated
CROWD_S, SIZE_BYTES = 100.0, 20_000

CROWD = (
    COMMON
    + """
cells:
  cell: {{capacity: {capacity} bit/s, sharing: equal, rtt: 40 ms}}
devices:
  phones:
    count: {devices}
    profile: pixel-8
    radio: lte
    traffic: {{kind: poisson, rate: {rate} /s}}
    codec: message
    cell: cell
server: {{accelerators: 100, service: {{kind: constant, time: 10 ms}}, batching: {{largest: 16}}}}
"""
)


@dataclass
class Row:
    """One size: what was run, and seconds of CPU for an upload and for a message of textbook SimPy in each round."""

    size: int
    uploads: float
    upload_s: list[float]
    message_s: list[float]

    @property
    def cost(self) -> float:
        """Messages of textbook SimPy in the time of one upload."""
        return statistics.median(u / m for u, m in zip(self.upload_s, self.message_s, strict=True))


def of_devices(devices: int) -> tuple[int, float, float]:
    """(devices, uploads, CPU seconds for one) of the full model."""
    uploads = max(LEAST_UPLOADS, devices)
    rate, metrics = engine(FULL, 140_000, devices, uploads, "sample")
    return devices, metrics["uploads"], 1.0 / rate


def of_crowd(concurrent: int) -> tuple[int, float, float]:
    """(largest number on the link at once, uploads, CPU seconds for one) of an overloaded cell."""
    uploads = 1.2 * concurrent  # most of them are on the link when the last one comes
    text = CROWD.format(
        duration=CROWD_S,
        size=SIZE_BYTES,
        capacity=uploads * SIZE_BYTES * 8 / CROWD_S / 2,
        devices=10 * concurrent,
        rate=uploads / CROWD_S / (10 * concurrent),
    )
    tables = Tables.unrecognized({"message": SIZE_BYTES}, np.ones(200))
    situation = Situation(loads(text, ["engine=compiled"]).points[0].scenario, tables, Path())
    log: list[Columns] = []
    simulate(situation, 1, 0, log.append)
    seconds = done = 0.0
    while done < LEAST_CROWDED:
        begun = time.process_time()
        done += simulate(situation, 1, 0, log.append, share="none")["uploads"]
        seconds += time.process_time() - begun
    return _peak(log), done, seconds / done


def _peak(log: Sequence[Columns]) -> int:
    """The largest number of uploads whose transfer was under way at once."""
    begin, end = [], []
    for chunk in log:
        start_s = sum(chunk[name] for name in ("speech_end_s", "encode_s", "hold_s", "wake_s", "access_s"))
        begin.append(np.asarray(start_s))
        end.append(np.asarray(start_s + chunk["transfer_s"]))
    steps = np.concatenate([np.ones(sum(map(len, begin))), -np.ones(sum(map(len, end)))])
    order = np.argsort(np.concatenate([*begin, *end]), kind="stable")
    return int(np.cumsum(steps[order]).max())


def measure(sizes: Sequence[int], run: Callable[[int], tuple[int, float, float]], rounds: int) -> list[Row]:
    """Every size in turn, ``rounds`` times, each beside textbook SimPy."""
    rows = [Row(size, 0.0, [], []) for size in sizes]
    for _ in range(rounds):
        for row, size in zip(rows, sizes, strict=True):
            row.message_s.append(1.0 / textbook(1_000, 20_000))
            row.size, row.uploads, upload_s = run(size)
            row.upload_s.append(upload_s)
    return rows


def show(title: str, rows: Sequence[Row]) -> None:
    """Print one table."""
    print(f"{title:>20s} {'uploads':>10s} {'us/upload':>10s} {'SimPy messages/upload':>22s} {'relative':>9s}")
    for row in rows:
        print(
            f"{row.size:20,d} {row.uploads:10,.0f} {1e6 * statistics.median(row.upload_s):10.2f} {row.cost:22.3f} "
            f"{row.cost / rows[0].cost:9.2f}"
        )


def main() -> None:
    """Measure both and print the tables."""
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--rounds", type=int, default=2)
    chosen = options.parse_args()
    engine(FULL, 140_000, 100, 1_000)  # data files are read and caches filled once
    tables = {
        "devices": measure(DEVICES, of_devices, chosen.rounds),
        "concurrent uploads": measure(CONCURRENT, of_crowd, chosen.rounds),
    }
    for title, rows in tables.items():
        show(title, rows)


if __name__ == "__main__":
    main()
