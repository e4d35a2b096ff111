"""Tabulate and draw what the emotion networks reach on people, from the measured tables that ship.

    python -m docs.make_emotions

Writes the tables between the `measured` comments of docs/results/emotion.md and the plot of docs/img.  Needs neither
audio nor weights: every class that a network gave stands in a table, of each seed and each training.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import matplotlib.pyplot as plt
import pandas as pd

from docs.make_measured import DOCS, FAMILIES, insert
from docs.make_plots import STYLE
from recognizers.measurement.make_table import RATES, predictions_of
from recognizers.measurement.shipped_tables import MeasuredTable, measured_tables
from recognizers.training.predictions import codec_losses, network_differences, scored

PAGE = DOCS / "results" / "emotion.md"
CORPORA = {"emodb": "EMO-DB", "ravdess": "RAVDESS"}
NETWORKS = {
    "amser": "AMSER's network",
    "yardstick": "logistic regression",
    "short": "AMSER's network, short pass",
    "yardshort": "logistic regression, short pass",
}
"""By their columns in the tables.  `amser evaluate --encoder --short` calls the last two `amser` and `yardstick`."""
SHORT = ("short", "yardshort")
TRAININGS = {"rates": "across rates", "clean": "clean"}
SHOWN = RATES[1:]
"""Rates in the tables by rate; 100 % stands with the other codecs."""
LOOKS = FAMILIES | {"AMSER fp16": (r"amser-[\d.]+-fp16", "#0072B2", "s"), "raw": (r"raw", "#000000", "s")}


@dataclass(frozen=True)
class Felt:
    """A measured table with emotions, and the scores of its networks."""

    table: MeasuredTable

    @property
    def title(self) -> str:
        """The corpus's name."""
        return CORPORA[self.table.corpus]

    @cached_property
    def told(self) -> pd.DataFrame:
        """Every class that a network gave."""
        return predictions_of(self.table.rows(), self.table.networks)

    @cached_property
    def scores(self) -> pd.DataFrame:
        """By network, training and codec."""
        return scored(self.told).set_index(["network", "training", "codec"]).sort_index()

    @cached_property
    def kbps(self) -> pd.Series:
        """All bits of all payloads over the duration of all speech, by codec, the smallest first."""
        once = self.told.drop_duplicates(["utterance", "codec"])
        sums = once.groupby("codec")[["payload_bytes", "duration_s"]].sum()
        return (8e-3 * sums["payload_bytes"] / sums["duration_s"]).sort_values()

    def losses(self, codec: str) -> pd.DataFrame:
        """Accuracy through a codec less that of raw speech, of the networks that were asked about it."""
        found = codec_losses(self.told, codec, "raw")
        return found.set_index(["network", "training"]) if len(found) else found

    def trainings(self) -> Iterator[tuple[str, str]]:
        """Networks and trainings, in the order of the tables."""
        known = set(zip(self.told["network"], self.told["training"], strict=True))
        yield from ((n, t) for n in NETWORKS for t in TRAININGS if (n, t) in known)


def factors(network: str) -> list[str]:
    """Raw speech and the rates, in the factors that a network was trained on: fp32, but fp16 for the short pass."""
    return ["raw", *(f"amser-{rate}{'-fp16' if network in SHORT else ''}" for rate in SHOWN)]


def felt() -> list[Felt]:
    """The tables with emotions."""
    return [Felt(table) for corpus in CORPORA for table in measured_tables() if table.corpus == corpus]


def points(value: float, low: float, high: float, sign: str = "+") -> str:
    """A share or a difference in percent, with its interval; none where no draw could differ."""
    if low != low:
        return "the same classes" if value == 0.0 else f"{100 * value:{sign}.1f}"
    return f"{100 * value:{sign}.1f} ({100 * low:{sign}.1f} to {100 * high:{sign}.1f})"


def headings(*names: str) -> str:
    """Of a table in Markdown."""
    return f"| {' | '.join(names)} |\n|{' --- |' * len(names)}"


def by_rate(tables: list[Felt]) -> str:
    """Accuracy of every network and training by rate."""
    rates = [f"{rate} %" for rate in SHOWN]
    lines = [headings("corpus", "network", "trained", "seeds", "raw", *rates, "UA, F1 raw", f"at {rates[-1]}")]
    for one in tables:
        for network, training in one.trainings():
            asked = [(network, training, codec) for codec in factors(network)]
            rows = [one.scores.loc[cell] if cell in one.scores.index else None for cell in asked]
            cells = ["–" if row is None else f"{100 * row.accuracy:.1f}{spread(row)}" for row in rows]
            ends = [row for row in (rows[0], rows[-1]) if row is not None]
            for place, row in zip((0, -1), ends, strict=True):
                cells[place] += f" ({100 * row.low:.1f} to {100 * row.high:.1f})"
            shares = [f"{100 * row.unweighted_accuracy:.1f}, {100 * row.f1_weighted:.1f}" for row in ends]
            seeds = "–" if network.startswith("yard") else str(ends[0].seeds)
            head = [one.title, NETWORKS[network], TRAININGS[training], seeds]
            lines.append(f"| {' | '.join([*head, *cells, *shares])} |")
    return "\n".join(lines)


