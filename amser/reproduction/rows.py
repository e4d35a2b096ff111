"""One measured figure with all that it stands on, and the published one beside it, never in its place."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any

from amser.exits import UserError

if TYPE_CHECKING:
    import pandas as pd

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
    """What is measured: a recogniser, a network, ``raw`` or ``AMSER``."""
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


@dataclass(frozen=True)
class Published:
    """The published figures that are known, and why others are not."""

    title: str
    source: str
    figures: tuple[Mapping[str, Any], ...]
    not_known: tuple[Mapping[str, str], ...]
    papers: tuple[Mapping[str, Any], ...]

    def beside(self, row: Row) -> list[Mapping[str, Any]]:
        """The published figures that stand beside a row: the same metric at the same rate.

        A word error rate stands beside every recogniser's; networks and codecs only beside their own.
        """
        keys = ("table", "metric") if row.table == "wer" else ("table", "metric", "subject")
        alike = (f for f in self.figures if all(f[key] == getattr(row, key) for key in keys))
        return [figure for figure in alike if _same_rate(figure.get("rate"), row.rate)]


def _same_rate(published: float | None, ours: float | None) -> bool:
    return published is None or (ours is not None and abs(published - ours) < 1e-9)


def load_published(extra: Path | None = None) -> Published:
    """The poster's figures as committed, and those of a JSON file of the same form.

    Raises ``UserError`` for a file that is none.
    """
    known = json.loads((files("amser.reproduction") / "icassp2025.json").read_text(encoding="utf-8"))
    more = [] if extra is None else _read(extra)
    tables = {figure["table"] for figure in more}
    return Published(
        known["title"],
        known["source"],
        (*more, *known["figures"]),
        tuple(one for one in known["not_known"] if one["table"] not in tables),
        tuple(known["papers"]),
    )


def _read(path: Path) -> list[dict[str, Any]]:
    form = '{"figures": [{"table": "wer", "subject": "whisper", "metric": "wer", "rate": 0.125, "value": 0.05, ...}]}'
    try:
        figures = json.loads(path.read_text(encoding="utf-8"))["figures"]
        for place, figure in enumerate(figures):
            lacking = [key for key in ("table", "subject", "metric", "value", "on") if key not in figure]
            if lacking:
                raise UserError(f"{path}: figure {place + 1} lacks {', '.join(lacking)}; expected {form}")
            float(figure["value"])
        return list(figures)
    except OSError as error:
        raise UserError(f"cannot read the published figures {path}: {error.strerror or error}") from error
    except (ValueError, TypeError, KeyError) as error:
        raise UserError(f"{path} is not a file of published figures ({error}); expected {form}") from error


def frame(rows: Iterable[Row], published: Published) -> pd.DataFrame:
    """All rows as a tidy frame, one line for each published figure that stands beside a row.

    ``difference`` is ours minus published, in the row's unit; NaN where nothing published is known.
    """
    import pandas as pd

    records = []
    for row in rows:
        for known in published.beside(row) or [{"value": float("nan"), "on": "", "source": ""}]:
            value = float(known["value"])
            beside = {"published": value, "published_on": known["on"]}
            beside["published_source"] = known.get("source", published.source)
            records.append(dataclasses.asdict(row) | beside | {"difference": row.value - value})
    return pd.DataFrame(records)
