"""Raw audio against AMSER in one sentence, for the terminal and the page."""

from __future__ import annotations

from typing import TYPE_CHECKING

from amser.units import significant

if TYPE_CHECKING:
    from amser.report.view import Slice, View

_PARTS = (
    ("payload_mean_bytes", "payload"),
    ("latency_mean_s", "latency"),
    ("energy_per_upload_j", "energy"),
    ("wer", "word errors"),
    ("ser_accuracy", "emotion accuracy"),
)


def change(metric: str, before: float, after: float) -> str:
    """How ``after`` differs from ``before``: shares by points, costs by their ratio."""
    if metric in ("wer", "ser_accuracy"):
        points = (after - before) * 100
        if abs(points) < 0.05:
            return "the same"
        return f"{'+' if points >= 0 else '−'}{abs(points):.1f} points"
    if before <= 0 or after <= 0:
        return ""
    ratio = after / before
    if 0.995 <= ratio <= 1.005:
        return "the same"
    return f"{significant(1 / ratio, 2)} times less" if ratio < 1 else f"{significant(ratio, 2)} times more"


def sentence(view: View, part: Slice) -> str:
    """What the chosen Mel codec changes against raw audio; empty where the study has no such pair."""
    pair = view.versus(part)
    if pair is None:
        return ""
    raw, mel = pair
    said = []
    for metric, name in _PARTS:
        a, b = view.summary.get(raw.point, metric), view.summary.get(mel.point, metric)
        if a is not None and b is not None and (text := change(metric, a.mean, b.mean)):
            said.append(f"{name} {text}")
    where = f" ({part.title})" if part.title and len(view.slices) > 1 else ""
    return f"{mel.name} against {raw.name}{where}: " + ", ".join(said)
