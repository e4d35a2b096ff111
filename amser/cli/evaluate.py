"""``amser evaluate``: emotion networks on a corpus at every compress rate, over folds and seeds."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from amser.cli.emotion import (
    BatchSize,
    Clean,
    Device,
    Epochs,
    Frozen,
    GloveFile,
    Modalities,
    Networks,
    Patience,
    Seed,
    Size,
    check_options,
    glove_of,
    heard,
    networks_of,
    recipe_of,
    say_left_out,
)
from amser.cli.options import Json, choice
from amser.cli.states import (
    Codecs,
    Encoder,
    Language,
    Short,
    StateOptions,
    TestOn,
    TrainOn,
    evaluate_states,
    show_scores,
)
from amser.exits import UserError
from recognizers.measurement.bar import counting_bar
from scenarios.errors import Exit

if TYPE_CHECKING:
    from recognizers.training.emotion.evaluation import Evaluation
    from recognizers.training.emotion.examples import Examples

Weights = Annotated[
    list[str] | None,
    typer.Option(metavar="FILE", help="Test these weights (a file, or a network's shipped ones); repeatable."),
]
OwnWords = Annotated[
    str | None,
    typer.Option(
        metavar="MODEL",
        help="Whose words: a Whisper, `sphinx`, `reference` transcripts, or `none`. Default: nano's; with --encoder the"
        " reference's.",
    ),
]
Pretrained = Annotated[bool, typer.Option("--pretrained", help="Start each fold from the shipped weights.")]
By = Annotated[str, typer.Option(help="What a fold leaves out: speaker or session.")]
Folds = Annotated[int | None, typer.Option(min=2, help="Group the speakers into this many folds.")]
Seeds = Annotated[int, typer.Option(min=1, help="Train each fold so often, with seeds 1000 apart.")]
FoldsDir = Annotated[Path, typer.Option("--output", "-o", metavar="DIR", help="Where finished folds are kept.")]


def evaluate(
    corpus: Annotated[
        str | None,
        typer.Option("--corpus", metavar="DIR", help="A labelled corpus's folder or manifest, or `shipped`."),
    ] = None,
    train: TrainOn = None,
    test: TestOn = None,
    encoder: Encoder = None,
    codec: Codecs = None,
    short: Short = False,
    language: Language = None,
    network: Networks = None,
    weights: Weights = None,
    words: OwnWords = None,
    modalities: Modalities = "both",
    glove: GloveFile = None,
    frozen: Frozen = False,
    size: Size = "small",
    pretrained: Pretrained = False,
    by: By = "speaker",
    folds: Folds = None,
    clean: Clean = False,
    epochs: Epochs = None,
    patience: Patience = None,
    batch: BatchSize = None,
    device: Device = "cpu",
    seed: Seed = 1,
    seeds: Seeds = 1,
    output: FoldsDir = Path("results/evaluate"),
    json: Json = False,
) -> int:
    """Leave-one-out evaluation of emotion networks at every compress rate; resumes where it stopped.

    With --weights nothing is trained: they are tested on the whole corpus. With --encoder AMSER's network reads the
    states of Whisper's own encoder and stands beside a logistic regression on them; --train and --test do it from one
    corpus to another.
    """
    if encoder or train or test:
        own = {"--network": network, "--weights": weights, "--glove": glove, "--frozen": frozen, "--batch": batch}
        own |= {"--pretrained": pretrained, "--folds": folds, "--patience": patience}
        own |= {"--size": size != "small", "--by": by != "speaker", "--device": device != "cpu"}
        if given := [option for option, value in own.items() if value]:
            raise UserError(f"{', '.join(given)}: not for the network on encoder states; leave out, or --encoder")
        numbers = tuple(range(seed, seed + seeds))
        options = StateOptions(
            encoder or "base", words or "reference", modalities, codec, clean, numbers, epochs, output, short, language
        )
        return evaluate_states(corpus, train, test, options, json)
    if corpus is None or codec or short or language:
        raise UserError("give --corpus; --codec, --short and --language go with --encoder")
    words = words or "nano"
    names = networks_of(network)
    check_options(names, size, modalities, words, glove, frozen, device)
    choice("--by: there is no", by, ("speaker", "session"))
    if glove and pretrained:
        raise UserError("--pretrained: the shipped weights have word vectors of their own; leave out --glove, or this")
    training = {"--network": network, "--glove": glove, "--folds": folds, "--epochs": epochs, "--patience": patience}
    training |= {"--pretrained": pretrained, "--clean": clean, "--batch": batch}
    training |= {"--seeds": seeds > 1, "--size": size != "small", "--modalities": modalities != "both"}
    unused = [option for option, given in training.items() if given]
    if weights and unused:
        raise UserError(f"{', '.join(unused)}: about training, but --weights trains nothing; leave out one of the two")
    if weights:
        return _show(_tested(weights, corpus, words, device), json)
    settings: dict[str, Any] = {"by": by, "folds": folds, "size": size, "modalities": modalities, "seeds": seeds}
    settings["recipe"] = recipe_of(seed, clean, epochs, patience, batch)
    examples = heard(_examples(corpus), words)
    vectors = None if pretrained or modalities == "audio" else glove_of(glove, [examples], frozen)
    settings |= {"glove": vectors, "device": device}
    found = [_cross_validated(name, examples, output, pretrained, settings) for name in names]
    return _show(found, json)


def _cross_validated(
    name: str, examples: Examples, output: Path, pretrained: bool, options: dict[str, Any]
) -> Evaluation:
    from recognizers.emotion.weights import shipped_weights
    from recognizers.training.emotion.cross_validation import cross_validate

    start = shipped_weights(name) if pretrained else None
    with counting_bar(f"folds of {name}") as advance:
        return cross_validate(name, examples, output, start=start, advance=advance, **options)


def _tested(weights: list[str], corpus: str, words: str, device: str) -> list[Evaluation]:
    from recognizers.emotion.recognizer import load_emotion
    from recognizers.training.emotion.evaluation import evaluate_weights

    networks = [load_emotion(place) for place in weights]
    for network in networks:
        network.network.to(device)
    examples = heard(_examples(corpus, networks[0].labels), words)
    return [evaluate_weights(network, examples) for network in networks]


def _examples(corpus: str, labels: tuple[str, ...] | None = None) -> Examples:
    """The corpus's labelled utterances; of given classes only, which is said."""
    from recognizers.corpora import open_corpus
    from recognizers.training.emotion.examples import load_examples

    opened = open_corpus(corpus)
    others = [u.emotion for u in opened.utterances if labels and u.emotion and u.emotion not in labels]
    if others:
        names = ", ".join(sorted(set(others)))
        sys.stderr.write(f"left out: {len(others)} utterances of classes that the weights do not know ({names})\n")
    with counting_bar("Mel spectrograms") as advance:
        examples = load_examples(opened, labels, advance=advance)
    say_left_out(examples)
    return examples


def _show(found: list[Evaluation], json: bool) -> int:
    import pandas as pd

    told = [
        f"{e.rows['network'].iloc[0]}: {e.corpus}, {e.protocol}, trained {e.trained}, seeds "
        f"{', '.join(map(str, e.rows['seed'].unique()))}, words from {e.words}"
        for e in found
    ]
    show_scores(pd.concat([e.rows for e in found], ignore_index=True), told, json)
    return Exit.DONE
