"""The page of `amser advise`: the pick for each length, every codec in a picture and a table, what it rests on."""

from __future__ import annotations

import plotly.graph_objects as go
from markupsafe import Markup

from amser.advice.advise import Advice, Option
from amser.advice.wording import VERDICTS, pick_sentence, table_of
from amser.console import Table
from amser.report.axes import cost_axis
from amser.report.frame import drawing, filled, page, table
from amser.report.look import INK, bars, legend_below, styled, with_slices
from amser.report.palette import Style, styles
from amser.units import Scale, scale_for
from scenarios.schema.codec import STANDARD_CODECS

NOTE = (
    "Each mark is one codec: further left sends less, lower loses fewer words; touch one for its latency and energy. "
    "Bars are 95 % intervals of the paired loss; the dashed line is the budget. A full mark keeps it with its whole "
    "interval; an open one does not."
)


def render(advice: Advice) -> str:
    """The page as text."""
    lengths = advice.lengths_s
    said = Table(["clip", "take"], [[f"{length:g} s", pick_sentence(advice, length)] for length in lengths])
    rests = Table(["part", "from"], [[name, value] for name, value in advice.rests_on.items()])
    sections = [
        _tables("What to take", [said]),
        filled(
            "section.html",
            title="Words lost against payload",
            note=NOTE + (" The menu at the right picks the clip's length." if len(lengths) > 1 else ""),
            drawing=drawing(losses(advice), "losses"),
        ),
        _tables("Every codec", [table_of(advice, length) for length in lengths]),
        _tables("Where the figures come from", [rests, *[Table(["doubt"], [[text]]) for text in advice.warnings]]),
    ]
    about = (
        f"Least {advice.goal} for one clip alone on its link, with a budget of {advice.budget * 100:g} "
        f"point{'' if advice.budget == 0.01 else 's'} of word errors lost against uncompressed audio."
    )
    return page("How to send these clips", about, [], sections, Markup("from <code>amser advise</code>"))


def _tables(title: str, tables: list[Table]) -> Markup:
    """Tables with their titles; those without figures are sentences, whose lines break."""
    parts = [
        Markup('{}<div class="scroll {}">{}</div>').format(
            Markup('<p class="note">{}</p>').format(one.title) if one.title else "",
            "" if one.right else "prose",
            table(one),
        )
        for one in tables
    ]
    return Markup("<section><h2>{}</h2>{}</section>").format(title, Markup("").join(parts))


def losses(advice: Advice) -> go.Figure:
    """Words lost against payload, one mark a codec; a menu picks the clip's length.

    Not against energy or latency, whatever the goal: the radio's tail and the round trip are most of both, and the
    marks would stand in one column.
    """
    sizes = [option.payload_bytes.mean for option in advice.options]
    scale = scale_for("byte", sizes)
    codecs = list(dict.fromkeys(option.codec for option in advice.options))
    looks = styles(codecs, {codec: spec.kind for codec, spec in STANDARD_CODECS.items()})
    titles = [f"clips of {length:g} s" for length in advice.lengths_s]
    figure = go.Figure()
    owners: list[int] = []
    for index, length in enumerate(advice.lengths_s):
        for option in advice.of(length):
            figure.add_trace(_mark(option, scale, looks[option.codec]).update(visible=index == 0))
            owners.append(index)
    styled(figure, 470)
    figure.add_hline(y=advice.budget * 100, line={"color": INK, "dash": "dash", "width": 1.2})
    figure.update_xaxes(title=f"payload [{scale.unit}]", **cost_axis([size * scale.factor for size in sizes]))
    figure.update_yaxes(title="word errors lost [points]")
    return with_slices(legend_below(figure, codecs), titles, owners)


def _mark(option: Option, scale: Scale, look: Style) -> go.Scatter:
    loss = option.wer_loss
    shape, dot, _ = look.symbol.replace("-open", "").partition("-dot")
    symbol = f"{shape}{'' if option.verdict == 'within' else '-open'}{dot}"
    return go.Scatter(
        x=[option.payload_bytes.mean * scale.factor],
        y=[loss.mean * 100],
        error_y=bars([loss[:3]], 100),
        mode="markers",
        name=option.codec,
        legendgroup=option.codec,
        marker={"color": look.colour, "symbol": symbol, "size": 11, "line": {"width": 2}},
        hovertemplate=(
            f"<b>{option.codec}</b>: {VERDICTS[option.verdict]}<br>%{{x:.4~g}} {scale.unit}<br>"
            f"%{{y:.2f}} points ({loss.basis})<br>{option.latency_s.mean:.3g} s, {option.energy_j.mean:.3g} J"
            "<extra></extra>"
        ),
    )  # fmt: skip
