"""Write the reference pages: scenario keys, metrics, files of a results folder, commands.

    python -m docs.make_reference [--check]

Everything comes from the code: the schema, the glossary, the command line's own help.  ``--check`` writes nothing and
exits with 1 where a page is stale; tests/test_reference.py does the same.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import typer

from amser.cli.app import app
from amser.glossary import FILES, METRICS, UPLOAD_COLUMNS
from amser.json_schema import scenario_schema
from scenarios.quantities import (
    DISTANCE,
    DURATION,
    ENERGY,
    EVENT_RATE,
    FREQUENCY,
    GAIN_DB,
    LEVEL_DBM,
    POWER,
    RATE,
    SHARE,
    SIZE,
    SPEED,
    Dimension,
)
from sim.figures.metrics import unit_of

FOLDER = Path(__file__).resolve().parent / "reference"
HEAD = "<!-- written by `python -m docs.make_reference`; edit the docstrings it comes from -->\n"
Schema = Mapping[str, Any]
DIMENSIONS = (DURATION, SIZE, RATE, POWER, ENERGY, FREQUENCY, DISTANCE, SPEED, EVENT_RATE, LEVEL_DBM, GAIN_DB, SHARE)


def cell(text: str) -> str:
    """Text that fits into one cell of a table."""
    return " ".join(text.split()).replace("|", "\\|")


def heading(definition: str) -> str:
    """Name of a definition as people read it: `CellSpec` as `Cell`."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])", " ", definition.removesuffix("Spec")).capitalize()


def link(reference: str) -> str:
    """A link to the section of a definition."""
    name = heading(reference.rpartition("/")[2])
    return f"[{name}](#{name.lower().replace(' ', '-')})"


def units(schema: Schema) -> list[str]:
    """The units that a quantity takes; none where it is no quantity."""
    found = re.search(r"\\s\*\((.*)\)\\s\*\$$", str(schema.get("pattern", "")))
    return [re.sub(r"\\(.)", r"\1", unit) for unit in found[1].split("|")] if found else []


def takes(schema: Schema) -> str:
    """What a key takes, in words."""
    if "$ref" in schema:
        return link(schema["$ref"])
    for several in ("anyOf", "oneOf"):
        if several in schema:
            parts = [takes(one) for one in schema[several] if one.get("type") != "null"]
            return " or ".join(dict.fromkeys(parts))
    if "const" in schema:
        return f"`{schema['const']}`"
    if "enum" in schema:
        return ", ".join(f"`{value}`" for value in schema["enum"])
    if units(schema):
        return f"[{dimension(schema).name.split(' ', 1)[1]}](#quantities)"
    return plain(schema)


def dimension(schema: Schema) -> Dimension:
    """What kind of quantity it is."""
    return next(one for one in DIMENSIONS if units(schema)[0] in one.units)


def quantities() -> Iterator[str]:
    """The table of dimensions and their units."""
    yield "| quantity | units | example |"
    yield "| --- | --- | --- |"
    for one in DIMENSIONS:
        spelt = ", ".join(f"`{unit}`" for unit in one.units)
        yield f"| {one.name.split(' ', 1)[1]} | {spelt} | `{one.example}` |"


def plain(schema: Schema) -> str:
    """Numbers, texts, lists and mappings."""
    kind = schema.get("type")
    if kind == "array":
        return f"list of {takes(schema['items'])}" if schema.get("items") else "list"
    if kind == "object":
        inner = [*schema.get("patternProperties", {}).values(), schema.get("additionalProperties")]
        held = next((takes(one) for one in inner if isinstance(one, Mapping)), "")
        return f"mapping of names to {held}" if held else "mapping"
    names = {"integer": "whole number", "number": "number", "boolean": "`true` or `false`", "string": "text"}
    bounds = [
        f"{sign} {schema[key]:g}"
        for key, sign in (("minimum", ">="), ("exclusiveMinimum", ">"), ("maximum", "<="), ("exclusiveMaximum", "<"))
        if key in schema
    ]
    return names.get(str(kind), "anything") + (f" ({', '.join(bounds)})" if bounds else "")


def default(name: str, schema: Schema, required: bool) -> str:
    """What a key is when it is left out."""
    if required:
        return "**required**"
    value = schema.get("default")
    if value is None:
        return "none"
    if isinstance(value, Mapping):
        inner = ", ".join(f"{key}: {item}" for key, item in value.items() if item is not None and item != {})
        return f"`{{{inner}}}`" if inner else "none"
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    options = [schema, *schema.get("anyOf", [])]
    unit = next((dimension(one).si_unit or "%" for one in options if units(one)), "")
    if isinstance(value, float) and "auto" in schema.get("examples", []):
        unit = "s"  # a duration or the word
    if unit and isinstance(value, int | float):
        shown = 100.0 * value if unit == "%" else value
        return f"`{shown:g} {unit}`"
    return f"`{value}`" if value != "" else "empty"


