"""Plain data to a ``Scenario``; what pydantic finds becomes faults at their places in the file."""

from __future__ import annotations

import difflib
import types
import typing
from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import BaseModel, ValidationError

from scenarios.document import Document
from scenarios.faults import Fault, KeyPath, ScenarioError, dotted
from scenarios.schema.scenario import Scenario, broken_references, inconsistencies


def validate(document: Document) -> Scenario:
    """The scenario that ``document`` describes.  Raises ``ScenarioError`` with every fault."""
    try:
        scenario = Scenario.model_validate(document.data)
    except ValidationError as error:
        raise ScenarioError(_fault(document, dict(e)) for e in error.errors(include_url=False)) from None
    faults = [
        Fault(document.place(path), dotted(path), f"there is no {what} named '{found}'{suggest(found, known)}")
        for path, found, what, known in broken_references(scenario)
    ]
    faults += [Fault(document.place(path), dotted(path), text) for path, text in inconsistencies(scenario)]
    if faults:
        raise ScenarioError(faults)
    return scenario


def suggest(found: str, known: list[str]) -> str:
    """`` - did you mean ...?`` or the accepted names, as the end of a message."""
    close = difflib.get_close_matches(found, known, n=1, cutoff=0.6)
    if close:
        return f"; did you mean '{close[0]}'?"
    shown = ", ".join(known[:24]) + (", ..." if len(known) > 24 else "")
    return f"; accepted: {shown}" if known else ""


def _fault(document: Document, error: dict[str, Any]) -> Fault:
    path, model = _locate(document.data, error["loc"])
    key, kind = dotted(path), error["type"]
    if kind == "extra_forbidden":
        known = list(model.model_fields) if model else []
        return Fault(document.place(path), key, f"unknown key{suggest(str(path[-1]), known)}")
    if kind == "missing":
        return Fault(document.place(path[:-1]), key, f"this key is required{_described(model, str(path[-1]))}")
    if kind == "union_tag_invalid":
        context = error["ctx"]
        known = [t.strip().strip("'") for t in context["expected_tags"].split(",")]
        return Fault(
            document.place((*path, "kind")),
            f"{key}.kind",
            f"'{context['tag']}' is no known kind{suggest(context['tag'], known)}",
        )
    if kind == "union_tag_not_found":
        found = error["input"]
        if not isinstance(found, Mapping):
            return Fault(document.place(path), key, f"expected a mapping with a `kind`, found {_shown(found)}")
        return Fault(document.place(path), key, f"say which kind it is: `kind:`{_kinds(model, path)}")
    return Fault(document.place(path), key, _message(error))


def _message(error: dict[str, Any]) -> str:
    text = str(error["msg"]).removeprefix("Value error, ").removeprefix("Assertion failed, ")
    if error["type"] in ("value_error", "assertion_error"):
        return text
    return f"{text[:1].lower()}{text[1:]}, found {_shown(error['input'])}"


def _shown(value: Any) -> str:
    text = repr(value)
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
