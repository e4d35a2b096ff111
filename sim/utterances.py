"""The measurement table as arrays that the simulation indexes by codec and utterance."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Tables:
    """What each utterance costs and gives under each codec; axes are (codec, utterance)."""

    codecs: tuple[str, ...]
    utterances: tuple[str, ...]
    speakers: tuple[str, ...]
    """Who speaks each utterance; empty where unknown."""
    audio_s: Floats
    """Duration of each utterance in seconds, shape (utterances,)."""
    payload_bytes: Ints
    text_bytes: Ints
    """UTF-8 bytes of what was recognized, for devices that recognize themselves; at least 1."""
    encode_host_s: Floats
    """CPU seconds of encoding on the calibration host."""
    word_errors: Floats
    """Substitutions + deletions + insertions; NaN where nothing was recognized."""
    reference_words: Floats
    emotion: Ints
    """Index of the true emotion in ``labels``; -1 where unknown.  Shape (utterances,)."""
    emotion_heard: Ints
    """Index of the predicted emotion in ``labels``; -1 where there is none."""
    labels: tuple[str, ...]

    @classmethod
    def from_frame(cls, frame: pd.DataFrame, codecs: Sequence[str]) -> Tables:
        """Arrays from the measurement table, one row for each (utterance, codec)."""
        utterances = tuple(dict.fromkeys(frame["utterance"]))
        rows = frame.set_index(["codec", "utterance"])

        def grid(column: str) -> pd.DataFrame:
            return rows[column].unstack("utterance").loc[list(codecs), list(utterances)]

        labels = sorted(set(frame["emotion"].dropna()) | set(frame["emotion_predicted"].dropna()))
        number = {label: i for i, label in enumerate(labels)}

        def labelled(column: str) -> Ints:
            return np.array(
                [[number.get(v, -1) for v in row] for row in grid(column).to_numpy(dtype=object)],
                dtype=np.int64,
            )

        errors = sum(grid(c).to_numpy(dtype=float) for c in ("substitutions", "deletions", "insertions"))
        return cls(
            codecs=tuple(codecs),
            utterances=utterances,
            speakers=tuple(frame.drop_duplicates("utterance")["speaker"].fillna("").astype(str)),
            audio_s=grid("duration_s").to_numpy(dtype=float)[0],
            payload_bytes=grid("payload_bytes").to_numpy(dtype=np.int64),
            text_bytes=np.array(
                [[_bytes(v) for v in row] for row in grid("hypothesis").to_numpy(dtype=object)],
                dtype=np.int64,
            ),
            encode_host_s=grid("encode_host_s").to_numpy(dtype=float),
            word_errors=np.asarray(errors, dtype=float),
            reference_words=grid("reference_words").to_numpy(dtype=float),
            emotion=labelled("emotion")[0],
            emotion_heard=labelled("emotion_predicted"),
            labels=tuple(labels),
        )

    @classmethod
    def unrecognized(cls, sizes: Mapping[str, int], audio_s: Floats, encode_host_s: float = 0.0) -> Tables:
        """Tables of payloads that are only sent: ``sizes`` in bytes by codec, the same for every utterance."""
        shape = (len(sizes), len(audio_s))
        nothing = np.full(shape, np.nan)
        return cls(
            codecs=tuple(sizes),
            utterances=tuple(map(str, range(len(audio_s)))),
            speakers=("",) * len(audio_s),
            audio_s=audio_s,
            payload_bytes=np.repeat(np.array(list(sizes.values()), dtype=np.int64)[:, None], len(audio_s), axis=1),
            text_bytes=np.ones(shape, dtype=np.int64),
            encode_host_s=np.full(shape, encode_host_s),
            word_errors=nothing,
            reference_words=nothing,
            emotion=np.full(len(audio_s), -1),
            emotion_heard=np.full(shape, -1),
            labels=(),
        )


def _bytes(text: object) -> int:
    return max(1, len(text.encode())) if isinstance(text, str) else 1
