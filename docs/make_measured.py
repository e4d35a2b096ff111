"""Draw and tabulate the measured tables: word errors against compress rate, and at equal bytes.

    python -m docs.make_measured

Writes the plots of docs/img and the tables between the `measured` comments of docs/results/wer.md.  Needs neither
audio nor weights: the figures are those of the tables that ship.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import pandas as pd

from recognizers.measurement.make_table import RATES
from recognizers.measurement.shipped_tables import MeasuredTable, measured_tables
from recognizers.scores.bootstrap import Counts, Score, differences, scores
from recognizers.scores.table_counts import word_counts
from recognizers.scores.word_errors import word_scores

DOCS = Path(__file__).resolve().parent
PAGE = DOCS / "results" / "wer.md"
POSTER = ("raw", *(f"amser-{rate}" for rate in RATES))
COLOURS = {"librispeech": "#0072B2", "speechocean": "#D55E00"}
NAMES = {"librispeech": "LibriSpeech", "speechocean": "speechocean762"}
FAMILIES: dict[str, tuple[str, str, str]] = {  # pattern of the names, colour, mark; Okabe and Ito's palette
    "AMSER fp32 (poster)": (r"amser-[\d.]+", "#0072B2", "o"),
    "AMSER fp16": (r"amser-[\d.]+-fp16", "#3D8FCC", "o"),
    "AMSER int8": (r"amser-[\d.]+-int8", "#56B4E9", "o"),
    "mel-klt": (r"klt-\d+", "#009E73", "*"),
    "Opus": (r"opus-\d+", "#D55E00", "^"),
    "Opus, wide band forced": (r"opus-\d+-wb", "#7A3600", "^"),
    "MP3": (r"mp3-\d+", "#CC79A7", "v"),
    "AMR narrow band": (r"amr-[\d.]+", "#6B4226", "P"),
    "DSR after ES 201 108": (r"dsr-.*", "#999999", "X"),
    "Codec2": (r"codec2-.*", "#E69F00", "D"),
    "FLAC": (r"flac", "#000000", "s"),
}
KLT = re.compile(r"klt-(\d+)$")
OPUS = re.compile(r"opus-\d+(-wb)?(-60ms)?$")


@dataclass(frozen=True)
class Heard:
    """A measured table and the scores of its codecs."""

    table: MeasuredTable

    @cached_property
    def frame(self) -> pd.DataFrame:
        """All rows."""
        return self.table.rows()

    @property
    def title(self) -> str:
        """Corpus and model."""
        return f"{NAMES[self.table.corpus]}, {self.table.model}"

    @cached_property
    def codecs(self) -> list[str]:
        """In the order of their bytes."""
        return [str(name) for name in self.rates.sort_values().index]

    @cached_property
    def rates(self) -> pd.Series:
        """All bits of all payloads over the duration of all speech, kbit/s, by codec."""
        sums = self.frame.groupby("codec")[["payload_bytes", "duration_s"]].sum()
        return 8e-3 * sums["payload_bytes"] / sums["duration_s"]

    def counts(self, codec: str) -> Counts:
        """Word errors and words by utterance."""
        return word_counts(self.frame[self.frame["codec"] == codec])

    def wer(self, codec: str) -> Score:
        """Word error rate of a codec."""
        return scores(self.counts(codec), word_scores)["wer"]

    def loss(self, codec: str, against: str = "raw") -> Score:
        """Word error rate of a codec minus another's, paired by utterance."""
        return differences(self.counts(codec), self.counts(against), word_scores)["wer"]


def heard() -> list[Heard]:
    """The tables of words, corpus by corpus."""
    found = [Heard(table) for table in measured_tables() if table.corpus in NAMES]
    return sorted(found, key=lambda one: (list(NAMES).index(one.table.corpus), one.table.model != "tiny.en"))


def percent(score: Score, sign: str = "") -> str:
    """A score in points with its interval."""
    ends = "" if score.low != score.low else f" [{100 * score.low:{sign}.1f}, {100 * score.high:{sign}.1f}]"
    return f"{100 * score.value:{sign}.1f}{ends}"


def by_rate(tables: list[Heard]) -> str:
    """The poster's relation as a table: one row a corpus and model."""
    lines = ["| corpus, model | n | words | raw | " + " | ".join(f"{rate} %" for rate in RATES) + " |"]
    lines.append("| --- |" + " ---: |" * (3 + len(RATES)))
    for one in tables:
        words = int(one.counts("raw").values[:, 1].sum())
        cells = [percent(one.wer(codec)) for codec in POSTER]
        lines.append(f"| {one.title} | {one.wer('raw').n} | {words:,} | " + " | ".join(cells) + " |")
        losses = ["", *(percent(one.loss(codec), "+") for codec in POSTER[1:])]
        lines.append("| *minus raw, paired* | | | " + " | ".join(losses) + " |")
    return "\n".join(lines)


