"""``amser train emotion`` and ``amser evaluate``: the speech emotion networks."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from amser.cli.options import Json, check_device
from amser.exits import Exit, UserError

if TYPE_CHECKING:
    from recognizers.emotion.evaluation import Evaluation
    from recognizers.emotion.training import Epoch

app = typer.Typer(help="Train networks.", no_args_is_help=True, rich_markup_mode=None)

Speech = Annotated[str, typer.Option("--corpus", metavar="DIR", help="A labelled corpus's folder or manifest.")]
Networks = Annotated[
    list[str] | None, typer.Option("--network", "-n", help="amser, umons, xu or yoon; default: all; repeatable.")
]
Epochs = Annotated[int | None, typer.Option(min=1, help="Most epochs.")]
Seed = Annotated[int, typer.Option(min=0, help="Seed of the training.")]


@app.callback()
def _group() -> None:
    pass


@app.command("emotion")
def train(
    corpus: Speech,
    network: Networks = None,
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="DIR", help="Where emotion-NETWORK.safetensors goes.")
    ] = Path("weights"),
    limit: Annotated[int | None, typer.Option(min=1, help="Use only this many training utterances.")] = None,
    epochs: Epochs = None,
    seed: Seed = 1,
) -> int:
    """Train emotion networks on a corpus and write their weights; name them in a scenario's `emotion:`."""
    from recognizers.corpora import open_corpus
    from recognizers.emotion.train import load_split, train_emotion
    from recognizers.emotion.training import Recipe

    names = _networks(network)
    with _counter("Mel spectrograms") as advance:
        examples, dev = load_split(open_corpus(corpus), limit=limit, seed=seed, advance=advance)
    recipe = Recipe(seed=seed, epochs=epochs or Recipe.epochs)
    output.mkdir(parents=True, exist_ok=True)
    for name in names:
        path = output / f"emotion-{name}.safetensors"
        best = train_emotion(name, examples, dev, path, recipe=recipe, on_epoch=_say_epoch(name)).best
        sys.stdout.write(f"{path}: best epoch {best.number}, dev accuracy {best.dev_accuracy:.1%}\n")
    return Exit.DONE


def evaluate(
    corpus: Speech,
    network: Networks = None,
    weights: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Evaluate these weights instead of training folds.")
    ] = None,
    words: Annotated[
        str, typer.Option(metavar="MODEL", help="Whose words: a Whisper, `sphinx`, or `reference` transcripts.")
    ] = "nano",
    by: Annotated[str, typer.Option(help="What a fold leaves out: speaker or session.")] = "speaker",
    folds: Annotated[int | None, typer.Option(min=2, help="Group the speakers into this many folds.")] = None,
    clean: Annotated[bool, typer.Option("--clean", help="Train on uncompressed Mels only.")] = False,
    epochs: Epochs = None,
    patience: Annotated[int | None, typer.Option(min=1, help="Epochs without a better dev loss to stop.")] = None,
    together: Annotated[
        str | None, typer.Option(metavar="DEVICE", help="Train all folds side by side on cpu or cuda; for a GPU.")
    ] = None,
    seed: Seed = 1,
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="DIR", help="Where finished folds are kept.")
    ] = Path("results/evaluate"),
    json: Json = False,
) -> int:
    """Leave-one-out evaluation of emotion networks at every compress rate; resumes where it stopped."""
    from recognizers.corpora import open_corpus
    from recognizers.emotion.evaluation import Together, cross_validate, evaluate_weights
    from recognizers.emotion.examples import load_examples
    from recognizers.emotion.training import Recipe

    names = _networks(network)
    if together:
        check_device("--together", together)
    with _counter("Mel spectrograms") as advance:
        examples = load_examples(open_corpus(corpus), advance=advance)
    if words != "reference":
        from amser.codec_study import recogniser_named
        from recognizers.emotion.hearing import with_heard_words

        with _counter("recognising") as advance:
            examples = with_heard_words(examples, recogniser_named(words), advance=advance)
    if weights is not None:
        from recognizers.emotion.recognizer import load_emotion

        return _show([evaluate_weights(load_emotion(weights), examples)], json)
    recipe = Recipe(
        seed=seed, across_rates=not clean, epochs=epochs or Recipe.epochs, patience=patience or Recipe.patience
    )
    side_by_side = Together(together) if together else None
    found = []
    for name in names:
        with _counter(f"folds of {name}") as advance:

            def on_fold(_: str, done: int, total: int, tell: Callable[[int, int], None] = advance) -> None:
                tell(done, total)

            options: dict[str, Any] = {"by": by, "folds": folds, "recipe": recipe, "on_fold": on_fold}
            options["together"] = side_by_side
            found.append(cross_validate(name, examples, output, **options))
    return _show(found, json)


def _networks(chosen: list[str] | None) -> list[str]:
    from recognizers.emotion.networks import ARCHITECTURES
    from scenarios.validation import suggest

    for name in chosen or ():
        if name not in ARCHITECTURES:
            raise UserError(f"there is no emotion network '{name}'{suggest(name, list(ARCHITECTURES))}")
    return chosen or list(ARCHITECTURES)


def _show(found: list[Evaluation], json: bool) -> int:
    rows = [row for evaluation in found for row in _rows(evaluation)]
    if json:
        from amser.tables import print_json

        print_json(rows)
        return Exit.DONE
    from amser.tables import Table

    body = []
    for r in rows:
        shares = [f"{100 * r[m]:.1f}" for m in ("unweighted_accuracy", "f1_weighted", "f1_macro")]
        accuracy = f"{100 * r['accuracy']:.1f} ({100 * r['low']:.1f} to {100 * r['high']:.1f})"
        body.append([r["network"], f"{100 * r['rate']:g}", accuracy, *shares, str(r["n"])])
    heads = ["network", "rate [%]", "accuracy [%]", "UA [%]", "weighted F1 [%]", "macro F1 [%]", "n"]
    Table(heads, body, right=frozenset(range(1, 7))).print()
    for e in found:
        sys.stdout.write(f"{e.architecture}: {e.corpus}, {e.protocol}, trained {e.trained}, words from {e.words}\n")
    return Exit.DONE


def _rows(evaluation: Evaluation) -> Iterator[dict[str, Any]]:
    for rate in evaluation.predictions.predicted:
        scores = evaluation.scores(rate)
        low, high = evaluation.interval(rate)["accuracy"]
        yield {
            "network": evaluation.architecture,
            "corpus": evaluation.corpus,
            "protocol": evaluation.protocol,
            "trained": evaluation.trained,
            "rate": rate,
            "accuracy": scores.accuracy,
            "low": low,
            "high": high,
            "unweighted_accuracy": scores.unweighted_accuracy,
            "f1_weighted": scores.f1_weighted,
            "f1_macro": scores.f1_macro,
            "confusion": scores.confusion.tolist(),
            "labels": list(evaluation.labels),
            "n": scores.count,
        }


def _say_epoch(name: str) -> Callable[[Epoch], None] | None:
    if not sys.stderr.isatty():
        return None

    def say(epoch: Epoch) -> None:
        sys.stderr.write(
            f"{name}, epoch {epoch.number}: loss {epoch.train_loss:.3f}, dev loss {epoch.dev_loss:.3f}, "
            f"dev accuracy {epoch.dev_accuracy:.1%}\n"
        )

    return say


@contextmanager
def _counter(what: str) -> Iterator[Callable[[int, int], None]]:
    """A bar on a terminal for something that counts (done, total)."""
    if not sys.stderr.isatty():
        yield lambda done, total: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(what, total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)
