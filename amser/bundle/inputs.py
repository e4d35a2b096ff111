"""The files that a study read, and whether a bundle can carry them."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from amser.exits import MissingError, UserError
from sim.study.inputs import input_files

if TYPE_CHECKING:
    from scenarios import Experiment

PACKAGE = Path(__file__).resolve().parents[2]
SHIPS = ("scenarios", "channel", "devices", "recognizers")


@dataclass(frozen=True)
class Input:
    """A file that the study read."""

    name: str
    """As the scenario has it."""
    sha256: str
    carried: Path | None
    """Where it is, if the bundle carries it."""
    note: str
    """Where whoever repeats the study has it from."""


def inputs_of(experiment: Experiment, digests: dict[str, str]) -> list[Input]:
    """Every input of the manifest's ``digests``, and where it comes from.

    A file is carried only with the content that the study read: the results folder may be a stranger's, and a name
    in it must not put whatever it points at into a file that is handed on.  Raises ``UserError`` where a file has
    changed since and ``MissingError`` where it is gone.
    """
    places: dict[str, Path] = {}
    for point in experiment.points:
        places |= dict(input_files(point.scenario, experiment.base_dir))
    return [_input(name, digest, places.get(name)) for name, digest in sorted(digests.items())]


def _input(name: str, digest: str, place: Path | None) -> Input:
    if place is None or not place.is_file():
        raise MissingError(f"{name}: an input of this study that is gone; put it back, or run the study again")
    if hashlib.sha256(place.read_bytes()).hexdigest() != digest:
        raise UserError(f"{place}: has changed since the study read it; restore it, or run the study again")
    if _ships(place):
        return Input(name, digest, None, "ships with the testbed")
    if not portable(name):
        return Input(name, digest, None, "NOT in this bundle: the scenario names it by a path of one machine")
    return Input(name, digest, place, "`results/`, beside the scenario")


def portable(name: str) -> bool:
    """Whether a name means the same file in any folder: relative, and not above it."""
    path = PurePosixPath(name)
    return not path.is_absolute() and ".." not in path.parts and not name.startswith(("~", "$")) and "\\" not in name


def _ships(place: Path) -> bool:
    return any(place.resolve().is_relative_to(PACKAGE / floor) for floor in SHIPS)


def held(folder: Path) -> Iterator[Path]:
    """The files of a results folder, in order.  Raises ``UserError`` for a link, which could lead out of it."""
    for path in sorted(folder.rglob("*")):
        if path.is_symlink():
            raise UserError(f"{path}: is a link; a bundle holds only what lies in the results folder itself")
        if path.is_file() and not any(part.startswith(".") for part in path.relative_to(folder).parts):
            yield path
