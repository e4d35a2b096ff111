"""The capacity of every point of a sweep, each value tried in a study of its own.

For every other point of the sweep (each codec, say) one key of the scenario is moved by bisection.  A value's
replications are doubled until the interval of each level's metric lies on one side of its limit, or there are as many
as are allowed: then the value is not decided.  So the answer is a range: up to ``sure`` the level is met, beyond
``hopeful`` it is missed, and what lies between could not be told.  All values meet the same arrivals and the same
channel (common random numbers), so the metric moves smoothly.

A value may be looked at several times, and each look could be wrong: with k looks each interval is at
1 - 5 % / k (Bonferroni), so that a value is misjudged in at most one case of twenty.  The interval of words and
emotions is that of the corpus's utterances: no replication adds to that, so they are looked at once.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from amser.capacity.levels import Level, Range, Verdict
from amser.capacity.search import Answer, Figure, Trial, find_capacity
from amser.exits import UserError
from amser.summary import Estimate, Summary, named_failures
from scenarios.errors import AmserError, Exit

if TYPE_CHECKING:
    from scenarios import Experiment
    from sim.study.results import Results

MOST = 24
"""Replications of a value before it counts as not decided."""
AT_LEAST = 2
ERROR = 0.05


class TrialFailed(AmserError):
    """Replications that failed; the text says why."""

    exit_code = Exit.FAILED


@dataclass(frozen=True)
class Tried:
    """A value that was tried, in the range's unit."""

    value: float
    verdict: Verdict
    figures: tuple[Figure, ...]


@dataclass(frozen=True)
class Capacity:
    """What one point bears: ``value`` by the means, within ``sure`` and ``hopeful``.

    None where no value of the range is of the kind; ``bounded`` where the range's own end meets the level.
    """

    parameters: dict[str, Any]
    value: float | None
    sure: float | None
    hopeful: float | None
    bounded: bool
    decided: bool
    """Whether ``sure`` and ``hopeful`` are as near to each other as was looked for."""
    tried: tuple[Tried, ...]
    """All values that were tried, rising."""

    @property
    def at_answer(self) -> tuple[Figure, ...]:
        """The figures at the largest value (or least) that surely meets the levels."""
        return next((t.figures for t in self.tried if t.value == self.sure), ())


def capacity(
    scenario: str | Path,
    over: str,
    span: Range,
    levels: Sequence[Level],
    sets: Sequence[str] = (),
    *,
    most: int = MOST,
    jobs: int = 1,
    results_root: Path = Path("results"),
    progress: Callable[[float, str], None] | None = None,
    told: Callable[[str], None] | None = None,
) -> list[Capacity]:
    """The capacity of each point of ``scenario``'s sweep, moving the key ``over`` within ``span``.

    ``most`` is how many replications a value may have; ``told`` is given a line for each look at one.  Raises
    ``ScenarioError`` where the key or a value does not fit the scenario, ``UserError`` for a metric that the scenario
    does not give, ``TrialFailed`` where a run fails.
    """
    import scenarios

    first = scenarios.load(scenario, [*sets, f"{over}={span.text(span.low)}"])
    if any(over in point.parameters for point in first.points):
        raise UserError(f"{over} is swept in the scenario; take it out of the sweep to find its capacity")
    looks = tuple(_looks(first.replications, most))
    names = [", ".join(f"{k.rpartition('.')[2]} {v}" for k, v in p.parameters.items()) for p in first.points]
    trials = _Trials(scenario, over, tuple(levels), tuple(sets), looks, names, jobs, results_root, progress, told)
    answers = find_capacity(len(first.points), span, trials)
    return [_capacity(dict(p.parameters), answer, span) for p, answer in zip(first.points, answers, strict=True)]


def _looks(first: int, most: int) -> Iterator[int]:
    """How many replications a value has at each look: the scenario's own, then twice as many each time."""
    count = max(AT_LEAST, min(first, most))
    while count < most:
        yield count
        count = min(2 * count, most)
    yield count


def _capacity(parameters: dict[str, Any], answer: Answer, span: Range) -> Capacity:
    sure, value, hopeful, trials = answer
    hard = span.low if span.least else span.high
    together = sure is not None and hopeful is not None and span.between(sure, hopeful) is None
    tried = tuple(Tried(v, t.verdict, t.figures) for v, t in sorted(trials.items()))
    return Capacity(parameters, value, sure, hopeful, sure == hard, together or hopeful is None, tried)


