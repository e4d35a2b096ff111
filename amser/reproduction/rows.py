"""One measured figure with all that it stands on, and the published one beside it, never in its place."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd

    from amser.reproduction.published import Published

RATES = (1.0, 0.5, 0.25, 0.1875, 0.125)
"""The poster's compress rates: rank / bands."""
LOW_RATES = (0.075, 0.05)
"""Beyond the poster, where recognition breaks: ranks 6 and 4 of 80 bands."""


@dataclass(frozen=True)
class Row:
    """A figure of ours.  ``rate`` is the compress rate, None for raw audio and what has none."""

    table: str
    """``wer``, ``emotion`` or ``overhead``."""
    subject: str
    """What is measured: a recognizer, a network, ``raw`` or ``AMSER``."""
    corpus: str
    weights: str
    protocol: str
    rate: float | None
    metric: str
    unit: str
    value: float
    low: float = float("nan")
    high: float = float("nan")
    n: int = 0
    """Utterances (files, for the overhead)."""
    measured: str = "in this run"
    """Or where committed figures come from."""


@dataclass
class Part:
    """One part of the report: its rows, what is said about it, and what could not be had."""

    rows: list[Row] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)

    def __iadd__(self, other: Part) -> Part:
        self.rows += other.rows
        self.notes += other.notes
        self.missing += other.missing
        return self


def frame(rows: Iterable[Row], published: Published) -> pd.DataFrame:
    """All rows as a tidy frame, each with what was published of the same thing on the same corpus.

    ``difference`` is ours minus published, in the row's unit; NaN where nothing of the kind was published.
    """
    import pandas as pd

    records = []
    for row in rows:
        known = published.beside(row)
        value = known.value if known else float("nan")
        beside = {"published": value, "published_source": published.title if known else ""}
        records.append(dataclasses.asdict(row) | beside | {"difference": row.value - value})
    return pd.DataFrame(records)
