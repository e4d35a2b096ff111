"""What the report reads of a results folder beside its summary: names, codec kinds, latencies."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from amser.report.view import Slice, View
from amser.summary import CORPUS, Estimate, PointKey, Summary
from scenarios.sweeping import swept

if TYPE_CHECKING:
    from sim.study.results import Results

ANSWERED = ("delivered", "late")


class Study:
    """A results folder as the page needs it."""

    def __init__(self, results: Results) -> None:
        self.results = results
        self.folder: Path = results.folder
        self.manifest: dict[str, Any] = results.manifest

    @cached_property
    def scenario(self) -> dict[str, Any]:
        """The resolved scenario as written, or an empty mapping where the folder lost it."""
        return self.results.resolved

    @property
    def title(self) -> str:
        """The scenario's title, else its name."""
        return str(self.scenario.get("title") or self.scenario.get("name") or self.folder.parent.name)

    @property
    def description(self) -> str:
        """The scenario's description."""
        return str(self.scenario.get("description") or "").strip()

    def facts(self) -> list[str]:
        """The line under the title: scenario, time, size of the study."""
        summary = self.view.summary
        uploads = summary.values(["uploads"])
        frame = summary.frame
        replications = max((int(n) for n in frame.loc[frame["over"] == "replications", "n"]), default=0)
        utterances = max((int(n) for n in frame.loc[frame["over"].isin(CORPUS), "n"]), default=0)
        name = self.scenario.get("name", self.folder.parent.name)
        made = _when(str(self.manifest.get("started") or ""))
        facts = [
            f"scenario {name}",
            made,
            _count(len(summary.points), "point"),
            _count(replications, "replication"),
        ]
        if uploads:
            facts.append(f"{round(sum(uploads) / len(uploads)):,} uploads each".replace(",", " "))
        heard = [name for name, metric in (("words", "wer"), ("emotions", "ser_accuracy")) if summary.has(metric)]
        if utterances and heard:
            facts.append(f"{' and '.join(heard)} of {_count(utterances, 'utterance')}")
        return facts

    @cached_property
    def codec_kinds(self) -> dict[str, str]:
        """Every codec that the scenario can name, and its kind; a codec's label in the sweep is a name of it."""
        from scenarios.schema.codec import STANDARD_CODECS

        own = self.scenario.get("codecs") or {}
        kinds: dict[str, str] = {name: spec.kind for name, spec in STANDARD_CODECS.items()}
        kinds |= {str(name): str(spec.get("kind", "")) for name, spec in own.items() if isinstance(spec, dict)}
        sweep = self.scenario.get("sweep") or {}
        values = [v for part in ("grid", "zip") for many in (sweep.get(part) or {}).values() for v in many]
        labels = {one.label: str(one.value) for value in values if (one := swept((), value)).label}
        return kinds | {str(label): kinds[value] for label, value in labels.items() if value in kinds}

    @cached_property
    def view(self) -> View:
        """The summary arranged for drawing."""
        return View(Summary(self.results.summary, self.results.parameters), self.codec_kinds)

    def differences(self) -> dict[PointKey, dict[str, Estimate]]:
        """By point and metric, the point minus its baseline: costs by replication, words and emotions by utterance."""
        frame, keys = self.results.differences, self.results.parameters
        by_label = {tuple(map(str, point)): point for point in self.view.summary.points}
        found: dict[PointKey, dict[str, Estimate]] = {}
        if not len(frame):
            return found
        columns = (*keys, "metric", "difference", "low", "high", "n", "over")
        for row in zip(*(frame[c].tolist() for c in columns), strict=True):
            point = by_label.get(tuple(map(str, row[: len(keys)])))
            metric, mean, low, high, n, over = row[len(keys) :]
            if point is not None and mean == mean:
                found.setdefault(point, {})[str(metric)] = Estimate(mean, low, high, int(n), over)
        return found

    def paired(self, part: Slice) -> dict[str, Estimate]:
        """By metric, the headline's Mel codec minus raw audio.

        Empty where the results have no differences, or raw audio is not the baseline of its slice.
        """
        pair, found = self.view.versus(part), self.differences()
        if pair is None or pair[0].point in found or pair[0].point != part.series[0].point:
            return {}
        return found.get(pair[1].point, {})

    def latencies(self) -> dict[PointKey, npt.NDArray[np.float64]]:
        """Latencies in seconds of the answered uploads of each point; empty where no log was kept."""
        found: dict[PointKey, npt.NDArray[np.float64]] = {}
        by_label = {tuple(map(str, point)): point for point in self.view.summary.points}
        for entry in self.manifest["points"]:
            point = by_label.get(tuple(str(entry["parameters"].get(p)) for p in self.results.parameters))
            folders = [folder for _, folder in self.results.point_folders(entry["key"])]
            paths = [path for folder in folders if (path := folder / "uploads.parquet").is_file()]
            if point is not None and paths:
                found[point] = np.concatenate([self._latencies(path) for path in paths])
        return found

    def _latencies(self, path: Path) -> npt.NDArray[np.float64]:
        # Only these columns: the whole log of a large study would not fit into memory.
        from sim.study.results import read_metrics, read_table

        log = read_table(path, ["outcome"], ["latency_s", "speech_end_s"], only=True)
        warmup_s = read_metrics(path.parent).get("warmup_s", 0.0)
        counted = log["outcome"].isin(ANSWERED) & (log["speech_end_s"] >= warmup_s)
        return log.loc[counted, "latency_s"].dropna().to_numpy(dtype=np.float64)


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"


def _when(stamp: str) -> str:
    """A manifest's time to the minute."""
    try:
        return f"{datetime.fromisoformat(stamp).astimezone(UTC):%Y-%m-%d %H:%M} UTC"
    except ValueError:
        return stamp
