"""Measure once, simulate many: real payloads, words and emotions of a corpus under a set of codecs."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from recognizers.cache import default_cache
from recognizers.measurement.cells import Cell, audio_digest, coded_key
from recognizers.measurement.protocols import Codec, Corpus, EmotionRecogniser, Recogniser
from recognizers.measurement.store import CacheError, Store
from recognizers.measurement.table import COLUMNS, add_errors, frame
from recognizers.measurement.work import MeasurementError, Measuring
from recognizers.service.encode import encode_cost

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["COLUMNS", "CacheError", "MeasurementError", "measure"]

DEFAULT_BANDS = 80


def measure(
    corpus: Corpus,
    codecs: Mapping[str, Codec],
    recogniser: Recogniser | None = None,
    emotion: EmotionRecogniser | None = None,
    *,
    cache_dir: Path | None = None,
    progress: bool = False,
) -> pd.DataFrame:
    """Encode, decode and recognise every utterance under every codec, or recall it from the cache.

    Returns one row for each (utterance, codec): codec by codec in the order given, utterances in the
    corpus's order, so row ``c * len(corpus.utterances) + u``.  Columns are those of ``COLUMNS``; counts of
    words are NaN where nothing was recognised or no reference is known.  ``frame.attrs`` names corpus,
    recogniser and network and says how many cells were ``measured`` and how many ``recalled``.

    Every finished batch is kept, so an interrupted run goes on where it stopped.  ``progress`` shows a bar
    on standard error when that is a terminal.  Raises ``MeasurementError`` and ``CacheError``.
    """
    bands = recogniser.bands if recogniser is not None else DEFAULT_BANDS
    if emotion is not None and getattr(emotion, "bands", bands) != bands:
        raise MeasurementError(
            f"emotion network '{emotion.name}' takes {getattr(emotion, 'bands', 0)} Mel bands, the "
            f"recogniser {bands}: choose a recogniser of as many bands, or `emotion: {{kind: none}}`"
        )
    encode_s = {name: encode_cost(codec).host_s for name, codec in codecs.items()}  # unknown costs fail before the work
    named = _cells(corpus, codecs, bands)
    cells = [cell for _, cell in named]
    with Store(cache_dir or default_cache()) as store, _bar(progress, len(cells)) as advance:
        measuring = Measuring(corpus, recogniser, emotion, store, bands, advance)
        measuring.recall(cells)
        missing = [cell for cell in cells if not measuring.is_complete(cell)]
        advance(len(cells) - len(missing))
        order = {utterance.id: position for position, utterance in enumerate(corpus.utterances)}
        measuring.work(sorted(missing, key=lambda cell: order[cell.utterance.id]))
        table = add_errors(frame(measuring, named, encode_s), store)
    table.attrs = {
        "corpus": corpus.name,
        "recogniser": None if recogniser is None else recogniser.name,
        "emotion": None if emotion is None else emotion.name,
        "measured": len(missing),
        "recalled": len(cells) - len(missing),
    }
    return table


def _cells(corpus: Corpus, codecs: Mapping[str, Codec], bands: int) -> list[tuple[str, Cell]]:
    ids = [utterance.id for utterance in corpus.utterances]
    if len(set(ids)) != len(ids):
        raise MeasurementError(f"the corpus '{corpus.name}' has two utterances of one name")
    try:
        audio = [audio_digest(utterance) for utterance in corpus.utterances]
    except OSError as error:
        raise MeasurementError(f"cannot read the audio of corpus '{corpus.name}': {error}") from error
    return [
        (name, Cell(utterance, codec, coded_key(sound, codec, bands)))
        for name, codec in codecs.items()
        for utterance, sound in zip(corpus.utterances, audio, strict=True)
    ]


@contextmanager
def _bar(wanted: bool, cells: int) -> Iterator[Callable[[int], None]]:
    if not (wanted and sys.stderr.isatty()):
        yield lambda done: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("measuring"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("measuring", total=cells)
        yield lambda done: bar.advance(task, done)
