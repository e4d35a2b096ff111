"""The headline of the page: what raw audio costs and gives, what AMSER costs and gives, and the change."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape

from amser.report.view import TOLERATED_WER_RISE, Series, Slice, View
from amser.summary import Estimate
from amser.units import Scale, with_interval
from amser.verdict import change, in_points

# Metric, its name in the headline, and whether less is better.
HEADLINE = (
    ("payload_mean_bytes", "Payload of an utterance", True),
    ("latency_mean_s", "Latency, mean", True),
    ("latency_p95_s", "Latency, 95th percentile", True),
    ("energy_per_upload_j", "Device energy per upload", True),
    ("wer", "Word error rate", True),
    ("ser_accuracy", "Emotion accuracy", False),
)


def headline_section(view: View, part: Slice, paired: Mapping[str, Estimate] | None = None) -> str:
    """Raw audio beside the Mel codec of ``View.versus``; empty where the study has no such pair.

    ``paired`` holds, by metric, the Mel codec minus raw audio on the same arrivals and the same channel.
    """
    pair = view.versus(part)
    if pair is None:
        return ""
    raw, mel = pair
    paired = paired or {}
    rows = "".join(_versus_row(view, raw, mel, paired.get(metric[0]), *metric) for metric in HEADLINE)
    where = f" Shown for {escape(part.title)}." if part.title and len(view.slices) > 1 else ""
    rule = "the smallest Mel payload"
    if view.summary.get(raw.point, "wer") is not None:
        rule += (
            f" whose word error rate is at most {TOLERATED_WER_RISE * 100:g} point above that of raw audio "
            "(or the most accurate one, if none is)"
        )
    chosen = f"<b>{escape(mel.name)}</b> stands for AMSER here: {rule}."
    if paired:
        chosen += (
            " Differences of costs are taken replication by replication, ± is half of their 95 % interval; those of "
            "words and emotions utterance by utterance, with the ends of theirs."
        )
    head = "<th>paired difference</th>" if paired else ""
    names = "".join(f"<th class='n'>{_swatch(s)}{escape(s.name)}</th>" for s in pair)
    return (
        f"<section><h2>Raw audio against AMSER</h2><p class='note'>{chosen}{where}</p>"
        f"<div class='scroll'><table class='versus'><tr><th></th>{names}<th>change</th>{head}</tr>{rows}</table></div>"
        "</section>"
    )


def _swatch(series: Series) -> str:
    return f'<span class="swatch" style="background:{series.style.colour}"></span>'


def _versus_row(
    view: View, raw: Series, mel: Series, paired: Estimate | None, metric: str, name: str, less_is_better: bool
) -> str:
    a, b = view.summary.get(raw.point, metric), view.summary.get(mel.point, metric)
    if a is None or b is None:
        return ""
    scale = view.summary.scale(metric)
    cells = "".join(_cell(e, scale) for e in (a, b))
    told = paired is None or not paired.low <= 0.0 <= paired.high  # a difference that may be none is no loss
    worse = (b.mean > a.mean) == less_is_better and b.mean != a.mean and told
    cell = f'<td class="{"worse" if worse else "change"}">{change(metric, a.mean, b.mean)}</td>'
    gap = "" if paired is None else f"<td>{_difference(view, metric, paired)}</td>"
    basis = f" <small>({b.basis})</small>" if b.of_corpus else ""
    return f"<tr><td>{name}{basis}</td>{cells}{cell}{gap}</tr>"


def _cell(e: Estimate, scale: Scale) -> str:
    """A figure in large type; small beside it its unit, and the ends of a corpus's interval."""
    text = e.text(scale) if e.of_corpus else scale.text(e.mean)
    value, bracket, ends = text.partition(" (")
    return f'<td class="n big">{value} <small>{scale.unit}{bracket}{ends}</small></td>'


def _difference(view: View, metric: str, paired: Estimate) -> str:
    if paired.of_corpus:
        return in_points(paired)
    scale = view.summary.scale(metric)
    unit = "points" if scale.unit == "%" else scale.unit
    return f"{with_interval(scale, *paired[:3])} {unit}".replace("-", "−")
