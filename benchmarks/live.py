"""Six regimes observed on this machine and simulated from calibrations made apart (docs/results/live-validation.md).

    python benchmarks/live.py                     # an hour and a half, as root, on a machine that does nothing else
    python benchmarks/live.py --minutes 1 --only light --results results/live-validation

Everything lies under ``--results``: an observation that is there is not made again, so an interrupted run goes on where
it stopped.  First the machine is calibrated by observations of their own, whose arrivals the regimes do not share
(other seed, other load).  Prints Markdown; exit code 1 where a figure is outside the bounds.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

BOUNDS = {"mean": 0.05, "p95": 0.10, "p99": 0.15}
STAGES = (("encode",), ("transfer", "backhaul"), ("queue",), ("service",), ("reply",))
"""Where the last bit left the link is known to the simulation alone, so transfer and backhaul are one."""
LOADED = 0.5  # load average for each processor, above which the machine is called busy


@dataclass(frozen=True)
class Regime:
    """A regime: what it asks of the library's scenario ``live``."""

    name: str
    count: int
    """Phones."""
    sets: tuple[str, ...]


def _load(rate: int, codec: str, capacity: str, *more: str) -> tuple[str, ...]:
    return (
        f"devices.phones.traffic.rate={rate} /min",
        f"devices.phones.codec={codec}",
        f"cells.uplink.capacity={capacity}",
        *more,
    )


POLICY = "{kind: load, watch: replies, codecs: [amser-50, amser-25, amser-12.5], above: [0, 1]}"
RETRY = "{timeout: 2 s, attempts: 4, backoff: 200 ms}"
REGIMES = (
    Regime("light", 8, _load(10, "amser-12.5", "20 Mbit/s")),
    Regime("bandwidth-bound", 20, _load(10, "raw", "3 Mbit/s")),
    Regime("server-bound", 40, _load(45, "amser-12.5", "20 Mbit/s")),
    Regime(
        "lossy",
        8,
        _load(
            10,
            "amser-12.5",
            "5 Mbit/s",
            "cells.uplink.loss={kind: packet, probability: 2 %}",
            f"cells.uplink.retry={RETRY}",
        ),
    ),
    Regime("adaptive", 20, _load(10, "amser-50", "1500 kbit/s", f"devices.phones.policy={POLICY}")),
    Regime("raw", 20, _load(6, "raw", "3 Mbit/s")),
    Regime("amser", 20, _load(6, "amser-12.5", "3 Mbit/s")),
)
"""Raw against AMSER at equal load is a pair."""
LOADS = "sweep={grid: {devices.phones.traffic.rate: [20 /min, 70 /min]}}"  # small batches, and full ones
CALIBRATIONS = tuple(
    Regime(f"calibration-{number}", 40, _load(20, "amser-12.5", "20 Mbit/s", f"seed={1000 + number}", LOADS))
    for number in (1, 2, 3)
)
_BY_NAME = {regime.name: regime for regime in (*REGIMES, *CALIBRATIONS)}
ORDER = (
    "calibration-1", "light", "bandwidth-bound", "lossy", "adaptive", "raw", "amser",
    "calibration-2", "server-bound", "calibration-3",
)  # fmt: skip
"""As they are observed.  A machine that others share is not the same for an hour, and queues at a busy server magnify
what it takes longer: each regime is simulated from the calibrations before and after it."""


SERVED_ALIKE = {
    "light": ("bandwidth-bound",),
    "bandwidth-bound": ("light", "lossy"),
    "lossy": ("bandwidth-bound", "adaptive"),
    "adaptive": ("raw", "amser"),
    "raw": ("adaptive", "amser"),
    "amser": ("adaptive", "raw"),
}
"""A recognizer that rests nine tenths of its time takes longer than one that is kept busy, presumably as others use the
caches meanwhile: where the server is idle, its times are those of other regimes before and after in which it is too."""


