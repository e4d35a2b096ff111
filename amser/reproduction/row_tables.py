"""The reproduction as tables: the poster as printed, ours by rate, both side by side where the corpus is the same."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

from amser.console import Table
from amser.reproduction.published import Published, PublishedTable
from amser.reproduction.rows import LOW_RATES, RATES, Row
from amser.units import in_percent

TITLES = {"amser": "AMSER (our reading)", "umons": "UMONS", "xu": "Xu et al.", "yoon": "Yoon et al."}
METRICS = {
    "wer": "word error rate",
    "flagged": "flagged as doubtful",
    "accuracy": "accuracy",
    "unweighted_accuracy": "unweighted accuracy",
    "f1_weighted": "weighted F1",
    "f1_macro": "macro F1",
    "time": "time of 20,000 files",
    "energy": "energy of 20,000 files",
}


def rate_name(rate: float | None) -> str:
    """``raw`` or the compress rate in per cent."""
    return "raw" if rate is None else f"{100 * rate:g} %"


def subject_name(row: Row) -> str:
    """How a row's recognizer, network or codec is called in tables."""
    return TITLES.get(row.subject, row.subject)


def figure_text(row: Row) -> str:
    """A value in the unit that tables show: per cent for shares, seconds, kilowatt-hours."""
    if row.unit == "1":
        return f"{100 * row.value:.1f} %"
    return f"{row.value:.5f} kWh" if row.unit == "kWh" else f"{row.value:.2f} s"


def interval_text(row: Row) -> str:
    """The 95 % interval of a share, or a dash."""
    return "–" if row.low != row.low else f"{100 * row.low:.1f} to {100 * row.high:.1f} %"


def difference_text(row: Row, published: float) -> str:
    """Ours minus published: points for shares, per cent of the published value otherwise."""
    if row.unit == "1":
        return f"{100 * (row.value - published):+.1f} points"
    return f"{100 * (row.value / published - 1):+.1f} %"


def words_table(rows: Sequence[Row], metric: str = "wer") -> Table:
    """A line for each corpus and recognizer, a column for each rate; in per cent."""
    rates: list[float | None] = [None, *RATES, *LOW_RATES]
    table = Table(
        ["corpus", "recognizer", "n", *(rate_name(r) for r in rates)],
        title=f"{METRICS[metric].capitalize()} [%], with 95 % intervals" if metric == "wer" else METRICS[metric],
        right=frozenset(range(2, 3 + len(rates))),
    )
    for lines in _grouped(r for r in rows if r.table == "wer" and r.metric == metric):
        found = {r.rate: in_percent(r.value, r.low, r.high) for r in lines}
        first = lines[0]
        table.rows.append([first.corpus, first.subject, str(first.n), *(found.get(r, "–") for r in rates)])
    return table


def networks_table(rows: Sequence[Row], corpus: str, metric: str) -> Table:
    """A line for each network on one corpus, a column for each rate; in per cent, at the ends with intervals."""
    title = f"{corpus}: {METRICS[metric]} [%], with 95 % intervals at the ends"
    table = Table(["network", *(rate_name(r) for r in RATES), "12.5 % minus 100 %"], title=title)
    table.right = frozenset(range(1, 2 + len(RATES)))
    chosen = [r for r in rows if r.table == "emotion" and r.corpus == corpus and r.metric == metric]
    for lines in _grouped(chosen):
        found = {r.rate: r for r in lines}
        alike = [r for r in chosen if r.subject == lines[0].subject]
        name = subject_name(lines[0])
        for part in ("weights", "protocol"):
            if len({getattr(r, part) for r in alike}) > 1:
                name += f", {getattr(lines[0], part).partition(';')[0]}"
        ends = (RATES[0], RATES[-1])
        cells = [in_percent(found[r].value, found[r].low if r in ends else math.nan, found[r].high) for r in RATES]
        change = 100 * (found[RATES[-1]].value - found[RATES[0]].value)
        table.rows.append([name, *cells, f"{change:+.1f}"])
    return table


def printed_table(one: PublishedTable) -> Table:
    """A table of the poster as it is printed: a line for each compress rate."""
    head = "compress rate" if one.table == "emotion" else ""
    table = Table([head, *one.columns.values()], title=f"{one.caption} (the poster, as printed)")
    table.right = frozenset(range(len(table.columns)))
    table.rows = [[name, *texts] for name, texts in one.rows.items()]
    return table


def beside_table(rows: Iterable[Row], published: Published) -> Table:
    """The rows with a printed value on the same corpus: printed, ours and the difference in columns of their own."""
    columns = ["figure", "rate", "published", "ours", "95 % interval", "ours minus published"]
    table = Table([*columns, "protocol", "n"], right=frozenset({2, 3, 5, 7}))
    for row in rows:
        known = published.beside(row)
        if known is None:
            continue
        ours = [figure_text(row), interval_text(row), difference_text(row, known.value), row.protocol.partition(";")[0]]
        name = f"{subject_name(row)}, {METRICS[row.metric]}"
        table.rows.append([name, rate_name(row.rate), known.printed, *ours, f"{row.n:,}"])
    return table


def overhead_table(rows: Iterable[Row], published: Published) -> Table:
    """Time and energy of 20,000 files: published, ours, difference, and whether ours was fitted to it."""
    table = Table(["20,000 files", "published", "ours", "ours minus published", ""], right=frozenset({1, 2, 3}))
    for row in rows:
        known = published.beside(row)
        if row.table == "overhead" and known is not None:
            how = "predicted" if (row.subject, row.metric) == ("AMSER", "energy") else "fitted"
            cells = [known.printed, figure_text(row), difference_text(row, known.value), how]
            table.rows.append([f"{row.subject}, {row.metric}", *cells])
    return table


def papers_table(published: Published) -> Table:
    """What the baselines' own papers report on IEMOCAP, with their protocols."""
    table = Table(["network", "metric", "reported", "on", "protocol", "source"], right=frozenset({2}))
    for one in published.papers:
        reported = f"{100 * one.value:.1f} %"
        table.rows.append([TITLES[one.subject], METRICS[one.metric], reported, one.on, one.protocol, one.source])
    return table


def corpora_of(rows: Iterable[Row]) -> list[str]:
    """Corpora that emotion networks were measured on, in order."""
    return list(dict.fromkeys(row.corpus for row in rows if row.table == "emotion"))


def _grouped(rows: Iterable[Row]) -> list[list[Row]]:
    groups: dict[tuple[str, ...], list[Row]] = {}
    for row in rows:
        groups.setdefault((row.corpus, row.subject, row.weights, row.protocol), []).append(row)
    return list(groups.values())