def keys(schema: Schema) -> Iterator[str]:
    """The table of a mapping's keys."""
    yield "| key | takes | default | meaning |"
    yield "| --- | --- | --- | --- |"
    for name, one in schema["properties"].items():
        standing = default(name, one, name in schema.get("required", []))
        meaning = one.get("description", "")
        if name == "kind" and not meaning:
            meaning = "Which of the kinds this is."
        yield f"| `{name}` | {cell(takes(one))} | {cell(standing)} | {cell(meaning)} |"


def scenario_page() -> str:
    """Every key of a scenario file."""
    schema = scenario_schema()
    lines = [
        HEAD, "# Scenario keys", "",
        "A quantity is text with its unit, such as `50 ms`; a bare number is an error there. Where a default or a "
        "named part (a profile, a radio, a calibration) has a source, `amser list WHAT --sources` prints it. "
        "[Inheritance and sweeps](../cli.md#inheritance-and-limits) tell how files build on one another.", "",
        "## Quantities", "", *quantities(), "",
        "## Top level", "", *keys({**schema, "required": schema["anyOf"][0]["required"]}), "",
    ]  # fmt: skip
    for name, one in sorted(schema["$defs"].items(), key=lambda item: heading(item[0])):
        lines += [f"## {heading(name)}", ""]
        if "description" in one:
            lines += [" ".join(str(one["description"]).split()), ""]
        if "properties" in one:
            lines += [*keys(one), ""]
        else:
            lines += [f"Takes {takes(one)}.", ""]
    return "\n".join(lines)


def metrics_page() -> str:
    """Every metric with its unit and formula."""
    lines = [
        HEAD, "# Metrics", "",
        "The rows of `summary.csv`. An interval (`low`, `high`) is over replications, except that of accuracy, which "
        "is over utterances or speakers; `over` says which, `n` how many. Means and percentiles of latency count "
        "uploads with a reply; energy counts every upload that was begun.", "",
        "| metric | unit | what it is |", "| --- | --- | --- |",
    ]  # fmt: skip
    for metric in METRICS:
        names = ", ".join(f"`{name}`" for name in metric.shown.split(", "))
        unit = unit_of(re.split(r", | \.\.\. ", metric.shown)[0])
        lines.append(f"| {names} | {unit} | {cell(metric.formula)} |")
    return "\n".join([*lines, ""])


def results_page() -> str:
    """The files of a results folder and the columns of the upload log."""
    lines = [
        HEAD, "# Results folder", "",
        "`results/NAME/TIME-HASH/`. Nothing in it is ever overwritten; what fails its digest is run again.", "",
        "| file | what it holds |", "| --- | --- |",
        *(f"| `{name}` | {cell(meaning)} |" for name, meaning in FILES.items()), "",
        "## Columns of uploads.parquet", "",
        "One row an upload. Seconds and joules; NaN where a stage was not reached.", "",
        "| column | meaning |", "| --- | --- |",
        *(f"| `{name}` | {cell(meaning)} |" for name, meaning in UPLOAD_COLUMNS.items()), "",
    ]  # fmt: skip
    return "\n".join(lines)


def commands(group: Any, path: str = "amser") -> Iterator[tuple[str, Any]]:
    """All commands with their full names, in the order of the help.

    Untyped: which click stands behind typer, its own or the package, depends on typer's version."""
    for name, command in group.commands.items():
        if hasattr(command, "commands"):
            yield from commands(command, f"{path} {name}")
        else:
            yield f"{path} {name}", command


def option_rows(command: Any) -> Iterator[str]:
    """Arguments and options of a command as rows of a table."""
    context = command.context_class(command)
    for one in command.params:
        if one.param_type_name == "option":
            record = one.get_help_record(context)
            if record is not None:
                yield f"| `{cell(record[0])}` | {cell(record[1])} |"
        else:
            meaning = cell(one.help or "") + ("" if one.required else " (optional)")
            yield f"| `{one.name.rstrip('_').upper()}` | {meaning} |"


def cli_page() -> str:
    """Every command with its arguments and options."""
    lines = [HEAD, "# Commands", ""]
    for name, command in commands(typer.main.get_command(app)):
        lines += [f"## {name}", "", " ".join((command.help or "").split()), ""]
        rows = list(option_rows(command))
        if rows:
            lines += ["| argument or option | meaning |", "| --- | --- |", *rows, ""]
    return "\n".join(lines)


def pages() -> dict[str, str]:
    """All pages of the reference by their file's name."""
    return {
        "scenario.md": scenario_page(), "metrics.md": metrics_page(),
        "results.md": results_page(), "commands.md": cli_page(),
    }  # fmt: skip


def stale() -> list[str]:
    """Pages that are not what the code says."""
    return [
        name
        for name, text in pages().items()
        if not (FOLDER / name).is_file() or (FOLDER / name).read_text(encoding="utf-8") != text
    ]


def main() -> None:
    """Write the pages, or check them."""
    if "--check" in sys.argv[1:]:
        found = stale()
        if found:
            raise SystemExit(f"stale, run `python -m docs.make_reference`: {', '.join(found)}")
        return
    FOLDER.mkdir(exist_ok=True)
    for name, text in pages().items():
        (FOLDER / name).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
