"""Measured tables that ship: what a recognizer really made of published corpora under many codecs, without audio.

A table is a Parquet file, one row for an utterance under a codec, one file for a corpus and a model.  It serves in
two ways.  Its rows are entries of the measurement's cache under the same keys, so a user who has the audio measures
only what no table holds.  And its utterances are a corpus, so a user who has none simulates with real sizes, words
and errors.  Nothing is looked up by name: keys are digests of audio, codec, weights and decoding options, so a table
that was made otherwise than this version would make it is never used.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from dataclasses import fields as dataclass_fields
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from recognizers.corpora.types import Corpus, Utterance
from recognizers.emotion.types import Emotion
from recognizers.measurement.protocols import Mel
from recognizers.measurement.store import coded_key, digest, felt_key, recognized_key
from recognizers.measurement.table_file import COLUMNS, FORMAT, KEY, network_column, read_head, read_rows
from scenarios.errors import AmserError, Exit

if TYPE_CHECKING:
    import pandas as pd

FOLDER = Path(__file__).resolve().parent.parent / "data" / "measured"


class NoTable(AmserError, LookupError):
    """No table holds what is asked for; says what is missing and the ways to get it."""

    exit_code = Exit.MISSING


@dataclass(frozen=True)
class MeasuredTable:
    """One file: where it comes from, and how to read its rows.

    corpus: its kind in scenarios.  model: name of the recognizer's weights.  weights: their digest.  recognizer:
    fingerprint of weights and decoding options.  bands: of the Mel.  source: corpus, licence and citation.
    commit: of the code that measured.  networks: emotion networks whose classes stand in columns of their own."""

    path: Path
    corpus: str
    model: str
    weights: str
    recognizer: str
    language: str
    bands: int
    source: str
    licence: str
    commit: str
    networks: tuple[str, ...] = ()

    def emotion(self, network: str) -> MeasuredEmotion | None:
        """The network whose classes this table has; None where it has none of that name."""
        return MeasuredEmotion(network, self.bands) if network in self.networks else None

    @property
    def has_words(self) -> bool:
        """Whether the recognizer was asked for every row; acted corpora have words of some codecs only."""
        return not bool(self.rows(["hypothesis"])["hypothesis"].isna().any())

    @property
    def worded(self) -> frozenset[str]:
        """Fingerprints of the codecs of whose rows the recognizer was asked for every one."""
        known = self.rows(["codec_fingerprint", "hypothesis"]).set_index("codec_fingerprint")["hypothesis"].notna()
        whole = known.groupby(level=0).all()
        return frozenset(whole.index[whole])

    def rows(self, columns: Sequence[str] | None = None) -> pd.DataFrame:
        """Rows of the table: all columns, or some.  Raises ``DamagedTable``."""
        return read_rows(self.path, columns)

    def summary(self) -> dict[str, str]:
        """What manifests and reports say of it."""
        sha256 = hashlib.sha256(self.path.read_bytes()).hexdigest()
        return {"table": self.path.name, "sha256": sha256, "corpus": self.corpus, "model": self.model,
                "weights": self.weights, "licence": self.licence, "commit": self.commit}  # fmt: skip


def measured_tables() -> tuple[MeasuredTable, ...]:
    """All tables that ship, by file name; reads their heads only."""
    return _tables(FOLDER)


@lru_cache(maxsize=4)
def _tables(folder: Path) -> tuple[MeasuredTable, ...]:
    return tuple(_head(path) for path in sorted(folder.glob("*.parquet")))


def _head(path: Path) -> MeasuredTable:
    names = [field.name for field in dataclass_fields(MeasuredTable) if field.name not in ("path", "networks")]
    return MeasuredTable(path, **read_head(path, {name: int if name == "bands" else str for name in names}))


def write_table(frame: pd.DataFrame, head: MeasuredTable) -> None:
    """Write a table with its head, replacing the file only when it is whole."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    names = [*COLUMNS, *(network_column(name) for name in head.networks)]
    fields = {n: v for n, v in vars(head).items() if n != "path"} | {"format": FORMAT}
    table = pa.Table.from_pandas(frame[names], preserve_index=False)
    table = table.replace_schema_metadata({KEY: json.dumps(fields, sort_keys=True)})
    partial = head.path.with_suffix(".part")
    pq.write_table(table, partial, compression="zstd", compression_level=15)
    partial.replace(head.path)
    _tables.cache_clear()


