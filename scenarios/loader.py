"""Scenario file to experiment: inheritance, overrides, sweeps and validation."""

from __future__ import annotations

import hashlib
import json
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from scenarios.document import (
    COMMAND_LINE,
    Document,
    assign,
    merge,
    parse_assignment,
    parse_document,
    read_document,
    read_text,
    resolve,
)
from scenarios.faults import Fault, KeyPath, Place, ScenarioError, dotted
from scenarios.paths import anchored
from scenarios.presets import expand
from scenarios.schema.scenario import Scenario
from scenarios.schema.sweep import SweepSpec
from scenarios.sweeping import Swept, combinations, refuse_shared_labels
from scenarios.validation import suggest, validate

LIBRARY = Path(__file__).parent / "library"


@dataclass(frozen=True)
class Point:
    """One combination of the sweep: what differs, and the whole scenario."""

    parameters: Mapping[str, Any]
    """Swept dotted keys and their values as written, or the labels that they are given."""
    written: Scenario
    scenario: Scenario
    """As written, but with the files that it names found."""

    @property
    def key(self) -> str:
        """Hash of all that is written and can change the figures; names, prose and the folder cannot."""
        content = self.written.model_dump(mode="json", exclude={"name", "title", "description", "sweep", "log", "seed"})
        return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:12]


@dataclass(frozen=True)
class Experiment:
    """What a scenario file asks for: its points, each to be run ``replications`` times."""

    name: str
    title: str
    source: Path
    """The scenario file; relative paths in it start at its folder."""
    text: str
    """The file as written."""
    resolved: Mapping[str, Any]
    """The whole scenario after ``extends`` and ``--set``, as it would be written in one file."""
    sets: tuple[str, ...]
    points: tuple[Point, ...]
    replications: int
    document: Document = field(default_factory=lambda: Document({}), repr=False)
    """Where each key of ``resolved`` is written."""

    @property
    def warnings(self) -> list[str]:
        """What in it is valid and hardly meant, in words."""
        return self.document.warnings

    @property
    def base_dir(self) -> Path:
        """The folder that relative paths of the scenario start at."""
        return self.source.parent

    def place(self, path: KeyPath) -> Place:
        """Where ``path``, or the nearest of its parents that is there, is written."""
        return self.document.place(path)


def library() -> dict[str, Path]:
    """The ready scenarios by name."""
    return {path.stem: path for path in sorted(LIBRARY.glob("*.yaml"))}


def find(name: str | Path, beside: Path | None = None) -> Path:
    """The file of a scenario given by path or by its name in the library.  Raises ``ScenarioError``."""
    path = Path(name)
    candidate = path if beside is None or path.is_absolute() else beside / path
    if candidate.is_file():
        return candidate
    if candidate.is_dir():
        raise ScenarioError([Fault(Place(str(candidate)), "", "this is a folder; name a scenario file")])
    ready = library()
    if str(name) in ready:
        return ready[str(name)]
    if path.suffix in (".yaml", ".yml") or len(path.parts) > 1:
        raise ScenarioError([Fault(Place(str(candidate)), "", "no such scenario file")])
    text = f"no such scenario file, and no ready scenario of that name{suggest(str(name), list(ready))}"
    raise ScenarioError([Fault(Place(str(name)), "", text)])


def load(name: str | Path, sets: Sequence[str] = ()) -> Experiment:
    """Read the scenario ``name`` (a path, or a name in the library) with overrides ``key=value``.

    Raises ``ScenarioError`` whose text lists every fault with its file, line and column.
    """
    path = find(name)
    text = read_text(path)
    return _experiment(_extended(parse_document(text, str(path)), path, ()), path, text, sets)


def loads(
    text: str, sets: Sequence[str] = (), *, file: str = "scenario.yaml", base_dir: Path | None = None
) -> Experiment:
    """As ``load``, from text; relative paths start at ``base_dir`` (default: the working folder)."""
    path = (base_dir or Path.cwd()) / file
    return _experiment(_extended(parse_document(text, file), path, ()), path, text, sets)


