"""YAML 1.2 text to plain data that remembers where each key was written."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap, CommentedSeq
from ruamel.yaml.constructor import DuplicateKeyError
from ruamel.yaml.error import MarkedYAMLError, YAMLError

from scenarios.faults import Fault, KeyPath, Place, ScenarioError, dotted

COMMAND_LINE = "--set"
# Far beyond any scenario that a person writes; aliases of aliases would fill the memory before an error came.
MOST_VALUES = 100_000


@dataclass
class Document:
    """Plain data (dict, list, scalars) and the place of each of its keys."""

    data: dict[str, Any]
    places: dict[KeyPath, Place] = field(default_factory=dict)

    def place(self, path: KeyPath) -> Place:
        """The place of ``path``, or of the nearest ancestor that was written down."""
        for length in range(len(path), -1, -1):
            if path[:length] in self.places:
                return self.places[path[:length]]
        return Place("scenario")


def read_document(path: Path) -> Document:
    """Read a scenario file.

    Raises ``ScenarioError`` when it cannot be read, is not YAML 1.2, repeats a key, or is not a mapping.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise ScenarioError([Fault(Place(str(path)), "", "no such scenario file")]) from None
    except UnicodeDecodeError as error:
        before = error.object[: error.start]
        place = Place(str(path), before.count(b"\n") + 1, error.start - before.rfind(b"\n"))
        text = f"byte 0x{error.object[error.start]:02x} is not UTF-8; save the file as UTF-8"
        raise ScenarioError([Fault(place, "", text)]) from None
    except OSError as error:
        raise ScenarioError([Fault(Place(str(path)), "", f"cannot be read: {error.strerror}")]) from None
    return parse_document(text, str(path))


def parse_document(text: str, file: str) -> Document:
    """Parse scenario text; ``file`` is the name used in errors.  Raises ``ScenarioError``."""
    yaml = YAML(typ="rt")
    yaml.version = "1.2"
    try:
        root = yaml.load(text)
    except DuplicateKeyError as error:
        key = str(error.problem).split('"')[1] if '"' in str(error.problem) else ""
        raise ScenarioError([Fault(_mark(file, error), key, "this key is written twice; keep one of them")]) from None
    except MarkedYAMLError as error:
        remedy = "; indent with spaces" if "\\t" in str(error.problem) else ""
        raise ScenarioError([Fault(_mark(file, error), "", f"not valid YAML: {error.problem}{remedy}")]) from None
    except RecursionError:
        raise ScenarioError([Fault(Place(file, 1, 1), "", "nested too deeply")]) from None
    except (YAMLError, ValueError, OverflowError) as error:
        raise ScenarioError([Fault(Place(file, 1, 1), "", f"not valid YAML: {str(error).splitlines()[0]}")]) from None
    if not isinstance(root, CommentedMap):
        found = "an empty file" if root is None else "a list" if isinstance(root, CommentedSeq) else "one value"
        raise ScenarioError([Fault(Place(file, 1, 1), "", f"a scenario is a mapping of keys to values, found {found}")])
    document = Document({}, {(): Place(file, 1, 1)})
    try:
        document.data = _plain(root, (), file, document.places)
    except RecursionError:
        raise ScenarioError([Fault(Place(file, 1, 1), "", "an alias stands for something that contains it")]) from None
    return document


def _mark(file: str, error: MarkedYAMLError) -> Place:
    mark = error.problem_mark or error.context_mark
    return Place(file, mark.line + 1, mark.column + 1) if mark else Place(file, 1, 1)


def _plain(node: Any, path: KeyPath, file: str, places: dict[KeyPath, Place]) -> Any:
    if len(places) > MOST_VALUES:
        text = f"more than {MOST_VALUES} values, counting what aliases repeat"
        raise ScenarioError([Fault(Place(file, 1, 1), "", text)])
    if isinstance(node, CommentedMap):
        result: dict[str, Any] = {}
        for key, value in node.items():
            # A key such as `12.5:` is a number in YAML; names of ours are text.
            name = str(key)
            line, column = node.lc.key(key)
            places[(*path, name)] = Place(file, line + 1, column + 1)
            result[name] = _plain(value, (*path, name), file, places)
        return result
    if isinstance(node, CommentedSeq):
        items = []
        for index, value in enumerate(node):
            line, column = node.lc.item(index)
            places[(*path, index)] = Place(file, line + 1, column + 1)
            items.append(_plain(value, (*path, index), file, places))
        return items
    return _scalar(node)


def _scalar(node: Any) -> Any:
    for kind in (bool, int, float, str):
        if isinstance(node, kind):
            return kind(node)
    return node


def merge(parent: Document, child: Document) -> Document:
    """``child`` over ``parent``: mappings merge, everything else replaces.

    A mapping whose ``kind`` differs from its parent's replaces it whole, since the keys of one kind mean
    nothing to another.
    """
    places = dict(parent.places)
    data = _merge(parent.data, child.data, (), places)
    places.update(child.places)
    return Document(data, places)


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
        else:
            merged[key] = value
    return merged


def parse_assignment(text: str) -> tuple[str, Any]:
    """``a.b=value`` from the command line; the value is YAML.  Raises ``ScenarioError``."""
    key, equals, value = text.partition("=")
    if not equals or not key.strip():
        raise ScenarioError(
            [Fault(Place(COMMAND_LINE), text, "write it as key=value, for example devices.phones.count=80")]
        )
    try:
        node = YAML(typ="safe", pure=True).load(value) if value.strip() else None
    except YAMLError:
        raise ScenarioError([Fault(Place(COMMAND_LINE), key, f"the value {value!r} is not valid YAML")]) from None
    return key.strip(), node


def assign(document: Document, key: str, value: Any, place: Place) -> Document:
    """Return a document with ``value`` at dotted ``key``; names that hold dots are found as they stand."""
    path = resolve(document.data, key)
    data = _assigned(document.data, path, value, key, place)
    places = {p: q for p, q in document.places.items() if p[: len(path)] != path}
    # A parent that the key brings into being, such as a misspelt section, was written where the key was.
    for length in range(1, len(path)):
        places.setdefault(path[:length], place)
    places[path] = place
    return Document(data, places)


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


__all__ = [
    "Document",
    "assign",
    "dotted",
    "merge",
    "parse_assignment",
    "parse_document",
    "read_document",
    "resolve",
]
