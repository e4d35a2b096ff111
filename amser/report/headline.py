"""The headline of the page: what raw audio costs and gives, what AMSER costs and gives, and the change."""

from __future__ import annotations

from typing import NamedTuple

from markupsafe import Markup

from amser.banded import METRIC as BANDED
from amser.banded import band_text
from amser.report.frame import filled
from amser.report.material import Study
from amser.report.view import TOLERATED_WER_RISE, Series, View
from amser.summary import Estimate
from amser.units import Scale, with_interval
from amser.verdict import OF_QUEUES, change, in_points

# Metric, its name in the headline, and whether less is better.
HEADLINE = (
    ("payload_mean_bytes", "Payload of an utterance", True),
    ("latency_mean_s", "Latency, mean", True),
    ("latency_p95_s", "Latency, 95th percentile", True),
    ("energy_per_upload_j", "Device energy per upload", True),
    ("battery_lifetime_s", "Battery life", False),
    ("battery_day_share", "Charge of the battery a day", True),
    ("wer", "Word error rate", True),
    ("ser_accuracy", "Emotion accuracy", False),
)
Pair = tuple[Series, Series]


class Cell(NamedTuple):
    """A figure in large type; small beside it its unit, below it a corpus's interval or an energy's band."""

    value: str
    unit: str
    ends: str


class Row(NamedTuple):
    """One metric of the headline."""

    name: str
    basis: str
    cells: tuple[Cell, Cell]
    change: str
    band: str
    """The ends of the change that remembered and assumed figures leave open; empty where they leave none."""
    worse: bool
    difference: str
    over_all: str


def headline_section(study: Study) -> Markup:
    """Raw audio beside the Mel codec of ``View.versus``; empty where the study has no such pair.

    The figures are those of the first situation that is not saturated; the changes over all others stand beside them.
    """
    view = study.view
    told = view.told()
    if told is None:
        return Markup()
    part, (raw, mel) = told
    # Everywhere the same codec, so that a range is not one of different codecs.
    alike = [
        (p, (one, two))
        for p, (one, _) in view.pairs()
        if (two := next((s for s in p.series if s.name == mel.name), None)) is not None
    ]
    paired = study.paired(part)
    rows = [row for metric in HEADLINE if (row := _row(view, (raw, mel), [q for _, q in alike], paired, *metric))]
    left_out = [p.title or "this study" for p, q in alike if _saturated(view, q)]
    return filled(
        "headline.html",
        raw=raw,
        mel=mel,
        rule=_rule(view, raw),
        paired=bool(paired),
        where=part.title if len(view.slices) > 1 else "",
        situations=len(alike),
        saturated="; ".join(left_out),
        rows=rows,
    )


def _rule(view: View, raw: Series) -> str:
    rule = "the smallest Mel payload"
    if view.summary.get(raw.point, "wer") is not None:
        rule += (
            f" whose word error rate is at most {TOLERATED_WER_RISE * 100:g} point above that of raw audio "
            "(or the most accurate one, if none is)"
        )
    return rule


def _saturated(view: View, pair: Pair) -> bool:
    return any(view.saturated(series.point) for series in pair)


def _row(
    view: View, pair: Pair, every: list[Pair], paired: dict[str, Estimate], metric: str, name: str, less_is_better: bool
) -> Row | None:
    a, b = (view.summary.get(series.point, metric) for series in pair)
    if a is None or b is None or not view.summary.tells(metric):
        return None
    scale, gap = view.summary.scale(metric), paired.get(metric)
    told = gap is None or not gap.low <= 0.0 <= gap.high  # a difference that may be none is no loss
    worse = (b.mean > a.mean) == less_is_better and b.mean != a.mean and told
    off = metric in OF_QUEUES and _saturated(view, pair)
    return Row(
        name,
        b.basis if b.of_corpus else "",
        (_cell(view, pair[0], metric, scale), _cell(view, pair[1], metric, scale)),
        "saturated" if off else change(metric, a.mean, b.mean),
        band_text(view.summary, pair[0].point, pair[1].point) if metric == BANDED and not off else "",
        worse and not off,
        "" if gap is None or off else _difference(view, metric, gap),
        _over_all(view, metric, every),
    )


def _over_all(view: View, metric: str, every: list[Pair]) -> str:
    """The smallest and the largest change over the situations that have one."""
    found = []
    for pair in every:
        a, b = (view.summary.get(series.point, metric) for series in pair)
        if a is None or b is None or (metric in OF_QUEUES and _saturated(view, pair)):
            continue
        size = b.mean - a.mean if metric in ("wer", "ser_accuracy") or a.mean <= 0 else b.mean / a.mean
        found.append((size, change(metric, a.mean, b.mean)))
    if not found:
        return "saturated everywhere" if metric in OF_QUEUES else "–"
    first, last = max(found)[1], min(found)[1]
    return first if first == last else f"{first} to {last}"


def _cell(view: View, series: Series, metric: str, scale: Scale) -> Cell:
    e = view.summary.get(series.point, metric)
    assert e is not None, "a row has both figures"
    if e.of_corpus:
        value, bracket, ends = e.text(scale).partition(" (")
        return Cell(value, scale.unit, f"{bracket}{ends}".strip())
    return Cell(scale.text(e.mean), scale.unit, _band(view, series, metric, scale))


def _band(view: View, series: Series, metric: str, scale: Scale) -> str:
    """The ends of an energy that remembered and assumed figures leave open."""
    low, high = (view.summary.get(series.point, f"energy_per_upload_{end}_j") for end in ("low", "high"))
    if metric != BANDED or low is None or high is None or low.mean == high.mean:
        return ""
    return f"(band {scale.text(low.mean)} to {scale.text(high.mean)})"


def _difference(view: View, metric: str, paired: Estimate) -> str:
    if paired.of_corpus:
        return in_points(paired)
    scale = view.summary.scale(metric)
    unit = "points" if scale.unit == "%" else scale.unit
    return f"{with_interval(scale, *paired[:3])} {unit}".replace("-", "−")
