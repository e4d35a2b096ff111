"""The file of a measured table: read whole and sound, or refused by name.

A table ships with the package, but disks fail and a table of another version may be put beside it; whatever is in the
file, it ends in rows whose types and ranges are those of the columns, or in one ``DamagedTable``.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from scenarios.errors import AmserError, Exit

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

KEY = b"amser"
FORMAT = 1

COLUMNS: Mapping[str, str] = {
    "utterance": "name of the utterance in its corpus",
    "speaker": "who speaks; empty where unknown",
    "emotion": "true emotion; empty where unknown",
    "text": "reference transcript",
    "duration_s": "length of the recording in seconds",
    "audio": "digest of the audio file",
    "codec": "standard name of the codec",
    "codec_fingerprint": "what identifies the codec, its settings and its version",
    "payload_bytes": "bytes of the payload",
    "container_bytes": "those of them that are container (headers)",
    "mel": "digest of the decoded Mel",
    "mel_snr_db": "signal-to-noise ratio of the decoded Mel in dB; infinite where it is exact",
    "hypothesis": "what the recognizer understood; null where it was not asked",
    "reference_words": "words of the normalised reference",
    "substitutions": "words understood as others",
    "deletions": "words not understood",
    "insertions": "words that were never said",
    "avg_logprob": "mean log-probability of the recognizer's tokens",
    "no_speech_prob": "the recognizer's probability that nobody speaks",
}
"""Columns of a table in order, with their meaning."""

_WORDS = ("hypothesis", "reference_words", "substitutions", "deletions", "insertions", "avg_logprob", "no_speech_prob")
"""Null where the recognizer was not asked."""
_RANGES: Mapping[str, tuple[float, float]] = {
    "duration_s": (1e-3, 86_400.0),
    "payload_bytes": (0, 1e12),
    "container_bytes": (0, 1e12),
    "mel_snr_db": (-np.inf, np.inf),
    "reference_words": (0, 1e6),
    "substitutions": (0, 1e6),
    "deletions": (0, 1e6),
    "insertions": (0, 1e6),
    "avg_logprob": (-np.inf, np.inf),
    "no_speech_prob": (0.0, 1.001),  # a float32 softmax adds up to one only nearly
}
"""Numbers with what they lie between; all other columns are text."""


class DamagedTable(AmserError):
    """A measured table that cannot be read, or that is of another version."""

    exit_code = Exit.MISSING

    def __init__(self, path: Path, reason: object) -> None:
        super().__init__(f"measured table {path} cannot be used ({reason}); install amser again")


def network_column(network: str) -> str:
    """Column of the classes that a network found, each by the fold that never heard the speaker."""
    return f"emotion_{network}"


def read_head(path: Path, types: Mapping[str, type]) -> dict[str, Any]:
    """The fields that a table says of itself: those of ``types``, and the names of its networks.

    Raises ``DamagedTable``."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        schema = pq.read_schema(path)
        fields = json.loads((schema.metadata or {})[KEY])
        version = fields.pop("format")
    except (pa.ArrowException, OSError, ValueError, RecursionError, LookupError, TypeError, AttributeError) as error:
        raise DamagedTable(path, "it has no head of a measured table") from error
    if version != FORMAT or isinstance(version, bool):
        raise DamagedTable(path, f"its format is {version!r:.20}, this version reads {FORMAT}")
    networks = fields.pop("networks", None)
    if not isinstance(networks, list) or not all(isinstance(name, str) for name in networks):
        raise DamagedTable(path, "its head names no networks")
    for name, kind in types.items():
        if type(fields.get(name)) is not kind:
            raise DamagedTable(path, f"{name!r} in its head is no {kind.__name__}")
    if fields.keys() - types.keys():
        raise DamagedTable(path, f"its head has more than a table's: {sorted(fields.keys() - types.keys())[0]!r:.40}")
    lacks = [name for name in (*COLUMNS, *map(network_column, networks)) if name not in schema.names]
    if lacks:
        raise DamagedTable(path, f"it lacks the column {lacks[0]!r}")
    return {**fields, "networks": tuple(networks)}


def read_rows(path: Path, columns: Sequence[str] | None) -> pd.DataFrame:
    """All columns, or some.  Raises ``DamagedTable`` where one holds what it must not."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        table = pq.read_table(path, columns=None if columns is None else list(columns))
        asked = np.zeros(table.num_rows, dtype=bool)
        if "hypothesis" in table.column_names:
            asked = table["hypothesis"].is_valid().to_numpy()
        for name in table.column_names:
            if not _sound(name, table[name], asked):
                raise DamagedTable(path, f"its column {name!r} holds values that it must not")
        frame: pd.DataFrame = table.to_pandas()
    except (pa.ArrowException, OSError, ValueError) as error:
        raise DamagedTable(path, f"it is damaged: {str(error).splitlines()[0]:.100}") from error
    return frame


def _sound(name: str, column: pa.ChunkedArray, asked: npt.NDArray[np.bool_]) -> bool:
    """Whether values are of their column's kind; ``asked``: the rows of which the recognizer must have said all."""
    import pyarrow.types as kinds

    known = column.is_valid().to_numpy()
    if not name.startswith("emotion_") and not np.all(known | ((name in _WORDS) & ~asked)):
        return False
    if not known.any():
        return True
    if name not in _RANGES:
        if not (kinds.is_string(column.type) or kinds.is_large_string(column.type)):
            return False
        column.validate(full=True)  # UTF-8
        return True
    if not (kinds.is_integer(column.type) or kinds.is_floating(column.type)):
        return False
    values = column.drop_null().to_numpy().astype(float)
    low, high = _RANGES[name]
    return bool(np.all((values >= low) & (values <= high)))
