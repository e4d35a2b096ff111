"""``--encoder`` of ``amser evaluate`` and ``amser train emotion``: a network on the states of Whisper's encoder."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from amser.cli.options import choice
from amser.console import Table, print_json
from amser.exits import UserError
from recognizers.measurement.bar import Advance, counting_bar
from scenarios.errors import Exit

if TYPE_CHECKING:
    import pandas as pd

    from recognizers.corpora import Corpus
    from recognizers.training.state_evaluation import StateStudy, Words

Encoder = Annotated[
    str | None,
    typer.Option("--encoder", metavar="MODEL", help="Read the states of this Whisper's encoder: base or tiny.en."),
]
TrainOn = Annotated[str | None, typer.Option("--train", metavar="DIR", help="Train on all of this corpus, and ...")]
TestOn = Annotated[str | None, typer.Option("--test", metavar="DIR", help="... test on this one, of other speakers.")]
Codecs = Annotated[
    list[str] | None, typer.Option("--codec", "-c", help="Codecs to test, for --encoder; repeatable. Default: rates.")
]

Short = Annotated[
    bool,
    typer.Option(
        "--short", help="Read a pass over the real frames alone, not the 30 s that the words need (--encoder)."
    ),
]
Language = Annotated[
    str | None,
    typer.Option(metavar="CODE", help="Spoken language, for the words of --encoder's recognizer. Default: detected."),
]


@dataclass(frozen=True)
class StateOptions:
    """What the command line says of a training on encoder states, or of an evaluation."""

    encoder: str
    words: str
    modalities: str
    codecs: Sequence[str] | None
    clean: bool
    seeds: tuple[int, ...]
    epochs: int | None
    output: Path
    short: bool = False
    language: str | None = None


def evaluate_states(corpus: str | None, train: str | None, test: str | None, options: StateOptions, json: bool) -> int:
    """Leave one speaker of ``corpus`` out, or train on one corpus and test on another; print and keep the rows."""
    from recognizers.corpora import open_corpus
    from recognizers.training.state_evaluation import across_corpora, across_speakers

    if (train is None) != (test is None) or (corpus is None) == (train is None):
        raise UserError("give --corpus, whose speakers are left out one by one, or --train and --test")
    _check(options)
    with counting_bar("hearing") as advance:
        study = _study(options, advance)
        words = _words(options)
        if train is not None and test is not None:
            rows = across_corpora(open_corpus(train), open_corpus(test), study, words)
            protocol = f"trained on {train}, tested on {test}"
        else:
            rows = across_speakers(open_corpus(str(corpus)), study, words)
            protocol = "leave one speaker out"
    options.output.mkdir(parents=True, exist_ok=True)
    kind = "".join(f"-{one}" for one in ("short", "clean") if getattr(options, one))
    path = options.output / f"{Path(test or str(corpus)).name}-{options.encoder}{kind}-predictions.parquet"
    rows.to_parquet(path)
    said = "none" if options.modalities == "audio" else options.words
    read = f"encoder {options.encoder} ({'short pass' if options.short else 'the pass of the words'})"
    show_scores(rows, [f"{protocol}, {read}, words from {said}, predictions in {path}"], json)
    return Exit.DONE


def train_on_states(corpus: str, options: StateOptions) -> int:
    """Train on all of ``corpus`` and write emotion-amser-states.safetensors."""
    from recognizers.corpora import open_corpus
    from recognizers.training.state_training import train_states

    _check(options)
    path = options.output / "emotion-amser-states.safetensors"
    with counting_bar("hearing") as advance:
        found = open_corpus(corpus)
        study = _study(options, advance)
        options.output.mkdir(parents=True, exist_ok=True)
        spec = train_states(found, study, _words(options), path)
    sys.stdout.write(
        f"{path}: {', '.join(spec.labels)} from {spec.trained_on['utterances']} utterances, states of {spec.encoder}; "
        f"all were trained on: `amser evaluate --encoder {spec.encoder}` says what it is worth\n"
    )
    return Exit.DONE


def _check(options: StateOptions) -> None:
    from recognizers.emotion.states import READ

    choice("--encoder: there is no", options.encoder, list(READ))
    choice("--modalities: there is no", options.modalities, ("both", "audio", "text"))


def _study(options: StateOptions, advance: Advance) -> StateStudy:
    from dataclasses import replace

    from recognizers.cache import default_cache
    from recognizers.emotion.states import READ, WhisperStates
    from recognizers.training.state_evaluation import StateStudy
    from recognizers.whisper import load_whisper
    from scenarios.schema.codec import STANDARD_CODECS

    for codec in options.codecs or ():
        choice("--codec: there is no", codec, list(STANDARD_CODECS))
    whisper = load_whisper(options.encoder)
    states = WhisperStates(
        whisper.model, whisper.name, whisper.weights_hash, READ[options.encoder], short=options.short
    )
    study = StateStudy(states, options.encoder, default_cache() / "states", seeds=options.seeds, advance=advance)
    if options.clean:
        study = replace(study, trained=("raw",))
    if options.short:
        study = replace(study, names=("short", "yardshort"))  # so that a table can hold both passes' classes
    if options.codecs:
        study = replace(study, tested=tuple(options.codecs))
    if options.epochs:
        study = replace(study, recipe=replace(study.recipe, epochs=options.epochs))
    return replace(study, modalities=options.modalities)


def _words(options: StateOptions) -> Words | None:
    if options.words == "none" or options.modalities == "audio":
        return None
    if options.words == "reference":
        return lambda corpus, codec: [utterance.text for utterance in corpus.utterances]

    from channel.codecs import build_codec
    from recognizers.measurement.measure import measure
    from recognizers.whisper import load_whisper
    from recognizers.whisper.options import WhisperOptions

    recognizer = load_whisper(options.words)
    if recognizer.tokens is None and recognizer.model.is_multilingual:
        recognizer = recognizer.with_options(WhisperOptions(language=options.language))

    def heard(corpus: Corpus, codec: str) -> Sequence[str]:
        table = measure(corpus, {codec: build_codec(codec)}, recognizer)
        texts = dict(zip(table["utterance"], table["hypothesis"], strict=True))
        return [texts[utterance.id] for utterance in corpus.utterances]

    return heard


def show_scores(rows: pd.DataFrame, told: Sequence[str], json: bool) -> None:
    """Print what the classes of `recognizers.training.predictions` are worth, and what is told of them."""
    from amser.units import in_percent
    from recognizers.training.predictions import scored_against

    table = scored_against(rows, "raw")
    if json:
        print_json(table.to_dict("records"))
        return
    body = []
    for row in table.to_dict("records"):
        value, blank, ends = in_percent(row["accuracy"], row["low"], row["high"]).partition(" ")
        value += f" ± {100 * row['deviation']:.1f}" if row["seeds"] > 1 else ""
        loss = in_percent(row["loss"], row["loss_low"], row["loss_high"], "+")
        shares = [f"{100 * row[name]:.1f}" for name in ("unweighted_accuracy", "f1_weighted", "f1_macro")]
        body.append([row["network"], row["codec"], f"{value}{blank}{ends}", loss, *shares,
                     str(row["utterances"])])  # fmt: skip
    heads = ["network", "codec", "accuracy [%]", "less raw [points]", "UA [%]", "weighted F1 [%]", "macro F1 [%]"]
    Table([*heads, "utterances"], body, right=frozenset(range(2, 8))).print()
    sys.stdout.writelines(f"{line}\n" for line in told)
    over, speakers = table["over"].iloc[0], table["speakers"].iloc[0]
    sys.stdout.write(f"{speakers} speakers, intervals over {over}, ± between seeds\n")
