"""Making measured tables, and measuring a part of them again.

A table holds the utterances that are complete: measured under every codec asked for.  What is missing is measured
first, batch by batch into the cache, so making a table can be stopped and goes on where it stopped."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from channel.codecs import build_codec
from channel.mel import log_mel
from recognizers.cache import default_cache
from recognizers.corpora.types import Corpus, Utterance
from recognizers.measurement.bar import counting_bar
from recognizers.measurement.shipped_tables import (
    MeasuredTable,
    NoTable,
    cache_entries,
    tables_with,
    write_table,
)
from recognizers.measurement.store import Store, coded_key, digest, recognized_key
from recognizers.measurement.table_cells import audio_digest, coded_value, is_coded, is_recognized
from recognizers.measurement.table_file import network_column
from recognizers.measurement.table_frame import score
from recognizers.whisper.recognizer import Transcript, WhisperRecognizer

if TYPE_CHECKING:
    import pandas as pd

RATES = ("100", "50", "25", "18.75", "12.5")
TABLE_CODECS = (
    "raw", "flac", *(f"amser-{rate}" for rate in RATES),
    *(f"klt-{kbps}" for kbps in (1, 2, 3, 4, 6, 8, 12, 16)),
    "opus-6", "opus-8", "opus-9", "opus-12", "opus-16", "opus-24", "opus-32",
    "mp3-8", "mp3-16", "mp3-24", "mp3-32", "mp3-64", "mu-law", "g722",
    *(f"amser-{rate}-{factors}" for factors in ("int8", "fp16") for rate in RATES),
)  # fmt: skip
"""Codecs that tables are made of, the most wanted first."""

AT_ONCE = 5
LOGPROB_TOLERANCE = 0.005
"""Mean log-probabilities of one text differ by rounding between batches and processors; a wrong figure by far more."""
SNR_TOLERANCE_DB = 0.05


def nested(corpus: Corpus, limit: int | None) -> Corpus:
    """A corpus in an order that spreads over it: the first so many are among the first of any more."""
    count = len(corpus.utterances)
    width = max(1, (count - 1).bit_length())
    places = sorted(range(count), key=lambda place: f"{place:0{width}b}"[::-1])  # halves, quarters, eighths
    return replace(corpus, utterances=tuple(corpus.utterances[place] for place in places[:limit]), digest="")


def measure_all(
    corpus: Corpus, codecs: Sequence[str], recognizer: WhisperRecognizer, unheard: Collection[str] = ()
) -> None:
    """Measure into the cache what it does not know, a few utterances after another; ``unheard`` codecs only code."""
    from recognizers.measurement.measure import measure

    built = {name: build_codec(name, bands=recognizer.bands) for name in codecs}
    heard = {name: codec for name, codec in built.items() if name not in unheard}
    coded = {name: codec for name, codec in built.items() if name in unheard}
    with counting_bar("measuring") as advance:
        for start in range(0, len(corpus), AT_ONCE):
            part = replace(corpus, utterances=corpus.utterances[start : start + AT_ONCE], digest="")
            measure(part, heard, recognizer)
            measure(part, coded)
            advance(start + len(part), len(corpus))


def make_table(
    corpus: Corpus,
    codecs: Sequence[str],
    recognizer: WhisperRecognizer,
    head: MeasuredTable,
    cache_dir: Path | None = None,
    classes: pd.DataFrame | None = None,
    unheard: Collection[str] = (),
) -> int:
    """Write the rows that the cache knows completely; how many.  Raises ``NoTable`` where there are none.

    ``classes`` are predictions of emotion networks (``amser evaluate --encoder``), which become columns.  Of
    ``unheard`` codecs the table has no words, even where the cache has them: part of them would say nothing."""
    rows = complete_rows(corpus, codecs, recognizer, cache_dir, unheard)
    if rows.empty:
        raise NoTable(f"the cache knows no utterance of {corpus.name} under all of {len(codecs)} codecs")
    if classes is not None:
        rows = with_classes(rows, classes)
        head = replace(head, networks=tuple(sorted(named(classes))))
    write_table(rows, head)
    return len(rows)


def with_classes(rows: pd.DataFrame, classes: pd.DataFrame) -> pd.DataFrame:
    """The rows with a column for each of the networks ``named`` in ``classes``: empty where it was not asked.

    Raises ``NoTable`` where the predictions are of other utterances."""
    if not set(rows["utterance"]) <= set(classes["utterance"]):
        strange = sorted(set(rows["utterance"]) - set(classes["utterance"]))
        raise NoTable(f"{len(strange)} utterances of the table have no predicted emotion, such as {strange[0]}")
    cells = list(zip(rows["utterance"], rows["codec"], strict=True))
    for name, part in named(classes).items():
        known = part.set_index(["utterance", "codec"])["emotion_predicted"].to_dict()
        rows = rows.assign(**{network_column(name): [known.get(cell, "") for cell in cells]})
    return rows


def named(classes: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """Predictions of each training on its own: ``amser`` of its first seed, ``amser-2`` of the second, and
    ``amser-clean`` of one that met raw speech alone.

    Each seed and not their vote: a vote would be better than any network that a server runs.  Raises ``NoTable``
    where a network was trained in two ways that share a name."""
    found: dict[str, pd.DataFrame] = {}
    for (network, training), part in classes.groupby(["network", "training"]):
        for place, (_, one) in enumerate(part.groupby("seed"), start=1):
            ends = [str(network), "clean" if training == "clean" else "", str(place) if place > 1 else ""]
            name = "-".join(end for end in ends if end)
            if name in found:
                raise NoTable(f"two trainings across rates of '{network}': {', '.join(classes['training'].unique())}")
            found[name] = one
    return found


def predictions_of(rows: pd.DataFrame, networks: Sequence[str]) -> pd.DataFrame:
    """What ``with_classes`` was given, from the rows of a table and the names of its networks.

    Columns: utterance, speaker, emotion, duration_s, codec, payload_bytes, network, training (``clean`` or ``rates``),
    seed (1, 2, ... in their order), emotion_predicted.  A cell that a network was not asked is no row."""
    import pandas as pd

    kept = ["utterance", "speaker", "emotion", "duration_s", "codec", "payload_bytes"]
    parts = []
    for name in networks:
        network, *ends = name.split("-")
        training = "clean" if "clean" in ends else "rates"
        seed = int(ends[-1]) if ends and ends[-1].isdigit() else 1
        told = rows[[*kept, network_column(name)]].rename(columns={network_column(name): "emotion_predicted"})
        parts.append(told[told["emotion_predicted"] != ""].assign(network=network, training=training, seed=seed))
    return pd.concat(parts, ignore_index=True)


def complete_rows(
    corpus: Corpus,
    codecs: Sequence[str],
    recognizer: WhisperRecognizer,
    cache_dir: Path | None = None,
    unheard: Collection[str] = (),
) -> pd.DataFrame:
    """Rows of a table, by utterance and codec, of the utterances that cache and tables know completely."""
    import pandas as pd

    built = {name: build_codec(name, bands=recognizer.bands) for name in codecs}
    rows: list[dict[str, Any]] = []
    digests = [audio_digest(utterance) for utterance in corpus.utterances]
    given = cache_entries(digests, tables_with(digests))  # so that a table that ships can be made larger
    with Store(cache_dir or default_cache(), given) as store:
        for utterance in corpus.utterances:
            found = _rows(utterance, built, recognizer, store, unheard)
            rows += found if len(found) == len(built) else []
        pairs = [(row["text"], row["hypothesis"]) for row in rows if row["text"] and row["hypothesis"] is not None]
        counts = score(store, pairs)
        for row in rows:
            row |= counts.get((row["text"], row["hypothesis"]), dict.fromkeys(COUNTS, math.nan))
    return pd.DataFrame(rows)


COUNTS = ("reference_words", "substitutions", "deletions", "insertions")
NOT_ASKED: Mapping[str, Any] = {"text": None, "avg_logprob": math.nan, "no_speech_prob": math.nan}


def _rows(
    utterance: Utterance,
    codecs: Mapping[str, Any],
    recognizer: WhisperRecognizer,
    store: Store,
    unheard: Collection[str],
) -> list[dict[str, Any]]:
    audio = audio_digest(utterance)
    keys = {name: coded_key(audio, codec.fingerprint(), recognizer.bands) for name, codec in codecs.items()}
    coded = store.get(keys.values(), is_coded)
    listener = digest(recognizer.fingerprint())
    heard = store.get((recognized_key(value["mel"], listener) for value in coded.values()), is_recognized)
    spoken = {
        "utterance": utterance.id,
        "speaker": utterance.speaker,
        "emotion": utterance.emotion or "",
        "text": utterance.text,
        "duration_s": utterance.duration_s,
        "audio": audio,
    }
    rows: list[dict[str, Any]] = []
    for name, key in keys.items():
        value = coded.get(key)
        if value is None:
            continue
        mel = recognized_key(value["mel"], listener)
        said: Mapping[str, Any] | None = NOT_ASKED if name in unheard else heard.get(mel)
        if said is None:
            continue
        words = {"hypothesis": said["text"]} | {name: said[name] for name in ("avg_logprob", "no_speech_prob")}
        rows.append(spoken | {"codec": name, "codec_fingerprint": codecs[name].fingerprint()} | value | words)
    return rows


@dataclass(frozen=True)
class Difference:
    """A column of a cell that came out otherwise than the table has it."""

    cell: str
    column: str
    table: Any
    now: Any

    def __str__(self) -> str:
        return f"{self.cell}: {self.column} is {self.now!r}, the table has {self.table!r}"


@dataclass(frozen=True)
class Verification:
    """What measuring cells again showed."""

    cells: int
    differences: tuple[Difference, ...]


def verify(
    table: MeasuredTable,
    corpus: Corpus,
    recognizer: WhisperRecognizer,
    cells: int,
    seed: int,
    advance: Callable[[int, int], None] = lambda done, total: None,
) -> Verification:
    """Measure cells of a table again from audio and weights, drawn at random from those whose audio is in ``corpus``.

    Payload sizes, words and their errors must be equal; the Mel's SNR and the probabilities within rounding."""
    audio = {audio_digest(utterance): utterance for utterance in corpus.utterances}
    frame = table.rows()
    here = frame[frame["audio"].isin(audio)]
    picked = np.random.default_rng(seed).permutation(len(here))[:cells]
    rows: list[dict[Any, Any]] = here.iloc[picked].to_dict("records")
    differences: list[Difference] = []
    for start in range(0, len(rows), recognizer.batch_size):
        part = rows[start : start + recognizer.batch_size]
        differences += _compared(part, audio, corpus, table.bands, recognizer)
        advance(start + len(part), len(rows))
    return Verification(len(rows), tuple(differences))