def _with_parents(path: Path, below: tuple[Path, ...]) -> Document:
    return _extended(read_document(path), path, below)


def _extended(document: Document, path: Path, below: tuple[Path, ...]) -> Document:
    parent = document.data.pop("extends", None)
    if parent is None:
        return document
    place = document.place(("extends",))
    if not isinstance(parent, str):
        raise ScenarioError([Fault(place, "extends", f"expected the name of one scenario, found {parent!r}")])
    try:
        parent_path = find(parent, beside=path.parent)
    except ScenarioError as error:
        raise ScenarioError([Fault(place, "extends", error.faults[0].message + f" ({parent})")]) from None
    chain = (*below, path.resolve())
    if parent_path.resolve() in chain:
        raise ScenarioError([Fault(place, "extends", f"{parent} extends this file in turn; break the circle")])
    inherited = _with_parents(parent_path, chain)
    # A child is a scenario of its own: it does not inherit its parent's name and prose.
    for key in ("name", "title", "description"):
        inherited.data.pop(key, None)
    merged = merge(inherited, document)
    merged.warnings += _swept_away(inherited, document)
    return merged


def _swept_away(inherited: Document, child: Document) -> Iterator[str]:
    """What a child writes and the sweep that it inherits replaces at every point."""
    for section in ("grid", "zip", "lhs.ranges"):
        path = ("sweep", *section.split("."))
        swept: Any = inherited.data
        for part in path:
            swept = swept.get(part) if isinstance(swept, Mapping) else None
        for key in swept if isinstance(swept, Mapping) else ():
            here = resolve(child.data, str(key))
            if here in child.places and (*path, key) not in child.places:
                yield (
                    f"{child.place(here)}: {key} is written here, but the sweep of the scenario it extends replaces it "
                    f"({inherited.place((*path, key))}); `{'.'.join(path)}: {{{key}: null}}` drops that"
                )


def _file_name(path: Path) -> str:
    """A scenario's name from its file's, without what names of folders of results had better not hold."""
    return re.sub(r"[^A-Za-z0-9_.+-]+", "-", path.stem).strip("-._+")[:60] or "scenario"


def _experiment(document: Document, path: Path, text: str, sets: Sequence[str]) -> Experiment:
    document.data.setdefault("name", _file_name(path))
    document = expand(document)
    for assignment in sets:
        key, value = parse_assignment(assignment)
        place = Place(COMMAND_LINE + f" {assignment}")
        _refuse_unknown_target(document, key, place)
        document = expand(assign(document, key, value, place))
    whole = validate(document)
    points = tuple(_points(document, whole, path.absolute().parent))
    document.warnings += dict.fromkeys(text for point in points for text in _doubtful(point.scenario, document))
    return Experiment(
        whole.name,
        whole.title,
        path.absolute(),  # whoever runs it again may stand elsewhere
        text,
        document.data,
        tuple(sets),
        points,
        whole.sweep.replications,
        document,
    )


def _doubtful(scenario: Scenario, document: Document) -> Iterator[str]:
    """Cells that describe one queue for all and share as if each device had its own."""
    for name, cell in scenario.cells.items():
        wired = cell.packet.link_header == "ethernet" and cell.access.kind == "none" and cell.device_rates is None
        if wired and cell.sharing.kind == "equal" and cell.transport.kind != "udp":
            path = ("cells", name, "sharing")
            yield (
                f"{document.place(path)}: {dotted(path)}: `equal` is a queue for each device, as a base station keeps"
                " it; packets over Ethernet share one at the router, where simultaneous uploads are up to 50 % off"
                " under `equal`; take `router`"
            )


