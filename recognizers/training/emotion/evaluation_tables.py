"""Evaluations as tables in Markdown, for `docs/results/` and the report of `amser evaluate`."""

from __future__ import annotations

from collections.abc import Sequence

from recognizers.emotion.networks import ARCHITECTURES
from recognizers.scores import CLASS_METRICS, Score
from recognizers.training.emotion.evaluation import Evaluation

__all__ = ["confusion_table", "difference_table", "evaluation_tables", "rates_table", "scores_table", "seeds_table"]


def evaluation_tables(evaluations: Sequence[Evaluation], *, level: int = 3) -> str:
    """All tables of evaluations on one corpus: accuracy by rate and by seed, scores, differences, confusion."""
    first = evaluations[0]
    mark = "#" * level
    parts = [
        f"Corpus {first.corpus}, {first.utterances} utterances, "
        f"{len(set(first.predictions.speakers))} speakers, classes {', '.join(first.labels)}. "
        f"Protocol: {first.protocol}. Words: {first.words}. "
        f"Intervals: 95 %, over {first.interval(max(first.predictions.predicted))['accuracy'].over}.{_seeds(first)}",
        f"{mark} Accuracy by compress rate",
        rates_table(evaluations),
        f"{mark} Scores",
        scores_table(evaluations),
    ]
    if any(len(evaluation.seeds) > 1 for evaluation in evaluations):
        parts += [f"{mark} Accuracy by seed at 100 %", seeds_table(evaluations)]
    if len(evaluations) > 1:
        parts += [f"{mark} Differences", difference_table(evaluations)]
    summed = f", sum over {len(first.seeds)} seeds" if len(first.seeds) > 1 else ""
    parts += [f"{mark} Confusion of {_title(first)} at 100 %{summed}", confusion_table(first)]
    return "\n\n".join(parts) + "\n"


def rates_table(evaluations: Sequence[Evaluation]) -> str:
    """One row per network and training: accuracy (WA) at every rate, with its interval at the ends.

    Of several seeds it is the mean, ± their standard deviation.
    """
    rates = sorted(evaluations[0].predictions.predicted)
    header = ["network", "parameters", "trained", *(f"{rate:.2%}".replace(".00%", "%") for rate in rates)]
    rows = []
    for evaluation in evaluations:
        cells = []
        for rate in rates:
            cell = _share(evaluation.over_seeds(rate)["accuracy"])
            if rate in (rates[0], rates[-1]):
                interval = evaluation.interval(rate)["accuracy"]
                cell += f" ({_ends(interval)})" if interval.low == interval.low else ""
            cells.append(cell)
        rows.append([_title(evaluation), f"{evaluation.parameters:,}", evaluation.trained, *cells])
    return _table(header, rows)


def scores_table(evaluations: Sequence[Evaluation]) -> str:
    """WA, UA, weighted and macro F1 at the lowest and the full rate: means over seeds, and WA and UA over folds."""
    rates = sorted(evaluations[0].predictions.predicted)
    header = [
        "network",
        "trained",
        "rate",
        "WA",
        "UA",
        "F1 weighted",
        "F1 macro",
        "WA over folds",
        "UA over folds",
    ]
    rows = []
    for evaluation in evaluations:
        for rate in (rates[-1], rates[0]):
            found, spread = evaluation.over_seeds(rate), evaluation.over_folds(rate)
            one_set = len(set(evaluation.predictions.folds)) == 1
            over = ["one test set" if one_set else _share(spread[m]) for m in ("accuracy", "unweighted_accuracy")]
            cells = [_share(found[metric]) for metric in CLASS_METRICS]
            rows.append([_title(evaluation), evaluation.trained, f"{rate:.1%}", *cells, *over])
    return _table(header, rows)


def seeds_table(evaluations: Sequence[Evaluation], rate: float = 1.0) -> str:
    """Accuracy of the trainings with each seed, their mean and standard deviation."""
    most = max(len(evaluation.seeds) for evaluation in evaluations)
    rows = []
    for evaluation in evaluations:
        each = [f"{seed}: {evaluation.of_seed(seed, rate).accuracy:.1%}" for seed in evaluation.seeds]
        mean = _share(evaluation.over_seeds(rate)["accuracy"])
        rows.append([_title(evaluation), evaluation.trained, *each, *[""] * (most - len(each)), mean])
    return _table(["network", "trained", *["seed: accuracy"] * most, "mean ± deviation"], rows)


def difference_table(evaluations: Sequence[Evaluation]) -> str:
    """The first network minus each other that was trained alike, and all at 12.5 % minus 100 %; points of accuracy."""
    references: dict[str, Evaluation] = {}
    for evaluation in evaluations:
        references.setdefault(evaluation.trained, evaluation)
    rates = sorted(evaluations[0].predictions.predicted)
    header = ["difference of accuracy", "points", "95 % interval (paired bootstrap)"]
    rows = []
    for other in evaluations:
        first = references[other.trained]
        if other is not first and other.predictions.ids == first.predictions.ids:
            found = first.minus(other, rates[-1])["accuracy"]
            rows.append([f"{_title(first)} − {_title(other)} ({other.trained}), 100 %", *_points(found)])
    for evaluation in evaluations:
        found = evaluation.loss(rates[0], rates[-1])["accuracy"]
        name = f"{_title(evaluation)} ({evaluation.trained}), {rates[0]:.1%} − 100 %"
        rows.append([name, *_points(found)])
    return _table(header, rows)


def confusion_table(evaluation: Evaluation, rate: float = 1.0) -> str:
    """Counts at a rate: rows are true, columns predicted; of several seeds the sums."""
    counts = evaluation.scores(rate).confusion
    rows = [[label, *(str(n) for n in row)] for label, row in zip(evaluation.labels, counts.tolist(), strict=True)]
    return _table(["true \\ predicted", *evaluation.labels], rows)


def _points(found: Score) -> list[str]:
    return [f"{found.value * 100:+.1f}", _ends(found, "+")]


def _ends(found: Score, sign: str = "") -> str:
    """The interval in percent or points; a dash where there is none."""
    known = found.low == found.low
    return f"{found.low * 100:{sign}.1f} to {found.high * 100:{sign}.1f}" if known else "–"


def _share(found: tuple[float, float]) -> str:
    """A mean in percent, and the deviation in points where there is one."""
    mean, deviation = found
    return f"{mean:.1%} ± {deviation * 100:.1f}" if deviation == deviation else f"{mean:.1%}"


def _seeds(evaluation: Evaluation) -> str:
    if len(evaluation.seeds) < 2:
        return ""
    return f' Seeds: {", ".join(map(str, evaluation.seeds))}; "±" is the standard deviation over them, or over folds.'


def _title(evaluation: Evaluation) -> str:
    title = ARCHITECTURES[evaluation.architecture].title
    return title if evaluation.modalities == "both" else f"{title}, {evaluation.modalities} only"


def _table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