def at_bytes(one: Heard) -> str:
    """All codecs of one table by their bytes."""
    lines = [
        f"{one.title}: {one.wer('raw').n} utterances.", "",
        "| codec | kbit/s | WER, % | minus raw, points |", "| --- | ---: | ---: | ---: |",
    ]  # fmt: skip
    for codec in one.codecs:
        figures = f"{one.rates[codec]:.1f} | {percent(one.wer(codec))} | {percent(one.loss(codec), '+')}"
        lines.append(f"| {codec} | {figures} |")
    return "\n".join(lines)


def rivals(one: Heard) -> Iterator[tuple[str, str]]:
    """Each Opus with the largest mel-klt that takes no more bytes, and at least half of them."""
    klt = [codec for codec in one.codecs if KLT.match(codec)]
    for opus in (codec for codec in one.codecs if OPUS.match(codec)):
        fitting = [codec for codec in klt if one.rates[opus] / 2 <= one.rates[codec] <= one.rates[opus]]
        if fitting:
            yield fitting[-1], opus


def against_opus(tables: list[Heard]) -> str:
    """mel-klt minus Opus at no more bytes, paired."""
    lines = ["| corpus, model | mel-klt | kbit/s | Opus | kbit/s | difference, points |"]
    lines.append("| --- | --- | ---: | --- | ---: | ---: |")
    for one in tables:
        for klt, opus in rivals(one):
            rates = (f"{one.rates[codec]:.1f}" for codec in (klt, opus))
            first, second = rates
            loss = percent(one.loss(klt, opus), "+")
            lines.append(f"| {one.title} | {klt} | {first} | {opus} | {second} | {loss} |")
    return "\n".join(lines)


def plot_rates(tables: list[Heard]) -> None:
    """The poster's plot with Whisper itself."""
    figure, axes = plt.subplots(1, len(NAMES), figsize=(9.0, 3.6), constrained_layout=True)
    for axis, corpus in zip(axes, NAMES, strict=True):
        for one in (one for one in tables if one.table.corpus == corpus):
            style = "o-" if one.table.model == "tiny.en" else "s--"
            points = [one.wer(codec) for codec in POSTER[1:]]
            x = [float(rate) for rate in RATES]
            line = axis.plot(x, [100 * p.value for p in points], style, color=COLOURS[corpus], label=one.table.model)[0]
            low, high = ([100 * getattr(p, end) for p in points] for end in ("low", "high"))
            axis.fill_between(x, low, high, color=line.get_color(), alpha=0.12)
            axis.axhline(100 * one.wer("raw").value, color=line.get_color(), lw=0.7, ls=line.get_linestyle())
        axis.set(title=f"{NAMES[corpus]}", xlabel="compress rate, rank / 80 [%]", ylabel="word error rate [%]")
        axis.set_xscale("log")
        axis.set_xticks([float(rate) for rate in RATES], RATES)
        axis.minorticks_off()
        axis.set_ylim(bottom=0)
        axis.legend(title="Whisper; thin: raw audio", frameon=False)
    figure.savefig(DOCS / "img" / "wer-rate.svg")
    plt.close(figure)


def plot_bytes(tables: list[Heard]) -> None:
    """Word errors at equal bytes, one panel a table."""
    figure, grid = plt.subplots(2, 2, figsize=(10.0, 7.0), constrained_layout=True, squeeze=False)
    for axis, one in zip(grid.flat, tables, strict=False):
        for family, (pattern, colour, marker) in FAMILIES.items():
            members = [codec for codec in one.codecs if re.fullmatch(pattern, codec)]
            if not members:
                continue
            points = [one.wer(codec) for codec in members]
            values = [100 * p.value for p in points]
            errors: Any = [[100 * (p.value - p.low) for p in points], [100 * (p.high - p.value) for p in points]]
            look = {"color": colour, "label": family, "lw": 1.2, "elinewidth": 0.6, "ms": 5}
            axis.errorbar([one.rates[c] for c in members], values, errors, fmt=f"{marker}-", **look)
        axis.axhline(100 * one.wer("raw").value, color="black", lw=0.7, ls=":")
        axis.set(title=f"{one.title} (n = {one.wer('raw').n})", xlabel="payload [kbit/s]", ylabel="word error rate [%]")
        axis.set_xscale("log")
        axis.set_ylim(bottom=0)
    grid.flat[0].legend(frameon=False, fontsize=8)
    figure.savefig(DOCS / "img" / "wer-bytes.svg")
    plt.close(figure)


def insert(name: str, text: str, file: Path = PAGE) -> None:
    """Put a table between the page's comments of that name."""
    page = file.read_text(encoding="utf-8")
    region = re.compile(rf"(<!-- measured {name}: begin -->\n).*?(<!-- measured {name}: end -->)", re.DOTALL)
    if not region.search(page):
        raise SystemExit(f"{file}: no comments `measured {name}`")
    file.write_text(region.sub(lambda match: f"{match[1]}\n{text}\n\n{match[2]}", page), encoding="utf-8")


def main() -> None:
    """Write everything."""
    tables = heard()
    insert("rates", by_rate(tables))
    insert("opus", against_opus(tables))
    insert("bytes", "\n\n".join(at_bytes(one) for one in tables))
    plot_rates(tables)
    plot_bytes(tables)


if __name__ == "__main__":
    main()
