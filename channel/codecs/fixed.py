"""A payload of a given size that carries no speech."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NoReturn

import numpy.typing as npt

from channel.codecs.base import Codec, NoSpeechError, Payload
from channel.mel import SAMPLE_RATE_HZ, checked_audio


class Fixed(Codec):
    """Zero bytes, ``size_bytes`` for each utterance or ``rate_bps`` for each second of it."""

    kind = "fixed"
    carries_speech = False

    def __init__(
        self, name: str, bands: int = 80, *, size_bytes: float | None = None, rate_bps: float | None = None
    ) -> None:
        super().__init__(name, bands)
        if (size_bytes is None) == (rate_bps is None):
            raise ValueError("give either size_bytes or rate_bps")
        self.size_bytes, self.rate_bps = size_bytes, rate_bps

    def encode(self, audio: npt.ArrayLike) -> Payload:
        """A payload of the size asked for, rounded to a whole byte."""
        seconds = checked_audio(audio).size / SAMPLE_RATE_HZ
        size = self.size_bytes if self.size_bytes is not None else (self.rate_bps or 0.0) * seconds / 8.0
        return Payload(bytes(round(size)))

    def decode(self, data: bytes) -> NoReturn:
        """There is nothing to decode: always ``NoSpeechError``."""
        raise NoSpeechError(
            f"codec '{self.name}' sends {len(data)} bytes without speech: nothing can be recognized from it; "
            "use it in studies of the network alone, or choose a codec that carries speech"
        )

    def parameters(self) -> Mapping[str, object]:
        """Size or rate."""
        return {"size_bytes": self.size_bytes, "rate_bps": self.rate_bps}
