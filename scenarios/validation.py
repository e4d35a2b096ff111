"""Plain data to a ``Scenario``; what pydantic finds becomes faults at their places in the file."""

from __future__ import annotations

import difflib
import json
import types
import typing
from collections.abc import Iterator, Mapping
from types import NoneType
from typing import Any

from pydantic import BaseModel, ValidationError

from scenarios.document import Document
from scenarios.faults import Fault, KeyPath, ScenarioError, dotted
from scenarios.schema.device import DeviceGroupSpec
from scenarios.schema.scenario import Scenario, broken_references, inconsistencies


def validate(document: Document) -> Scenario:
    """The scenario that ``document`` describes.  Raises ``ScenarioError`` with every fault."""
    version = document.data.get("amser")
    if isinstance(version, int) and (version != 1 or isinstance(version, bool)):
        text = f"this testbed reads version 1 of the language, found {version}; a newer testbed may read it"
        raise ScenarioError([Fault(document.place(("amser",)), "amser", text)])
    try:
        scenario = Scenario.model_validate(document.data)
    except ValidationError as error:
        told = error.errors(include_url=False)
        # An item that is wrong is not counted: that a list is too short may only follow from it.
        below = {e["loc"][:depth] for e in told for depth in range(len(e["loc"]))}
        faults = [_fault(document, dict(e)) for e in told if e["type"] != "too_short" or e["loc"] not in below]
        raise ScenarioError([*faults, *_dangling(document, _sound_parts(document.data))]) from None
    faults = _dangling(document, scenario)
    faults += [Fault(document.place(path), dotted(path), text) for path, text in inconsistencies(scenario)]
    if faults:
        raise ScenarioError(faults)
    return scenario


def _dangling(document: Document, scenario: Scenario) -> list[Fault]:
    """The names in ``scenario`` that point at nothing."""
    return [
        Fault(document.place(path), dotted(path), f"there is no {what} named '{found}'{suggest(found, known)}")
        for path, found, what, known in broken_references(scenario)
    ]


def _sound_parts(data: Mapping[str, Any]) -> Scenario:
    """What is needed to follow names in a scenario that has faults elsewhere."""
    devices, cells, codecs = (
        part if isinstance(part := data.get(key), Mapping) else {} for key in ("devices", "cells", "codecs")
    )
    groups = {}
    for name, written in devices.items():
        try:
            groups[name] = DeviceGroupSpec.model_validate(written)
        except ValidationError:
            named = {k: written.get(k) for k in ("cell", "codec")} if isinstance(written, Mapping) else {}
            if named and all(isinstance(value, str) for value in named.values()):
                groups[name] = DeviceGroupSpec.model_construct(**named)
    return Scenario.model_construct(devices=groups, cells=cells, codecs=codecs)


def suggest(found: str, known: list[str]) -> str:
    """`` - did you mean ...?`` or the accepted names, as the end of a message."""
    close = difflib.get_close_matches(found, known, n=1, cutoff=0.6)
    if close:
        return f"; did you mean '{close[0]}'?"
    shown = ", ".join(known[:24]) + (", ..." if len(known) > 24 else "")
    return f"; accepted: {shown}" if known else ""


def _fault(document: Document, error: dict[str, Any]) -> Fault:
    path, model = _locate(document.data, error["loc"])
    written = _written(document.data, path)
    key, kind = dotted(written), error["type"]
    if kind == "extra_forbidden":
        known = list(model.model_fields) if model else []
        return Fault(document.place(path), key, f"unknown key{suggest(str(path[-1]), known)}")
    if kind == "missing":
        return Fault(document.place(path[:-1]), key, f"this key is required{_described(model, str(path[-1]))}")
    if kind == "union_tag_invalid":
        context = error["ctx"]
        known = [t.strip().strip("'") for t in context["expected_tags"].split(",")]
        # `radio: lte` is short for `radio: {kind: lte}`.
        tag = _written(document.data, (*path, "kind"))
        text = f"'{context['tag']}' is no known kind{suggest(context['tag'], known)}"
        return Fault(document.place(tag), dotted(tag), text)
    if kind == "union_tag_not_found":
        found = error["input"]
        if not isinstance(found, Mapping):
            return Fault(document.place(path), key, f"expected a mapping with a `kind`, found {_shown(found)}")
        return Fault(document.place(path), key, f"say which kind it is: `kind:`{_kinds(model, path)}")
    return Fault(document.place(written), key, _message(error))


def _written(data: Any, path: KeyPath) -> KeyPath:
    """``path`` as far as the file has it: below a value such as ``1 Mbit/s``, short for a mapping, is nothing."""
    for length, part in enumerate(path):
        if not isinstance(data, (Mapping, list)):
            return path[:length]
        try:
            data = data[part]  # type: ignore[index]
        except (LookupError, TypeError):
            return path
    return path


