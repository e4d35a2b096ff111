"""How long an upload takes on many recorded networks: a distribution over networks, not one number.

    python -m benchmarks.networks DIR [--uploads N] [--sizes BYTES ...]

DIR holds traces as ``amser traces import`` writes them.  On each, a lone phone uploads now and then over TCP with TLS
1.3, on a new connection each time; starts are spread over the trace.  Printed are, for each size, the quartiles over
networks of the median and of the 95th percentile of the duration, and of the ratio of the median to the first size's.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from channel.links import build_cell, read_csv, replay
from scenarios.schema.link import CellSpec

GAP_S = 20.0  # so long between uploads, and a part of the trace more, so that they are spread over it


def durations(trace: Path, sizes: list[int], uploads: int, rtt: str) -> NDArray[np.float64]:
    """Seconds (sizes, uploads) on a trace."""
    period_s = read_csv(trace).period_s
    capacity = {"kind": "csv", "file": str(trace.absolute())}
    spec = {"capacity": capacity, "sharing": "dedicated", "rtt": rtt, "transport": "tcp"}
    starts = [i * (GAP_S + period_s / uploads) for i in range(uploads)]
    found = []
    for size in sizes:
        ends = replay(build_cell(CellSpec.model_validate(spec)), starts, [size] * uploads)
        found.append([end - start for end, start in zip(ends, starts, strict=True)])
    return np.array(found)


def quartiles(values: NDArray[np.float64]) -> str:
    """Lower quartile, median and upper quartile of the networks."""
    return " | ".join(f"{v:.3g}" for v in np.percentile(values, [25, 50, 75]))


def main() -> int:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--uploads", type=int, default=200)
    parser.add_argument("--rtt", default="33 ms")
    parser.add_argument("--sizes", type=int, nargs="+", default=[144_000, 14_400, 3_600])
    given = parser.parse_args()
    traces = sorted(given.folder.glob("*.csv"))
    if not traces:
        parser.error(f"no CSV traces in {given.folder}")
    found = np.stack([durations(trace, given.sizes, given.uploads, given.rtt) for trace in traces])
    medians, slow = np.median(found, axis=2), np.percentile(found, 95, axis=2)
    print(f"{len(traces)} networks, {given.uploads} uploads of each size on each; quartiles over networks\n")
    print("| bytes | median s | | | 95 % s | | | share of the first size's median | | |")
    print("|" + "---:|" * 10)
    for i, size in enumerate(given.sizes):
        ratio = medians[:, i] / medians[:, 0]
        print(f"| {size:,} | {quartiles(medians[:, i])} | {quartiles(slow[:, i])} | {quartiles(ratio)} |")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