def network_fingerprint(network: str) -> str:
    """What identifies the classes of a table's network in cache keys; no weights stand behind it."""
    return f"measured-{network}"


def tables_with(audio: Iterable[str], recognizer: str | None = None) -> list[MeasuredTable]:
    """The tables that know any of these digests of audio files: of this recognizer's fingerprint, if there are any.

    Other recognizers' tables still know the payloads."""
    wanted = set(audio)
    known = [table for table in measured_tables() if wanted & set(table.rows(["audio"])["audio"].unique())]
    return [table for table in known if table.recognizer == recognizer] or known


def cache_entries(audio: Iterable[str], tables: Iterable[MeasuredTable]) -> dict[str, Any]:
    """Entries of the measurement cache that the tables hold for these digests of audio files."""
    wanted = set(audio)
    entries: dict[str, Any] = {}
    for table in tables:
        frame = table.rows()
        entries |= _entries(frame[frame["audio"].isin(wanted)], table)
    return entries


def _entries(frame: pd.DataFrame, table: MeasuredTable) -> dict[str, Any]:
    entries: dict[str, Any] = {}
    recognizer = digest(table.recognizer)
    for row in frame.to_dict("records"):
        mel = row["mel"]
        entries[coded_key(row["audio"], row["codec_fingerprint"], table.bands)] = {
            "payload_bytes": int(row["payload_bytes"]), "container_bytes": int(row["container_bytes"]),
            "mel": mel, "mel_snr_db": float(row["mel_snr_db"]),
        }  # fmt: skip
        if isinstance(row["hypothesis"], str):  # null where the recognizer was not asked
            entries[recognized_key(mel, recognizer)] = {
                "text": row["hypothesis"], "avg_logprob": float(row["avg_logprob"]),
                "no_speech_prob": float(row["no_speech_prob"]),
            }  # fmt: skip
        for network in table.networks:
            if isinstance(label := row[network_column(network)], str) and label:
                entries[felt_key(mel, "", digest(network_fingerprint(network)))] = {"label": label}
    return entries


@dataclass(frozen=True, slots=True)
class MeasuredEmotion:
    """An emotion network of which a table has the classes, each by the fold that never heard the speaker."""

    name: str
    bands: int

    def fingerprint(self) -> str:
        """What identifies its classes."""
        return network_fingerprint(self.name)

    def classify(self, mels: Sequence[Mel], texts: Sequence[str], /) -> list[Emotion]:
        """Raises ``NoTable``: a cross-validated network has other weights for every speaker."""
        raise NoTable(
            f"emotion network '{self.name}' was measured by cross-validation and has no weights here; use the codecs "
            "that the table holds (`amser list measured`), or weights of your own (`amser train emotion`)"
        )


def remedy_of(corpus: str) -> str:
    """What to do about a cell that the tables of a corpus do not hold."""
    return (
        f"give the corpus's folder (`corpus: {{kind: {corpus}, path: ...}}`) and have the model's weights, or "
        "use `corpus: librispeech-short`, whose audio ships; `amser list measured` says what the tables hold"
    )


def measured_corpus(name: str, model: str | None = None) -> Corpus:
    """The utterances that the tables of a corpus hold: those of ``model``, or of the first table.

    Raises ``NoTable`` where there is none."""
    tables = [table for table in measured_tables() if table.corpus == name]
    chosen = [table for table in tables if model in (None, table.model)]
    if not chosen:
        held = ", ".join(f"{table.corpus} with {table.model}" for table in measured_tables())
        asked = f"corpus '{name}'" if model is None or not tables else f"corpus '{name}' with model '{model}'"
        raise NoTable(f"no measured table of {asked} ships, only {held or 'none'}; {remedy_of(name)}")
    columns = ["utterance", "duration_s", "text", "emotion", "speaker", "audio"]
    rows = chosen[0].rows(columns).drop_duplicates("utterance").to_dict("records")
    return Corpus(name, Path(), tuple(_utterance(row) for row in rows), remedy=remedy_of(name))


def _utterance(row: Mapping[Any, Any]) -> Utterance:
    known = (row["text"], row["emotion"] or None, row["speaker"], float(row["duration_s"]))
    return Utterance(row["utterance"], None, *known, audio=row["audio"])
