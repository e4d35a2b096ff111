"""Simulated uploads over TCP against real ones over the Linux kernel's TCP, between two network namespaces.

    sudo python -m benchmarks.validate_tcp [--only TABLE ...] [--output FILE] [--measured FILE]

What the kernel took stands in ``docs/results/tcp-measured.json``; only what is missing there is measured, so that the
simulation's side can be drawn again anywhere, and the kernel's side in parts.  Single uploads are simulated with the
computed slow start of `TcpTransport`, uploads that share a bottleneck with `sharing: router`.  The targets are 5 % for
single uploads and 10 % for the mean of simultaneous and of Poisson uploads; with small buffers four rows in five.
Exit status: 0 targets met, 1 not met, 3 this machine does not allow the measurement.
"""

from __future__ import annotations

import argparse
import json
import platform
import random
import signal
import statistics
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Literal

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import numpy as np

from amser.live.netns import Network, Unavailable, network
from benchmarks.uploads import Timing, upload
from channel.links import PacketLoss, TcpTransport, build_cell, replay
from channel.links.loss import PACKET_BITS
from scenarios.quantities import SI
from scenarios.schema.link import CellSpec
from scenarios.schema.link_capacity import ConstantCapacitySpec
from scenarios.schema.link_parts import RouterSharingSpec, SharingSpec, TcpTransportSpec

MEASURED = Path(__file__).resolve().parent.parent / "docs" / "results" / "tcp-measured.json"
LONGEST_RUN_S = 3000  # the whole programme stops itself after this
LARGE_BUFFER_BYTES = 50_000_000
SYN_BYTES = 60  # IP 20, TCP 20, options 20; the rate that a handshake needs for it is no part of the round trip
SINGLE_TARGET, SHARED_TARGET = 0.05, 0.10
CONTROLS: tuple[Literal["cubic", "reno"], ...] = ("cubic", "reno")
TABLES = ("single", "simultaneous", "poisson", "buffers", "held-out", "losses", "tbf")
SIZES = (5_000, 15_000, 50_000, 150_000, 500_000, 1_000_000)
BUFFERS = (
    (2e6, 0.05, 25_000), (10e6, 0.02, 25_000), (10e6, 0.05, 62_500), (10e6, 0.05, 31_250), (10e6, 0.2, 125_000),
    (50e6, 0.05, 156_250),
)  # fmt: skip
"""Rate in bit/s, round trip in seconds, room in bytes: half the product of both, the whole, or twice."""
BURSTS = ((1, 150_000), (1, 1_000_000), (5, 150_000), (10, 15_000), (10, 150_000))
HELD_OUT = ((5e6, 0.03, 20_000), (20e6, 0.1, 100_000), (4e6, 0.12, 90_000))
HELD_OUT_BURSTS = ((1, 300_000), (3, 60_000), (7, 30_000), (10, 40_000), (15, 100_000))
"""What the model was not mended on: its handling of losses was changed after a look at ``BUFFERS``."""


@dataclass(frozen=True)
class Shaped:
    """The shaped path: rate, round-trip time wanted, and the one measured on it when it is empty."""

    rate_bps: float
    rtt_s: float
    measured_rtt_s: float
    buffer_bytes: int = LARGE_BUFFER_BYTES


