"""Studies side by side: what differs in their inputs, and the difference of every figure to a baseline."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from amser.exits import UserError
from amser.summary import Estimate, PointKey, Summary
from scenarios.sweeping import swept

if TYPE_CHECKING:
    import pandas as pd

    from sim.study.differences import Runs
    from sim.study.results import Results

STUDY = "study"
"""The key that tells the points of several studies apart."""
ABSENT = "–"

# Facts of a manifest that say when and where, not what.
CIRCUMSTANCES = (
    "started",
    "finished",
    "command",
    "reused",
    "points",
    "complete",
    "partial",
    "scenario",
    "failures",
    "warnings",
)


@dataclass(frozen=True)
class Difference:
    """One metric of a point minus that of its baseline."""

    point: PointKey
    base: PointKey
    metric: str
    value: Estimate
    against: Estimate
    gap: Estimate
    """Its ends are NaN where nothing bounds it."""
    paired: bool
    """By replication or utterance; else the interval is that of independent runs."""

    @property
    def same(self) -> bool:
        """Equal to the last digit."""
        return self.value.mean == self.against.mean and self.value.n == self.against.n

    @property
    def told(self) -> bool:
        """Whether the interval leaves out zero."""
        return self.gap.low > 0.0 or self.gap.high < 0.0

    @property
    def relative(self) -> float:
        """The difference as a share of the baseline; NaN from zero."""
        return self.gap.mean / abs(self.against.mean) if self.against.mean else math.nan


@dataclass(frozen=True)
class Comparison:
    """What ``compare`` found."""

    summary: Summary
    """The points of all studies; with several, their first key is ``study``."""
    inputs: dict[str, tuple[Any, ...]]
    """Dotted keys of scenario and manifest whose values differ, with that of each study."""
    baseline: dict[str, str]
    """Keys and the values that points are compared with."""
    differences: tuple[Difference, ...]
    alone: tuple[PointKey, ...]
    """Points that have no baseline and are none."""

    @property
    def identical(self) -> bool:
        """Whether every point has its twin and every figure is equal to the last digit."""
        return not self.alone and all(d.same for d in self.differences)

    def frame(self) -> pd.DataFrame:
        """A row a difference: its keys, metric, unit, value, against, difference, low, high, n, over, paired."""
        import pandas as pd

        keys = self.summary.parameters
        names = [*keys, "metric", "unit", "value", "against", "difference", "low", "high", "n", "over", "paired"]
        rows = [
            (*d.point, d.metric, self.summary.unit(d.metric), d.value.mean, d.against.mean, *d.gap, d.paired)
            for d in self.differences
        ]
        return pd.DataFrame(rows, columns=names)


def compare(studies: Mapping[str, Results], baseline: Sequence[str] = ()) -> Comparison:
    """Compare ``studies`` by name; one study alone is compared with itself, point against point.

    ``baseline`` has ``KEY=VALUE`` of swept keys, or of ``study``: each point is compared with the one that has these
    values and is like it in every other key, or with the only one that has them.  By default that is the first study;
    in a single one the first codec where codecs are swept, else the first point.

    Raises ``ResultsError`` for a damaged folder and ``UserError`` for a baseline that is not there.
    """
    table = _Joined(studies)
    chosen = table.baseline(baseline)
    bases = {point: table.base_of(point, chosen) for point in table.summary.points}
    found = tuple(d for point, base in bases.items() if base is not None for d in table.differences(point, base))
    used = {base for base in bases.values() if base is not None}
    alone = tuple(point for point, base in bases.items() if base is None and point not in used)
    named = {table.summary.parameters[i]: value for i, value in chosen.items()}
    return Comparison(table.summary, _inputs(list(studies.values())), named, found, alone)


class _Joined:
    """The points of several studies in one table, with what they come from."""

    def __init__(self, studies: Mapping[str, Results]) -> None:
        import pandas as pd

        self.studies = studies
        swept = list(dict.fromkeys(key for found in studies.values() for key in found.parameters))
        keys = [STUDY, *swept] if len(studies) > 1 else swept
        self.names = {key: _names(studies, key) for key in swept}
        frames = [self._completed(name, swept).assign(**{STUDY: name}) for name in studies]
        self.summary = Summary(pd.concat(frames, ignore_index=True), keys)

    def _completed(self, name: str, swept: Sequence[str]) -> pd.DataFrame:
        """A study's summary with a column for every key that any of the studies sweeps."""
        found, columns = self.studies[name], {}
        for key in swept:
            own = found.summary[key] if key in found.parameters else [_written(found, key)] * len(found.summary)
            columns[key] = [self.names[key][name].get(str(value), value) for value in own]
        return found.summary.assign(**columns)

    @cached_property
    def runs(self) -> dict[PointKey, Runs]:
        """By point, its replications."""
        swept = [key for key in self.summary.parameters if key != STUDY]
        found = {}
        for name, results in self.studies.items():
            written = {key: _written(results, key) for key in swept}
            for entry in results.manifest["points"]:
                own = written | entry["parameters"]
                values = [self.names[key][name].get(str(own[key]), str(own[key])) for key in swept]
                found[(name, *values) if len(self.studies) > 1 else tuple(values)] = _runs(results, entry)
        return {p: found[at] for p in self.summary.points if (at := tuple(map(str, p))) in found}

    def baseline(self, asked: Sequence[str]) -> dict[int, str]:
        """The place of each key of the baseline, and its value as text."""
        if asked:
            return dict(self._assigned(text) for text in asked)
        first, keys = self.summary.points[0], self.summary.parameters
        places = [0] if len(self.studies) > 1 else [i for i, key in enumerate(keys) if key.endswith(".codec")]
        return {i: str(first[i]) for i in places or range(len(keys))}

    def _assigned(self, text: str) -> tuple[int, str]:
        name, sign, value = (part.strip() for part in text.partition("="))
        keys, points = self.summary.parameters, self.summary.points
        places = [i for i, key in enumerate(keys) if key == name or key.endswith(f".{name}")]
        if not sign or len(places) != 1:
            raise UserError(
                f"--baseline {text}: write KEY=VALUE with a key of {', '.join(keys) or '(nothing is swept)'}"
            )
        shown = {self.summary.shown(p)[places[0]]: str(p[places[0]]) for p in points}
        if value not in shown and value not in shown.values():
            raise UserError(f"--baseline {text}: {keys[places[0]]} takes {', '.join(shown)}")
        return places[0], shown.get(value, value)

    def base_of(self, point: PointKey, chosen: Mapping[int, str]) -> PointKey | None:
        """The point that ``point`` is compared with; None for a baseline itself, and where there is none."""
        if all(str(point[i]) == value for i, value in chosen.items()):
            return None
        bases = [p for p in self.summary.points if all(str(p[i]) == value for i, value in chosen.items())]
        rest = [i for i in range(len(point)) if i not in chosen]
        like = (p for p in bases if all(str(p[i]) == str(point[i]) for i in rest))
        return next(like, bases[0] if len(bases) == 1 else None)

    def differences(self, point: PointKey, base: PointKey) -> Iterator[Difference]:
        """Every metric that both have, paired where their replications or utterances are."""
        from sim.study.differences import paired

        mine, other = self.runs.get(point), self.runs.get(base)
        pairs = {} if mine is None or other is None else paired(mine, other)
        heard = mine is not None and other is not None and bool(mine.recognized and other.recognized)
        for metric in self.summary.metrics:
            one, two = self.summary.get(point, metric), self.summary.get(base, metric)
            if one is None or two is None:
                continue
            gap = Estimate(*pairs[metric][:5]) if metric in pairs else _apart(one, two, heard)
            yield Difference(point, base, metric, one, two, gap, metric in pairs)


