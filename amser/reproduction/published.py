"""What the poster prints, digit by digit, and what the baselines' own papers report.

A figure is kept as the text that was printed: 0.69840 says that five places are known, the number 0.6984 does not.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from importlib.resources import files
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from amser.reproduction.rows import Row


@dataclass(frozen=True)
class Figure:
    """One printed value."""

    table: str
    metric: str
    subject: str
    rate: float | None
    """The compress rate as a share; None where none is printed."""
    corpus: str
    """Empty where the poster names none."""
    printed: str

    @property
    def value(self) -> float:
        """The number, without its unit."""
        return float(self.printed.split()[0])


@dataclass(frozen=True)
class PublishedTable:
    """A table as it is printed."""

    table: str
    metric: str
    unit: str
    caption: str
    corpus: str
    columns: Mapping[str, str]
    """Our name of each column's subject, and the printed one."""
    rows: Mapping[str, tuple[str, ...]]
    """Printed values by the row's printed name."""

    def figures(self) -> list[Figure]:
        """Every value of the table."""
        return [
            Figure(self.table, self.metric, subject, _rate(row), self.corpus, text)
            for row, texts in self.rows.items()
            for subject, text in zip(self.columns, texts, strict=True)
        ]


@dataclass(frozen=True)
class Paper:
    """What a baseline's own paper reports, with its protocol."""

    subject: str
    metric: str
    value: float
    on: str
    protocol: str
    source: str


@dataclass(frozen=True)
class Published:
    """All printed tables, what is to be said of them, and the baselines' papers."""

    title: str
    source: str
    tables: tuple[PublishedTable, ...]
    notes: tuple[str, ...]
    papers: tuple[Paper, ...]

    @cached_property
    def figures(self) -> tuple[Figure, ...]:
        """Every printed value."""
        return tuple(figure for table in self.tables for figure in table.figures())

    def beside(self, row: Row) -> Figure | None:
        """The printed value of the same thing on the same corpus, if there is one.

        The overhead's files are named nowhere; its scenario is fitted to them, so it stands beside them.
        """
        wanted = (row.table, row.metric, row.subject, row.rate, "" if row.table == "overhead" else row.corpus)
        for figure in self.figures:
            if (figure.table, figure.metric, figure.subject, figure.rate, figure.corpus) == wanted:
                return figure
        return None


def load_published() -> Published:
    """The poster's tables as committed in `icassp2025.json`."""
    known = json.loads((files("amser.reproduction") / "icassp2025.json").read_text(encoding="utf-8"))
    return Published(
        known["title"],
        known["source"],
        tuple(
            PublishedTable(**{**one, "rows": {name: tuple(row) for name, row in one["rows"].items()}})
            for one in known["tables"]
        ),
        tuple(known["notes"]),
        tuple(Paper(**one) for one in known["papers"]),
    )


def _rate(row: str) -> float | None:
    return float(row.removesuffix(" %")) / 100 if row.endswith(" %") else None
