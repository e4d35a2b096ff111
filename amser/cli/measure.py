"""Commands on measured tables: make one, and measure a part of what ships again."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from amser.cli.options import Json
from amser.console import print_json
from amser.exits import MissingError, UserError
from recognizers.measurement.bar import counting_bar
from scenarios.errors import Exit

if TYPE_CHECKING:
    import pandas as pd

    from recognizers.corpora import Corpus
    from recognizers.measurement.shipped_tables import MeasuredTable

FOLDERS = {
    "librispeech": "librispeech-clean",
    "speechocean": "speechocean762-adults",
    "emodb": "emodb-4class",
    "ravdess": "ravdess-actors01-16",
}
"""Folders of $AMSER_CORPORA that hold the corpora of the tables."""


def verify(
    corpus: Annotated[str, typer.Argument(help="Corpus of the tables.")] = "librispeech",
    cells: Annotated[int, typer.Option(min=1, help="Cells to measure again in each table.")] = 40,
    seed: Annotated[int, typer.Option(help="Draws the cells.")] = 1,
    model: Annotated[str | None, typer.Option(help="Only the table of this model.")] = None,
    audio: Annotated[Path | None, typer.Option(help="Folder of the corpus's audio.")] = None,
    json: Json = False,
) -> int:
    """Measure cells of shipped tables again from audio and weights; exit 1 where a figure differs.

    The audio is that of --audio, or of $AMSER_CORPORA; for `librispeech` forty utterances ship.
    """
    from recognizers.measurement.shipped_tables import measured_tables

    tables = [t for t in measured_tables() if t.corpus == corpus and model in (None, t.model)]
    if not tables:
        held = ", ".join(f"{t.corpus} ({t.model})" for t in measured_tables())
        raise UserError(f"no measured table of '{corpus}'{f' with {model}' if model else ''} ships; there are {held}")
    spoken = _audio(corpus, audio)
    found = {table.path.name: _verified(table, spoken, cells, seed) for table in tables}
    if json:
        print_json({name: {"cells": n, "differences": lines} for name, (n, lines) in found.items()})
    else:
        for name, (count, lines) in found.items():
            verdict = f"{len(lines)} figures differ" if lines else "all agree"
            sys.stdout.write(f"{name}: {count} cells measured again, {verdict}\n")
            sys.stdout.writelines(f"  {line}\n" for line in lines)
    return Exit.INVALID if any(lines for _, lines in found.values()) else Exit.DONE


def _verified(table: MeasuredTable, spoken: Corpus, cells: int, seed: int) -> tuple[int, list[str]]:
    from recognizers.measurement import make_table as tabling
    from recognizers.whisper import load_whisper
    from recognizers.whisper.options import WhisperOptions

    recognizer = load_whisper(table.model).with_options(WhisperOptions(language=table.language))
    if recognizer.fingerprint() != table.recognizer:
        return 0, [f"the weights of {table.model} here, or the way of decoding, are not those of the table"]
    with counting_bar(f"measuring {table.path.stem}") as advance:
        result = tabling.verify(table, spoken, recognizer, cells, seed, advance)
    if result.cells == 0:
        raise MissingError(f"{spoken.root}: none of its recordings is one of {table.path.name}")
    return result.cells, [str(difference) for difference in result.differences]


def _audio(corpus: str, folder: Path | None) -> Corpus:
    from recognizers.corpora import open_corpus

    if folder is not None:
        return open_corpus(folder)
    if named := os.environ.get("AMSER_CORPORA"):
        place = Path(named) / FOLDERS.get(corpus, corpus)
        if place.is_dir():
            return open_corpus(place)
    if corpus == "librispeech":
        return open_corpus("librispeech-short")
    raise MissingError(f"the audio of '{corpus}' does not ship: give its folder with --audio")


def table(
    folder: Annotated[Path, typer.Argument(help="Folder of the corpus.")],
    corpus: Annotated[str, typer.Option(help="The corpus's name in scenarios.")],
    source: Annotated[str, typer.Option(help="Corpus and citation, for reports.")],
    licence: Annotated[str, typer.Option(help="Licence of the corpus.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="Parquet file to write.")],
    model: Annotated[str, typer.Option(help="Whisper that recognizes.")] = "tiny.en",
    language: Annotated[str, typer.Option(help="Language spoken.")] = "en",
    codec: Annotated[list[str] | None, typer.Option("--codec", "-c", help="By default those that ship.")] = None,
    split: Annotated[str | None, typer.Option(help="Only this split of the corpus.")] = None,
    limit: Annotated[int | None, typer.Option(min=1, help="Only so many utterances, spread over it.")] = None,
    classes: Annotated[
        list[Path] | None, typer.Option(help="Predicted emotions of `amser evaluate --encoder`; repeatable.")
    ] = None,
    words_of: Annotated[
        list[str] | None,
        typer.Option("--words-of", help="Recognize only what these codecs sent, or `none`; repeatable."),
    ] = None,
    recall: Annotated[bool, typer.Option(help="Measure nothing: write what the cache knows completely.")] = False,
) -> int:
    """Measure a corpus under many codecs and write a measured table: words, errors and sizes, no audio.

    Every batch is kept in the cache: stopped, the same command goes on.
    """
    from recognizers.corpora import open_corpus
    from recognizers.measurement import make_table as tabling
    from recognizers.measurement.shipped_tables import MeasuredTable
    from recognizers.whisper import load_whisper
    from recognizers.whisper.options import WhisperOptions
    from sim.study.checkout import source_of

    recognizer = load_whisper(model).with_options(WhisperOptions(language=language))
    commit = str(source_of().get("commit", ""))
    weights, listener, bands = recognizer.weights_hash, recognizer.fingerprint(), recognizer.bands
    head = MeasuredTable(output, corpus, model, weights, listener, language, bands, source, licence, commit)
    speech = open_corpus(folder)
    speech = tabling.nested(speech if split is None else speech.select(split=split), limit)
    codecs = codec or tabling.TABLE_CODECS
    if strange := sorted(set(words_of or ()) - {*codecs, "none"}):
        raise UserError(f"--words-of {strange[0]}: no codec of the table; give --codec {strange[0]} too")
    unheard = frozenset(codecs) - frozenset(words_of) if words_of else frozenset()
    if not recall:
        tabling.measure_all(speech, codecs, recognizer, unheard)
    felt = _predictions(classes) if classes else None
    rows = tabling.make_table(speech, codecs, recognizer, head, classes=felt, unheard=unheard)
    sys.stdout.write(f"{output}: {rows} rows\n")
    return Exit.DONE


def _predictions(paths: Sequence[Path]) -> pd.DataFrame:
    import pandas as pd
    from pyarrow import ArrowInvalid

    wanted = ["utterance", "codec", "network", "training", "seed", "emotion_predicted"]
    parts = []
    for path in paths:
        try:
            parts.append(pd.read_parquet(path, columns=wanted))
        except (OSError, ArrowInvalid) as error:
            raise UserError(f"--classes {path}: no table of predicted emotions ({error})") from error
    return pd.concat(parts, ignore_index=True)