class Kernel:
    """The real side: durations that are known from ``file``, or are measured and then stand there."""

    def __init__(self, file: Path, network: Callable[[], Network]) -> None:
        self._file, self._network = file, network
        held = json.loads(file.read_text()) if file.is_file() else {}
        self.machine = str(
            held.get("machine", f"{_processor()}; kernel {platform.release()}; {datetime.now(UTC):%Y-%m-%d}")
        )
        self._known: dict[str, list[float]] = held.get("seconds", {})
        self._path = ""
        self._shape: Callable[[Network], None] | None = None

    def shape(self, rate_bps: float, rtt_s: float, buffer_bytes: int, *, loss: float = 0.0, tbf: bool = False) -> None:
        """The path of all that is asked from here on; shaped when the first of it is not known."""
        self._path = f"{rate_bps / 1e6:g} Mbit/s {rtt_s * 1e3:g} ms {buffer_bytes} B loss {loss:g}{' tbf' * tbf}"
        self._shape = lambda net: net.shape(rate_bps, rtt_s, buffer_bytes, loss=loss, tbf=tbf)

    def took(self, what: str, measure: Callable[[Network], list[float]]) -> list[float]:
        """Seconds of ``what`` on this path.  Raises ``Unavailable``."""
        key = f"{self._path}: {what}"
        if key not in self._known:
            net = self._network()
            if self._shape is not None:
                self._shape(net)
                self._shape = None
            self._known[key] = [round(s, 6) for s in measure(net)]
            held = {"machine": self.machine, "seconds": self._known}
            self._file.write_text(json.dumps(held, indent=0) + "\n")
        return self._known[key]


@dataclass
class Table:
    """One table of the report and the errors it is judged by."""

    title: str
    header: str
    target: float | None
    share: float = 1.0
    """Share of the rows that must meet the target."""
    rows: list[str] = field(default_factory=list)
    errors: list[float] = field(default_factory=list)

    def add(self, cells: Sequence[str], error: float) -> None:
        """Take one row in, and print it."""
        self.rows.append("| " + " | ".join(cells) + " |")
        self.errors.append(error)
        print(self.rows[-1], flush=True)

    def text(self) -> str:
        """The table in Markdown with its verdict."""
        rule = "|" + "---:|" * (self.header.count("|") + 1)
        return "\n".join([f"## {self.title}", "", f"| {self.header} |", rule, *self.rows, "", self.verdict(), ""])

    def verdict(self) -> str:
        """Mean and worst error, and how many rows meet the target."""
        sizes = [abs(e) for e in self.errors]
        summary = f"{len(sizes)} rows; mean |error| {statistics.mean(sizes):.1%}, worst {max(sizes):.1%}"
        if self.target is None:
            return summary + " (no target)."
        met = sum(e <= self.target for e in sizes)
        return f"{summary}; {met} of {len(sizes)} within {self.target:.0%}."

    @property
    def passed(self) -> bool:
        """Whether enough rows meet the target."""
        return self.target is None or sum(abs(e) <= self.target for e in self.errors) >= self.share * len(self.errors)


def simulated(path: Shaped, starts_s: Sequence[float], size_bytes: int, sharing: object) -> float:
    """Mean duration of simulated uploads in seconds, each over a new connection without encryption."""
    spec = CellSpec(
        capacity=ConstantCapacitySpec(rate=SI(path.rate_bps)),
        sharing=sharing,  # type: ignore[arg-type]
        rtt=SI(path.measured_rtt_s),
        transport=TcpTransportSpec(tls="none", connection="new"),
    )
    ends = replay(build_cell(spec), starts_s, [size_bytes] * len(starts_s))
    return statistics.mean(end - start for end, start in zip(ends, starts_s, strict=True))


def router(path: Shaped, congestion: Literal["cubic", "reno"] = "cubic") -> SharingSpec:
    """The router's queue of a path; a large buffer is one that never fills."""
    buffer = None if path.buffer_bytes >= LARGE_BUFFER_BYTES else SI(path.buffer_bytes)
    return RouterSharingSpec(buffer=buffer, congestion=congestion)


def shaped(
    kernel: Kernel, rate_bps: float, rtt_s: float, buffer_bytes: int = LARGE_BUFFER_BYTES, *, tbf: bool = False
) -> Shaped:
    """Shape the network and measure its empty round trip by five handshakes, less the time SYN takes at the rate."""
    kernel.shape(rate_bps, rtt_s, buffer_bytes, tbf=tbf)
    syn_s = 0.0 if tbf else SYN_BYTES * 8.0 / rate_bps  # a token bucket lets the first packet after a pause pass

    def measure(net: Network) -> list[float]:
        timings = [upload(net, [0.0], [100], "cubic", 5.0)[0] for _ in range(5)]
        return [min(t.connected_s - t.start_s for t in timings if t is not None) - syn_s]

    (measured,) = kernel.took("empty", measure)
    return Shaped(rate_bps, rtt_s, measured, buffer_bytes)


