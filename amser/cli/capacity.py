"""``amser capacity``: the most devices that meet a service level, or the least bandwidth."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from amser.cli.options import Jobs, Json, ResultsRoot, ScenarioName, Sets, cores
from amser.console import Table, print_json
from scenarios.errors import Exit

if TYPE_CHECKING:
    from amser.capacity import Capacity, Level, Range
LEGEND = """
surely: every interval meets the level; perhaps: none misses it, what lies between is not decided; –: no value tried
intervals: 95 % for all looks at a value together
"""


def capacity(
    scenario: ScenarioName,
    over: Annotated[str, typer.Option(metavar="KEY", help="The key to move, such as devices.phones.count.")],
    slo: Annotated[
        list[str], typer.Option(metavar="LEVEL", help="What must hold, such as 'latency_p95_s < 500 ms'; repeatable.")
    ],
    between: Annotated[tuple[str, str], typer.Option(metavar="LOW HIGH", help="The range of the key's values.")] = (
        "1",
        "10000",
    ),
    least: Annotated[bool, typer.Option("--least", help="Find the smallest value that suffices.")] = False,
    sets: Sets = None,
    replications: Annotated[
        int | None, typer.Option("--replications", "-r", min=1, help="Replications that each value has at first.")
    ] = None,
    most: Annotated[
        int, typer.Option("--most", min=2, help="Replications of a value before it counts as not decided.")
    ] = 24,
    jobs: Jobs = None,
    results: ResultsRoot = Path("results/capacity"),
    json: Json = False,
) -> int:
    """Find the most devices (or the least of anything) that meet a service level, for each codec."""
    from amser.capacity import Level, Range
    from amser.capacity import capacity as find
    from amser.cli.options import progress_bar

    levels = [Level.parse(text) for text in slo]
    span = Range.parse(*between, least)
    assignments = [*(sets or ()), *([f"sweep.replications={replications}"] if replications else [])]
    with progress_bar() as progress:
        found = find(
            scenario, over, span, levels, assignments, most=most, jobs=jobs or cores(), results_root=results,
            progress=progress, told=None if progress else _to_stderr,
        )  # fmt: skip
    answers = _table(found, over, span, levels)
    report = _report(scenario, assignments, found, over, span, levels, answers, results)
    if json:
        import dataclasses

        points = [dataclasses.asdict(c) | {"at_answer": [f._asdict() for f in c.at_answer]} for c in found]
        for point in points:
            point["tried"] = [t | {"figures": [f._asdict() for f in t["figures"]]} for t in point["tried"]]
        print_json({"over": over, "unit": span.unit, "least": least, "levels": slo, "points": points})
    else:
        answers.print()
        sys.stdout.write(f"{LEGEND}every value that was tried: {report}\n")
    return Exit.DONE


def _to_stderr(line: str) -> None:
    """Where no bar is drawn: a search of hours says what it has found so far."""
    sys.stderr.write(f"{line}\n")
    sys.stderr.flush()


def _table(found: Sequence[Capacity], over: str, span: Range, levels: Sequence[Level]) -> Table:
    """One row a point: the answer, its bounds, and the levels' metrics at the bound that is sure."""
    from amser.summary import short_names
    from amser.units import scale_for, with_range
    from sim.figures.metrics import unit_of

    names = list(dict.fromkeys(key for c in found for key in c.parameters))
    scales = [scale_for(unit_of(level.metric), [level.limit]) for level in levels]

    def shown(value: float | None) -> str:
        return "–" if value is None else span.text(value)

    rows = []
    for c in found:
        answer = shown(c.value) + " (end of the range)" * c.bounded if c.decided else "not decided"
        swept = [str(c.parameters.get(name, "")) for name in names] or ["the scenario"]
        figures = [with_range(s, f.mean, f.low, f.high) for s, f in zip(scales, c.at_answer, strict=False)]
        basis = ", ".join(dict.fromkeys(f.basis for f in c.at_answer)) or "–"
        rows.append([*swept, answer, shown(c.sure), shown(c.hopeful), *(figures or ["–"] * len(levels)), basis])
    word = "least" if span.least else "most"
    metrics = [f"{level.metric} there [{s.unit}]" for level, s in zip(levels, scales, strict=True)]
    heads = [*(short_names(names) or ["point"]), f"{word} {over}", "surely", "perhaps", *metrics, "over"]
    first = len(heads) - 4 - len(metrics) + 1
    title = f"{over} that meets {' and '.join(level.text for level in levels)}:"
    return Table(heads, rows, title=title, right=frozenset(range(first, first + 2 + len(metrics))))


def _report(
    scenario: str, sets: Sequence[str], found: Sequence[Capacity], over: str, span: Range, levels: Sequence[Level],
    answers: Table, results: Path,
) -> Path:  # fmt: skip
    """Write the page beside the studies of the values; nothing that stands there is replaced."""
    from datetime import UTC, datetime

    import scenarios
    from amser.report.capacity_page import render

    experiment = scenarios.load(scenario, [*sets, f"{over}={span.text(span.low)}"])
    kinds = {name: spec.kind for point in experiment.points for name, spec in point.scenario.codec_specs().items()}
    text = render(experiment.title or experiment.name, found, over, span, levels, answers, kinds)
    stem = f"{experiment.name}-{datetime.now(UTC):%Y%m%dT%H%M%SZ}"
    for attempt in range(1000):
        path = results / (f"{stem}.html" if not attempt else f"{stem}-{attempt}.html")
        try:
            with path.open("x", encoding="utf-8") as file:
                file.write(text)
        except FileExistsError:
            continue
        return path
    raise FileExistsError(f"{results / stem}.html: cannot write the page")
