"""The page: headline, figures, table and provenance in one HTML file that needs nothing else."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape
from importlib.resources import files
from string import Template
from typing import Any

import plotly.graph_objects as go
from plotly.offline import get_plotlyjs

from amser.console import Table
from amser.report import charts
from amser.report.against import against
from amser.report.headline import headline_section
from amser.report.material import Study
from amser.report.provenance import provenance_section, warnings_section
from amser.report.tradeoff import trade_off
from amser.report.view import View
from amser.version import __version__

CONFIG = {"displaylogo": False, "responsive": True, "modeBarButtonsToRemove": ["lasso2d", "select2d"]}


def render(study: Study) -> str:
    """The whole page as text."""
    view = study.view
    here = files("amser.report")
    sections = [
        warnings_section(study),
        *(headline_section(view, part, study.paired(part)) for part in view.slices[:1]),
        *_figures(study),
        _table(view),
        provenance_section(study),
    ]
    return Template((here / "page.html").read_text(encoding="utf-8")).substitute(
        version=__version__,
        title=escape(study.title),
        description=f"<p>{escape(study.description)}</p>" if study.description else "",
        meta="".join(f"<span>{escape(text)}</span>" for text in study.facts()),
        style=(here / "style.css").read_text(encoding="utf-8"),
        plotly=get_plotlyjs(),
        sections="\n".join(s for s in sections if s),
        footer=f"AMSER testbed {escape(__version__)}, from <code>{escape(study.folder.name)}</code>.",
    )


def _figures(study: Study) -> Iterator[str]:
    view = study.view
    several = f" The menu at the right picks {escape(_other_names(view))}." if len(view.slices) > 1 else ""
    yield _section(
        "trade-off",
        "What the bytes buy",
        trade_off(view),
        "Each mark is one codec: further left costs less, lower word errors and higher emotion accuracy are "
        "better. Bars are 95 % intervals of the corpus: bootstraps over its utterances (over speakers, where eight or "
        "more are known), which more uploads do not narrow. The buttons change what the cost is." + several,
    )
    for axis in view.axes():
        name = view.summary.parameters[axis]
        note = "Every headline metric that changes in this study; bars are 95 % intervals, of words and emotions over "
        note += "the utterances, of all else over replications." + several
        yield _section(f"against-{axis}", f"Against {escape(name)}", against(view, axis), note)
    yield _section(
        "latency",
        "How long a user waits",
        charts.distribution(view, study.latencies()),
        "Share of uploads answered within a time, all replications together, warm-up left out." + several,
    )
    yield _section(
        "stages",
        "Where the time goes",
        charts.stages(view),
        "Mean time of each stage of an upload: encoding on the device, waking the radio, the grant, "
        "the transfer over the shared uplink, the way to the server, its queue, the batch's service, "
        "the reply. The mark is the mean latency with its 95 % interval." + several,
    )
    yield _section(
        "energy",
        "Where the device's energy goes",
        charts.energies(view),
        "Energy that an upload adds on the device: encoding, waking the radio, transmitting, and the tail in "
        "which the radio stays awake afterwards. The idle baseline is not in it. The mark is the sum with its 95 % "
        "interval." + several,
    )


def _other_names(view: View) -> str:
    return ", ".join(view.summary.parameters[i] for i in view.others)


def _section(name: str, title: str, figure: go.Figure | None, note: str) -> str:
    if figure is None:
        return ""
    drawing = figure.to_html(full_html=False, include_plotlyjs=False, div_id=name, config=CONFIG, default_width="100%")
    return f'<section><h2>{title}</h2><p class="note">{note}</p><figure class="scroll">{drawing}</figure></section>'


def _table(view: View) -> str:
    every = html_table(_full_table(view))
    return (
        "<section><h2>The figures</h2><p class='note'>Mean over replications; ± is half the width of the "
        "95 % interval over them (of a single run: over batches of its uploads). Words and emotions are those of all "
        "recognized uploads, in brackets the 95 % interval over as many utterances as stand beside them. "
        "The same figures in full are in <code>summary.csv</code> beside this page.</p>"
        f"<div class='scroll'>{html_table(view.summary.overview())}</div>"
        f"<details><summary>Every metric of every point</summary><div class='scroll'>{every}</div></details>"
        "</section>"
    )


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


def html_table(table: Table) -> str:
    """``table`` as HTML, with its text escaped."""

    def row(cells: Any, tag: str) -> str:
        marks = (' class="n"' if i in table.right else "" for i in range(len(table.columns)))
        return (
            "<tr>" + "".join(f"<{tag}{m}>{escape(str(c))}</{tag}>" for c, m in zip(cells, marks, strict=True)) + "</tr>"
        )

    return f"<table>{row(table.columns, 'th')}{''.join(row(r, 'td') for r in table.rows)}</table>"


__all__ = ["html_table", "render"]