def real(
    kernel: Kernel, starts_s: Sequence[float], size_bytes: int, congestion: str, repeat: int
) -> tuple[float, float, float]:
    """Mean duration of real uploads: median, smallest and largest of the repetitions, in seconds."""
    limit = max(starts_s) + 60.0

    def measure(net: Network) -> list[float]:
        means = []
        for _ in range(repeat):
            timings = upload(net, list(starts_s), [size_bytes] * len(starts_s), congestion, limit)
            done: list[Timing] = [t for t in timings if t is not None]
            if len(done) < len(timings):
                raise Unavailable(f"{len(timings) - len(done)} uploads did not end within {limit:g} s")
            means.append(statistics.mean(t.duration_s for t in done))
        return means

    means = kernel.took(f"{len(starts_s)} x {size_bytes} {congestion} until {max(starts_s):g}", measure)
    return statistics.median(means), min(means), max(means)


def _cells(path: Shaped) -> list[str]:
    return [f"{path.rate_bps / 1e6:g}", f"{path.rtt_s * 1e3:g}"]


def _compare(measured: tuple[float, float, float], modelled: float) -> tuple[list[str], float]:
    middle, low, high = measured
    error = modelled / middle - 1.0
    return [
        f"{middle * 1e3:.1f}",
        f"{low * 1e3:.1f} to {high * 1e3:.1f}",
        f"{modelled * 1e3:.1f}",
        f"{error:+.1%}",
    ], error


def singles(kernel: Kernel, *, tbf: bool = False) -> Table:
    """Single uploads on an empty path."""
    title = "Single uploads, rate by the kernel's token bucket (tbf)" if tbf else "Single uploads"
    table = Table(
        title, "rate Mbit/s | RTT ms | bytes | real ms | range | simulated ms | error",
        None if tbf else SINGLE_TARGET,
    )  # fmt: skip
    for rate in (10e6,) if tbf else (1e6, 10e6, 100e6):
        for rtt in (0.01, 0.05, 0.2):
            path = shaped(kernel, rate, rtt, tbf=tbf)
            for size in SIZES[::3] if tbf else SIZES:
                cells, error = _compare(real(kernel, [0.0], size, "cubic", 3), simulated(path, [0.0], size, "equal"))
                table.add([*_cells(path), f"{size:,}", *cells], error)
    return table


def simultaneous(kernel: Kernel) -> Table:
    """Several uploads that begin at the same moment; mean duration."""
    table = Table(
        "Simultaneous uploads (mean duration)",
        "rate Mbit/s | RTT ms | uploads | bytes | real ms | range | router ms | error | `equal` would be",
        SHARED_TARGET,
    )
    paths = ((2e6, 0.05), (10e6, 0.05), (10e6, 0.2), (100e6, 0.05), (100e6, 0.2))
    for rate, rtt in paths:
        path = shaped(kernel, rate, rtt)
        for size in (15_000, 150_000, 1_000_000):
            for count in (2, 5, 20):
                if count * size * 8.0 / rate > 20.0:
                    continue
                starts = [0.0] * count
                cells, error = _compare(
                    real(kernel, starts, size, "cubic", 3), simulated(path, starts, size, router(path))
                )
                table.add(
                    [*_cells(path), str(count), f"{size:,}", *cells, _equal(path, starts, size, error, cells)], error
                )
    return table


