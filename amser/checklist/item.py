"""One item of the checklist, and the study that all of them are filled in from."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from amser.stored import stored_experiment

if TYPE_CHECKING:
    from pydantic import BaseModel

    from scenarios import Experiment, Scenario
    from scenarios.schema.device import DeviceGroupSpec
    from sim.study.results import Results


@dataclass(frozen=True)
class Item:
    """An item: its number and name, what the study says, and what its author has to add."""

    number: str
    name: str
    told: tuple[str, ...]
    """Blocks of Markdown, one below the other."""
    add: str = ""


class Filed:
    """A results folder as the checklist reads it."""

    def __init__(self, results: Results) -> None:
        self.results = results
        self.manifest: dict[str, Any] = results.manifest

    @cached_property
    def experiment(self) -> Experiment:
        """What was run."""
        return stored_experiment(self.results)

    @cached_property
    def scenarios(self) -> tuple[Scenario, ...]:
        """The scenario of each point."""
        return tuple(point.written for point in self.experiment.points)

    @property
    def first(self) -> Scenario:
        """The scenario of the first point, for what a sweep rarely changes."""
        return self.scenarios[0]

    def groups(self) -> Iterator[tuple[str, DeviceGroupSpec]]:
        """Every group of devices at every point, with its name."""
        for scenario in self.scenarios:
            yield from scenario.devices.items()

    def each(self, read: Callable[[Scenario], object]) -> str:
        """A fact of all points in one phrase: the values that occur, in order."""
        return ", ".join(dict.fromkeys(str(read(scenario)) for scenario in self.scenarios))

    def part(self, name: str) -> dict[str, Any]:
        """A mapping of the manifest; empty where it has none."""
        found = self.manifest.get(name)
        return dict(found) if isinstance(found, Mapping) else {}

    def listed(self, name: str) -> list[Any]:
        """A list of the manifest, or of one of its mappings (``source.changed``); empty where it has none."""
        whole, _, key = name.partition(".")
        found = self.part(whole).get(key) if key else self.manifest.get(whole)
        return found if isinstance(found, list) else []

    def measured_with(self) -> Iterator[str]:
        """What the figures rest on: corpora, recognizers, networks, measured tables and service times."""
        for name in ("corpus", "recognizer", "emotion"):
            for one in self.listed(name) or [self.part(name)]:
                if isinstance(one, Mapping) and one:
                    yield f"{name}: " + "; ".join(f"{plain(k)} {plain(v)}" for k, v in one.items() if v is not None)
        for table in self.listed("measured_tables"):
            if isinstance(table, Mapping):
                yield "measured table: " + "; ".join(f"{plain(k)} {plain(v)}" for k, v in table.items())
        yield f"service times: {plain(self.manifest.get('service', 'unknown'))}"


def bullets(lines: Iterable[str]) -> str:
    """A list of the different ``lines``."""
    return "\n".join(f"- {line}" for line in dict.fromkeys(lines))


def rows(head: Sequence[str], body: Iterable[Sequence[object]]) -> str:
    """A table; cells are put on one line."""
    lines = ["| " + " | ".join(head) + " |", "| " + " | ".join("---" for _ in head) + " |"]
    lines += ["| " + " | ".join(plain(cell) for cell in row) + " |" for row in body]
    return "\n".join(lines)


def plain(text: object) -> str:
    """Text of a folder that may be anybody's: on one line, and nothing in it that Markdown or HTML would act on."""
    line = " ".join(str(text).split()).replace("|", "\\|")
    return line.replace("&", "&amp;").replace("<", "&lt;").replace("`", "'")


def meaning(spec: BaseModel) -> str:
    """What the schema says of a part: its kind and the first sentence of its documentation."""
    first = re.split(r"(?<=[.:])\s", " ".join((type(spec).__doc__ or "").split()))[0].rstrip(".:")
    if first[1:2].islower():  # a word, not an abbreviation
        first = first[0].lower() + first[1:]
    return f"`{getattr(spec, 'kind', type(spec).__name__)}`: {first}"
