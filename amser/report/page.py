"""The page: headline, figures, table and provenance in one HTML file that needs nothing else."""

from __future__ import annotations

from collections.abc import Iterator

import plotly.graph_objects as go
from markupsafe import Markup

from amser.console import Table
from amser.report import charts
from amser.report.against import against
from amser.report.differences import differences_section
from amser.report.frame import drawing, filled, page, table
from amser.report.headline import headline_section
from amser.report.material import Study
from amser.report.provenance import provenance_section, warnings_section
from amser.report.tradeoff import trade_off
from amser.report.view import View


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
    several = f" The menu at the right picks {_other_names(view)}." if len(view.slices) > 1 else ""
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
        note += "the utterances, of all else over replications." + several
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


def _other_names(view: View) -> str:
    return ", ".join(view.summary.parameters[i] for i in view.others)


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
