"""Accuracy and F1 of the four emotion networks at the poster's compress rates, on the recognizer's own words."""

from __future__ import annotations

import csv
import functools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from amser.reproduction.rows import RATES, Part, Row
from amser.reproduction.word_rates import hypotheses

if TYPE_CHECKING:
    import pandas as pd

    from amser.reproduction.work import Options
    from recognizers.corpora import Corpus
    from recognizers.training.emotion.evaluation import Evaluation
    from recognizers.training.emotion.examples import Examples
    from recognizers.training.emotion.glove import Glove

NETWORKS = ("amser", "umons", "xu", "yoon")
SMALL = dict.fromkeys(NETWORKS, "small")
FULL = {"amser": "image", "umons": "published", "xu": "published", "yoon": "published"}
"""The sizes that were published; of AMSER's, which was not, the one that does best on human speech."""


def examples_of(corpus: Corpus, heard: pd.DataFrame, source: str, labels: Sequence[str] | None = None) -> Examples:
    """The labelled utterances of a corpus with the words that were heard at each rate (rate 1: in the Mel itself)."""
    from recognizers.training.emotion.examples import load_examples

    examples = load_examples(corpus, labels)
    texts = {}
    for rate in RATES:
        said = hypotheses(heard, None if rate == 1.0 else rate)
        texts[rate] = tuple(said[identity] for identity in examples.ids)
    return replace(examples, texts=texts[1.0], texts_at=texts, text_source=source)


def shipped_networks(corpus: Corpus, heard: pd.DataFrame, recognizer: str) -> Part:
    """The shipped weights of all four networks on ``corpus``."""
    from recognizers.emotion.recognizer import load_emotion
    from recognizers.training.emotion.evaluation import evaluate_weights

    networks = [load_emotion(name) for name in NETWORKS]
    examples = examples_of(corpus, heard, recognizer, networks[0].labels)
    found = [evaluate_weights(network, examples, sorted(RATES)) for network in networks]
    return Part([row for one in found for row in rows_of(one, f"shipped, trained on {one.trained}")])


def cross_validated(
    examples: Examples,
    by: str,
    chosen: Options,
    on_fold: Callable[[str, int, int], None],
    *,
    sizes: Mapping[str, str] = SMALL,
    glove: Glove | None = None,
    only: str | None = None,
    apart: str | None = None,
) -> Part:
    """All four networks trained and tested fold by fold; finished folds in ``chosen.folder`` are read again.

    ``only`` is the one fold to train and test.  ``apart`` is one whose figures have rows of their own beside those of
    all folds.
    """
    from recognizers.training.emotion.cross_validation import cross_validate
    from recognizers.training.emotion.recipe import Recipe

    recipe = Recipe(epochs=chosen.epochs or Recipe.epochs)
    part = Part()
    for name, size in sizes.items():
        told = functools.partial(on_fold, name)
        options: dict[str, Any] = {"by": by, "recipe": recipe, "rates": sorted(RATES), "advance": told, "only": only}
        options |= {"seeds": chosen.seeds, "device": chosen.device, "size": size, "glove": glove}
        found = cross_validate(name, examples, chosen.folder / "folds", **options)
        weights = f"trained in each fold, {size} size, {found.trained}"
        part.rows += rows_of(found, weights)
        if apart in set(found.rows["fold"]) and only is None:
            part.rows += rows_of(found.of_fold(str(apart)), weights)
    return part


def rows_of(found: Evaluation, weights: str) -> list[Row]:
    """Every metric at every rate, of all seeds together, with its 95 % interval over speakers or utterances."""
    from recognizers.scores import class_counts, class_scores, scores
    from recognizers.training.emotion.evaluation import sent_as

    rows = []
    protocol = f"{found.protocol}; words: {found.words}; classes {', '.join(found.labels)}"
    if (seeds := found.rows["seed"].nunique()) > 1:
        protocol += f"; means of {seeds} seeds"
    parts = {str(codec): part for codec, part in found.rows.groupby("codec")}
    for rate in (rate for rate in RATES if sent_as(rate) in parts):
        part = parts[sent_as(rate)]
        head = Row("emotion", str(part["network"].iloc[0]), found.corpus, weights, "", rate, "", "1", 0.0)
        for metric, score in scores(class_counts(part, found.labels), class_scores).items():
            how = f"{protocol}; intervals over {score.over}"
            ours = replace(head, metric=metric, value=score.value, low=score.low, high=score.high)
            rows.append(replace(ours, n=score.n, protocol=how))
    return rows


def committed() -> Part:
    """Figures of corpora whose licence keeps their weights out of the project, as they were measured and committed."""
    kinds: dict[str, Callable[[str], Any]] = dict.fromkeys(("rate", "value", "low", "high"), float) | {"n": int}
    text = (files("amser.reproduction") / "emotion.csv").read_text(encoding="utf-8")
    records = csv.DictReader(text.splitlines())
    return Part([Row(**{name: kinds.get(name, str)(cell) for name, cell in one.items()}) for one in records])
