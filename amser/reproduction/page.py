"""The reproduction as one HTML page that needs nothing else."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

import plotly.graph_objects as go
from markupsafe import Markup
from plotly.subplots import make_subplots

from amser.console import Table
from amser.installation import installation
from amser.report.frame import drawing, page
from amser.report.frame import table as html_table
from amser.report.look import bars, legend_below, styled
from amser.report.palette import Style, sequence
from amser.reproduction import row_tables
from amser.reproduction.published import Published
from amser.reproduction.rows import Part, Row

PANELS_A_ROW = 3
HOW = (
    "The poster's tables as printed, and what came out here, each corpus in tables of its own. A published figure "
    "stands beside one of ours, and a difference is given, only on the same corpus."
)
WORDS = (
    "Word error rate in per cent, errors summed over all utterances, after Whisper's English normaliser; in brackets "
    "95 % bootstrap intervals over utterances, or over speakers where eight or more are known. Compress rate is rank / "
    "bands of fp32 factors; 7.5 % and 5 % (ranks 6 and 4 of 80) go beyond the poster."
)
DOUBTFUL = (
    "Utterances whose no-speech probability is above 0.6 or whose mean log-probability is below -1 (Whisper's own "
    "thresholds): better not acted upon. PocketSphinx tells no probabilities."
)
EMOTIONS = (
    "Accuracy is the share of right answers (WA). Networks whose intervals overlap cannot be distinguished on this "
    "corpus; one network's difference between two rates is paired, and known better than the intervals suggest."
)
OVERHEAD = (
    "The link is fitted to the two published times and the power to raw's energy, so the agreement of these three "
    "shows nothing; AMSER's energy is predicted."
)
ROWS = "Every figure of ours with its interval, weights and protocol is a row of figures.csv."
PAPERS = "On IEMOCAP, each with its own protocol. These do not stand beside figures of another corpus or protocol."


def render(part: Part, published: Published, facts: Sequence[str]) -> str:
    """The whole page as text; ``facts`` stand under the title."""
    sections = [
        _missing(part),
        _printed(published),
        _words(part.rows),
        _emotions(part.rows, published),
        _overhead(part.rows, published),
        _papers(published),
        _provenance(part),
    ]
    title, footer = f"{published.title}, measured again", Markup("<code>amser reproduce icassp2025</code>")
    return page(title, HOW, facts, [Markup(section) for section in sections], footer)


def _missing(part: Part) -> str:
    items = "".join(f"<li>{escape(line)}.</li>" for line in part.missing)
    return f"<section class='warnings'><b>Missing</b><ul>{items}</ul></section>" if items else ""


def _printed(published: Published) -> str:
    parts = []
    for one in published.tables:
        table = row_tables.printed_table(one)
        parts.append(f"<p class='note'>{escape(table.title)}</p>{_scrolled(table)}")
    notes = "".join(f"<li>{escape(note)}</li>" for note in published.notes)
    return _section("What the poster prints", f"{published.source}.", *parts, f"<ul>{notes}</ul>")


def _words(rows: Sequence[Row]) -> str:
    chosen = [row for row in rows if row.table == "wer" and row.metric == "wer"]
    if not chosen:
        return ""
    parts = [_drawn(words_figure(chosen), "wer"), _scrolled(row_tables.words_table(rows))]
    flagged = row_tables.words_table(rows, "flagged")
    if flagged.rows:
        parts.append(f"<h3>Flagged as doubtful [%]</h3><p class='note'>{escape(DOUBTFUL)}</p>{_scrolled(flagged)}")
    return _section("Word errors against compress rate", WORDS, *parts)


def _section(title: str, note: str, *parts: str) -> str:
    return f"<section><h2>{escape(title)}</h2><p class='note'>{escape(note)}</p>{''.join(parts)}</section>"


def _scrolled(table: Table, look: str = "scroll") -> str:
    return f"<div class='{look}'>{html_table(table)}</div>"


def _beside(rows: Sequence[Row], published: Published) -> str:
    """Published beside ours, where these rows are of the corpus that was published on."""
    table = row_tables.beside_table(rows, published)
    return _scrolled(table) if table.rows else ""


def words_figure(rows: Sequence[Row]) -> go.Figure:
    """A curve for each corpus and recognizer."""
    figure = go.Figure()
    chosen = [row for row in rows if row.rate is not None]
    named = [f"{row.corpus}: {row.subject}" for row in chosen]
    for place, (name, style) in enumerate(sequence(list(dict.fromkeys(named))).items()):
        curve = [row for row, its in zip(chosen, named, strict=True) if its == name]
        figure.add_trace(_curve(curve, name, place, style, True))
    figure.update_yaxes(title="word error rate [%]", rangemode="tozero")
    _rate_axis(figure)
    styled(figure, 430)
    return figure.update_layout(legend={"orientation": "h", "y": -0.25})


def _rate_axis(figure: go.Figure) -> None:
    ticks = [5, 7.5, 12.5, 18.75, 25, 50, 100]
    figure.update_xaxes(title="compress rate [%]", type="log", tickvals=ticks, ticktext=[f"{t:g}" for t in ticks])


def _curve(rows: Sequence[Row], name: str, place: int, style: Style, legend: bool) -> go.Scatter:
    rows = sorted(rows, key=lambda row: float(row.rate or 0))
    return go.Scatter(
        # A little apart, so that intervals do not hide one another.
        x=[100 * float(r.rate or 0) * 1.012**place for r in rows],
        y=[100 * r.value for r in rows],
        error_y=bars(((r.value, r.low, r.high) for r in rows), 100),
        mode="lines+markers",
        name=name,
        legendgroup=name,
        showlegend=legend,
        line={"color": style.colour, "dash": style.dash},
        marker={"symbol": style.symbol, "size": 8},
        text=[row_tables.rate_name(r.rate) for r in rows],
        hovertemplate=f"{escape(name)}<br>%{{text}}: %{{y:.1f}} %<extra></extra>",
    )


def _emotions(rows: Sequence[Row], published: Published) -> str:
    corpora = row_tables.corpora_of(rows)
    if not corpora:
        return ""
    parts = [_drawn(emotions_figure(rows), "emotion")]
    for corpus in corpora:
        inside = [row for row in rows if row.table == "emotion" and row.corpus == corpus]
        parts.append(f"<h3>{escape(corpus)}</h3><p class='note'>{escape(_basis(inside))}</p>")
        for metric in ("accuracy", "f1_weighted"):
            table = row_tables.networks_table(rows, corpus, metric)
            parts.append(f"<p class='note'>{escape(table.title)}</p>{_scrolled(table)}")
        parts.append(_beside(inside, published))
    return _section("Emotion against compress rate", EMOTIONS, *parts)


def _basis(rows: Sequence[Row]) -> str:
    weights = " / ".join(dict.fromkeys(row.weights for row in rows))
    protocols = " / ".join(dict.fromkeys(f"{row.protocol} ({row.n} utterances)" for row in rows))
    return f"Weights: {weights}. Protocol: {protocols}. Measured {rows[0].measured}."


def emotions_figure(rows: Sequence[Row]) -> go.Figure:
    """A panel for each corpus, training and protocol, a curve for each network."""
    chosen = [row for row in rows if (row.table, row.metric) == ("emotion", "accuracy")]
    panels = list(dict.fromkeys((row.corpus, _training(row)) for row in chosen))
    columns = min(PANELS_A_ROW, len(panels))
    lines = -(-len(panels) // columns)
    titles = [f"{corpus}<br>{weights}" for corpus, weights in panels]
    spacing = {"horizontal_spacing": 0.07, "vertical_spacing": 0.34 / lines}
    figure = make_subplots(lines, columns, subplot_titles=titles, **spacing)
    for place, panel in enumerate(panels):
        inside = [row for row in chosen if (row.corpus, _training(row)) == panel]
        for number, (network, style) in enumerate(sequence(list(row_tables.TITLES)).items()):
            curve = [row for row in inside if row.subject == network]
            if curve:
                trace = _curve(curve, row_tables.TITLES[network], number, style, place == 0)
                figure.add_trace(trace, row=place // columns + 1, col=place % columns + 1)
    figure.update_yaxes(title="accuracy [%]", col=1)
    _rate_axis(figure)
    styled(figure, 110 + 320 * lines)
    figure.update_layout(margin_t=70)
    return legend_below(figure, list(row_tables.TITLES.values()))


def _training(row: Row) -> str:
    """What the curves of one panel have in common: how they were trained and tested, whatever the network's size."""
    return f"{row.weights.rpartition(' size, ')[2]}; {row.protocol.partition(';')[0]}"


def _overhead(rows: Sequence[Row], published: Published) -> str:
    table = row_tables.overhead_table(rows, published)
    return _section("Time and energy of 20,000 files", OVERHEAD, _scrolled(table)) if table.rows else ""


def _papers(published: Published) -> str:
    table = row_tables.papers_table(published)
    return _section("What the baselines' papers report", PAPERS, _scrolled(table, "scroll prose"))


def _provenance(part: Part) -> str:
    found = installation()
    rows = [(name, value) for group in ("packages", "weights", "speech") for name, value in found[group].items()]
    cells = "".join(f"<tr><td>{escape(str(n))}</td><td>{escape(str(v))}</td></tr>" for n, v in rows)
    notes = "".join(f"<li>{escape(note)}</li>" for note in [*part.notes, ROWS])
    return (
        f"<section><h2>Where the figures come from</h2><ul>{notes}</ul><details><summary>Versions and weights</summary>"
        f"<table class='provenance'>{cells}</table></details></section>"
    )


def _drawn(figure: go.Figure, name: str) -> str:
    return f"<figure>{drawing(figure, name)}</figure>"
