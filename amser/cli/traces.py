"""``amser traces import``: recordings of others as traces that a scenario can name."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from amser.cli.options import Json
from amser.console import Table, print_json
from scenarios.errors import Exit

if TYPE_CHECKING:
    from channel.links.trace_import import Recording


def import_(
    files: Annotated[
        list[Path],
        typer.Argument(metavar="FILE...", help="Mahimahi traces, CSV with throughput, or lists of runs."),
    ],
    to: Annotated[Path, typer.Option("--to", metavar="DIR", help="Where the traces go; nothing is overwritten.")],
    source: Annotated[str, typer.Option(help="Where the recording is from: paper, address, commit.")],
    licence: Annotated[str, typer.Option(help="Its licence, or `none stated`.")],
    interval: Annotated[
        str | None, typer.Option(help="Time between values, such as '100 ms', where the file has no times.")
    ] = None,
    unit: Annotated[str | None, typer.Option(help="Unit of the throughput, where no name tells it: Mbit/s ...")] = None,
    skip: Annotated[str, typer.Option(help="Leave out the start of each run, such as the ramp of TCP.")] = "0 s",
    json: Json = False,
) -> int:
    """Turn recordings into CSV traces, one for each run, with provenance and licence in their first lines."""
    from amser.exits import UserError
    from channel.links.trace_import import UNITS, recordings, write_trace
    from scenarios.quantities import DURATION

    if unit is not None and unit not in UNITS:
        raise UserError(f"no such unit: '{unit}'; accepted: {', '.join(UNITS)}")
    try:
        interval_s = None if interval is None else DURATION.parse(interval)
        skip_s = DURATION.parse(skip)
    except ValueError as error:
        raise UserError(f"--interval and --skip take a duration: {error}") from None
    if interval_s is not None and interval_s <= 0.0:
        raise UserError("--interval must be above 0 s")
    found = []
    for file in files:
        for run in recordings(file, interval_s=interval_s, unit=unit, skip_s=skip_s):
            path = to / f"{run.name}.csv"
            write_trace(run, path, file, source, licence)
            found.append({"file": str(path), **_figures(run)})
    if json:
        print_json(found)
    else:
        _print(found, to)
    return Exit.DONE


def _figures(run: Recording) -> dict[str, object]:
    import numpy as np

    times, rates = np.array(run.times_s), np.array(run.rates_bps) / 1e6
    steps = np.diff(times, append=2.0 * times[-1] - times[-2])
    low, high = np.percentile(rates, [5, 95])
    return {
        "seconds": round(float(steps.sum()), 3),
        "mean_mbps": round(float((rates * steps).sum() / steps.sum()), 3),
        "p5_mbps": round(float(low), 3),
        "p95_mbps": round(float(high), 3),
        "dead": round(float(steps[rates == 0.0].sum() / steps.sum()), 4),
        "interval": run.interval,
    }


def _print(found: list[dict[str, object]], to: Path) -> None:
    heads = ["trace", "length", "mean", "5 %", "95 %", "dead"]
    rows = [
        [Path(str(f["file"])).name, f"{f['seconds']:g} s", f"{f['mean_mbps']:g} Mbit/s", f"{f['p5_mbps']:g}",
         f"{f['p95_mbps']:g}", f"{f['dead']:.1%}"] for f in found
    ]  # fmt: skip
    Table(heads, rows, title=f"{len(found)} traces in {to}:").print()
    for interval in dict.fromkeys(str(f["interval"]) for f in found):
        sys.stdout.write(f"interval: {interval}\n")
    names = [Path(str(f["file"])).name for f in found]
    sys.stdout.write(
        f"\na study over all of them, with AMSER_TRACES={to}:\n  capacity: {{kind: csv, file: {names[0]}}}\n"
        f"  sweep: {{grid: {{cells.NAME.capacity.file: [{', '.join(names)}]}}}}\n"
        f"a phone on each:\n  device_rates: {{kind: traces, folder: {to}}}\n"
    )
