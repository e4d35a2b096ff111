"""`python -m recognizers.emotion train`: train emotion networks, with progress on standard error."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from recognizers.corpora import CorpusError, open_corpus
from recognizers.emotion.networks import ARCHITECTURES
from recognizers.emotion.train import load_split, train_emotion
from recognizers.emotion.training import Epoch, Recipe
from recognizers.emotion.types import EmotionError


def main(arguments: list[str] | None = None) -> int:
    """The command line; returns the exit code (3 where a corpus or file is missing)."""
    parser = argparse.ArgumentParser(prog="python -m recognizers.emotion", description=__doc__)
    commands = parser.add_subparsers(required=True)
    train = commands.add_parser("train", help="train networks and write their weights")
    train.add_argument("--corpus", required=True, help="folder or manifest of the training speech")
    train.add_argument("--networks", default=",".join(ARCHITECTURES), help="which, separated by commas")
    train.add_argument("--out", type=Path, required=True, help="folder for emotion-<network>.safetensors")
    train.add_argument("--limit", type=int, help="use only this many training utterances")
    train.add_argument("--epochs", type=int, default=Recipe.epochs)
    train.add_argument("--seed", type=int, default=Recipe.seed)
    train.set_defaults(run=_train)
    options = parser.parse_args(arguments)
    try:
        options.run(options)
    except (CorpusError, EmotionError) as error:
        sys.stderr.write(f"error: {error}\n")
        return 3
    return 0


def _train(options: argparse.Namespace) -> None:
    from rich.console import Console
    from rich.progress import Progress

    console = Console(stderr=True)
    with Progress(console=console) as progress:
        task = progress.add_task("Mel spectrograms", total=None)
        train, dev = load_split(
            open_corpus(options.corpus),
            limit=options.limit,
            seed=options.seed,
            advance=lambda done, total: progress.update(task, completed=done, total=total),
        )

    def say(epoch: Epoch) -> None:
        console.print(
            f"epoch {epoch.number}: train loss {epoch.train_loss:.3f}, dev loss {epoch.dev_loss:.3f}, "
            f"dev accuracy {epoch.dev_accuracy:.1%}"
        )

    recipe = Recipe(epochs=options.epochs, seed=options.seed)
    for name in options.networks.split(","):
        path = options.out / f"emotion-{name}.safetensors"
        trained = train_emotion(name, train, dev, path, recipe=recipe, on_epoch=say)
        best = trained.best
        sys.stdout.write(f"{path}: best epoch {best.number}, dev accuracy {best.dev_accuracy:.1%}\n")


if __name__ == "__main__":
    sys.exit(main())