def _compared(
    rows: Sequence[Mapping[Any, Any]],
    audio: Mapping[str, Utterance],
    corpus: Corpus,
    bands: int,
    recognizer: WhisperRecognizer,
) -> Iterable[Difference]:
    values, mels = [], []
    for row in rows:
        samples = corpus.load_audio(audio[row["audio"]])
        codec = build_codec(row["codec"], bands=bands)
        payload = codec.encode(samples)
        mels.append(codec.decode(payload.data))
        coded = coded_value(payload, mels[-1], log_mel(samples, bands=bands))
        values.append({**coded, "codec_fingerprint": codec.fingerprint()})
    asked = [isinstance(row["hypothesis"], str) for row in rows]
    found = iter(recognizer.transcribe([mel for mel, wanted in zip(mels, asked, strict=True) if wanted]))
    for row, value, wanted in zip(rows, values, asked, strict=True):
        yield from _differences(row, value, next(found) if wanted else None)


def _differences(row: Mapping[Any, Any], value: Mapping[str, Any], said: Transcript | None) -> Iterable[Difference]:
    from recognizers.scores.word_errors import word_errors

    now = {name: value[name] for name in ("codec_fingerprint", "payload_bytes", "container_bytes", "mel_snr_db")}
    if said is not None:
        now |= {"hypothesis": said.text, "avg_logprob": said.avg_logprob, "no_speech_prob": said.no_speech_prob}
    if said is not None and row["text"]:
        errors = word_errors(row["text"], said.text)
        now |= {name: getattr(errors, name) for name in COUNTS}
    tolerances = {"mel_snr_db": SNR_TOLERANCE_DB} | dict.fromkeys(("avg_logprob", "no_speech_prob"), LOGPROB_TOLERANCE)
    for column, found in now.items():
        if not _equal(row[column], found, tolerances.get(column, 0.0)):
            yield Difference(f"{row['utterance']} under {row['codec']}", column, row[column], found)


def _equal(one: Any, other: Any, tolerance: float) -> bool:
    return bool(one == other) or (tolerance > 0.0 and abs(float(one) - float(other)) <= tolerance)
