"""Measure once, simulate many: real payloads, words and emotions of a corpus under a set of codecs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from channel.codecs import Codec
from recognizers.cache import default_cache
from recognizers.corpora.types import Corpus
from recognizers.measurement.bar import counting_bar
from recognizers.measurement.fill_cache import MeasurementError, Measuring
from recognizers.measurement.protocols import EmotionRecognizer, Recognizer
from recognizers.measurement.shipped_tables import cache_entries, tables_with
from recognizers.measurement.store import Store, coded_key
from recognizers.measurement.table_cells import Cell, audio_digest
from recognizers.measurement.table_frame import add_errors, frame
from recognizers.service.encode import encode_cost

if TYPE_CHECKING:
    import pandas as pd

DEFAULT_BANDS = 80


def measure(
    corpus: Corpus,
    codecs: Mapping[str, Codec],
    recognizer: Recognizer | None = None,
    emotion: EmotionRecognizer | None = None,
    *,
    cache_dir: Path | None = None,
    progress: bool = False,
) -> pd.DataFrame:
    """Encode, decode and recognize every utterance under every codec, or recall it from the cache.

    Returns one row for each (utterance, codec): codec by codec in the order given, utterances in the
    corpus's order, so row ``c * len(corpus.utterances) + u``.  Columns are those of ``COLUMNS``; counts of
    words are NaN where nothing was recognized or no reference is known.  ``frame.attrs`` names corpus,
    recognizer and network, says how many cells were ``measured`` and how many ``recalled``, and lists the
    measured ``tables`` that know the corpus.

    Every finished batch is kept, so an interrupted run goes on where it stopped.  ``progress`` shows a bar
    on standard error when that is a terminal.  Raises ``MeasurementError`` and ``CacheError``.
    """
    bands = recognizer.bands if recognizer is not None else DEFAULT_BANDS
    encode_s = {name: encode_cost(codec).host_s for name, codec in codecs.items()}  # unknown costs fail before the work
    digests = _audio_digests(corpus)
    named = _cells(corpus, digests, codecs, bands)
    cells = [cell for _, cell in named]
    tables = tables_with(digests, None if recognizer is None else recognizer.fingerprint())
    given = cache_entries(digests, tables)
    bar = counting_bar("measuring", progress)
    with Store(cache_dir or default_cache(), given) as store, bar as advance:
        measuring = Measuring(corpus, recognizer, emotion, store, bands, lambda done: advance(done, len(cells)))
        measuring.recall(cells)
        missing = [cell for cell in cells if not measuring.is_complete(cell)]
        measuring.done = len(cells) - len(missing)
        advance(measuring.done, len(cells))
        order = {utterance.id: position for position, utterance in enumerate(corpus.utterances)}
        measuring.work(sorted(missing, key=lambda cell: order[cell.utterance.id]))
        table = add_errors(frame(measuring, named, encode_s), store)
    table.attrs = {
        "corpus": corpus.name,
        "recognizer": None if recognizer is None else recognizer.name,
        "emotion": None if emotion is None else emotion.name,
        "measured": len(missing),
        "recalled": len(cells) - len(missing),
        "tables": [table.summary() for table in tables],
    }
    return table


def _audio_digests(corpus: Corpus) -> list[str]:
    ids = [utterance.id for utterance in corpus.utterances]
    if len(set(ids)) != len(ids):
        raise MeasurementError(f"the corpus '{corpus.name}' has two utterances of one name")
    try:
        return [audio_digest(utterance) for utterance in corpus.utterances]
    except OSError as error:
        raise MeasurementError(f"cannot read the audio of corpus '{corpus.name}': {error}") from error


def _cells(corpus: Corpus, digests: Sequence[str], codecs: Mapping[str, Codec], bands: int) -> list[tuple[str, Cell]]:
    return [
        (name, Cell(utterance, codec, coded_key(audio, codec.fingerprint(), bands)))
        for name, codec in codecs.items()
        for utterance, audio in zip(corpus.utterances, digests, strict=True)
    ]
