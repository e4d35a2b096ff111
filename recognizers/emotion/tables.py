"""Evaluations as tables in Markdown, for `docs/results/` and the report of `amser evaluate`."""

from __future__ import annotations

from collections.abc import Sequence

from recognizers.emotion.evaluation import Evaluation, difference
from recognizers.emotion.networks import ARCHITECTURES

__all__ = ["confusion_table", "difference_table", "evaluation_tables", "rates_table", "scores_table"]


def evaluation_tables(evaluations: Sequence[Evaluation], *, level: int = 3) -> str:
    """All tables of evaluations on one corpus: accuracy by rate, scores, differences to AMSER, confusion."""
    first = evaluations[0]
    mark = "#" * level
    parts = [
        f"Corpus {first.corpus}, {len(first.predictions.ids)} utterances, "
        f"{len(set(first.predictions.speakers))} speakers, classes {', '.join(first.labels)}. "
        f"Protocol: {first.protocol}. Words: {first.words}.",
        f"{mark} Accuracy by compress rate",
        rates_table(evaluations),
        f"{mark} Scores",
        scores_table(evaluations),
    ]
    if len(evaluations) > 1:
        parts += [f"{mark} Differences", difference_table(evaluations)]
    parts += [f"{mark} Confusion of {_title(first)} at 100 %", confusion_table(first)]
    return "\n\n".join(parts) + "\n"


def rates_table(evaluations: Sequence[Evaluation]) -> str:
    """One row per network and training: accuracy (WA) at every rate, with its interval at the ends."""
    rates = sorted(evaluations[0].predictions.predicted)
    header = ["network", "parameters", "trained", *(f"{rate:.2%}".replace(".00%", "%") for rate in rates)]
    rows = []
    for evaluation in evaluations:
        cells = []
        for rate in rates:
            cell = f"{evaluation.scores(rate).accuracy:.1%}"
            if rate in (rates[0], rates[-1]):
                low, high = evaluation.interval(rate)["accuracy"]
                cell += f" ({low * 100:.1f} to {high * 100:.1f})"
            cells.append(cell)
        rows.append([_title(evaluation), f"{evaluation.parameters:,}", evaluation.trained, *cells])
    return _table(header, rows)


def scores_table(evaluations: Sequence[Evaluation]) -> str:
    """WA, UA, weighted and macro F1 at the lowest and the full rate, and mean and deviation over folds."""
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
            found, spread = evaluation.scores(rate), evaluation.spread(rate)
            over = [
                f"{mean:.1%} ± {deviation * 100:.1f}" if deviation == deviation else "one test set"
                for mean, deviation in (spread["accuracy"], spread["unweighted_accuracy"])
            ]
            shares = (found.accuracy, found.unweighted_accuracy, found.f1_weighted, found.f1_macro)
            cells = [f"{share:.1%}" for share in shares]
            rows.append([_title(evaluation), evaluation.trained, f"{rate:.1%}", *cells, *over])
    return _table(header, rows)


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
            points = first.scores(rates[-1]).accuracy - other.scores(rates[-1]).accuracy
            interval = difference(first, other, rates[-1])["accuracy"]
            rows.append([f"{_title(first)} − {_title(other)} ({other.trained}), 100 %", *_points(points, interval)])
    for evaluation in evaluations:
        points = evaluation.scores(rates[0]).accuracy - evaluation.scores(rates[-1]).accuracy
        interval = evaluation.loss(rates[0], rates[-1])["accuracy"]
        name = f"{_title(evaluation)} ({evaluation.trained}), {rates[0]:.1%} − 100 %"
        rows.append([name, *_points(points, interval)])
    return _table(header, rows)


def confusion_table(evaluation: Evaluation, rate: float = 1.0) -> str:
    """Counts at a rate: rows are true, columns predicted."""
    counts = evaluation.scores(rate).confusion
    rows = [[label, *(str(n) for n in row)] for label, row in zip(evaluation.labels, counts.tolist(), strict=True)]
    return _table(["true \\ predicted", *evaluation.labels], rows)


def _points(value: float, interval: tuple[float, float]) -> list[str]:
    return [f"{value * 100:+.1f}", f"{interval[0] * 100:+.1f} to {interval[1] * 100:+.1f}"]


def _title(evaluation: Evaluation) -> str:
    return ARCHITECTURES[evaluation.architecture].title


def _table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