def _apart(one: Estimate, two: Estimate, heard: bool) -> Estimate:
    """The difference of what was not paired: words and emotions are independent only if they share no utterance."""
    from sim.figures.statistics import Interval, independent_difference

    gap = independent_difference(Interval(*one[:4]), Interval(*two[:4]))
    if one.of_corpus and not heard:
        return Estimate(gap.mean, math.nan, math.nan, gap.n, one.over)
    return Estimate(*gap, one.over)


def _listed(resolved: Mapping[str, Any], key: str) -> Iterator[Any]:
    """The values of a swept key as the study's scenario lists them; the folder may be anybody's."""
    sweep = resolved.get("sweep")
    for part in ("grid", "zip"):
        keys = sweep.get(part) if isinstance(sweep, Mapping) else None
        values = keys.get(key) if isinstance(keys, Mapping) else None
        yield from values if isinstance(values, list) else ()


def _names(studies: Mapping[str, Results], key: str) -> dict[str, dict[str, str]]:
    """By study, how it calls a value of ``key`` and how all call it: by a label where one of them has given it one.

    A label that names different values in different studies names none of them.
    """
    own: dict[str, dict[str, str]] = {}
    values: dict[str, set[str]] = {}
    for name, found in studies.items():
        labelled = [
            one for one in (swept((), value) for value in _listed(found.resolved, key)) if one.label is not None
        ]
        own[name] = {str(one.label): str(one._replace(label=None).shown) for one in labelled}
        for label, value in own[name].items():
            values.setdefault(label, set()).add(value)
    label_of = {next(iter(meant)): label for label, meant in reversed(values.items()) if len(meant) == 1}
    return {name: {**label_of, **{label: label_of.get(v, v) for label, v in own[name].items()}} for name in studies}


