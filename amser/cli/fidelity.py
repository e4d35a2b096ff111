"""``amser compare`` where a side was observed: stage by stage."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from amser.console import Table, print_json
from scenarios.errors import Exit

if TYPE_CHECKING:
    from amser.live.fidelity import Fidelity
    from sim.study.results import Results


def compare_stages(sides: tuple[Results, Results], json: bool) -> int:
    """Print a simulation against an observation; of two observations the first stands for the model."""
    from amser.live.fidelity import fidelity, is_observed

    simulated, observed = sides if is_observed(sides[1]) else sides[::-1]
    found = fidelity(simulated, observed)
    if json:
        from dataclasses import asdict

        print_json([{**asdict(one), "errors": [e._asdict() for e in one.errors]} for one in found])
        return Exit.DONE
    for one in found:
        _print(one)
    return Exit.DONE


def _print(found: Fidelity) -> None:
    from amser.live.fidelity import FIGURES

    label = ", ".join(value for _, value in found.point) or "the scenario"
    title = (
        f"{label}: {found.simulated} simulated and {found.observed} observed uploads; simulated / observed [ms], error"
    )
    heads = ["stage", *(head for figure in FIGURES for head in (figure, "")), "of the mean"]
    rows = []
    for stage in dict.fromkeys(e.stage for e in found.errors):
        cells = [stage]
        for figure in FIGURES:
            e = found.error(stage, figure)
            cells += [f"{1e3 * e.simulated_s:.1f} / {1e3 * e.observed_s:.1f}", _percent(e.error)]
        mean = found.error(stage, "mean")
        rows.append([*cells, "" if mean.low != mean.low else f"{_percent(mean.low)} to {_percent(mean.high)}"])
    Table(heads, rows, right=frozenset(range(1, len(heads))), title=title).print()
    for name, (one, two) in found.outcomes.items():
        sys.stdout.write(f"{name}: {one:.1%} simulated, {two:.1%} observed\n")
    if found.heard is not None:
        h = found.heard
        sys.stdout.write(
            f"recognized: {h.answered} uploads, {h.other_words} with other words and {h.other_classes} with another "
            "class than their measured cells\n"
        )


def _percent(value: float) -> str:
    return "" if value != value else f"{100 * value:+.1f} %"