def spread(row: Any) -> str:
    """The standard deviation between seeds, where there are several."""
    return f" ± {100 * row.deviation:.1f}" if row.seeds > 1 else ""


def losses_by_rate(tables: list[Felt]) -> str:
    """The loss from raw speech to every rate, paired by utterance."""
    lines = [headings("corpus", "network", "trained", *(f"{rate} %" for rate in SHOWN))]
    for one in tables:
        for network, training in one.trainings():
            found = [one.losses(codec) for codec in factors(network)[1:]]
            rows = [f.loc[(network, training)] if (network, training) in f.index else None for f in found]
            cells = ["–" if row is None else points(row.difference, row.low, row.high) for row in rows]
            lines.append(f"| {' | '.join([one.title, NETWORKS[network], TRAININGS[training], *cells])} |")
    return "\n".join(lines)


def against(tables: list[Felt], pairs: dict[str, str]) -> str:
    """Networks less others, trained across rates, paired; the factors of the short pass count as those of the other."""
    lines = [headings("corpus", "difference", "raw", *(f"{rate} %" for rate in SHOWN))]
    for one in tables:
        told = one.told.assign(codec=one.told["codec"].mask(one.told["network"].isin(SHORT), _plain(one.told["codec"])))
        for first, second in pairs.items():
            found = network_differences(told, first, second, "rates").set_index("codec")
            rows = [found.loc[c] if c in found.index else None for c in factors(first)]
            cells = ["–" if r is None else points(r.difference, r.low, r.high) for r in rows]
            lines.append(f"| {one.title} | {NETWORKS[first]} less {NETWORKS[second]} | {' | '.join(cells)} |")
    return "\n".join(lines)


def _plain(codecs: pd.Series) -> pd.Series:
    return codecs.str.removesuffix("-fp16")


def at_bytes(one: Felt) -> str:
    """All codecs of a corpus by their bytes, AMSER's network trained across rates, of either pass."""
    lines = [headings("codec", "kbit/s", "accuracy, %", "less raw, points", "short pass, %", "less raw, points")]
    for codec, kbps in one.kbps.items():
        cells: list[str] = []
        for network in ("amser", "short"):
            if (network, "rates", codec) not in one.scores.index:
                cells += ["–", "–"]
                continue
            row, loss = one.scores.loc[(network, "rates", codec)], ""
            if codec != "raw":
                loss = points(*one.losses(str(codec)).loc[(network, "rates")][["difference", "low", "high"]])
            cells += [points(row.accuracy, row.low, row.high, ""), loss]
        lines.append(f"| {codec} | {kbps:.1f} | {' | '.join(cells)} |")
    return "\n".join(lines)


def plot_bytes(tables: list[Felt]) -> None:
    """Accuracy against the bytes of a second, one panel a corpus: the window filled, the short pass hollow."""
    figure, grid = plt.subplots(1, len(tables), figsize=(9.6, 3.9), layout="constrained", squeeze=False)
    for axis, one in zip(grid.flat, tables, strict=True):
        for network in ("amser", "short"):
            _curves(axis, one, network)
        raw = one.scores.loc[("amser", "rates", "raw")]
        axis.axhline(100 * raw.accuracy, color="black", lw=0.7, ls=":")
        axis.set(title=f"{one.title} (n = {raw.utterances}, {raw.speakers} speakers)", xlabel="payload [kbit/s]")
        axis.set_xscale("log")
    grid[0, 0].set_ylabel("accuracy [%]")
    grid[0, 0].legend(frameon=False, fontsize=7)
    figure.savefig(DOCS / "img" / "emotion-bytes.svg", metadata={"Date": None, "Creator": None})
    plt.close(figure)


def _curves(axis: Any, one: Felt, network: str) -> None:
    """A curve for each family of codecs that a network was asked about."""
    found, hollow = one.scores.loc[(network, "rates")], network in SHORT
    for family, (pattern, colour, mark) in LOOKS.items():
        members = [codec for codec in one.kbps.index if codec in found.index and re.fullmatch(pattern, codec)]
        if not members:
            continue
        rows = found.loc[members]
        ends: Any = [100 * (rows["accuracy"] - rows["low"]), 100 * (rows["high"] - rows["accuracy"])]
        look = {"color": colour, "lw": 1.2, "elinewidth": 0.4, "ms": 5, "ls": "--" if hollow else "-"}
        look |= {"label": f"{family}, short pass" if hollow else family, "mfc": "white" if hollow else colour}
        axis.errorbar(one.kbps[members], 100 * rows["accuracy"], ends, marker=mark, **look)


def main() -> None:
    """Write everything."""
    tables = felt()
    insert("rates", by_rate(tables), PAGE)
    insert("losses", losses_by_rate(tables), PAGE)
    insert("yardstick", against(tables, {"amser": "yardstick"}), PAGE)
    insert("passes", against(tables, {"amser": "short", "yardstick": "yardshort"}), PAGE)
    for one in tables:
        insert(f"bytes {one.table.corpus}", at_bytes(one), PAGE)
    with plt.rc_context(STYLE):  # type: ignore[arg-type]
        plot_bytes(tables)


if __name__ == "__main__":
    main()
