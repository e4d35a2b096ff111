"""A simulation held against an observation, stage by stage.

The relative error of a figure is simulated over observed, minus 1.  Uploads that follow one another are alike in what
they meet, so intervals come from stretches of the logs, drawn with replacement on both sides.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from amser.live.errors import LiveError
from sim.study.results import PointEntry, Results
from sim.upload_log import STAGES

Floats = npt.NDArray[np.float64]

FIGURES = ("mean", "p50", "p95", "p99")
TOTAL = "latency"
SHORTEST_S = 1e-4
"""A stage whose observed figure is shorter is not compared as a ratio: clock and scheduler are all that is in it."""
BLOCKS = 30
DRAWS = 500


class Error(NamedTuple):
    """One figure of one stage: seconds of both, the relative error and its 95 % interval; NaN where none is had."""

    stage: str
    figure: str
    simulated_s: float
    observed_s: float
    error: float
    low: float
    high: float


@dataclass(frozen=True)
class Heard:
    """Uploads of an observation that were answered, and those whose words or class differ from their cell."""

    answered: int
    other_words: int
    other_classes: int


@dataclass(frozen=True)
class Fidelity:
    """A point of a simulation and of an observation side by side."""

    point: tuple[tuple[str, str], ...]
    simulated: int
    observed: int
    """Uploads that were replied to, after the warm-up."""
    outcomes: dict[str, tuple[float, float]]
    """Share of each outcome on both sides."""
    errors: tuple[Error, ...]
    heard: Heard | None

    def error(self, stage: str, figure: str) -> Error:
        """One of them."""
        return next(e for e in self.errors if (e.stage, e.figure) == (stage, figure))


def is_observed(results: Results) -> bool:
    """Whether a results folder is of an observation."""
    return "observed" in results.manifest


def fidelity(simulated: Results, observed: Results) -> list[Fidelity]:
    """Compare the points that both have.  Raises ``LiveError`` where there is none, or a log was not kept whole."""
    entries = {_label(entry): entry for entry in _entries(observed)}
    pairs = [(entry, entries[_label(entry)]) for entry in _entries(simulated) if _label(entry) in entries]
    if not pairs:
        raise LiveError("the two studies share no point: simulate the scenario that was observed")
    return [_compared(simulated, one, observed, other) for one, other in pairs]


def _entries(results: Results) -> list[PointEntry]:
    return [PointEntry.model_validate(entry) for entry in results.manifest["points"]]


def _label(entry: PointEntry) -> tuple[tuple[str, str], ...]:
    return tuple(sorted((name, str(value)) for name, value in entry.parameters.items()))


def _compared(simulated: Results, one: PointEntry, observed: Results, other: PointEntry) -> Fidelity:
    logs = [_logs(simulated, one), _logs(observed, other)]
    whole = [pd.concat(log, ignore_index=True) for log in logs]
    replied = [[_replied(part) for part in log] for log in logs]
    shares = [frame["outcome"].astype(str).value_counts(normalize=True) for frame in whole]
    names = sorted({*shares[0].index, *shares[1].index})
    return Fidelity(
        point=_label(one),
        simulated=sum(map(len, replied[0])),
        observed=sum(map(len, replied[1])),
        outcomes={name: (float(shares[0].get(name, 0.0)), float(shares[1].get(name, 0.0))) for name in names},
        errors=tuple(_errors(*replied)),
        heard=_heard(observed, other),
    )


def _logs(results: Results, entry: PointEntry) -> list[pd.DataFrame]:
    """The upload logs of a point's replications after the warm-up."""
    files = sorted((results.folder / "points").glob(f"{entry.key}-s*/uploads.parquet"))
    if not files:
        raise LiveError(f"{results.folder}: point {entry.key} has no upload log; run it with --set log.keep=all")
    return [_settled(pd.read_parquet(file), file) for file in files]


def _settled(log: pd.DataFrame, file: Path) -> pd.DataFrame:
    try:
        warmup_s = json.loads((file.parent / "metrics.json").read_text(encoding="utf-8")).get("warmup_s") or 0.0
    except (OSError, ValueError) as error:
        raise LiveError(f"{file.parent}: its figures cannot be read ({error}); run the scenario again") from None
    return log[log["speech_end_s"] >= warmup_s]


def _replied(log: pd.DataFrame) -> pd.DataFrame:
    return log[log["outcome"].isin(["delivered", "late"])].sort_values("speech_end_s", ignore_index=True)


def _errors(simulated: list[pd.DataFrame], observed: list[pd.DataFrame]) -> Iterator[Error]:
    rng = np.random.default_rng(0)
    for stage in (*STAGES, TOTAL):
        one, two = (_blocks(logs, f"{stage}_s") for logs in (simulated, observed))
        found = [_figures(np.concatenate(blocks)) if blocks else np.full(4, np.nan) for blocks in (one, two)]
        drawn = _drawn(one, two, rng)
        for number, figure in enumerate(FIGURES):
            seconds = float(found[0][number]), float(found[1][number])
            error = seconds[0] / seconds[1] - 1.0 if seconds[1] > SHORTEST_S else float("nan")
            ends = np.nanpercentile(drawn[:, number], (2.5, 97.5)) if error == error and len(drawn) else (np.nan,) * 2
            yield Error(stage, figure, *seconds, error, float(ends[0]), float(ends[1]))


def _blocks(logs: list[pd.DataFrame], column: str) -> list[Floats]:
    """Stretches of uploads in order of speech: about ``BLOCKS`` of them over all replications."""
    values = [log[column].to_numpy(dtype=float) for log in logs if len(log)]
    each = max(1, BLOCKS // max(1, len(values)))
    return [block for one in values for block in np.array_split(one, min(each, len(one)))]


def _figures(values: Floats) -> Floats:
    return np.array([values.mean(), *np.percentile(values, (50, 95, 99))])


def _drawn(one: list[Floats], two: list[Floats], rng: np.random.Generator) -> Floats:
    """Relative errors of blocks drawn with replacement, shape (draws, figures); none where a side has fewer than 5."""
    if min(len(one), len(two)) < 5:
        return np.empty((0, len(FIGURES)))
    rows = []
    for _ in range(DRAWS):
        pair = [
            _figures(np.concatenate([blocks[i] for i in rng.integers(len(blocks), size=len(blocks))]))
            for blocks in (one, two)
        ]
        with np.errstate(divide="ignore", invalid="ignore"):
            rows.append(pair[0] / pair[1] - 1.0)
    return np.array(rows)


def _heard(observed: Results, entry: PointEntry) -> Heard | None:
    files = sorted((observed.folder / "observed").glob(f"{entry.key}-s*.parquet"))
    if not files:
        return None
    frame = pd.concat([pd.read_parquet(file) for file in files], ignore_index=True)
    frame = frame[frame["status"] == 200]
    words = frame["text"].fillna("") != frame["cell_text"].fillna("")
    classes = frame["emotion"].fillna("") != frame["cell_emotion"].fillna("")
    return Heard(len(frame), int(words.sum()), int(classes.sum()))
