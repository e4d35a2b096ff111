"""YAML 1.2 text to plain data with the place of each key: mappings, lists, and five kinds of scalars, nothing else.

Built on the parser's nodes and not on its objects: a date, a set or a tag would otherwise become an object that nothing
behind this file expects, and a key that was merged (``<<``) would have no place.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from scenarios.faults import Fault, KeyPath, Place, ScenarioError, dotted

MOST_BYTES = 256 * 1024
"""Of one file; the parser takes some seconds for so much, and a scenario that a person writes has a hundredth."""
MOST_VALUES = 100_000
"""Values of one file, counting what aliases repeat: aliases of aliases would fill the memory."""
MOST_DIGITS = 30
TAG = "tag:yaml.org,2002:"


def parse(text: str, file: str) -> tuple[Any, dict[KeyPath, Place]]:
    """The data that ``text`` holds and where each of its keys and items is written.  Raises ``ScenarioError``."""
    if len(text.encode("utf-8", "surrogatepass")) > MOST_BYTES:
        raise _fault(Place(file), (), f"is larger than {MOST_BYTES // 1024} KiB; no scenario needs so much")
    yaml = YAML(typ="safe", pure=True)
    yaml.version = "1.2"
    try:
        root = yaml.compose(text)
        reader = _Reader(file)
        return (None if root is None else reader.value(root, ())), reader.places
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = Place(file, mark.line + 1, mark.column + 1) if mark else Place(file, 1, 1)
        remedy = "; indent with spaces" if "\\t" in str(error.problem) else ""
        begun = str(error.problem).startswith("but ")  # half a sentence
        why = f"{error.context}, {error.problem}" if begun else str(error.problem or error.context)
        raise _fault(place, (), f"not valid YAML: {why}{remedy}") from None
    except RecursionError:
        raise _fault(Place(file, 1, 1), (), "nested too deeply") from None
    except (YAMLError, ValueError, OverflowError, AttributeError, TypeError, LookupError, AssertionError) as error:
        why = (str(error).splitlines() or [type(error).__name__])[0]  # the parser's own faults on strange text
        raise _fault(Place(file, 1, 1), (), f"not valid YAML: {why}") from None


@dataclass
class _Reader:
    file: str
    places: dict[KeyPath, Place] = field(default_factory=dict)
    count: int = 0
    above: set[int] = field(default_factory=set)

    def value(self, node: Node, path: KeyPath) -> Any:
        self.count += 1
        if self.count > MOST_VALUES:
            raise _fault(Place(self.file, 1, 1), (), f"more than {MOST_VALUES} values, counting what aliases repeat")
        self.places.setdefault(path, self._place(node))
        if isinstance(node, ScalarNode):
            return self._scalar(node, path)
        if id(node) in self.above:
            raise _fault(Place(self.file, 1, 1), (), "an alias stands for something that contains it")
        self.above.add(id(node))
        found = self._mapping(node, path) if isinstance(node, MappingNode) else self._list(node, path)
        self.above.remove(id(node))
        return found

    def _place(self, node: Node) -> Place:
        return Place(self.file, node.start_mark.line + 1, node.start_mark.column + 1)

    def _list(self, node: Node, path: KeyPath) -> list[Any]:
        self._plain_tag(node, "seq", path)
        return [self.value(item, (*path, i)) for i, item in enumerate(node.value)]

    def _mapping(self, node: MappingNode, path: KeyPath) -> dict[str, Any]:
        self._plain_tag(node, "map", path)
        result: dict[str, Any] = {}
        written: set[str] = set()
        for key, value in self._pairs(node, path, written):
            name = str(key.value)
            if name not in result:
                self.places[*path, name] = self._place(key)
                result[name] = self.value(value, (*path, name))
        return result

    def _pairs(self, node: MappingNode, path: KeyPath, written: set[str]) -> Iterator[tuple[ScalarNode, Node]]:
        """Keys and values: what the mapping writes itself, then what it merges, the first of two merged ones first."""
        merged: list[Node] = []
        for key, value in node.value:
            if not isinstance(key, ScalarNode):
                raise _fault(self._place(key), path, "a key is text, not a list or a mapping")
            if key.tag == f"{TAG}merge":
                merged += value.value if isinstance(value, SequenceNode) else [value]
                continue
            if key.value in written:
                raise _fault(self._place(key), (key.value,), "this key is written twice; keep one of them")
            written.add(key.value)
            yield key, value
        for one in merged:
            if not isinstance(one, MappingNode):
                raise _fault(self._place(one), path, "`<<` merges a mapping, or a list of mappings")
            if id(one) in self.above:
                raise _fault(Place(self.file, 1, 1), (), "an alias stands for something that contains it")
            self.above.add(id(one))
            yield from self._pairs(one, path, set())
            self.above.remove(id(one))

    def _plain_tag(self, node: Node, kind: str, path: KeyPath) -> None:
        if node.tag != f"{TAG}{kind}":
            raise _fault(self._place(node), path, f"the tag {_shown(node)} means nothing in a scenario; leave it out")

    def _scalar(self, node: ScalarNode, path: KeyPath) -> Any:
        # ruamel marks with a bell where a folded text was folded; YAML itself allows none in it.
        text, kind = str(node.value), str(node.tag).removeprefix(TAG)
        if node.style == ">":
            text = text.replace("\a", "")
        if kind == "timestamp":
            told = f"{text} is a date to YAML, which no key takes; put quotes around it"
            raise _fault(self._place(node), path, told)
        convert = SCALARS.get(kind)
        if convert is None:
            raise _fault(self._place(node), path, f"the tag {_shown(node)} means nothing in a scenario; leave it out")
        try:
            return convert(text)
        except ValueError as error:
            raise _fault(self._place(node), path, str(error)) from None


def _fault(place: Place, path: KeyPath, message: str) -> ScenarioError:
    return ScenarioError([Fault(place, dotted(path), message)])


def _shown(node: Node) -> str:
    tag = str(node.tag)
    return f"!!{tag.removeprefix(TAG)}" if tag.startswith(TAG) else tag


def _truth(text: str) -> bool:
    if text.lower() not in ("true", "false", "yes", "no", "on", "off", "y", "n"):
        raise ValueError(f"expected true or false, found {text!r}")
    return text.lower() in ("true", "yes", "on", "y")


def _whole(text: str) -> int:
    digits = text.replace("_", "").lower()
    if len(digits) > MOST_DIGITS:
        raise ValueError(f"a whole number has at most {MOST_DIGITS} digits, found {len(digits)}")
    body = digits.lstrip("+-")
    base = {"0b": 2, "0o": 8, "0x": 16}.get(body[:2], 10)
    try:
        return (-1 if digits.startswith("-") else 1) * int(body[2:] if base != 10 else body, base)
    except ValueError:
        raise ValueError(f"expected a whole number, found {text!r}") from None


def _number(text: str) -> float:
    digits = text.replace("_", "").lower()
    try:
        return float(digits.replace(".inf", "inf").replace(".nan", "nan"))
    except ValueError:
        raise ValueError(f"expected a number, found {text!r}") from None


SCALARS: dict[str, Callable[[str], Any]] = {
    "null": lambda text: None,
    "bool": _truth,
    "int": _whole,
    "float": _number,
    "str": str,
}
