"""The combinations of a sweep, and the labels that its values may have."""

from __future__ import annotations

import itertools
import json
import math
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple
from zlib import crc32

import numpy as np

from scenarios.document import Document
from scenarios.faults import Fault, KeyPath, ScenarioError
from scenarios.schema.sweep import LhsSpec, RangeSpec, SweepSpec

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
        design = latin_hypercube(sweep.lhs)
        axes.append(
            [
                {key: Swept(("sweep", "lhs", "ranges", key), values[i]) for key, values in design.items()}
                for i in range(sweep.lhs.points)
            ]
        )
    for chosen in itertools.product(*axes):
        yield {key: one for part in chosen for key, one in part.items()}


DIGITS = 6  # of drawn quantities, so that they read well in tables; far finer than any design


def latin_hypercube(spec: LhsSpec) -> dict[str, list[int | float | str]]:
    """``spec.points`` values for each key; the n-th values of all keys are a point.

    Each range is cut into as many equal parts as there are points, and each part has one value at random (McKay,
    Beckman and Conover, Technometrics 1979).  A key's values depend on its name and the design's seed alone, so a
    further key leaves those of the others as they were.
    """
    design = {}
    for key, span in spec.ranges.items():
        rng = np.random.Generator(np.random.PCG64(np.random.SeedSequence([spec.seed, crc32(key.encode())])))
        shares = (rng.permutation(spec.points) + rng.random(spec.points)) / spec.points
        design[key] = [_value(span, share) for share in shares.tolist()]
    return design


def _value(span: RangeSpec, share: float) -> int | float | str:
    """The value at ``share`` in [0, 1) of a range, as it would be written in a scenario."""
    (low, unit), (high, _) = span.ends
    if span.whole:
        high += 1.0  # each whole number has a part of its own
    drawn = low * math.exp(share * math.log(high / low)) if span.scale == "log" else low + share * (high - low)
    if span.whole:
        return min(math.floor(drawn), int(high) - 1)
    text = f"{drawn:.{DIGITS}g}"
    return f"{text} {unit}" if unit else float(text)
