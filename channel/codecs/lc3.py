"""LC3 by Google's liblc3: the codec of Bluetooth LE Audio, frames of 10 ms at 16 kHz; extra ``codecs`` (``lc3py``)."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import metadata, util
from typing import Any

import numpy as np
import numpy.typing as npt

from channel.codecs.base import AudioCodec, CodecError, Payload, to_int16
from channel.codecs.wire import Reader, declared_samples_s, varint
from channel.mel import HOP_SAMPLES, LONGEST_SAMPLES, SAMPLE_RATE_HZ, Audio

_FRAME_US = 10_000
_FRAME = SAMPLE_RATE_HZ // 100
_DELAY = 40  # samples: a quarter of a frame beyond the frame itself (liblc3: lc3_delay_samples)


class Lc3(AudioCodec):
    """A count of samples, then frames of ``rate_bps`` x 10 ms, cut to whole bytes."""

    kind = "lc3"

    def __init__(self, name: str, bands: int = 80, *, rate_bps: float) -> None:
        super().__init__(name, bands)
        if util.find_spec("lc3") is None:
            raise CodecError("LC3 needs the package lc3py: pip install 'amser[codecs]'")
        self.rate_bps = rate_bps
        self._frame_bytes = int(rate_bps / 800.0)

    def encode(self, audio: npt.ArrayLike) -> Payload:
        """Whole frames, as many as the audio and the delay fill."""
        samples = to_int16(audio)
        encoder = _made("Encoder")
        padded = np.zeros((_frames(samples.size), _FRAME), dtype=np.int16)
        padded.flat[: samples.size] = samples
        header = varint(samples.size)
        frames = [bytes(encoder.encode(row.tobytes(), self._frame_bytes, 16)) for row in padded]
        return Payload(header + b"".join(frames), len(header))

    def decode_audio(self, data: bytes) -> Audio:
        """Decode, drop the delay, and cut; a damaged frame is concealed, as a receiver does."""
        import lc3

        reader = Reader(data)
        samples = reader.varint("number of samples", HOP_SAMPLES, LONGEST_SAMPLES)
        coded = reader.take(_frames(samples) * self._frame_bytes, "frames")
        reader.end()
        decoder = _made("Decoder")
        starts = range(0, len(coded), self._frame_bytes)
        try:
            parts = [decoder.decode(coded[start : start + self._frame_bytes]) for start in starts]
        except lc3.BaseError as error:
            raise CodecError(f"payload cannot be decoded: {error}") from None
        audio = np.concatenate([np.frombuffer(part, dtype=np.float32) for part in parts])
        return np.ascontiguousarray(audio[_DELAY:][:samples])

    def declared_s(self, data: bytes) -> float:
        """From the number of samples."""
        return declared_samples_s(data)

    def cost_key(self) -> tuple[str, float | None]:
        """By bit rate."""
        return self.kind, self.rate_bps

    def parameters(self) -> Mapping[str, object]:
        """Bit rate and version."""
        return {"rate_bps": self.rate_bps, "lc3py": metadata.version("lc3py")}


def _frames(samples: int) -> int:
    return -(-(samples + _DELAY) // _FRAME)


def _made(what: str) -> Any:
    import lc3

    try:
        return getattr(lc3, what)(_FRAME_US, SAMPLE_RATE_HZ)
    except lc3.BaseError as error:
        raise CodecError(f"LC3 cannot start: {error}; install lc3py's wheel, which carries liblc3") from None
