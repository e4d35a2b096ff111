"""YAML 1.2 text to plain data that remembers where each key was written."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from scenarios.faults import Fault, KeyPath, Place, ScenarioError
from scenarios.yaml_nodes import MOST_BYTES, parse

COMMAND_LINE = "--set"
LONGEST_KEY = 500


@dataclass
class Document:
    """Plain data (dict, list, scalars) and the place of each of its keys."""

    data: dict[str, Any]
    places: dict[KeyPath, Place] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)
    """What is valid and hardly meant, in words."""

    def place(self, path: KeyPath) -> Place:
        """The place of ``path``, or of the nearest ancestor that was written down."""
        for length in range(len(path), -1, -1):
            if path[:length] in self.places:
                return self.places[path[:length]]
        return Place("scenario")


def read_text(path: Path) -> str:
    """The text of a scenario file.  Raises ``ScenarioError`` when it cannot be read, is not UTF-8, or is too large."""
    try:
        with path.open("rb") as file:
            raw = file.read(MOST_BYTES + 4)
    except FileNotFoundError:
        raise ScenarioError([Fault(Place(str(path)), "", "no such scenario file")]) from None
    except OSError as error:
        raise ScenarioError([Fault(Place(str(path)), "", f"cannot be read: {error.strerror}")]) from None
    if len(raw) > MOST_BYTES:
        text = f"is larger than {MOST_BYTES // 1024} KiB; no scenario needs so much"
        raise ScenarioError([Fault(Place(str(path)), "", text)])
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = error.object[: error.start]
        place = Place(str(path), before.count(b"\n") + 1, error.start - before.rfind(b"\n"))
        text = f"byte 0x{error.object[error.start]:02x} is not UTF-8; save the file as UTF-8"
        raise ScenarioError([Fault(place, "", text)]) from None


def read_document(path: Path) -> Document:
    """Read a scenario file.

    Raises ``ScenarioError`` when it cannot be read, is not YAML 1.2, repeats a key, or is not a mapping.
    """
    return parse_document(read_text(path), str(path))


def parse_document(text: str, file: str) -> Document:
    """Parse scenario text; ``file`` is the name used in errors.  Raises ``ScenarioError``."""
    root, places = parse(text, file)
    if not isinstance(root, dict):
        found = "an empty file" if root is None else "a list" if isinstance(root, list) else "one value"
        raise ScenarioError([Fault(Place(file, 1, 1), "", f"a scenario is a mapping of keys to values, found {found}")])
    return Document(root, places | {(): Place(file, 1, 1)})


def merge(parent: Document, child: Document) -> Document:
    """``child`` over ``parent``: mappings merge, everything else replaces, and null drops what the parent has there.

    A mapping whose ``kind`` differs from its parent's replaces it whole, since the keys of one kind mean
    nothing to another.
    """
    places = dict(parent.places)
    data = _merge(parent.data, child.data, (), places)
    places.update(child.places)
    return Document(data, places, [*parent.warnings, *child.warnings])


def _merge(
    old: Mapping[str, Any], new: Mapping[str, Any], path: KeyPath, places: dict[KeyPath, Place]
) -> dict[str, Any]:
    if "kind" in new and new.get("kind") != old.get("kind"):
        return dict(new)
    merged = dict(old)
    for key, value in new.items():
        before = old.get(key)
        if isinstance(before, Mapping) and isinstance(value, Mapping):
            merged[key] = _merge(before, value, (*path, key), places)
        elif value is None and key in old:
            del merged[key]
        else:
            merged[key] = value
    return merged


def parse_assignment(text: str) -> tuple[str, Any]:
    """``a.b=value`` from the command line; the value is YAML.  Raises ``ScenarioError``."""
    key, equals, value = text.partition("=")
    if not equals or not key.strip():
        raise ScenarioError(
            [Fault(Place(COMMAND_LINE), _short(text), "write it as key=value, for example devices.phones.count=80")]
        )
    if len(key) > LONGEST_KEY:
        text = f"a key has at most {LONGEST_KEY} characters, found {len(key)}"
        raise ScenarioError([Fault(Place(COMMAND_LINE), _short(key), text)])
    try:
        return key.strip(), parse(value, COMMAND_LINE)[0]
    except ScenarioError as error:
        said = ": ".join(filter(None, (error.faults[0].key, error.faults[0].message)))
        raise ScenarioError([Fault(Place(COMMAND_LINE), key, f"{_short(value)}: {said}")]) from None


def _short(text: str) -> str:
    return repr(text if len(text) <= 60 else text[:57] + "...")


def assign(document: Document, key: str, value: Any, place: Place) -> Document:
    """Return a document with ``value`` at dotted ``key``; names that hold dots are found as they stand."""
    path = resolve(document.data, key)
    data = _assigned(document.data, path, value, key, place)
    places = {p: q for p, q in document.places.items() if p[: len(path)] != path}
    # A parent that the key brings into being, such as a misspelt section, was written where the key was.
    for length in range(1, len(path)):
        places.setdefault(path[:length], place)
    places[path] = place
    return Document(data, places, document.warnings)


def _assigned(data: Any, path: KeyPath, value: Any, key: str, place: Place) -> Any:
    if not path:
        return value
    head, rest = path[0], path[1:]
    if isinstance(data, list):
        if not isinstance(head, int) or not 0 <= head < len(data):
            raise ScenarioError([Fault(place, key, f"'{head}' is no position in a list of {len(data)}")])
        return [_assigned(item, rest, value, key, place) if i == head else item for i, item in enumerate(data)]
    if data is not None and not isinstance(data, dict):
        raise ScenarioError([Fault(place, key, f"nothing can be set below a single value ({data!r})")])
    kept = dict(data or {})
    kept[str(head)] = _assigned(kept.get(str(head)), rest, value, key, place)
    return kept


def resolve(data: Any, key: str) -> KeyPath:
    """The path that a dotted key names in ``data``.

    At each level the longest run of dotted parts that is a key there is taken, so that
    ``codecs.amser-12.5.rank`` finds the codec named ``amser-12.5``.
    """
    parts = key.split(".")
    path: list[str | int] = []
    while parts:
        taken = 1
        if isinstance(data, Mapping):
            taken = next((n for n in range(len(parts), 0, -1) if ".".join(parts[:n]) in data), 1)
        name: str | int = ".".join(parts[:taken])
        if isinstance(data, list) and str(name).isdigit():
            name = int(name)
            data = data[name] if name < len(data) else None
        else:
            data = data.get(name) if isinstance(data, Mapping) else None
        path.append(name)
        parts = parts[taken:]
    return tuple(path)
