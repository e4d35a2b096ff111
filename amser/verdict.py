"""Raw audio against Mel features in one sentence, for the terminal and the page."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from amser.banded import METRIC as BANDED
from amser.banded import band_text
from amser.units import factor, with_interval

if TYPE_CHECKING:
    from amser.report.view import Slice, View
    from amser.summary import Estimate, Summary

_PARTS = (
    ("payload_mean_bytes", "payload"),
    ("latency_mean_s", "latency"),
    ("energy_per_upload_j", "energy"),
    ("battery_lifetime_s", "battery life"),
    ("wer", "word errors"),
    ("ser_accuracy", "emotion accuracy"),
)
OF_QUEUES = ("latency_mean_s", "latency_p95_s", "energy_per_upload_j", "battery_lifetime_s", "battery_day_share")
"""Unbounded where a queue grows: a ratio to such a figure depends on the simulated time."""


COMPARED = {
    "latency_mean_s": "latency",
    "latency_p95_s": "p95",
    "energy_per_upload_j": "energy",
    "battery_lifetime_s": "battery",
    "delivered_fraction": "delivered",
    "wer": "WER",
    "ser_accuracy": "emotion",
}
"""Metrics whose differences are shown, and their headings."""


def change(metric: str, before: float, after: float) -> str:
    """How ``after`` differs from ``before``: shares by points, costs by their ratio."""
    if metric in ("wer", "ser_accuracy"):
        points = (after - before) * 100
        if abs(points) < 0.05:
            return "the same"
        return f"{'+' if points >= 0 else '−'}{abs(points):.1f} points"
    return factor(metric, before, after)


def in_points(gap: Estimate) -> str:
    """A difference of shares in points, with the ends of its interval, such as ``+0.6 (−0.2 to +1.4) points``."""
    known = gap.low == gap.low
    decimals = 0 if known and (gap.high - gap.low) * 100 > 20 else 1
    mean, low, high = (f"{value * 100:+.{decimals}f}" for value in gap[:3])
    ends = f" ({low} to {high})" if known else ""
    return f"{mean}{ends} points".replace("-", "−")


def gap_unit(summary: Summary, metric: str) -> str:
    """The unit of a metric's differences: that of the metric, of a percentage points."""
    unit = summary.scale(metric).unit
    return "points" if unit == "%" else unit


def gap_text(summary: Summary, metric: str, gap: Estimate) -> str:
    """A difference in ``gap_unit`` with its interval: its ends where it is the corpus's, else half its width."""
    if gap.of_corpus:
        return in_points(gap).removesuffix(" points")
    return with_interval(summary.scale(metric), *gap[:3]).replace("-", "−")


def sentence(view: View, part: Slice, paired: Mapping[str, Estimate]) -> str:
    """What the chosen Mel codec changes against raw audio; empty where the study has no such pair.

    ``paired`` holds, by metric, the Mel codec minus raw audio; words and emotions are told with its interval.
    """
    pair = view.versus(part)
    if pair is None:
        return ""
    raw, mel = pair
    said, bases = [], []
    for metric, name in _PARTS:
        a, b = view.summary.get(raw.point, metric), view.summary.get(mel.point, metric)
        if a is None or b is None or not view.summary.tells(metric):
            continue
        if metric in OF_QUEUES and (view.saturated(raw.point) or view.saturated(mel.point)):
            said.append(f"{name} not compared, a link or server is saturated")
            continue
        gap = paired.get(metric)
        if gap is not None and gap.of_corpus:
            bases.append(gap.basis)
        text = change(metric, a.mean, b.mean)
        if text != "the same" and gap is not None and gap.of_corpus:
            text = in_points(gap)
        if text and metric == BANDED and (band := band_text(view.summary, raw.point, mel.point)):
            text = f"{text} ({band})"
        said += [f"{name} {text}"] if text else []
    where = f" ({part.title})" if part.title and len(view.slices) > 1 else ""
    basis = f" (words and emotions paired over {', '.join(dict.fromkeys(bases))})" if bases else ""
    return f"{mel.name} against {raw.name}{where}: {', '.join(said)}{basis}"