@dataclass
class _Trials:
    """Tries values: called with one and the points that need it."""

    scenario: str | Path
    over: str
    levels: tuple[Level, ...]
    sets: tuple[str, ...]
    looks: tuple[int, ...]
    names: Sequence[str]
    """Of the points; empty for the only one."""
    jobs: int
    results_root: Path
    progress: Callable[[float, str], None] | None
    told: Callable[[str], None] | None
    count: int = 0

    def __call__(self, value: str, points: Sequence[int]) -> dict[int, Trial]:
        """Each point's trial, with as many replications as it takes or may take."""
        import scenarios

        self.count += 1
        trials: dict[int, Trial] = {}
        left = list(points)
        for replications in self.looks:
            sets = [*self.sets, f"{self.over}={value}", f"sweep.replications={replications}"]
            experiment = scenarios.load(self.scenario, sets)
            some = replace(experiment, points=tuple(experiment.points[i] for i in left))
            trials |= zip(left, self._run(some, value, replications), strict=True)
            self._tell(value, replications, {i: trials[i] for i in left})
            left = [i for i in left if trials[i].verdict is Verdict.OPEN and self._would_help(trials[i])]
            if not left:
                break
        return trials

    def _tell(self, value: str, replications: int, trials: Mapping[int, Trial]) -> None:
        """One line: what each point is at this value."""
        if self.told is None:
            return
        found = []
        for point, trial in trials.items():
            figures = ", ".join(f"{f.metric} {f.mean:.4g} ({_end(f.low)} to {_end(f.high)})" for f in trial.figures)
            found.append(f"{self.names[point]}: {trial.verdict}".removeprefix(": ") + f", {figures}")
        self.told(f"{self.over}={value}, {replications} replications: {'; '.join(found)}")

    def _would_help(self, trial: Trial) -> bool:
        """Whether more replications could decide: not where all that is open rests on the corpus."""
        verdicts = [level.verdict(f.mean, f.low, f.high) for level, f in zip(self.levels, trial.figures, strict=True)]
        pairs = zip(verdicts, trial.figures, strict=True)
        return any(v is Verdict.OPEN and f.basis.endswith(("replication", "replications")) for v, f in pairs)

    def _run(self, experiment: Experiment, value: str, replications: int) -> Iterator[Trial]:
        from sim.study.experiment import run

        def tell(share: float, text: str) -> None:
            if self.progress is not None:
                name = f"value {self.count}: {value}, {replications} replications"
                self.progress(share, text if text == "measuring" else name)

        found = run(
            experiment, jobs=self.jobs, results_root=self.results_root, progress=tell if self.progress else None
        )
        for at, why in named_failures(found.manifest).items():  # before the summary, which is not there if all failed
            raise TrialFailed(f"{self.over}={value}, {at}: {why}")
        summary = Summary(found.summary, found.parameters)
        rows = {tuple(map(str, key)): key for key in summary.points}
        for point, entry in zip(experiment.points, found.manifest["points"], strict=True):
            key = rows.get(tuple(str(point.parameters[name]) for name in summary.parameters))
            yield self._trial(found, summary, key, entry["key"])

    def _trial(self, found: Results, summary: Summary, row: tuple[Any, ...] | None, key: str) -> Trial:
        from sim.study.conclusion import interval_of
        from sim.study.results import read_metrics

        folders = tuple(folder for _, folder in found.point_folders(key))
        runs: list[Mapping[str, float]] = [read_metrics(folder) for folder in folders]
        figures = []
        for level in self.levels:
            _refuse_unknown(level.metric, summary)
            corpus = None if row is None else summary.get(row, level.metric)
            if corpus is not None and corpus.of_corpus:
                figures.append(Figure(level.metric, corpus.mean, corpus.low, corpus.high, corpus.basis))
                continue
            mean, low, high, n = interval_of(level.metric, runs, folders, 1.0 - ERROR / len(self.looks))
            basis = Estimate(mean, low, high, n, "replications").basis
            figures.append(Figure(level.metric, mean, low, high, basis))
        judged = list(zip(self.levels, figures, strict=True))
        verdict = Verdict.of_all(level.verdict(f.mean, f.low, f.high) for level, f in judged)
        return Trial(verdict, all(level.holds(f.mean) for level, f in judged), tuple(figures))


def _end(bound: float) -> str:
    return f"{bound:.4g}" if math.isfinite(bound) else "no bound"


def _refuse_unknown(metric: str, summary: Summary) -> None:
    if metric not in summary.metrics:
        from scenarios.validation import suggest

        raise UserError(f"--slo: there is no metric '{metric}'{suggest(metric, list(summary.metrics))}")