def _points(document: Document, whole: Scenario, base_dir: Path) -> Iterator[Point]:
    faults: set[Fault] = set()
    points: list[Point] = []
    _refuse_too_many(whole.sweep, document)
    refuse_shared_labels(whole.sweep, document)
    seen: dict[str, dict[str, Swept]] = {}
    for combination in combinations(whole.sweep):
        try:
            scenario = _at(document, combination) if combination else whole
            parameters = {key: swept.shown for key, swept in combination.items()}
            points.append(Point(parameters, scenario, anchored(scenario, base_dir)))
            same = seen.setdefault(_content(scenario), combination)
            if same is not combination:
                faults.add(_twice(same, combination, document))
        except ScenarioError as error:
            faults.update(error.faults)
    if faults:
        raise ScenarioError(_once(faults, whole.sweep, document))
    yield from points


MOST_POINTS = 10_000
MOST_RUNS = 1_000_000


def _refuse_too_many(sweep: SweepSpec, document: Document) -> None:
    """Count the points before they are made: nine keys of ten values are a billion."""
    points = math.prod(len(values) for values in sweep.grid.values())
    points *= len(next(iter(sweep.zip.values()))) if sweep.zip else 1
    points *= sweep.lhs.points if sweep.lhs else 1
    text = ""
    if points > MOST_POINTS:
        text = f"{points} points; at most {MOST_POINTS} are run in one study"
    elif points * sweep.replications > MOST_RUNS:
        text = f"{points} points in {sweep.replications} replications; at most {MOST_RUNS} runs make a study"
    if text:
        raise ScenarioError([Fault(document.place(("sweep",)), "sweep", text)])


def _content(scenario: Scenario) -> str:
    """All that tells a point from others; ``1 s`` and ``1000 ms`` are the same, and prose is nothing."""
    return scenario.model_dump_json(exclude={"name", "title", "description", "sweep"})


def _twice(first: Mapping[str, Swept], again: Mapping[str, Swept], document: Document) -> Fault:
    """What is said of a point that is there already: its uploads would count twice."""
    apart = [key for key in again if again[key].path != first[key].path]
    key = apart[0] if apart else next(iter(again))
    values = ", ".join(f"{k} = {again[k].shown}" for k in (apart or again))
    earlier = ", ".join(f"{k} = {first[k].shown}" for k in (apart or again))
    text = f"{values} is the same point as {earlier}; keep one of them"
    return Fault(document.place(again[key].path), key, text)


def _once(faults: set[Fault], sweep: SweepSpec, document: Document) -> set[Fault]:
    """``faults`` of swept values; what is said of every value of a key alike is said once, of the key."""
    for section, swept in (("grid", sweep.grid), ("zip", sweep.zip)):
        for key, values in swept.items():
            path = ("sweep", section, key)
            here = {document.place((*path, i)) for i in range(len(values))}
            for key_and_text in {(f.key, f.message) for f in faults}:
                alike = {f for f in faults if (f.key, f.message) == key_and_text and f.place in here}
                if len(alike) == len(here) > 1:
                    faults = (faults - alike) | {Fault(document.place(path), *key_and_text)}
    for key in sweep.lhs.ranges if sweep.lhs else ():
        # Drawn values differ and so do the messages; one of them says what is wrong with the range.
        drawn = {f for f in faults if f.place == document.place(("sweep", "lhs", "ranges", key))}
        faults = (faults - drawn) | {min((f for f in drawn if f.key == k), key=str) for k in {f.key for f in drawn}}
    return faults


def _at(document: Document, combination: Mapping[str, Swept]) -> Scenario:
    for key, (path, value, _) in combination.items():
        _refuse_unknown_target(document, key, document.place(path[:-1] if isinstance(path[-1], int) else path))
        document = expand(assign(document, key, value, document.place(path)))
    return validate(document)


def _refuse_unknown_target(document: Document, key: str, place: Place) -> None:
    """A key inside a named part must name a part that exists, else a typo would add a new, empty one."""
    path = resolve(document.data, key)
    section = path[0]
    parts = document.data.get(str(section))
    if (
        section in ("devices", "cells", "codecs")
        and len(path) > 2
        and isinstance(parts, Mapping)
        and path[1] not in parts
    ):
        text = f"names no part of this scenario{suggest(str(path[1]), [str(k) for k in parts])}"
        raise ScenarioError([Fault(place, key, text)])