def _equal(path: Shaped, starts: Sequence[float], size: int, error: float, cells: list[str]) -> str:
    """Error that processor sharing would make on the same uploads."""
    measured_s = float(cells[0]) / 1e3
    return f"{simulated(path, starts, size, 'equal') / measured_s - 1.0:+.1%}"


def poisson(kernel: Kernel) -> Table:
    """Uploads that arrive as a Poisson process; mean duration."""
    table = Table(
        "Poisson uploads (mean duration)",
        "rate Mbit/s | RTT ms | load | uploads | bytes | real ms | range | router ms | error | `equal` would be",
        SHARED_TARGET,
    )
    for rate, rtt in ((10e6, 0.05), (10e6, 0.2), (100e6, 0.05)):
        path = shaped(kernel, rate, rtt)
        for size in (15_000, 150_000):
            for load in (0.3, 0.6, 0.8):
                per_s = load * rate / (size * 8.0 * 1500 / 1448)
                starts = list(_arrivals(per_s, 20.0 if size < 100_000 or rate > 50e6 else 40.0, most=2000))
                cells, error = _compare(
                    real(kernel, starts, size, "cubic", 1), simulated(path, starts, size, router(path))
                )
                table.add(
                    [*_cells(path), f"{load:g}", str(len(starts)), f"{size:,}", *cells,
                     _equal(path, starts, size, error, cells)], error,
                )  # fmt: skip
    return table


def _arrivals(per_s: float, until_s: float, most: int) -> Iterator[float]:
    rng, t = random.Random(20250401), 0.0
    for _ in range(most):
        t += rng.expovariate(per_s)
        if t > until_s:
            return
        yield t


def small_buffers(kernel: Kernel, *, held_out: bool = False) -> Table:
    """Drop-tail buffers that overflow: four rows in five are to meet the target."""
    table = Table(
        f"Small buffers: losses by overflow{', held out' * held_out}",
        "rate Mbit/s | RTT ms | buffer kB | control | uploads | bytes | real ms | range | router ms | error",
        SHARED_TARGET,
        share=0.8,
    )
    for rate, rtt, buffer in HELD_OUT if held_out else BUFFERS:
        path = shaped(kernel, rate, rtt, buffer)
        for control in CONTROLS:
            for count, size in HELD_OUT_BURSTS if held_out else BURSTS:
                starts = [0.0] * count
                cells, error = _compare(
                    real(kernel, starts, size, control, 3), simulated(path, starts, size, router(path, control))
                )
                table.add([*_cells(path), f"{buffer / 1e3:g}", control, str(count), f"{size:,}", *cells], error)
    return table


def random_losses(kernel: Kernel) -> Table:
    """Single uploads over a path that loses packets at random; beyond the target."""
    table = Table(
        "Random packet loss, single uploads (mean duration)",
        "rate Mbit/s | RTT ms | loss | bytes | uploads | real ms | standard error | simulated ms | error",
        None,
    )
    for rate, rtt in ((10e6, 0.05),):
        empty = shaped(kernel, rate, rtt)
        for share in (0.005, 0.02):
            kernel.shape(rate, rtt, LARGE_BUFFER_BYTES, loss=share)
            for size, count in ((15_000, 150), (150_000, 60)):
                table.add(*_lossy(kernel, empty, share, size, count))
    return table


