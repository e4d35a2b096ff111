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
NETWORKS = {"amser": "AMSER's network", "yardstick": "logistic regression"}
TRAININGS = {"rates": "across rates", "clean": "clean"}
FACTORS = ("raw", *(f"amser-{rate}-fp16" for rate in RATES[1:]))
"""Raw speech and the rates in fp16, which all trainings were tested on; 100 % stands with the other codecs."""
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
        both = self.told[self.told["codec"].isin([codec, "raw"])]
        asked = both.groupby(["network", "training"])["codec"].transform("nunique") == 2
        found = codec_losses(both[asked], codec, "raw")
        return found.set_index(["network", "training"])

    def trainings(self) -> Iterator[tuple[str, str]]:
        """Networks and trainings, in the order of the tables."""
        known = set(zip(self.told["network"], self.told["training"], strict=True))
        yield from ((n, t) for n in NETWORKS for t in TRAININGS if (n, t) in known)


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
    rates = [f"{rate} %" for rate in RATES[1:]]
    lines = [headings("corpus", "network", "trained", "seeds", "raw", *rates, "UA, F1 raw", f"at {rates[-1]}")]
    for one in tables:
        for network, training in one.trainings():
            rows = [one.scores.loc[(network, training, codec)] for codec in FACTORS]
            seeds = str(rows[0].seeds) if network == "amser" else "–"
            cells = [f"{100 * row.accuracy:.1f}" + (f" ± {100 * row.deviation:.1f}" if row.seeds > 1 else "")
                     for row in rows]  # fmt: skip
            for place in (0, -1):
                cells[place] += f" ({100 * rows[place].low:.1f} to {100 * rows[place].high:.1f})"
            shares = [f"{100 * rows[p].unweighted_accuracy:.1f}, {100 * rows[p].f1_weighted:.1f}" for p in (0, -1)]
            lines.append(
                f"| {' | '.join([one.title, NETWORKS[network], TRAININGS[training], seeds, *cells, *shares])} |"
            )
    return "\n".join(lines)


def losses_by_rate(tables: list[Felt]) -> str:
    """The loss from raw speech to every rate, paired by utterance."""
    lines = [headings("corpus", "network", "trained", *(f"{rate} %" for rate in RATES[1:]))]
    for one in tables:
        found = {codec: one.losses(codec) for codec in FACTORS[1:]}
        for network, training in one.trainings():
            rows = [found[codec].loc[(network, training)] for codec in FACTORS[1:]]
            cells = [points(row.difference, row.low, row.high) for row in rows]
            lines.append(f"| {' | '.join([one.title, NETWORKS[network], TRAININGS[training], *cells])} |")
    return "\n".join(lines)


def against_yardstick(tables: list[Felt]) -> str:
    """AMSER's network less the regression, trained across rates, paired."""
    lines = [headings("corpus", "raw", *(f"{rate} %" for rate in RATES[1:]))]
    for one in tables:
        told = one.told[one.told["codec"].isin(FACTORS)]
        rows = network_differences(told, "amser", "yardstick", "rates").set_index("codec").loc[list(FACTORS)]
        lines.append(f"| {one.title} | {' | '.join(points(r.difference, r.low, r.high) for r in rows.itertuples())} |")
    return "\n".join(lines)


def at_bytes(one: Felt) -> str:
    """All codecs of a corpus by their bytes, AMSER's network trained across rates."""
    lines = [headings("codec", "kbit/s", "accuracy, %", "less raw, points", "seeds")]
    for codec, kbps in one.kbps.items():
        if ("amser", "rates", codec) not in one.scores.index:
            continue
        row = one.scores.loc[("amser", "rates", codec)]
        loss = (
            ""
            if codec == "raw"
            else points(*one.losses(str(codec)).loc[("amser", "rates")][["difference", "low", "high"]])
        )
        accuracy = points(row.accuracy, row.low, row.high, "")
        lines.append(f"| {codec} | {kbps:.1f} | {accuracy} | {loss} | {row.seeds} |")
    return "\n".join(lines)


def plot_bytes(tables: list[Felt]) -> None:
    """Accuracy against the bytes of a second, one panel a corpus."""
    figure, grid = plt.subplots(1, len(tables), figsize=(9.6, 3.9), layout="constrained", squeeze=False)
    for axis, one in zip(grid.flat, tables, strict=True):
        found = one.scores.loc[("amser", "rates")]
        for family, (pattern, colour, mark) in LOOKS.items():
            members = [codec for codec in one.kbps.index if codec in found.index and re.fullmatch(pattern, codec)]
            if not members:
                continue
            rows = found.loc[members]
            ends: Any = [100 * (rows["accuracy"] - rows["low"]), 100 * (rows["high"] - rows["accuracy"])]
            look = {"color": colour, "label": family, "lw": 1.2, "elinewidth": 0.6, "ms": 5}
            axis.errorbar(one.kbps[members], 100 * rows["accuracy"], ends, fmt=f"{mark}-", **look)
        raw = found.loc["raw"]
        axis.axhline(100 * raw.accuracy, color="black", lw=0.7, ls=":")
        axis.set(title=f"{one.title} (n = {raw.utterances}, {raw.speakers} speakers)", xlabel="payload [kbit/s]")
        axis.set_xscale("log")
    grid[0, 0].set_ylabel("accuracy [%]")
    grid[0, 0].legend(frameon=False, fontsize=8)
    figure.savefig(DOCS / "img" / "emotion-bytes.svg", metadata={"Date": None, "Creator": None})
    plt.close(figure)


def main() -> None:
    """Write everything."""
    tables = felt()
    insert("rates", by_rate(tables), PAGE)
    insert("losses", losses_by_rate(tables), PAGE)
    insert("yardstick", against_yardstick(tables), PAGE)
    for one in tables:
        insert(f"bytes {one.table.corpus}", at_bytes(one), PAGE)
    with plt.rc_context(STYLE):  # type: ignore[arg-type]
        plot_bytes(tables)


if __name__ == "__main__":
    main()
