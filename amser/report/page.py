"""The page: headline, figures, table and provenance in one HTML file that needs nothing else."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import plotly.graph_objects as go
from markupsafe import Markup

from amser.console import Table
from amser.report import charts
from amser.report.against import against
from amser.report.frame import drawing, filled, page, table
from amser.report.headline import headline_section
from amser.report.material import Study
from amser.report.tradeoff import trade_off
from amser.report.view import View
from amser.summary import Estimate, Summary, gathered, named_failures, short_names
from amser.verdict import COMPARED, gap_text, gap_unit

if TYPE_CHECKING:
    from amser.report.material import Study

# Shown first and in this order where the manifest has them; the rest follows in the manifest's own order.
FIRST = ("recognizer", "emotion", "corpus", "service", "devices", "cells", "replications", "sets", "command")
# Enough of a digest to tell two apart; the manifest has all of it.
DIGEST = re.compile(r"\b([0-9a-f]{12})[0-9a-f]{20,}\b")
# Long lists that the page shows elsewhere, or that only a program reads.
HIDDEN = ("format", "name", "title", "points", "warnings", "parameters", "complete", "partial", "failures")


def warnings_section(study: Study) -> Markup:
    """What a reader must know before the first figure: what is missing, what failed, and the run's warnings."""
    failures = named_failures(study.manifest)
    lines = [
        *gathered(f"{at}: {why}" for at, why in failures.items()),
        *gathered(map(str, study.manifest.get("warnings") or ())),
    ]
    if study.results.partial:
        lines.insert(0, study.results.partial.capitalize())
    return filled("warnings.html", lines=lines) if lines else Markup()


def provenance_section(study: Study) -> Markup:
    """A table of the manifest's facts, the scenario as it was run, and the whole manifest for programs."""
    resolved = study.folder / "resolved.yaml"
    scenario = resolved.read_text(encoding="utf-8", errors="replace") if resolved.is_file() else ""
    manifest = json.dumps(study.manifest, indent=2, ensure_ascii=False)
    return filled("provenance.html", facts=list(_facts(study.manifest)), scenario=scenario, manifest=manifest)


def _facts(manifest: dict[str, Any]) -> Iterator[tuple[str, str]]:
    known = [key for key in FIRST if key in manifest]
    seeds = dict.fromkeys(p["seed"] for p in manifest.get("points", ()) if "seed" in p)
    for key in [*known, *(k for k in manifest if k not in known and k not in HIDDEN)]:
        yield from _rows(key.replace("_", " "), manifest[key])
    if seeds:
        yield "seed", ", ".join(map(str, seeds))


def _rows(name: str, value: Any) -> Iterator[tuple[str, str]]:
    """One row a fact; a mapping of mappings gives one for each inner one."""
    if value in (None, "", [], {}):
        return
    if isinstance(value, dict) and any(isinstance(v, dict) for v in value.values()):
        for inner, content in value.items():
            yield from _rows(f"{name}: {inner}", content)
    else:
        yield name, _text(value)


def _text(value: Any) -> str:
    """A fact on one line: mappings as ``key: value``, lists with commas."""
    if isinstance(value, dict):
        return "; ".join(f"{k}: {_text(v)}" for k, v in value.items() if v not in (None, "", [], {}))
    if isinstance(value, list):
        return ", ".join(map(_text, value))
    return DIGEST.sub(r"\1…", str(value))


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


def render(study: Study) -> str:
    """The whole page as text."""
    view = study.view
    sections = [
        warnings_section(study),
        headline_section(study),
        *_figures(study),
        differences_section(study),
        filled("figures.html", overview=table(view.summary.overview()), every=table(_full_table(view))),
        provenance_section(study),
    ]
    footer = Markup("from <code>{}</code>").format(study.folder.name)
    return page(study.title, study.description, study.facts(), sections, footer)


def _figures(study: Study) -> Iterator[Markup]:
    view = study.view
    several = _menu(view, view.axes())
    mark = "codec" if view.codec_axis is not None else "point of the sweep"
    yield _section(
        "trade-off",
        "Cost and accuracy",
        trade_off(view),
        f"Each mark is one {mark}: further left costs less, lower word errors and higher emotion accuracy are "
        "better. Bars are 95 % intervals of the corpus: bootstraps over its utterances (over speakers, where eight or "
        "more are known), which more uploads do not narrow. The buttons change what the cost is." + several,
    )
    for axis in view.axes():
        name = view.summary.parameters[axis]
        note = "Every headline metric that changes in this study; bars are 95 % intervals, of words and emotions over "
        note += "the utterances, of all else over replications." + _menu(view, [i for i in view.axes() if i != axis])
        yield _section(f"against-{axis}", f"Against {name}", against(view, axis), note)
    yield _section(
        "latency",
        "Latency",
        charts.distribution(view, study.latencies()),
        "Share of uploads answered within a time, all replications together, warm-up left out." + several,
    )
    yield _section(
        "stages",
        "Latency by stage",
        charts.stages(view),
        "Mean time of each stage of an upload: encoding on the device, waking the radio, the grant, "
        "the transfer over the shared uplink, the way to the server, its queue, the batch's service, "
        "the reply. The mark is the mean latency with its 95 % interval." + several,
    )
    yield _section(
        "battery",
        "Battery life",
        charts.batteries(view),
        "Time that a full battery lasts at this load, everything the device draws included, in the group where it is "
        "shortest. Bars are 95 % intervals." + several,
    )
    yield _section(
        "energy",
        "Energy by component",
        charts.energies(view),
        "Energy that an upload adds on the device: encoding, waking the radio, transmitting, and the tail in "
        "which the radio stays awake afterwards. The idle baseline is not in it. The mark is the sum with its 95 % "
        "interval." + several,
    )


def _menu(view: View, others: Sequence[int]) -> str:
    """What a figure's menu picks: the parameters that are not on its axes, if there are any."""
    names = ", ".join(view.summary.parameters[i] for i in others)
    return f" The menu at the right picks {names}." if names else ""


def _section(name: str, title: str, figure: go.Figure | None, note: str) -> Markup:
    if figure is None:
        return Markup()
    return filled("section.html", title=title, note=note, drawing=drawing(figure, name))


def _full_table(view: View) -> Table:
    """All metrics down, points across; the first 40 points."""
    summary = view.summary
    points = summary.points[:40]
    table = Table(["metric", "unit", *(summary.label(p) for p in points)], right=frozenset(range(2, 2 + len(points))))
    for metric in summary.metrics:
        scale = summary.scale(metric)
        cells = [scale.text(e.mean) if (e := summary.get(p, metric)) else "–" for p in points]
        table.rows.append([metric, scale.unit, *cells])
    return table