# What pydantic found, in this language's words; `{...}` are its own figures.
_WORDS = {
    "dict_type": "expected a mapping of keys to values",
    "mapping_type": "expected a mapping of keys to values",
    "model_type": "expected a mapping of keys to values",
    "model_attributes_type": "expected a mapping of keys to values",
    "list_type": "expected a list",
    "tuple_type": "expected a list",
    "int_type": "expected a whole number",
    "int_parsing": "expected a whole number",
    "int_from_float": "expected a whole number",
    "float_type": "expected a number",
    "float_parsing": "expected a number",
    "finite_number": "expected a finite number",
    "bool_type": "expected true or false",
    "bool_parsing": "expected true or false",
    "string_type": "expected text (a number or true needs quotes to be text)",
    "string_too_long": "at most {max_length} characters are accepted",
    "string_pattern_mismatch": "must match {pattern}",
    "literal_error": "accepted: {expected}",
    "greater_than_equal": "must be at least {ge}",
    "greater_than": "must be above {gt}",
    "less_than_equal": "must be at most {le}",
    "less_than": "must be below {lt}",
    "too_short": "must have at least {min_length}",
    "too_long": "must have at most {max_length}",
}


def _message(error: dict[str, Any]) -> str:
    text = str(error["msg"]).removeprefix("Value error, ").removeprefix("Assertion failed, ")
    if error["type"] in ("value_error", "assertion_error"):
        return text
    known = _WORDS.get(error["type"])
    text = known.format(**error.get("ctx", {})) if known else text[:1].lower() + text[1:]
    return f"{text}, found {_shown(error['input'])}"


def _shown(value: Any) -> str:
    if value is None:
        return "nothing"
    text = json.dumps(value, ensure_ascii=False) if isinstance(value, (dict, list, bool, NoneType)) else repr(value)
    return text if len(text) <= 60 else text[:57] + "..."


def _described(model: type[BaseModel] | None, key: str) -> str:
    field = model.model_fields.get(key) if model else None
    return f": {field.description.split(chr(10))[0].rstrip('.')}" if field is not None and field.description else ""


def _kinds(model: type[BaseModel] | None, path: KeyPath) -> str:
    if model is None or not path:
        return ""
    field = model.model_fields.get(str(path[-1]))
    kinds = [k for m in _models(field.annotation) for k in _literal_kinds(m)] if field is not None else []
    return f" (one of {', '.join(kinds)})" if kinds else ""


def _literal_kinds(model: type[BaseModel]) -> Iterator[str]:
    field = model.model_fields.get("kind")
    if field is not None:
        yield from (str(a) for a in typing.get_args(field.annotation))


def _locate(data: Any, loc: tuple[str | int, ...]) -> tuple[KeyPath, type[BaseModel] | None]:
    """The key path of a pydantic location, without the union tags, and the model that holds its last key."""
    path: list[str | int] = []
    model: type[BaseModel] | None = Scenario
    holder: type[BaseModel] | None = Scenario
    candidates: list[type[BaseModel]] = [Scenario]
    for index, part in enumerate(loc):
        last = index == len(loc) - 1
        tagged = [m for m in candidates if part in set(_literal_kinds(m))]
        present = (isinstance(data, Mapping) and part in data) or (isinstance(data, list) and isinstance(part, int))
        if tagged and len(candidates) > 1 and not (present and part not in ("kind",)):
            candidates = model_list = tagged
            model = model_list[0]
            continue
        holder = model if candidates else None
        path.append(part)
        if model is not None and isinstance(part, str) and part in model.model_fields:
            candidates = _models(model.model_fields[part].annotation)
            # Names of a mapping (devices.phones) are not fields: stay on the mapping's value model.
            model = candidates[0] if len(candidates) == 1 else (None if candidates else model)
            if _is_mapping(holder, part) and candidates:
                model = None
        elif candidates:
            model = candidates[0] if len(candidates) == 1 else model
        if not last:
            data = data[part] if present else None
    return tuple(path), holder


def _is_mapping(holder: type[BaseModel] | None, part: str) -> bool:
    if holder is None or part not in holder.model_fields:
        return False
    origin = typing.get_origin(holder.model_fields[part].annotation)
    return isinstance(origin, type) and issubclass(origin, Mapping)


def _models(annotation: Any) -> list[type[BaseModel]]:
    """The models that an annotation mentions, in order."""
    if (
        isinstance(annotation, type)
        and issubclass(annotation, BaseModel)
        and not isinstance(annotation, types.GenericAlias)
    ):
        return [annotation]
    return [m for a in typing.get_args(annotation) for m in _models(a)]
