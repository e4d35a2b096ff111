"""One cell of the measurement: an utterance under a codec, and what is kept of it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NotRequired, TypedDict, TypeGuard

import numpy as np

from channel.codecs import Codec, Payload
from channel.mel import mel_snr_db
from recognizers.corpora.types import Utterance
from recognizers.measurement.protocols import Mel
from recognizers.measurement.store import digest


class Coded(TypedDict):
    """What is kept of a coded utterance; a codec without a Mel (``fixed``) keeps its sizes only."""

    payload_bytes: int
    container_bytes: int
    mel: NotRequired[str]
    mel_snr_db: NotRequired[float]


class Said(TypedDict):
    """What is kept of the recognizer's words."""

    text: str
    avg_logprob: float
    no_speech_prob: float


class Felt(TypedDict):
    """What is kept of the emotion network's answer."""

    label: str


@dataclass(frozen=True, slots=True)
class Cell:
    """An utterance under a codec."""

    utterance: Utterance
    codec: Codec
    key: str


def audio_digest(utterance: Utterance) -> str:
    """Digest of the audio file's bytes, as a measured table knows it, or of the duration where there is no file."""
    if utterance.audio:
        return utterance.audio
    if utterance.path is None:
        return digest("duration", repr(float(utterance.duration_s)))
    return digest("file", Path(utterance.path).read_bytes())


def mel_digest(mel: Mel) -> str:
    """Digest of a Mel's shape and samples."""
    exact = np.ascontiguousarray(mel, dtype=np.float32)
    return digest(str(exact.shape), exact.tobytes())


MOST_BYTES = 1 << 40  # of a payload: a terabyte


def _count(value: object, most: int = MOST_BYTES) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= most


def is_coded(value: Any) -> TypeGuard[Coded]:
    """Whether a cached value is one of ``coded_value``."""
    if not isinstance(value, dict) or not _count(value.get("payload_bytes")):
        return False
    if not _count(value.get("container_bytes"), value["payload_bytes"]):
        return False
    if "mel" not in value:
        return True
    return bool(re.fullmatch("[0-9a-f]{32}", str(value["mel"]))) and isinstance(value.get("mel_snr_db"), float)


def _is_text(value: object) -> bool:
    """Text that can be written again: halves of surrogate pairs cannot."""
    return isinstance(value, str) and not any("\ud800" <= c <= "\udfff" for c in value)


def is_recognized(value: Any) -> TypeGuard[Said]:
    """Whether a cached value is a hypothesis with its confidence."""
    confident = ("avg_logprob", "no_speech_prob")
    return (
        isinstance(value, dict)
        and _is_text(value.get("text"))
        and all(isinstance(value.get(name), float) for name in confident)
    )


def is_felt(value: Any) -> TypeGuard[Felt]:
    """Whether a cached value is an emotion."""
    return isinstance(value, dict) and _is_text(value.get("label"))


def is_scored(value: Any) -> TypeGuard[dict[str, int]]:
    """Whether a cached value counts word errors, and no more of them than words allow."""
    names = ("reference_words", "substitutions", "deletions", "insertions")
    if not isinstance(value, dict) or not all(_count(value.get(name)) for name in names):
        return False
    return bool(value["substitutions"] + value["deletions"] <= value["reference_words"])


def coded_value(payload: Payload, mel: Mel | None, reference: Mel | None) -> Coded:
    """What is kept of a coded utterance."""
    sizes = Coded(payload_bytes=len(payload.data), container_bytes=payload.container_bytes)
    if mel is None or reference is None:
        return sizes
    return {**sizes, "mel": mel_digest(mel), "mel_snr_db": mel_snr_db(reference, mel)}
