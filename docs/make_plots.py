"""Draw the plots of the documentation from runs of the ready scenarios.

    python -m docs.make_plots [--results FOLDER] [scenario ...]

Needs matplotlib.  Replications that FOLDER (default: ``results``) holds already are reused, so drawing again is quick.
Every plot is an SVG below 100 kB in ``docs/img``, the same to the byte for the same results.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.figure import Figure

import amser

IMAGES = Path(__file__).parent / "img"
RESULTS = Path(__file__).parent / "results"
STYLE = {
    "svg.fonttype": "none",
    "svg.hashsalt": "amser",
    "font.family": "sans-serif",
    "font.size": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.color": "#E7E5E4",
    "axes.axisbelow": True,
    "legend.frameon": False,
}
COLOURS = {
    "raw": "#1C1917", "flac": "#B07D00", "opus-16": "#D55E00", "amser-25": "#0072B2", "amser-12.5": "#56B4E9",
}  # fmt: skip
MARKS = {"raw": "s", "flac": "D", "opus-16": "^", "amser-25": "o", "amser-12.5": "o"}
ABOVE: dict[str, Any] = {"loc": "lower left", "bbox_to_anchor": (0.0, 1.0), "borderaxespad": 0.2, "columnspacing": 1.2}
"""A legend above the axes, where it covers nothing."""
HELD_TAIL_S = 11.576  # tail of Huang et al., MobiSys 2012 (remembered)
NOTHING_HEARD = ["recognizer={kind: none}", "emotion={kind: none}", "server.service=host-cpu/nano"]


def wide(results: Any, value: str = "mean") -> pd.DataFrame:
    """The summary with one row for each point and one column for each metric."""
    table: pd.DataFrame = results.summary.pivot_table(
        index=results.parameters, columns="metric", values=value, sort=False
    )
    return table.reset_index()


def overhead(root: Path) -> Figure:
    """Time and energy of 20,000 files against the bytes of one, on the PC and on a phone."""
    table = wide(amser.run("icassp2025-overhead", results_root=root))
    table["time_s"] = 20_000 * (table["latency_mean_s"] + 1e-6)
    table["wh"] = (20_000 * table["energy_per_upload_j"] + table["device_idle_power_w"] * table["time_s"]) / 3600.0
    figure, axes = plt.subplots(1, 2, figsize=(7.6, 3.3), layout="constrained")
    senders = {"{": ("poster's PC, 49.6 W", "#1C1917", "s"), "wifi": ("phone, WiFi", "#009E73", "o"),
               "lte": ("phone, LTE", "#D55E00", "^"), "sa": ("phone, 5G SA", "#0072B2", "D")}  # fmt: skip
    for start, (label, colour, mark) in senders.items():
        rows = table[table["devices.sender.radio"].str.startswith(start)].sort_values("payload_mean_bytes")
        for axis, column in zip(axes, ("time_s", "wh"), strict=True):
            axis.loglog(rows["payload_mean_bytes"] / 1e3, rows[column], color=colour, marker=mark, ms=4, label=label)
    for axis, published in zip(axes, ((406.58, 180.75), (5.6, 2.5)), strict=True):
        axis.loglog((144.0, 21.2), published, "x", color="#CC0000", ms=9, mew=2, label="published")
        axis.set_xlabel("bytes of a file [kB]")
        axis.set_xticks([10, 20, 50, 100, 200], ["10", "20", "50", "100", "200"])
    axes[0].set_ylabel("time of 20,000 files [s]")
    axes[0].set_yticks([200, 500, 1000, 2000, 5000], ["200", "500", "1,000", "2,000", "5,000"])
    axes[1].set_ylabel("energy of 20,000 files [Wh]")
    axes[1].set_yticks([0.2, 0.5, 1, 2, 5], ["0.2", "0.5", "1", "2", "5"])
    for axis in axes:
        axis.minorticks_off()
    axes[0].legend(fontsize=8)
    return figure


def lte_tail(root: Path) -> Figure:
    """What a tenth of the bytes saves on LTE, by what happens to the tail."""
    table = wide(amser.run("lte-tail", results_root=root))
    joules = table.set_index([c for c in table.columns if c.startswith("devices.phone.") and "codec" not in c])
    raw = joules[joules["devices.phone.codec"] == "raw-pcm"]["energy_per_upload_j"]
    tenth = joules[joules["devices.phone.codec"] == "tenth"]["energy_per_upload_j"]
    saved = (100.0 * (1.0 - tenth / raw)).reset_index()
    policy, radio, traffic = (saved[f"devices.phone.{k}"] for k in ("policy", "radio", "traffic"))
    apart = traffic.str.contains("periodic")
    figure, axes = plt.subplots(1, 3, figsize=(9.2, 3.0), layout="constrained", sharey=True)
    held = saved[apart & (radio == "lte-2012") & ~policy.str.contains("stream")]
    k = [
        int(p.partition('"largest": ')[2].rstrip("}") or 1) if "hold" in p else 1 for p in held["devices.phone.policy"]
    ]
    many = [1.1**i for i in range(48)]
    axes[0].semilogx(many, [closed_form(n, HELD_TAIL_S) for n in many], color="#999999", label="closed form")
    axes[0].semilogx(k, held["energy_per_upload_j"], "o", color="#D55E00", label="simulated")
    axes[0].set_xlabel("uploads that share a tail")
    axes[0].set_ylabel("saved by a tenth of the bytes [%]")
    cut = saved[apart & ~policy.str.contains("hold|stream")]
    tails = [_seconds(text) for text in cut["devices.phone.radio"]]
    lengths = [0.15 * 1.1**i for i in range(46)]
    axes[1].semilogx(lengths, [closed_form(1, t) for t in lengths], color="#999999")
    axes[1].semilogx(tails, cut["energy_per_upload_j"], "o", color="#0072B2")
    axes[1].set_xlabel("tail left by fast dormancy [s]")
    random = saved[~apart]
    rates = [float(t.partition('"rate": "')[2].partition(" ")[0]) for t in random["devices.phone.traffic"]]
    speeds = [0.5 * 1.1**i for i in range(44)]
    axes[2].semilogx(speeds, [closed_form(1, HELD_TAIL_S, r / 60.0) for r in speeds], color="#999999")
    axes[2].semilogx(rates, random["energy_per_upload_j"], "o", color="#009E73")
    axes[2].set_xlabel("utterances a minute, at random")
    axes[0].legend(fontsize=8)
    axes[0].set_ylim(0, 80)
    return figure


def closed_form(sharers: float, tail_s: float, rate_per_s: float = 0.0) -> float:
    """Per cent that 14.4 kB save against 144 kB at 5 Mbit/s, with the figures of Huang et al. (remembered).

    Promotion and tail are shared by ``sharers``.  With ``rate_per_s`` uploads come at random instead: the radio falls
    asleep between two with probability exp(-r T), a tail lasts (1 - exp(-r T)) / r on average, and none begins while
    the radio still sends, which is a share r * S / C of the time.
    """
    r, energy = rate_per_s, []
    asleep = math.exp(-r * tail_s) if r else 1.0
    tail_j = 1.060 * ((1.0 - asleep) / r if r else tail_s)
    for size in (144_000, 14_400):
        active_s = size * 8 / 5e6
        shared = (0.3149 * asleep + tail_j) * (1.0 - r * active_s) / sharers
        energy.append(shared + (0.43839e-6 * 5e6 + 1.28804) * active_s)
    return 100.0 * (1.0 - energy[1] / energy[0])


def _seconds(radio: str) -> float:
    amount, _, unit = radio.partition('"fast_dormancy": "')[2].rstrip('"}').partition(" ")
    return HELD_TAIL_S if not amount else float(amount) * (1e-3 if unit == "ms" else 1.0)


def stadium(root: Path) -> Figure:
    """95th percentile of latency against how often each phone speaks, by codec."""
    results = amser.run("5g-stadium", results_root=root)
    table = wide(results)
    figure, axis = plt.subplots(figsize=(5.4, 3.4), layout="constrained")
    for codec, rows in table.groupby("devices.phones.codec", sort=False):
        rate = [float(r.partition(" ")[0]) for r in rows["devices.phones.traffic.rate"]]
        axis.loglog(rate, rows["latency_p95_s"], color=COLOURS[str(codec)], marker=MARKS[str(codec)], ms=4, label=codec)
    axis.set_xticks([0.5, 1, 2, 4, 8], ["0.5", "1", "2", "4", "8"])
    axis.minorticks_off()
    axis.set_xlabel("utterances of each of 3,000 phones a minute")
    axis.set_ylabel("95th percentile of latency [s]")
    axis.legend(fontsize=8)
    return figure


def adaptive(root: Path) -> Figure:
    """Payload rate against the slow replies: fixed ranks and policies."""
    results = amser.run("adaptive-rank", results_root=root)
    mean, low, high = (wide(results, column) for column in ("mean", "low", "high"))
    figure, axis = plt.subplots(figsize=(5.4, 3.4), layout="constrained")
    for i, (_, row) in enumerate(mean.iterrows()):
        policy, codec = row["devices.phones.policy"], row["devices.phones.codec"]
        fixed = policy == "fixed"
        name = codec if fixed else policy.partition('"kind": "')[2].partition('"')[0]
        x, y = row["payload_bitrate_bps"] / 1e3, row["latency_p95_s"]
        spread = [[max(y - low["latency_p95_s"][i], 0.0)], [high["latency_p95_s"][i] - y]]
        axis.errorbar(x, y, yerr=spread, fmt="s" if fixed else "o", ms=5, capsize=2,
                      color="#78716C" if fixed else "#0072B2")  # fmt: skip
        side = "right" if name == "battery" else "left"
        place = (-6.0 if side == "right" else 6.0, -9.0 if name == "link" else 4.0)
        axis.annotate(name, (x, y), xytext=place, textcoords="offset points", fontsize=8, ha=side)
    axis.set_yscale("log")
    axis.set_xlim(0, 430)
    axis.set_xlabel("mean payload rate [kbit/s of speech]: more is a higher rank")
    axis.set_ylabel("95th percentile of latency [s]")
    return figure


def components(name: str, key: str, root: Path) -> Figure:
    """Energy of an upload by component, and mean latency, for each codec of a scenario."""
    table = wide(amser.run(name, [*NOTHING_HEARD, "sweep.replications=2", "duration=10 min"], results_root=root))
    figure, axes = plt.subplots(1, 2, figsize=(7.6, 2.8), layout="constrained")
    bottom = 0.0 * table["energy_per_upload_j"]
    colours = {"encode": "#0072B2", "wake": "#56B4E9", "transmit": "#D55E00", "tail": "#E69F00"}
    for part, colour in colours.items():
        axes[0].bar(table[key], table[f"energy_{part}_j"], bottom=bottom, color=colour, label=part)
        bottom = bottom + table[f"energy_{part}_j"]
    axes[0].set_ylabel("energy of an upload [J]")
    axes[0].legend(fontsize=8, ncols=4, **ABOVE)
    axes[1].bar(table[key], table["latency_p95_s"], color="#D6D3D1", label="95th percentile")
    axes[1].bar(table[key], table["latency_mean_s"], color="#78716C", width=0.5, label="mean")
    axes[1].set_ylabel("latency [s]")
    axes[1].legend(fontsize=8, ncols=2, **ABOVE)
    for axis in axes:
        axis.set_ylim(bottom=0.0)
        axis.set_xlabel("codec")
        axis.grid(visible=False, axis="x")
    return figure


def capacities(root: Path) -> Figure:
    """The most phones of each cell by codec; the bisection takes three quarters of an hour, so its output is kept."""
    found = json.loads((RESULTS / "cell-capacity.json").read_text(encoding="utf-8"))["points"]
    figure, axis = plt.subplots(figsize=(6.4, 3.4), layout="constrained")
    cells = {"wifi": "WiFi 802.11n", "lte": "LTE 10 MHz", "nr": "5G 100 MHz"}
    cells = {c: name for c, name in cells.items() if any(p["parameters"]["devices.phones.cell"] == c for p in found)}
    codecs = ("raw", "flac", "amser-25", "amser-12.5", "opus-16")
    for i, codec in enumerate(codecs):
        mine = {c["parameters"]["devices.phones.cell"]: c for c in found
                if c["parameters"]["devices.phones.codec"] == codec}  # fmt: skip
        rows = [mine[cell] for cell in cells]
        x = [k + 0.16 * (i - 2) for k in range(len(cells))]
        value = [r["value"] for r in rows]  # not decided: the bar reaches from what is sure to what is not missed
        spread = [[r["value"] - (r["sure"] or 0.0) for r in rows], [r["hopeful"] - r["value"] for r in rows]]
        axis.bar(x, value, width=0.15, color=COLOURS[codec], yerr=spread, capsize=2, ecolor="#78716C", label=codec)
    axis.set_yscale("log")
    axis.set_ylim(20, 300_000)
    axis.set_xticks(range(len(cells)), cells.values())
    axis.grid(visible=False, axis="x")
    axis.set_ylabel("phones with 95 % of the replies within 1 s")
    axis.legend(fontsize=8, ncols=5, loc="upper center")
    return figure


def driving(root: Path) -> Figure:
    """Handovers of an upload and the slow replies against the hysteresis, by codec."""
    table = wide(amser.run("driving", results_root=root))
    figure, axes = plt.subplots(1, 2, figsize=(7.6, 2.9), layout="constrained")
    for codec, rows in table.groupby("devices.cars.codec", sort=False):
        hysteresis = [float(h.partition(" ")[0]) for h in rows["devices.cars.handover.hysteresis"]]
        look: dict[str, Any] = {"color": COLOURS[str(codec)], "marker": MARKS[str(codec)], "ms": 4}
        axes[0].plot(hysteresis, 100.0 * rows["handovers_per_upload"], label=codec, **look)
        axes[1].plot(hysteresis, rows["latency_p99_s"], label=f"{codec}, 99th percentile", **look)
        axes[1].plot(hysteresis, rows["latency_p95_s"], label=f"{codec}, 95th", ls="--", **look)
    axes[0].set_ylabel("handovers of 100 uploads")
    axes[1].set_ylabel("latency [s]")
    for axis in axes:
        axis.set_ylim(bottom=0.0)
        axis.set_xlabel("hysteresis [dB]")
        axis.legend(fontsize=8, ncols=2, **ABOVE)
    return figure


PLOTS: dict[str, Callable[[Path], Figure]] = {
    "icassp2025-overhead": overhead,
    "lte-tail": lte_tail,
    "5g-stadium": stadium,
    "driving": driving,
    "adaptive-rank": adaptive,
    "cell-capacity": capacities,
    "wifi-office": lambda root: components("wifi-office", "devices.phones.codec", root),
    "lte-city": lambda root: components("lte-city", "devices.phones.codec", root),
}


def main(arguments: Sequence[str] | None = None) -> None:
    """Draw the plots that are asked for, or all."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("scenarios", nargs="*", metavar="scenario", help=f"of {', '.join(PLOTS)}")
    parser.add_argument("--results", type=Path, default=Path("results"), help="folder for the runs")
    chosen = parser.parse_args(arguments)
    unknown = set(chosen.scenarios) - set(PLOTS)
    if unknown:
        parser.error(f"no plot of {', '.join(sorted(unknown))}; there are {', '.join(PLOTS)}")
    IMAGES.mkdir(exist_ok=True)
    with plt.rc_context(STYLE):  # type: ignore[arg-type]
        for name in chosen.scenarios or PLOTS:
            path = IMAGES / f"{name}.svg"
            PLOTS[name](chosen.results).savefig(path, metadata={"Date": None, "Creator": None})
            sys.stdout.write(f"{path}: {path.stat().st_size / 1e3:.0f} kB\n")


if __name__ == "__main__":
    main()
