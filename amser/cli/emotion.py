"""``amser train emotion``, and what it shares with ``amser evaluate``: options, words, vectors, progress."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from amser.cli.options import check_device, choice
from amser.cli.states import Encoder, Language, StateOptions, train_on_states
from amser.exits import UserError
from recognizers.measurement.bar import counting_bar
from scenarios.errors import Exit

if TYPE_CHECKING:
    from recognizers.training.emotion.examples import Examples
    from recognizers.training.emotion.glove import Glove
    from recognizers.training.emotion.recipe import Epoch, Recipe

Speech = Annotated[
    str, typer.Option("--corpus", metavar="DIR", help="A labelled corpus's folder or manifest, or `shipped`.")
]
Networks = Annotated[
    list[str] | None, typer.Option("--network", "-n", help="amser, umons, xu or yoon; default: all; repeatable.")
]
Words = Annotated[
    str, typer.Option(metavar="MODEL", help="Whose words: a Whisper, `sphinx`, `reference` transcripts, or `none`.")
]
Modalities = Annotated[str, typer.Option(help="What the networks meet: both, audio or text.")]
GloveFile = Annotated[
    Path | None,
    typer.Option(
        "--glove",
        metavar="FILE",
        help="GloVe's word vectors as a text file; `none` for hashed pieces of words. Default: those of the extra"
        " `glove` where it is installed and knows most of the words.",
    ),
]
Frozen = Annotated[bool, typer.Option("--frozen", help="Do not train the vectors of --glove any further.")]
Size = Annotated[str, typer.Option(help="Size: small (as shipped), published (not amser's); for amser image or large.")]
Clean = Annotated[bool, typer.Option("--clean", help="Train on uncompressed Mels only, not across rates.")]
Epochs = Annotated[int | None, typer.Option(min=1, help="Most epochs.")]
Patience = Annotated[int | None, typer.Option(min=1, help="Epochs without a better dev loss to stop.")]
BatchSize = Annotated[int | None, typer.Option("--batch", min=2, help="Utterances in a batch.")]
Device = Annotated[str, typer.Option(help="Where the networks run: cpu, cuda, or cuda:1 for the second GPU.")]
Seed = Annotated[int, typer.Option(min=0, help="Seed of the training.")]

FREQUENT_WORDS = 10_000
"""Words of a GloVe file that trained weights know besides those of their corpus: 6 MB at 300 numbers in fp16."""
SHOWN = 5
"""Most broken files or missing words that are named one by one."""


def train(
    corpus: Speech,
    network: Networks = None,
    encoder: Encoder = None,
    language: Language = None,
    words: Words = "reference",
    modalities: Modalities = "both",
    glove: GloveFile = None,
    frozen: Frozen = False,
    size: Size = "small",
    limit: Annotated[int | None, typer.Option(min=1, help="Use only this many training utterances.")] = None,
    clean: Clean = False,
    epochs: Epochs = None,
    patience: Patience = None,
    batch: BatchSize = None,
    device: Device = "cpu",
    seed: Seed = 1,
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="DIR", help="Where emotion-NETWORK.safetensors goes.")
    ] = Path("weights"),
) -> int:
    """Train emotion networks on a corpus and write their weights; name them in a scenario's `emotion:`.

    With --encoder it is AMSER's network on the states of Whisper's own encoder, by a recipe that needs no dev speakers.
    """
    if encoder:
        own = {"--network": network, "--glove": glove, "--frozen": frozen, "--size": size != "small", "--limit": limit}
        own |= {"--patience": patience, "--batch": batch, "--device": device != "cpu"}
        if given := [option for option, value in own.items() if value]:
            raise UserError(f"{', '.join(given)}: not for the network on encoder states; leave out, or --encoder")
        options = StateOptions(encoder, words, modalities, None, clean, (seed,), epochs, output, language=language)
        return train_on_states(corpus, options)
    if language:
        raise UserError("--language goes with --encoder")
    from recognizers.corpora import open_corpus
    from recognizers.training.emotion.train import load_split, train_emotion

    names = networks_of(network)
    check_options(names, size, modalities, words, glove, frozen, device)
    with counting_bar("Mel spectrograms") as advance:
        examples, dev = load_split(open_corpus(corpus), limit=limit, seed=seed, advance=advance)
    say_left_out(examples)
    examples = heard(examples, words, (1.0,) if clean else None)
    dev = heard(dev, words, (1.0,) if clean else (0.125, 1.0))
    vectors = None if modalities == "audio" else glove_of(glove, [examples, dev], frozen, FREQUENT_WORDS)
    recipe = recipe_of(seed, clean, epochs, patience, batch)
    output.mkdir(parents=True, exist_ok=True)
    for name in names:
        path = output / f"emotion-{name}.safetensors"
        best = train_emotion(
            name,
            examples,
            dev,
            path,
            recipe=recipe,
            size=size,
            modalities=modalities,
            glove=vectors,
            device=device,
            on_epoch=_say_epoch(name),
        ).best
        sys.stdout.write(f"{path}: best epoch {best.number}, dev accuracy {best.dev_accuracy:.1%}\n")
    return Exit.DONE


def networks_of(chosen: list[str] | None) -> list[str]:
    """The names of the networks, all by default."""
    from recognizers.emotion.networks import ARCHITECTURES

    for name in chosen or ():
        choice("there is no emotion network", name, list(ARCHITECTURES))
    return chosen or list(ARCHITECTURES)


def check_options(
    names: Sequence[str], size: str, modalities: str, words: str, glove: Path | None, frozen: bool, device: str
) -> None:
    """What cannot be, or would have no effect, is said before anything is computed."""
    from recognizers.emotion.networks import ARCHITECTURES
    from recognizers.training.emotion.glove import check_glove, packaged

    for name in names:
        choice(f"--size: {name} (--network) has no size", size, list(ARCHITECTURES[name].sizes))
    choice("--modalities: there is no", modalities, ("both", "audio", "text"))
    check_device("--device", device)
    if frozen and (_hashed(glove) or not (glove or packaged())):
        raise UserError("--frozen: is about GloVe's vectors; name their file with --glove, or leave --frozen out")
    named = glove is not None and not _hashed(glove)
    if named and "none" in (words, "none" if modalities == "audio" else ""):
        raise UserError("--glove: the networks would meet no words; leave out --glove, or what takes the words away")
    if modalities == "text" and words == "none":
        raise UserError("--modalities text --words none: nothing is left to learn from")
    if glove is not None and named:
        check_glove(glove)


def recipe_of(seed: int, clean: bool, epochs: int | None, patience: int | None, batch: int | None) -> Recipe:
    """The recipe of the options; what is not given is the recipe's own."""
    from recognizers.training.emotion.recipe import Recipe

    return Recipe(
        seed=seed,
        across_rates=not clean,
        epochs=epochs or Recipe.epochs,
        patience=patience or Recipe.patience,
        batch=batch or Recipe.batch,
    )


