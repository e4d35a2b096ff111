"""Paired differences: every point minus its baseline, for codecs, policies and whatever else is swept."""

from __future__ import annotations

import math
from typing import NamedTuple

from markupsafe import Markup

from amser.report.frame import filled
from amser.report.material import Study
from amser.summary import Estimate, Summary, short_names
from amser.verdict import COMPARED, gap_text, gap_unit

MOST_ROWS = 60


class Cell(NamedTuple):
    """A difference with its interval, and whether that leaves out zero."""

    text: str
    told: bool


class Row(NamedTuple):
    """One point minus its baseline."""

    labels: list[str]
    cells: list[Cell]


def differences_section(study: Study) -> Markup:
    """A table of the paired differences of ``differences.csv``; empty where there are none."""
    summary, found = study.view.summary, study.differences()
    metrics = [m for m in COMPARED if any(m in gaps and _interval(gaps[m]) for gaps in found.values())]
    # A metric that is the same everywhere, such as 100 % delivered, is no difference to read.
    metrics = [m for m in metrics if any(gaps[m].mean for gaps in found.values() if m in gaps)]
    points = [p for p in summary.points if p in found][:MOST_ROWS]
    if not points or not metrics:
        return Markup()
    rows = [Row(summary.shown(p), [_cell(summary, m, found[p].get(m)) for m in metrics]) for p in points]
    count = sum(cell.text != "–" for row in rows for cell in row.cells)
    keys = short_names(summary.parameters)
    heads = [f"{COMPARED[m]} [{gap_unit(summary, m)}]" for m in metrics]
    baselines = list(dict.fromkeys(summary.label(p) for p in summary.points if p not in found))
    codec = study.view.codec_axis
    if codec is not None and len(baselines) > 1:
        names = dict.fromkeys(summary.shown(p)[codec] for p in summary.points if p not in found)
        baseline = " or ".join(names)
    else:
        baseline = baselines[0] if baselines else "the first point"
    return filled(
        "differences.html",
        baseline=baseline,
        several=len(baselines) > 1,
        count=count,
        missed=f"{0.05 * count:.2g}",
        columns=[*keys, *heads],
        keys=len(keys),
        rows=rows,
    )


def _interval(gap: Estimate) -> bool:
    return math.isfinite(gap.high - gap.low)


def _cell(summary: Summary, metric: str, gap: Estimate | None) -> Cell:
    if gap is None:
        return Cell("–", False)
    told = _interval(gap) and not gap.low <= 0.0 <= gap.high
    return Cell(gap_text(summary, metric, gap), told)
