"""``amser capacity``: how many devices a situation bears, or how little bandwidth suffices."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from amser.cli.options import Json, ScenarioName, Sets, cores
from scenarios.errors import Exit

if TYPE_CHECKING:
    from amser.capacity_search import Capacity, Range


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
    replications: Annotated[int | None, typer.Option("--replications", "-r", min=1)] = None,
    jobs: Annotated[int | None, typer.Option("--jobs", "-j", min=1, help="Processes; default: all cores.")] = None,
    results: Annotated[Path, typer.Option("--results", metavar="DIR")] = Path("results/capacity"),
    json: Json = False,
) -> int:
    """Find the most devices (or the least of anything) that meet a service level, for each codec."""
    from amser.capacity_search import Level, Range
    from amser.capacity_search import capacity as find
    from amser.cli.progress import progress_bar

    levels = [Level.parse(text) for text in slo]
    span = Range.parse(*between, least)
    assignments = [*(sets or ()), *([f"sweep.replications={replications}"] if replications else [])]
    with progress_bar() as progress:
        found = find(
            scenario, over, span, levels, assignments, jobs=jobs or cores(), results_root=results, progress=progress
        )
    if json:
        import dataclasses

        from amser.console import print_json

        points = [dataclasses.asdict(c) for c in found]
        print_json({"over": over, "unit": span.unit, "least": least, "levels": slo, "points": points})
    else:
        _print(found, over, span, slo)
    return Exit.DONE


def _print(found: list[Capacity], over: str, span: Range, slo: list[str]) -> None:
    from amser.console import Table
    from amser.summary import short_names

    names = list(dict.fromkeys(key for c in found for key in c.parameters))
    word = "least" if span.least else "most"

    def shown(value: float | None) -> str:
        return "–" if value is None else span.text(value)

    rows = []
    for c in found:
        mark = " (end of the range)" if c.bounded else ""
        swept = [str(c.parameters.get(name, "")) for name in names] or ["the scenario"]
        rows.append([*swept, shown(c.value) + mark, shown(c.sure), shown(c.hopeful)])
    heads = [*(short_names(names) or ["point"]), f"{word} {over}", "surely", "perhaps"]
    Table(
        heads, rows, title=f"{over} that meets {' and '.join(slo)}:", right=frozenset({len(heads) - 2, len(heads) - 1})
    ).print()
    rests = "; ".join(f"{metric} over {basis}" for metric, basis in found[0].basis.items()) if found else ""
    sys.stdout.write(
        "\nsurely: the whole interval meets the level; perhaps: its best end does; –: no value of the range\n"
        f"{f'intervals: {rests}' if rests else 'no value had a figure'}\n"
    )