def heard(examples: Examples, words: str, rates: Sequence[float] | None = None) -> Examples:
    """The examples with the words that ``--words`` asks for; ``rates``: those at which they are needed, or all."""
    from dataclasses import replace

    from recognizers.emotion.types import RATES

    if words == "reference":
        return examples
    if words == "none":
        return replace(examples, texts=("",) * len(examples), texts_at={}, text_source="none")
    from amser.codec_study import listener_named
    from recognizers.training.emotion.examples import with_heard_words

    with counting_bar("recognizing") as advance:
        return with_heard_words(examples, listener_named(words), rates or RATES, advance=advance)


def glove_of(path: Path | None, parts: Sequence[Examples], frozen: bool, frequent: int = 0) -> Glove | None:
    """The vectors of the words in all parts at all rates, None for hashed pieces of words; says which."""
    from recognizers.training.emotion.glove import packaged_glove, read_glove

    texts = [text for part in parts for group in (part.texts, *part.texts_at.values()) for text in group]
    if not any(texts) or _hashed(path):
        return None
    if path:
        found: Glove | None = read_glove(path, texts, frequent=frequent, frozen=frozen)
    else:
        found = packaged_glove(texts, frequent=frequent, frozen=frozen)
    if found is None and frozen:
        raise UserError("--frozen: no vectors of these words are installed; name a file with --glove, or leave it out")
    sys.stderr.write(f"{_vectors_line(found)}\n")
    return found


def _hashed(glove: Path | None) -> bool:
    return str(glove) == "none"


def _vectors_line(found: Glove | None) -> str:
    if found is None:
        return "words: hashed pieces; no GloVe vectors of them are installed (`pip install amser[glove]`, English)"
    line = f"{found.source}: {len(found.vocabulary.words)} words of {found.width} numbers"
    if found.missing:
        more = f" and {len(found.missing) - SHOWN} more" if len(found.missing) > SHOWN else ""
        line += f"; not in it, so given the mean of all: {', '.join(found.missing[:SHOWN])}{more}"
    return line


def say_left_out(examples: Examples) -> None:
    """Names the files that could not be read on standard error."""
    for fault in examples.faults[:SHOWN]:
        sys.stderr.write(f"left out: {fault}\n")
    if len(examples.faults) > SHOWN:
        sys.stderr.write(f"left out: {len(examples.faults) - SHOWN} more, which `amser corpus check` names\n")


def _say_epoch(name: str) -> Callable[[Epoch], None] | None:
    if not sys.stderr.isatty():
        return None

    def say(epoch: Epoch) -> None:
        sys.stderr.write(
            f"{name}, epoch {epoch.number}: loss {epoch.train_loss:.3f}, dev loss {epoch.dev_loss:.3f}, "
            f"dev accuracy {epoch.dev_accuracy:.1%}\n"
        )

    return say
