"""``amser compare``: several studies, or the points of one, in one table with their differences to a baseline;
where a side was observed, stage by stage."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer

from amser.cli.options import Json
from amser.console import Table, harmless, print_json
from amser.exits import UserError
from scenarios.errors import Exit

if TYPE_CHECKING:
    from amser.comparison import Comparison, Difference
    from amser.live.fidelity import Fidelity
    from amser.summary import PointKey
    from sim.study.results import Results

MOST = 16  # studies, which a terminal could still show beside one another


def compare(
    results: Annotated[
        list[str],
        typer.Argument(metavar="RESULTS...", help="Results folders, each as FOLDER or NAME=FOLDER."),
    ],
    baseline: Annotated[
        list[str] | None,
        typer.Option(
            "--baseline",
            "-b",
            metavar="KEY=VALUE",
            help="What points are compared with, such as study=NAME or codec=raw; repeatable. "
            "Default: the first study; in a single one the first codec, else the first point.",
        ),
    ] = None,
    every: Annotated[bool, typer.Option("--all", help="Show every metric, not only the headline's.")] = False,
    json: Json = False,
) -> int:
    """Compare studies, or the points of one: inputs, figures, differences to a baseline; observed ones by stage."""
    from amser.comparison import compare as compare_results
    from amser.comparison import named
    from sim.study.results import Results

    if len(results) > MOST:
        raise UserError(f"{len(results)} studies; at most {MOST} are compared at once")
    studies = {name: Results.open(folder) for name, folder in named(results).items()}
    say_partial(*studies.values())
    if any("observed" in study.manifest for study in studies.values()):
        if len(studies) != 2:
            raise UserError("an observation is compared with one other study; give two folders")
        one, two = studies.values()
        return compare_stages((one, two), json)
    found = compare_results(studies, baseline or ())
    if json:
        print_json(as_dict(found, list(studies)))
    else:
        show(found, list(studies), every)
    return Exit.DONE


def say_partial(*studies: Results) -> None:
    """Warn of studies that are not whole."""
    for found in studies:
        if found.partial:
            sys.stderr.write(f"amser: warning: {harmless(f'{found.folder}: {found.partial}')}\n")


def show(found: Comparison, names: list[str], every: bool) -> None:
    """Print what differs in the inputs, the figures of all points, and the differences."""
    if found.inputs:
        rows = [[key, *map(str, values)] for key, values in found.inputs.items()]
        Table(["input", *names], rows, title="inputs that differ:").print()
    elif len(names) > 1:
        sys.stdout.write("the inputs are the same\n")
    sys.stdout.write("\n")
    table = found.summary.overview()
    table.title = "figures:"
    table.print()
    if found.differences:
        sys.stdout.write("\n")
        (_all_metrics if every else _headline)(found)
    for point in found.alone:
        sys.stdout.write(f"has no baseline: {harmless(found.summary.label(point))}\n")
    same = sum(d.same for d in found.differences)
    sys.stdout.write(f"{same} of {len(found.differences)} figures are equal to the last digit\n")


def _headline(found: Comparison) -> None:
    """A row a point, a column a metric."""
    from amser.summary import short_names
    from amser.verdict import COMPARED, gap_text, gap_unit

    summary = found.summary
    by_point: dict[PointKey, dict[str, Difference]] = {}
    for d in found.differences:
        by_point.setdefault(d.point, {})[d.metric] = d
    metrics = [m for m in COMPARED if any(m in row and not row[m].same for row in by_point.values())]
    heads = [f"{COMPARED[m]} [{gap_unit(summary, m)}]" for m in metrics]
    names = short_names(summary.parameters)
    rows, bounded = [], 0
    for point, row in by_point.items():
        cells = summary.shown(point)
        for metric in metrics:
            it = row.get(metric)
            bounded += it is not None and it.gap.low == it.gap.low
            cells.append("–" if it is None else f"{gap_text(summary, metric, it.gap)}{_marks(it)}")
        rows.append(cells)
    right = frozenset(range(len(names), len(names) + len(heads)))
    if metrics:
        Table([*names, *heads], rows, right=right, title=_title(found)).print()
        sys.stdout.write(_explained(bounded, any(not d.paired for d in found.differences if d.metric in metrics)))


def _marks(d: Difference) -> str:
    return f"{'*' if d.told else ''}{'' if d.paired else '~'}"


def _all_metrics(found: Comparison) -> None:
    """A row a point and metric."""
    from amser.verdict import gap_text, gap_unit

    rows = []
    for d in found.differences:
        change = "" if d.relative != d.relative else f"{d.relative:+.2%}"
        gap = "0" if d.same else gap_text(found.summary, d.metric, d.gap)
        verdict = "same" if d.same else f"{'apart' if d.told else 'not told apart'}{'' if d.paired else ' ~'}"
        figures = [f"{e.mean:.6g}" for e in (d.against, d.value)]
        unit = gap_unit(found.summary, d.metric)
        rows.append([found.summary.label(d.point), d.metric, *figures, gap, unit, change, verdict, d.gap.basis])
    heads = ["point", "metric", "baseline", "value", "difference", "", "change", "verdict", "over"]
    Table(heads, rows, right=frozenset({2, 3, 4, 6}), title=_title(found)).print()
    bounded = sum(d.gap.low == d.gap.low and not d.same for d in found.differences)
    sys.stdout.write(_explained(bounded, any(not d.paired for d in found.differences)))


def _title(found: Comparison) -> str:
    return f"differences, each point minus that with {', '.join(f'{k} {v}' for k, v in found.baseline.items())}:"


def _explained(count: int, unpaired: bool) -> str:
    """What the intervals are, and how many comparisons they make."""
    text = f"{count} comparisons at 95 % each, so {0.05 * count:.2g} of the intervals are expected to miss; "
    text += "* the interval leaves out zero"
    return text + ("; ~ not paired: other seeds or too few replications\n" if unpaired else "\n")


def as_dict(found: Comparison, names: list[str]) -> dict[str, Any]:
    """The comparison for JSON."""
    keys = found.summary.parameters
    return {
        "studies": names,
        "identical": found.identical,
        "inputs": {key: dict(zip(names, values, strict=True)) for key, values in found.inputs.items()},
        "baseline": found.baseline,
        "comparisons": sum(d.gap.low == d.gap.low for d in found.differences),
        "differences": [
            {
                "point": dict(zip(keys, d.point, strict=True)),
                "baseline": dict(zip(keys, d.base, strict=True)),
                "metric": d.metric,
                "value": d.value._asdict(),
                "against": d.against._asdict(),
                "difference": d.gap._asdict(),
                "paired": d.paired,
                "same": d.same,
            }
            for d in found.differences
        ],
        "alone": [dict(zip(keys, point, strict=True)) for point in found.alone],
    }


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
