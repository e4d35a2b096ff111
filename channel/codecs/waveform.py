"""Codecs that send samples: linear PCM, logarithmic PCM and FLAC."""

from __future__ import annotations

import io
from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from channel.codecs.base import AudioCodec, CodecError, Payload, from_int16, to_int16
from channel.mel import LONGEST_SAMPLES, SAMPLE_RATE_HZ, Audio

_MU = 255.0
_STREAMINFO_END = 4 + 4 + 34  # marker, header of the block, block


def _bounded(samples: int) -> None:
    if samples > LONGEST_SAMPLES:
        seconds = LONGEST_SAMPLES / SAMPLE_RATE_HZ
        raise CodecError(f"payload holds {samples} samples, more than {seconds:g} s are not decoded at once")


class Pcm(AudioCodec):
    """16-bit linear PCM, little-endian, no header: 256 kbit/s (a WAV file would add 44 bytes)."""

    kind = "pcm"

    def encode(self, audio: npt.ArrayLike) -> Payload:
        """Two bytes for each sample."""
        return Payload(to_int16(audio).astype("<i2").tobytes())

    def decode_audio(self, data: bytes) -> Audio:
        """The samples; an odd number of bytes is refused."""
        if len(data) % 2:
            raise CodecError(f"16-bit samples need an even number of bytes, found {len(data)}")
        _bounded(len(data) // 2)
        return from_int16(np.frombuffer(data, dtype="<i2").astype(np.int16))

    def declared_s(self, data: bytes) -> float:
        """Two bytes are a sample."""
        return len(data) / 2 / SAMPLE_RATE_HZ

    def parameters(self) -> Mapping[str, object]:
        """None."""
        return {}


class MuLaw(AudioCodec):
    """Logarithmic 8-bit PCM at 16 kHz, 128 kbit/s.

    The continuous mu-law of ITU-T G.711 (mu = 255), sign and 7 bits of magnitude, not its segmented form.
    """

    kind = "mu-law"

    def encode(self, audio: npt.ArrayLike) -> Payload:
        """One byte for each sample."""
        samples = from_int16(to_int16(audio))
        magnitude = np.log1p(_MU * np.minimum(np.abs(samples), 1.0)) / np.log1p(_MU)
        codes = np.rint(magnitude * 127.0).astype(np.uint8) | (samples < 0).astype(np.uint8) << 7
        return Payload(codes.tobytes())

    def decode_audio(self, data: bytes) -> Audio:
        """Every byte is a sample, so any bytes decode."""
        _bounded(len(data))
        codes = np.frombuffer(data, dtype=np.uint8)
        magnitude = np.expm1((codes & 0x7F) / 127.0 * np.log1p(_MU)) / _MU
        return np.asarray(np.where(codes & 0x80, -magnitude, magnitude), dtype=np.float32)

    def declared_s(self, data: bytes) -> float:
        """A byte is a sample."""
        return len(data) / SAMPLE_RATE_HZ

    def parameters(self) -> Mapping[str, object]:
        """None."""
        return {}


class Flac(AudioCodec):
    """FLAC by libsndfile: lossless on the 16-bit samples."""

    kind = "flac"

    def __init__(self, name: str, bands: int = 80, level: int = 5) -> None:
        super().__init__(name, bands)
        self.level = level

    def encode(self, audio: npt.ArrayLike) -> Payload:
        """A complete FLAC stream; its metadata blocks count as container."""
        import soundfile

        sink = io.BytesIO()
        samples, effort = to_int16(audio), self.level / 8
        soundfile.write(sink, samples, SAMPLE_RATE_HZ, "PCM_16", format="FLAC", compression_level=effort)
        data = sink.getvalue()
        return Payload(data, _flac_metadata_bytes(data))

    def decode_audio(self, data: bytes) -> Audio:
        """The samples, bit for bit."""
        import soundfile

        try:
            with soundfile.SoundFile(io.BytesIO(data)) as file:
                if file.format != "FLAC" or file.samplerate != SAMPLE_RATE_HZ or file.channels != 1:
                    raise CodecError(f"expected FLAC of one channel at {SAMPLE_RATE_HZ} Hz, found {file}")
                _bounded(file.frames)
                samples = file.read(frames=file.frames, dtype="int16")
        except (soundfile.LibsndfileError, RuntimeError, OSError, ValueError) as error:
            raise CodecError(f"not a readable FLAC stream: {error}") from None
        return from_int16(samples)

    def declared_s(self, data: bytes) -> float:
        """From the 36 bits of STREAMINFO (RFC 9639, section 8.2), which must be the first metadata block."""
        if len(data) < _STREAMINFO_END or data[:4] != b"fLaC" or data[4] & 0x7F:
            raise CodecError("not a readable FLAC stream: it does not start with fLaC and STREAMINFO")
        return (int.from_bytes(data[21:26], "big") & (1 << 36) - 1) / SAMPLE_RATE_HZ

    def cost_key(self) -> tuple[str, float | None]:
        """By compression level."""
        return self.kind, float(self.level)

    def parameters(self) -> Mapping[str, object]:
        """Compression level and version of libsndfile (which is bound to one of libFLAC)."""
        import soundfile

        return {"level": self.level, "libsndfile": soundfile.__libsndfile_version__}


def _flac_metadata_bytes(data: bytes) -> int:
    """Bytes before the first frame: the marker ``fLaC`` and its metadata blocks (RFC 9639, section 8)."""
    position, last = 4, False
    while not last and position + 4 <= len(data):
        last = bool(data[position] & 0x80)
        position += 4 + int.from_bytes(data[position + 1 : position + 4], "big")
    return min(position, len(data))
