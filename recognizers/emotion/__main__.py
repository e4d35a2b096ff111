"""`python -m recognizers.emotion train | evaluate | test`: emotion networks, with progress on standard error.

train: train networks on a corpus and write their weights. evaluate: leave-one-speaker-out or
leave-one-session-out cross-validation, resumed fold by fold. test: apply weights to a test set. Tables go
to standard output as Markdown.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from recognizers.corpora import CorpusError, open_corpus
from recognizers.emotion.types import EmotionError

if TYPE_CHECKING:
    from rich.progress import Progress

    from recognizers.emotion.examples import Advance, Examples
    from recognizers.emotion.training import Recipe

NETWORKS = "amser,umons,xu,yoon"


def main(arguments: list[str] | None = None) -> int:
    """The command line; returns the exit code (3 where a corpus or file is missing)."""
    options = _parser().parse_args(arguments)
    try:
        options.run(options)
    except (CorpusError, EmotionError) as error:
        sys.stderr.write(f"error: {error}\n")
        return 3
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m recognizers.emotion", description=__doc__)
    commands = parser.add_subparsers(required=True)
    shared = argparse.ArgumentParser(add_help=False)
    shared.add_argument("--corpus", required=True, help="`shipped`, or folder or manifest of the speech")
    shared.add_argument("--networks", default=NETWORKS, help="which, separated by commas")
    shared.add_argument("--words", default="reference", help="`reference`, `none`, or a Whisper by name or path")
    shared.add_argument("--seed", type=int, default=1)
    learning = argparse.ArgumentParser(add_help=False)
    learning.add_argument("--epochs", type=int, help="most epochs")
    learning.add_argument("--batch", type=int, help="utterances in a batch")
    learning.add_argument("--clean", action="store_true", help="train on full Mels only, not across rates")
    learning.add_argument("--size", default="small", help="small or published")
    learning.add_argument("--modalities", default="both", help="both, audio or text")
    train = commands.add_parser("train", parents=[shared, learning], help="train and write weights")
    train.add_argument("--out", type=Path, required=True, help="folder for emotion-<network>.safetensors")
    train.add_argument("--limit", type=int, help="use only this many training utterances")
    train.set_defaults(run=_train)
    evaluate = commands.add_parser("evaluate", parents=[shared, learning], help="cross-validate")
    evaluate.add_argument("--by", default="speaker", help="what is left out: speaker or session")
    evaluate.add_argument("--folds", type=int, help="deal the speakers into this many groups")
    evaluate.add_argument("--work", type=Path, required=True, help="folder for finished folds")
    evaluate.add_argument("--pretrained", action="store_true", help="start each fold from the shipped weights")
    evaluate.set_defaults(run=_evaluate)
    test = commands.add_parser("test", parents=[shared], help="apply weights")
    test.add_argument("--weights", type=Path, help="folder of weights; by default the shipped ones")
    test.set_defaults(run=_test)
    return parser


def _train(options: argparse.Namespace) -> None:
    from rich.console import Console

    from recognizers.emotion.train import load_split, train_emotion
    from recognizers.emotion.training import Epoch

    console = Console(stderr=True)
    with _progress() as progress:
        train, dev = load_split(
            open_corpus(options.corpus),
            limit=options.limit,
            seed=options.seed,
            advance=_bar(progress, "Mels"),
        )
        train, dev = (_with_words(part, options.words, progress) for part in (train, dev))

    def say(epoch: Epoch) -> None:
        console.print(
            f"epoch {epoch.number}: train loss {epoch.train_loss:.3f}, dev loss {epoch.dev_loss:.3f}, "
            f"dev accuracy {epoch.dev_accuracy:.1%}"
        )

    for name in options.networks.split(","):
        path = options.out / f"emotion-{name}.safetensors"
        trained = train_emotion(
            name,
            train,
            dev,
            path,
            recipe=_recipe(options),
            size=options.size,
            modalities=options.modalities,
            on_epoch=say,
        )
        sys.stdout.write(f"{path}: epoch {trained.best.number}, dev accuracy {trained.best.dev_accuracy:.1%}\n")


def _evaluate(options: argparse.Namespace) -> None:
    from recognizers.emotion.evaluation import cross_validate
    from recognizers.emotion.tables import evaluation_tables
    from recognizers.emotion.weights import shipped_weights

    found = []
    with _progress() as progress:
        examples = _examples(options, progress)
        for name in options.networks.split(","):
            step = _bar(progress, name)

            def done(_: str, count: int, total: int, step: Advance = step) -> None:
                step(count, total)

            found.append(
                cross_validate(
                    name,
                    examples,
                    options.work,
                    by=options.by,
                    folds=options.folds,
                    size=options.size,
                    modalities=options.modalities,
                    recipe=_recipe(options),
                    start=shipped_weights(name) if options.pretrained else None,
                    on_fold=done,
                )
            )
    sys.stdout.write(evaluation_tables(found))


def _test(options: argparse.Namespace) -> None:
    from recognizers.emotion.evaluation import evaluate_weights
    from recognizers.emotion.recognizer import load_emotion
    from recognizers.emotion.tables import evaluation_tables

    names = options.networks.split(",")
    places = [options.weights / f"emotion-{n}.safetensors" if options.weights else n for n in names]
    networks = [load_emotion(place) for place in places]
    with _progress() as progress:
        examples = _examples(options, progress, labels=networks[0].labels)
    sys.stdout.write(evaluation_tables([evaluate_weights(network, examples) for network in networks]))


def _examples(options: argparse.Namespace, progress: Progress, labels: tuple[str, ...] | None = None) -> Examples:
    from recognizers.emotion.examples import load_examples

    examples = load_examples(open_corpus(options.corpus), labels, advance=_bar(progress, "Mels"))
    for fault in examples.faults:
        sys.stderr.write(f"left out: {fault}\n")
    return _with_words(examples, options.words, progress)


def _with_words(examples: Examples, words: str, progress: Progress) -> Examples:
    from dataclasses import replace

    if words == "reference":
        return examples
    if words == "none":
        return replace(examples, texts=("",) * len(examples), text_source="none")
    from recognizers.emotion.hearing import with_heard_words
    from recognizers.whisper import load_whisper

    return with_heard_words(examples, load_whisper(words), advance=_bar(progress, "words"))


def _recipe(options: argparse.Namespace) -> Recipe:
    from recognizers.emotion.training import Recipe

    epochs = Recipe.epochs if options.epochs is None else options.epochs
    batch = Recipe.batch if options.batch is None else options.batch
    return Recipe(epochs=epochs, batch=batch, seed=options.seed, across_rates=not options.clean)


def _progress() -> Progress:
    from rich.console import Console
    from rich.progress import Progress

    console = Console(stderr=True)
    return Progress(console=console, disable=not console.is_terminal)


def _bar(progress: Progress, what: str) -> Advance:
    task = progress.add_task(what, total=None)
    return lambda done, total: progress.update(task, completed=done, total=total)


if __name__ == "__main__":
    sys.exit(main())
