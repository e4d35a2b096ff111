"""The page of `amser capacity`: the answers, and each level's metric against the value that was moved."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import plotly.graph_objects as go
from markupsafe import Markup

from amser.capacity import Capacity, Level, Range, Tried, Verdict
from amser.console import Table
from amser.report.axes import log_axis
from amser.report.frame import drawing, filled, page, table
from amser.report.look import INK, MOST_SLICES, axis_title, bars, legend_below, styled, with_slices
from amser.report.palette import Style, sequence, styles
from amser.summary import short_names, short_values
from amser.units import Scale, scale_for
from sim.figures.metrics import unit_of

Named = list[tuple[str, str, Capacity]]
"""Slice, series, capacity."""
NOTE = (
    "Every value that was tried, with the interval by which it was judged. A full mark is decided, an open one is not: "
    "its interval holds the limit (dashed) after as many replications as were allowed."
)


def render(
    title: str, found: Sequence[Capacity], over: str, span: Range, levels: Sequence[Level], answers: Table,
    kinds: Mapping[str, str],
) -> str:  # fmt: skip
    """The page as text; ``answers`` is the table of the command line, ``kinds`` the families of codecs by name."""
    level_texts = " and ".join(level.text for level in levels)
    word = "least" if span.least else "most"
    sections = [_answers(answers)]
    named = _named(found)
    for i, level in enumerate(levels):
        figure = curves(named, over, span, level, i, kinds)
        head = f"{level.metric} against {over}"
        sections.append(filled("section.html", title=head, note=NOTE, drawing=drawing(figure, f"against-{i}")))
    return page(title, f"The {word} {over} with {level_texts}.", [], sections, Markup())


def _answers(answers: Table) -> Markup:
    return Markup('<section><h2>Answers</h2><div class="scroll">{}</div></section>').format(table(answers))


def _named(found: Sequence[Capacity]) -> Named:
    """Every capacity with its slice (all swept keys but the codec) and its series (the codec, else all keys)."""
    keys = list(dict.fromkeys(k for c in found for k in c.parameters))
    shown = {k: short_values([c.parameters.get(k) for c in found]) for k in keys}
    codec = next((k for k in keys if k.endswith(".codec")), None)
    rest = [k for k in keys if k != codec] if codec else []
    names = short_names(rest) if rest else []

    def text(c: Capacity, of: Sequence[str]) -> str:
        return ", ".join(shown[k][str(c.parameters.get(k))] for k in of)

    def slice_of(c: Capacity) -> str:
        return ", ".join(f"{n} {shown[k][str(c.parameters.get(k))]}" for n, k in zip(names, rest, strict=True))

    return [(slice_of(c), text(c, [codec] if codec else keys) or "the scenario", c) for c in found]


def curves(named: Named, over: str, span: Range, level: Level, place: int, kinds: Mapping[str, str]) -> go.Figure:
    """The metric of ``level``, the one at ``place`` of all, against the values tried: a curve for each series."""
    slices = list(dict.fromkeys(part for part, _, _ in named))[:MOST_SLICES]
    names = list(dict.fromkeys(name for _, name, _ in named))
    looks = styles(names, kinds) if all(name in kinds for name in names) else sequence(names)
    known = [t.figures[place].mean for _, _, c in named for t in c.tried if math.isfinite(t.figures[place].mean)]
    scale = scale_for(unit_of(level.metric), [level.limit])
    figure = go.Figure()
    owners: list[int] = []
    for part, name, c in named:
        if part in slices:
            figure.add_trace(_curve(name, looks[name], c.tried, place, scale, slices.index(part) == 0))
            owners.append(slices.index(part))
    styled(figure, 470)
    figure.add_hline(y=level.limit * scale.factor, line={"color": INK, "dash": "dash", "width": 1.2})
    unit = f" [{span.unit}]" if span.unit else ""
    figure.update_xaxes(title=f"{over}{unit}", **log_axis([t.value for _, _, c in named for t in c.tried], 1.3, 1.3))
    heights = [h * scale.factor for h in [*known, level.limit] if h > 0.0]
    figure.update_yaxes(title=axis_title(level.metric, scale), **log_axis(heights, 1.3, 1.3))
    return with_slices(legend_below(figure, names), slices, owners)


def _curve(name: str, look: Style, tried: Sequence[Tried], place: int, scale: Scale, visible: bool) -> go.Scatter:
    drawn = [t for t in tried if math.isfinite(t.figures[place].mean)]
    figures = [t.figures[place] for t in drawn]

    return go.Scatter(
        x=[t.value for t in drawn],
        y=[f.mean * scale.factor for f in figures],
        error_y=bars([(f.mean, f.low, f.high) for f in figures], scale.factor, color=look.colour),
        customdata=[[t.verdict.value, f.basis] for t, f in zip(drawn, figures, strict=True)],
        mode="lines+markers",
        name=name,
        visible=visible,
        line={"color": look.colour, "dash": look.dash, "width": 1.6},
        marker={
            "size": 8, "color": ["white" if t.verdict is Verdict.OPEN else look.colour for t in drawn],
            "symbol": look.symbol.removesuffix("-open").removesuffix("-dot").removesuffix("-open"),
            "line": {"color": look.colour, "width": 1.5},
        },
        hovertemplate=f"<b>{name}</b> at %{{x:.6~g}}<br>%{{y:.4~g}} {scale.unit}, %{{customdata[0]}}<br>"
        "%{customdata[1]}<extra></extra>",
    )  # fmt: skip
