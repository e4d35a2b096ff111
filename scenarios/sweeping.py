"""The combinations of a sweep, and the labels that its values may have."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from scenarios.document import Document
from scenarios.faults import Fault, KeyPath, ScenarioError
from scenarios.schema.sweep import SweepSpec

LONGEST_LABEL = 60


class Swept(NamedTuple):
    """One value of a swept key."""

    path: KeyPath
    """Where it, or the range that it was drawn from, is written."""
    value: Any
    label: str | None = None

    @property
    def shown(self) -> Any:
        """Its entry in tables: the label, else a scalar as it is written and a structure as compact text."""
        if self.label is not None:
            return self.label
        plain = isinstance(self.value, str | int | float | bool) or self.value is None
        return self.value if plain else json.dumps(self.value, ensure_ascii=False)


def swept(path: KeyPath, written: Any) -> Swept:
    """A value as it stands in the sweep: itself, or ``{label: NAME, value: ...}``.

    Exactly these two keys, so that no mapping of a scenario can be taken for one.
    """
    if isinstance(written, Mapping) and set(written) == {"label", "value"}:
        return Swept(path, written["value"], str(written["label"]))
    return Swept(path, written)


def refuse_shared_labels(sweep: SweepSpec, document: Document) -> None:
    """Raise ``ScenarioError`` where two values of a key would look the same in tables and figures."""
    faults = []
    for section, keys in (("grid", sweep.grid), ("zip", sweep.zip)):
        for key, values in keys.items():
            seen: dict[str, Swept] = {}
            for i, written in enumerate(values):
                one = swept(("sweep", section, key, i), written)
                if one.label is not None and not 0 < len(one.label.strip()) <= LONGEST_LABEL:
                    text = f"a label has 1 to {LONGEST_LABEL} characters, found {one.label!r}"
                    faults.append(Fault(document.place(one.path), key, text))
                first = seen.setdefault(str(one.shown), one)
                if first.value != one.value:
                    text = f"another value of {key} is called {one.shown!r} already; give this one a label of its own"
                    faults.append(Fault(document.place(one.path), key, text))
    if faults:
        raise ScenarioError(faults)


def combinations(sweep: SweepSpec) -> Iterator[dict[str, Swept]]:
    """Each point as key -> value; one empty point where nothing is swept."""
    axes: list[list[dict[str, Swept]]] = [
        [{key: swept(("sweep", "grid", key, i), value)} for i, value in enumerate(values)]
        for key, values in sweep.grid.items()
    ]
    if sweep.zip:
        length = len(next(iter(sweep.zip.values())))
        axes.append(
            [
                {key: swept(("sweep", "zip", key, i), values[i]) for key, values in sweep.zip.items()}
                for i in range(length)
            ]
        )
    if sweep.lhs:
        from scenarios.design import latin_hypercube

        design = latin_hypercube(sweep.lhs)
        axes.append(
            [
                {key: Swept(("sweep", "lhs", "ranges", key), values[i]) for key, values in design.items()}
                for i in range(sweep.lhs.points)
            ]
        )
    for chosen in itertools.product(*axes):
        yield {key: one for part in chosen for key, one in part.items()}
