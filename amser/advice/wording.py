"""Advice in words and tables."""

from __future__ import annotations

from typing import TYPE_CHECKING

from amser.console import Table
from amser.units import factor, scale_for, with_range
from amser.verdict import in_points

if TYPE_CHECKING:
    from amser.advice.advise import Advice

VERDICTS = {"within": "keeps it", "perhaps": "perhaps", "over": "over it"}


def table_of(advice: Advice, length_s: float) -> Table:
    """One row a codec, best first; the pick is marked."""
    options = advice.of(length_s)
    scales = {
        name: scale_for(unit, [getattr(o, name).mean for o in options])
        for name, unit in (("payload_bytes", "byte"), ("latency_s", "s"), ("energy_j", "J"))
    }
    heads = [
        f"{head} [{scale.unit}]" for head, scale in zip(("bytes", "latency", "energy"), scales.values(), strict=True)
    ]
    budget = f"budget {advice.budget * 100:g}"
    columns = ["", "codec", *heads, "WER loss [points]", budget]
    title = f"a clip of {length_s:g} s, least {advice.goal} first:"
    table = Table(columns, title=title, right=frozenset({2, 3, 4, 5}))
    pick = advice.pick(length_s)
    for option in options:
        figures = []
        for name, scale in scales.items():
            estimate = getattr(option, name)
            ranged = estimate.high > estimate.low * 1.005
            figures.append(with_range(scale, *estimate[:3]) if ranged else scale.text(estimate.mean))
        mark = "→" if option is pick else ""
        lost = in_points(option.wer_loss).removesuffix(" points")
        table.rows.append([mark, option.codec, *figures, lost, VERDICTS[option.verdict]])
    return table


def pick_sentence(advice: Advice, length_s: float) -> str:
    """The codec to take and what it saves."""
    pick = advice.pick(length_s)
    if pick.codec == "raw":
        return "take raw: no codec keeps the budget at less cost"
    raw = next(o for o in advice.of(length_s) if o.codec == "raw")
    said = [
        f"{part} {factor(name, getattr(raw, name).mean, getattr(pick, name).mean)}"
        for name, part in (("payload_bytes", "payload"), ("latency_s", "latency"), ("energy_j", "energy"))
    ]
    loss = in_points(pick.wer_loss)
    return f"take {pick.codec}: {', '.join(said)} than with raw; WER {loss} ({pick.wer_loss.basis})"