def _lossy(kernel: Kernel, path: Shaped, share: float, size: int, count: int) -> tuple[list[str], float]:
    gap_s = 0.15 + size * 12.0 / path.rate_bps + 6.0 * path.rtt_s  # uploads hardly ever overlap

    def measure(net: Network) -> list[float]:
        timings = upload(net, [i * gap_s for i in range(count)], [size] * count, "cubic", count * gap_s + 30.0)
        # An upload whose handshake lost a packet waits a second for it, which the simulation does not know.
        took = [t.duration_s for t in timings if t is not None and t.connected_s - t.start_s < 1.5 * path.rtt_s + 0.1]
        if len(took) < 2:
            raise Unavailable("hardly any upload ended in time; is the machine stalled?")
        return took

    took = kernel.took(f"{count} x {size} cubic apart", measure)
    mean_s, error_s = statistics.mean(took), statistics.stdev(took) / len(took) ** 0.5
    loss, rng = PacketLoss(share, retransmits=True), np.random.default_rng(1)
    packets = TcpTransport(tls="none").packets(size)
    found = [loss.resent(rng.random, packets, path.measured_rtt_s, path.rate_bps) for _ in range(5000)]
    delays = [one.delay_s + one.packets * PACKET_BITS / path.rate_bps for one in found]
    modelled_s = simulated(path, [0.0], size, "equal") + statistics.mean(delays)
    error = modelled_s / mean_s - 1.0
    cells = [f"{mean_s * 1e3:.1f}", f"{error_s * 1e3:.1f}", f"{modelled_s * 1e3:.1f}", f"{error:+.1%}"]
    return [*_cells(path), f"{share:.1%}", f"{size:,}", str(len(took)), *cells], error


def report(tables: Sequence[Table], machine: str) -> str:
    """The whole report in Markdown."""
    head = f"""# TCP: simulated against a real kernel

Made by `python -m benchmarks.validate_tcp`. Real uploads run over Linux TCP (CUBIC unless stated; IW 10, a new
connection each, no TLS) between two network namespaces; a relay between TUN devices sets rate, drop-tail
buffer (50 MB unless stated) and delay. Durations run from `connect` to the last byte at the server. The
simulation is given the round-trip time measured on the empty path. Median of three repetitions, one for
Poisson uploads. A token bucket (tbf) needs room for a packet, which lets the first one after a pause pass at
once: 1.2 ms at 10 Mbit/s that the simulation does not give away.

Machine: {machine}.
What the kernel took stands in `tcp-measured.json` beside this page; the simulation's side can be drawn again without
root, and a test holds it to these targets. How the model sees losses was changed after a look at the first table of
small buffers (40 of its 60 rows were within 10 % before), so a second one has paths and uploads that nobody had looked
at: 27 of 30. One rule came from that look, that a loss in an upload's last round shows with its last packets. The
kernel's own delayed acknowledgements are in all of these durations; the simulation has none. Three rows of the second
table were measured again, because their repetitions were up to three times apart.
"""
    return "\n".join([head, *(table.text() for table in tables)])


def _processor() -> str:
    with suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.machine()


STEPS: dict[str, Callable[[Kernel], Table]] = {
    "single": singles,
    "simultaneous": simultaneous,
    "poisson": poisson,
    "buffers": small_buffers,
    "held-out": lambda kernel: small_buffers(kernel, held_out=True),
    "losses": random_losses,
    "tbf": lambda kernel: singles(kernel, tbf=True),
}


def main() -> int:
    """Measure, simulate, compare."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="+", choices=TABLES, metavar="TABLE", help=f"of {', '.join(TABLES)}")
    parser.add_argument("--output", type=Path, help="write the report to this Markdown file")
    parser.add_argument("--measured", type=Path, default=MEASURED, help="what the kernel took")
    options = parser.parse_args()
    # Stop by itself whatever happens; as an exception, so that the namespaces are removed.
    for number in (signal.SIGALRM, signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: sys.exit("stopped"))
    signal.alarm(LONGEST_RUN_S)
    tables: list[Table] = []
    try:
        with ExitStack() as stack:
            kernel = Kernel(options.measured, cache(lambda: stack.enter_context(network())))
            for name in options.only or TABLES:
                tables.append(STEPS[name](kernel))
                if options.output:
                    options.output.parent.mkdir(parents=True, exist_ok=True)
                    options.output.write_text(report(tables, kernel.machine))
    except Unavailable as error:
        print(f"skipped: {error}", file=sys.stderr)
        return 3
    print(report(tables, kernel.machine))
    return 0 if all(table.passed for table in tables) else 1


if __name__ == "__main__":
    sys.exit(main())
