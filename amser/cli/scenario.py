"""``amser check``, ``show``, ``init`` and ``schema``: everything about a scenario short of running it."""

from __future__ import annotations

import json as jsonlib
import sys
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from amser.cli.options import Json, ScenarioName, Sets
from amser.console import Table, print_json
from amser.exits import UserError, exit_code_of
from scenarios.errors import Exit

if TYPE_CHECKING:
    from scenarios import Experiment, ScenarioError


def check(scenario: ScenarioName, sets: Sets = None, json: Json = False) -> int:
    """Validate a scenario and all that it names, without running it, and say how much work it would be."""
    import scenarios
    from amser.forecast import forecast
    from amser.rehearsal import rehearse

    try:
        experiment = scenarios.load(scenario, sets or ())
        rehearse(experiment)
    except scenarios.ScenarioError as error:
        if not json:
            raise
        _print_faults(error)
        return exit_code_of(error)
    expected = forecast(experiment)
    if json:
        from dataclasses import asdict

        said = {"valid": True, "warnings": experiment.warnings, **_outline(experiment)}
        print_json({**said, "forecast": asdict(expected)})
        return Exit.DONE
    for warning in experiment.warnings:
        sys.stderr.write(f"amser: warning: {warning}\n")
    sys.stdout.write(f"{scenario}: valid\n")
    for name, value in (_outline(experiment) | expected.lines()).items():
        text = ", ".join(map(str, value)) if isinstance(value, list) else str(value)
        sys.stdout.write(f"  {name:<13}{text}\n")
    return Exit.DONE


def _outline(experiment: Experiment) -> dict[str, Any]:
    """What a run of ``experiment`` would do."""
    scenario = experiment.points[0].scenario
    codecs = dict.fromkeys(name for p in experiment.points for name in p.scenario.codec_specs())
    return {
        "name": experiment.name,
        "title": experiment.title,
        "points": len(experiment.points),
        "replications": experiment.replications,
        "swept": list(dict.fromkeys(key for p in experiment.points for key in p.parameters)),
        "codecs": list(codecs),
        "devices": [f"{group.count} {name}" for name, group in scenario.devices.items()],
        "sites": scenario.sites,
        "seed": scenario.seed,
    }


def _print_faults(error: ScenarioError) -> None:
    faults = [
        {
            "file": f.place.file,
            "line": f.place.line,
            "column": f.place.column,
            "key": f.key,
            "message": f.message,
        }
        for f in error.faults
    ]
    print_json({"valid": False, "faults": faults})


def show(
    scenario: ScenarioName,
    sets: Sets = None,
    points: Annotated[bool, typer.Option("--points", help="List the points of the sweep instead.")] = False,
    json: Json = False,
) -> int:
    """Print a scenario as one file, after `extends` and overrides; or the points of its sweep."""
    import scenarios

    experiment = scenarios.load(scenario, sets or ())
    if points:
        return _show_points(experiment, json)
    if json:
        print_json(experiment.resolved)
        return Exit.DONE
    from ruamel.yaml import YAML

    yaml = YAML(typ="safe", pure=True)
    yaml.default_flow_style = False
    yaml.sort_base_mapping_type_on_output = False  # type: ignore[assignment]
    yaml.width = 110
    yaml.dump(jsonlib.loads(jsonlib.dumps(experiment.resolved)), sys.stdout)
    return Exit.DONE


def _show_points(experiment: Experiment, json: bool) -> int:
    names = list(dict.fromkeys(key for p in experiment.points for key in p.parameters))
    if json:
        print_json([{"key": p.key, "parameters": dict(p.parameters)} for p in experiment.points])
        return Exit.DONE
    rows = [[p.key, *(str(p.parameters.get(name, "")) for name in names)] for p in experiment.points]
    Table(["point", *names], rows).print()
    return Exit.DONE


def init(
    file: Annotated[Path, typer.Argument(help="The scenario file to write.")] = Path("scenario.yaml"),
    source: Annotated[
        str | None, typer.Option("--from", metavar="NAME", help="Start from a ready scenario instead.")
    ] = None,
) -> int:
    """Write a commented scenario to start from; never overwrites a file."""
    if source is None:
        text = (files("amser") / "data" / "starter.yaml").read_text(encoding="utf-8")
    else:
        import scenarios

        ready = scenarios.library()
        if source not in ready:
            raise UserError(f"no ready scenario is named '{source}'; there are {', '.join(ready)}")
        text = ready[source].read_text(encoding="utf-8")
    try:
        with file.open("x", encoding="utf-8") as stream:
            stream.write(text)
    except FileExistsError:
        raise UserError(f"{file}: exists already and is left as it is; choose another name") from None
    sys.stdout.write(f"{file}\n")
    sys.stderr.write(f"edit it, then: amser check {file} && amser run {file}\n")
    return Exit.DONE


def schema(
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", metavar="FILE", help="Write it here instead of printing it."),
    ] = None,
) -> int:
    """Print the JSON Schema of scenario files, from which editors complete them."""
    from amser.json_schema import schema_text

    if output is None:
        sys.stdout.write(schema_text())
    else:
        output.write_text(schema_text(), encoding="utf-8")
    return Exit.DONE