def _written(results: Results, key: str) -> str:
    """The value that a study has of a key that it does not sweep."""
    from scenarios.document import resolve

    node: Any = results.resolved
    for part in resolve(node, key):
        node = node.get(part) if isinstance(node, Mapping) else None
    if node is None:
        return ABSENT
    return json.dumps(node, ensure_ascii=False) if isinstance(node, Mapping | list) else str(node)


def _runs(results: Results, entry: Mapping[str, Any]) -> Runs:
    from sim.study.differences import Runs
    from sim.study.disk import STATUS
    from sim.study.results import read_metrics

    folders = {number: folder.absolute() for number, folder in results.point_folders(entry["key"])}
    metrics = {r: read_metrics(folder) for r, folder in folders.items() if (folder / STATUS).is_file()}
    return Runs(int(entry.get("seed", 0)), metrics, folders)


def named(folders: Sequence[str]) -> dict[str, Path]:
    """Results folders by a short name: that of ``NAME=FOLDER``, else of the scenario, else of the run's folder.

    Raises ``UserError`` where two have one name, or are one folder, and ``ResultsError`` where there is none.
    """
    from sim.study.results import Results

    found: list[tuple[str, Path]] = []
    for text in folders:
        name, sign, path = text.partition("=")
        given = bool(sign) and not Path(text).exists()
        found.append((name.strip() if given else "", Results.open(path if given else text).folder.resolve()))
    scenarios = [folder.parent.name for _, folder in found]
    names = [
        name or (scenario if scenarios.count(scenario) == 1 else folder.name)
        for (name, folder), scenario in zip(found, scenarios, strict=True)
    ]
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise UserError(f"two studies are called {twice}; give different folders, or names: NAME=RESULTS")
    return {name: folder for name, (_, folder) in zip(names, found, strict=True)}


def _inputs(studies: Sequence[Results]) -> dict[str, tuple[Any, ...]]:
    sides = []
    for found in studies:
        manifest = {k: v for k, v in found.manifest.items() if k not in CIRCUMSTANCES}
        sides.append(dict(_flat(manifest)) | dict(_flat(found.resolved, "scenario")))
    values = {k: tuple(side.get(k, "(absent)") for side in sides) for k in dict.fromkeys(k for s in sides for k in s)}
    return {k: row for k, row in values.items() if any(value != row[0] for value in row)}


def _flat(node: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    if isinstance(node, Mapping):
        for key, value in node.items():
            yield from _flat(value, f"{path}.{key}" if path else str(key))
    else:
        yield path, node
