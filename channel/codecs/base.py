"""What all codecs have in common: payloads, errors, and the two families, of audio and of Mel."""

from __future__ import annotations

import hashlib
import json
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import numpy.typing as npt

from channel.mel import Audio, Mel, checked_audio, log_mel
from scenarios.errors import AmserError
from scenarios.plugins import code_digest

CODE_VERSION = 1
"""Raised whenever a change of code changes a payload or a decoded Mel: part of every fingerprint.

Rounding does not count: the last bits of a Mel differ from machine to machine, with the width of their vectors."""


PLUGIN = "plugin"
"""Kind of a codec that is no kind of ours."""


class CodecError(AmserError, ValueError):
    """Bytes that are no payload of this codec: truncated, damaged, hostile, or of another version."""


class NoSpeechError(CodecError):
    """The payload carries no speech, so nothing can be recognized from it (codec ``fixed``)."""


@dataclass(frozen=True, slots=True)
class Payload:
    """One coded utterance.

    ``data`` is everything that travels; ``container_bytes`` of it only frame or describe the coded speech
    (headers, packet lengths), which on a short utterance is a noticeable part.
    """

    data: bytes
    container_bytes: int = 0

    @property
    def size_bytes(self) -> int:
        """Bytes that travel."""
        return len(self.data)

    @property
    def coded_bytes(self) -> int:
        """Bytes of coded speech alone."""
        return len(self.data) - self.container_bytes


class Codec(ABC):
    """A way to turn an utterance into bytes and these into the Mel that the server recognizes."""

    kind: ClassVar[str] = PLUGIN
    """As scenarios and calibrations call it.  It is not inherited: a subclass of libopus' codec costs what it costs."""
    carries_speech: ClassVar[bool] = True
    """Whether ``decode`` gives a Mel; without, only sizes are measured."""
    encode_cost_s: tuple[float, float] | None = None
    """CPU seconds of coding on the calibration host, (constant, for each second of audio); None: as calibrated."""

    def __init_subclass__(cls, **options: object) -> None:
        super().__init_subclass__(**options)
        cls.kind = vars(cls).get("kind", PLUGIN)

    def __init__(self, name: str, bands: int = 80) -> None:
        self.name = name
        self.bands = bands

    @abstractmethod
    def encode(self, audio: npt.ArrayLike) -> Payload:
        """Code ``audio``: float samples in -1..1 at 16 kHz, shape (samples,), at least one frame (160).

        Raises ``channel.mel.AudioError`` when there is nothing to code.
        """

    @abstractmethod
    def decode(self, data: bytes) -> Mel:
        """The normalised log-Mel of the payload, shape (bands, frames); any other bytes: ``CodecError``."""

    @abstractmethod
    def parameters(self) -> Mapping[str, object]:
        """All that payload and decoded Mel depend on, as JSON values (versions of libraries included)."""

    def declared_s(self, data: bytes) -> float | None:
        """Seconds of speech that the payload's head claims to hold, read without decoding anything.

        A server that limits durations asks before it spends time on a stranger's bytes.  None where a codec cannot
        tell; a head that is none raises ``CodecError``.
        """
        return None

    @property
    def family(self) -> str:
        """The curve over bit rate that it belongs to: kind and settings, without what sets the rate."""
        return self.name if self.kind == PLUGIN else self.kind

    def cost_key(self) -> tuple[str, float | None]:
        """Kind and setting under which calibrations list what coding costs."""
        return self.kind, None

    def fingerprint(self) -> str:
        """Hexadecimal digest of class, code, bands and parameters: a key for cached measurements."""
        facts = {
            "codec": f"{type(self).__module__}.{type(self).__qualname__}",
            "version": CODE_VERSION,
            "bands": self.bands,
            "parameters": dict(self.parameters()),
        }
        if code := code_digest(type(self)):
            facts["code"] = code
        return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()

    def __repr__(self) -> str:
        listed = ", ".join(f"{key}={value!r}" for key, value in self.parameters().items())
        return f"{type(self).__name__}({self.name!r}, bands={self.bands}, {listed})"


class AudioCodec(Codec):
    """Sends audio; the server computes the Mel from what it decodes."""

    @abstractmethod
    def decode_audio(self, data: bytes) -> Audio:
        """The decoded samples, aligned with and as many as those that were coded."""

    def decode(self, data: bytes) -> Mel:
        """The Mel of the decoded audio."""
        return log_mel(checked_payload_audio(self.decode_audio(data)), self.bands)


class MelCodec(Codec):
    """Sends a form of the Mel, which the device computes."""

    @abstractmethod
    def encode_mel(self, mel: Mel) -> Payload:
        """Code a normalised log-Mel of shape (bands, frames)."""

    def encode(self, audio: npt.ArrayLike) -> Payload:
        """Compute the Mel of ``audio`` and code it."""
        return self.encode_mel(log_mel(audio, self.bands))

    def checked_mel(self, mel: npt.ArrayLike) -> Mel:
        """Return ``mel`` as float32 of shape (bands, frames), or raise ``ValueError``."""
        array = np.asarray(mel, dtype=np.float32)
        if array.ndim != 2 or array.shape[0] != self.bands or array.shape[1] < 1:
            raise ValueError(f"expected a Mel of shape ({self.bands}, frames), found {array.shape}")
        if not np.all(np.isfinite(array)):
            raise ValueError("the Mel has values that are not finite (NaN or infinity)")
        return array


def checked_payload_audio(audio: Audio) -> Audio:
    """Decoded audio that has a Mel, or ``CodecError``: a payload can decode to too little or to NaN."""
    try:
        return checked_audio(audio)
    except ValueError as error:
        raise CodecError(f"the payload decodes to unusable audio: {error}") from None


def to_int16(audio: npt.ArrayLike) -> npt.NDArray[np.int16]:
    """Samples as a 16-bit converter gives them: rounded to 1/32768 and clipped at full scale."""
    scaled = np.rint(checked_audio(audio) * np.float32(32768.0))
    return np.asarray(np.clip(scaled, -32768, 32767), dtype=np.int16)


def from_int16(samples: npt.NDArray[np.int16]) -> Audio:
    """16-bit samples as float32 in -1..1, as whisper reads files."""
    return samples.astype(np.float32) / np.float32(32768.0)