def amser(*words: str) -> str:
    """Run a command of the testbed and return what it prints."""
    done = subprocess.run([sys.executable, "-m", "amser", *words], stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode not in (0, 1):
        raise SystemExit(done.returncode)
    return done.stdout


def sets(values: tuple[str, ...]) -> list[str]:
    """``--set`` for each."""
    return [word for value in values for word in ("--set", value)]


def observed(regime: Regime, options: argparse.Namespace) -> Path:
    """The folder of a regime's observation, made where it is not there."""
    place = options.results / "observed" / regime.name
    minutes = options.minutes / (8.0 if regime in CALIBRATIONS else 1.0)
    if not any(json.loads(m.read_text())["complete"] for m in place.glob("live/*/manifest.json")):
        phones = max(1, round(regime.count * options.share))
        length = (
            f"devices.phones.count={phones}",
            f"duration={minutes * 60:g} s",
            f"warmup={min(30.0, minutes * 6):g} s",
        )
        print(f"observing {regime.name} for {minutes:g} min", file=sys.stderr, flush=True)
        amser(
            "observe",
            "live",
            *sets((*regime.sets, *length)),
            "--network",
            options.network,
            "--results",
            str(place),
            "--no-report",
            "-q",
        )
    return place / "live"


def beside(regime: Regime) -> list[Regime]:
    """The calibrations before and after a regime."""
    at = ORDER.index(regime.name)
    places = [i for i, name in enumerate(ORDER) if name.startswith("calibration")]
    return [_BY_NAME[ORDER[max(i for i in places if i < at)]], _BY_NAME[ORDER[min(i for i in places if i > at)]]]


def calibrated(regime: Regime, options: argparse.Namespace) -> tuple[str, ...]:
    """What a scenario is told of this machine: service times, work on requests and replies, the encoding's scale."""
    file = (options.simulated / f"machine-{regime.name}.json").resolve()
    told = amser("calibrate", "observed", *_folders(beside(regime), options), "-o", str(file)).splitlines()
    scale = next(line for line in told if line.startswith("amser-12.5")).split()[2]
    found = [line.strip() for line in told[told.index("to be set:") + 1 :]]
    if regime.name in SERVED_ALIKE:
        others = [_BY_NAME[name] for name in SERVED_ALIKE[regime.name]]
        amser("calibrate", "observed", *_folders(others, options), "-o", str(file))
    return (*(one for one in found if "(" not in one), f"devices.phones.profile.encode_scale={scale}")


def _folders(regimes: Sequence[Regime], options: argparse.Namespace) -> list[str]:
    return [str(observed(one, options)) for one in regimes]


def compared(regime: Regime, folder: Path, machine: tuple[str, ...], root: Path) -> dict:
    """Simulate a regime as it was observed, and hold the two together."""
    manifest = json.loads(max(folder.glob("*/manifest.json")).read_text())
    place = root / regime.name
    amser("run", "live", *sets((*manifest["sets"], *machine)), "--results", str(place), "--no-report", "-q")
    (found,) = json.loads(amser("compare", str(place / "live"), str(folder), "--json"))
    found |= {"observed_on": manifest["observed"], "machine": machine}
    (root / f"compared-{regime.name}.json").write_text(json.dumps(found), encoding="utf-8")
    return found


def row(regime: Regime, found: dict) -> tuple[str, bool]:
    """A line of the table, and whether all of its figures are within the bounds."""
    errors = {(e["stage"], e["figure"]): e for e in found["errors"]}
    cells, good = [], True
    for figure, bound in BOUNDS.items():
        e = errors["latency", figure]
        within = abs(e["error"]) <= bound
        good &= within
        text = f"{1e3 * e['simulated_s']:.0f} / {1e3 * e['observed_s']:.0f}, {100 * e['error']:+.1f} %"
        cells.append(text if within else f"**{text}**")
    for stages in STAGES:
        pair = [sum(errors[stage, "mean"][f"{side}_s"] for stage in stages) for side in ("simulated", "observed")]
        cells.append(f"{1e3 * pair[0]:.1f} / {1e3 * pair[1]:.1f}")
    heard = found["heard"]
    good &= not heard["other_words"]
    on = found["observed_on"]
    cells += [str(heard["other_words"]), f"{on['load_before'][0]:.1f}, {on['load_after'][0]:.1f}"]
    return f"| {regime.name} | {found['observed']} | " + " | ".join(cells) + " |", good


def main() -> int:
    """Observe, simulate, print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=float, default=10.0, help="of each observation")
    parser.add_argument("--share", type=float, default=1.0, help="of the phones, to rehearse on a slow machine")
    parser.add_argument("--only", action="append", choices=[r.name for r in REGIMES], help="a regime; repeatable")
    parser.add_argument("--observe", action="append", choices=ORDER, help="only observe this; repeatable")
    parser.add_argument("--network", default="namespaces", choices=["namespaces", "loopback"])
    parser.add_argument("--results", type=Path, default=Path("results/live-validation"))
    parser.add_argument("--simulated", type=Path, help="where simulations go; default: beside the observations")
    options = parser.parse_args()
    options.simulated = options.simulated or options.results / "simulated"
    options.simulated.mkdir(parents=True, exist_ok=True)
    load = os.getloadavg()[0] / (os.cpu_count() or 1)
    if load > LOADED:
        print(f"load {load:.1f} a processor: this machine is busy, and so will be what is observed", file=sys.stderr)
    chosen = [r for r in REGIMES if not options.only or r.name in options.only]
    wanted = {one.name for regime in chosen for one in (regime, *beside(regime))}
    wanted |= {name for regime in chosen for name in SERVED_ALIKE.get(regime.name, ())}
    for name in ORDER:
        if name in (options.observe or wanted):
            observed(_BY_NAME[name], options)
    return 0 if options.observe else report(chosen, options)


def report(chosen: Sequence[Regime], options: argparse.Namespace) -> int:
    """Simulate what was observed, and print the table."""
    print(f"{platform.processor() or platform.machine()}, Linux {platform.release()}, {os.cpu_count()} processors;")
    print(f"{options.minutes:g} min each; simulated / observed, ms\n")
    print("| regime | uploads | mean | p95 | p99 | encode | transfer | queue | service | reply | other words | load |")
    print("|---|---|---|---|---|---|---|---|---|---|---|---|")
    verdict = True
    for regime in chosen:
        machine = calibrated(regime, options)
        line, good = row(regime, compared(regime, observed(regime, options), machine, options.simulated))
        print(line, flush=True)
        print(f"{regime.name}: {', '.join(machine)}", file=sys.stderr)
        verdict &= good
    return 0 if verdict else 1


if __name__ == "__main__":
    raise SystemExit(main())
