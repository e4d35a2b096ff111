"""Speech codecs of 8 kHz sound: what telephones send, so nothing above 4 kHz reaches the recognizer.

A payload is the number of samples at 16 kHz, then the coded bits of frame after frame without a gap.  Storage formats
fill each frame up to whole bytes and put a header before it (AMR: 5 to 9 % more), which a receiver that knows the
mode does not need.  The audio is resampled by soxr on both sides, and the codec's delay removed.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from fractions import Fraction
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from channel.codecs.base import AudioCodec, CodecError, Payload, to_int16
from channel.codecs.wire import Reader, declared_samples_s, packet_of, varint
from channel.mel import HOP_SAMPLES, LONGEST_SAMPLES, SAMPLE_RATE_HZ, Audio

_NARROW_RATE_HZ = 8_000
Samples = npt.NDArray[np.int16]
Bits = npt.NDArray[np.uint8]


class TelephoneCodec(AudioCodec):
    """Codes frames of ``frame_samples`` at 8 kHz into ``frame_bits`` each; ``delay`` is in samples at 8 kHz."""

    frame_samples: int
    frame_bits: int
    delay: int

    @abstractmethod
    def encode_frames(self, samples: Samples) -> Bits:
        """Bits (frames, frame_bits) as 0 and 1 of ``samples``, shape (frames, frame_samples)."""

    @abstractmethod
    def decode_frames(self, bits: Bits) -> Samples:
        """Samples (frames, frame_samples) of ``bits``, shape (frames, frame_bits)."""

    def encode(self, audio: npt.ArrayLike) -> Payload:
        """Whole frames, as many as the audio and the codec's delay fill."""
        wide = to_int16(audio)
        narrow = _resampled(wide.astype(np.float32), SAMPLE_RATE_HZ, _NARROW_RATE_HZ)
        samples = np.zeros((self._frames(wide.size), self.frame_samples), dtype=np.int16)
        samples.flat[: narrow.size] = np.clip(np.rint(narrow), -32768, 32767)
        header = varint(wide.size)
        return Payload(header + np.packbits(self.encode_frames(samples)).tobytes(), len(header))

    def decode_audio(self, data: bytes) -> Audio:
        """Decode, resample to 16 kHz, drop the delay, and cut."""
        reader = Reader(data)
        samples = reader.varint("number of samples", HOP_SAMPLES, LONGEST_SAMPLES)
        frames = self._frames(samples)
        count = frames * self.frame_bits
        coded = np.frombuffer(reader.take(-(-count // 8), "frames"), dtype=np.uint8)
        reader.end()
        narrow = self.decode_frames(np.unpackbits(coded)[:count].reshape(frames, self.frame_bits)).ravel()
        wide = _resampled(narrow.astype(np.float32) / np.float32(32768.0), _NARROW_RATE_HZ, SAMPLE_RATE_HZ)
        return np.ascontiguousarray(wide[2 * self.delay :][:samples])

    def declared_s(self, data: bytes) -> float:
        """From the number of samples."""
        return declared_samples_s(data)

    def _frames(self, samples: int) -> int:
        """Frames of 8 kHz that ``samples`` at 16 kHz need, with the delay behind them."""
        return -(-((samples + 1) // 2 + self.delay) // self.frame_samples)


def _resampled(audio: Audio, from_hz: int, to_hz: int) -> Audio:
    import soxr  # type: ignore[import-untyped]

    return np.asarray(soxr.resample(audio, from_hz, to_hz), dtype=np.float32)


class AmrNb(TelephoneCodec):
    """AMR narrow band (3GPP TS 26.071) by libopencore in frames of 20 ms; GSM and UMTS telephony."""

    kind = "amr-nb"
    frame_samples, delay = 160, 40  # 5 ms look-ahead
    BITS: ClassVar[Mapping[int, int]] = {
        4_750: 95, 5_150: 103, 5_900: 118, 6_700: 134, 7_400: 148, 7_950: 159, 10_200: 204, 12_200: 244,
    }  # fmt: skip
    """Bits of one frame by bit rate (3GPP TS 26.101, table 1); the place in this table is the frame type."""

    def __init__(self, name: str, bands: int = 80, *, rate_bps: float) -> None:
        super().__init__(name, bands)
        self.rate_bps = rate_bps
        self.frame_bits = self.BITS[round(rate_bps)]
        frame_type = list(self.BITS).index(round(rate_bps))
        self._head = bytes([frame_type << 3 | 1 << 2])  # of a frame in storage (RFC 4867, section 5.3): intact

    def encode_frames(self, samples: Samples) -> Bits:
        """By FFmpeg, which gives one frame in its form for storage for every 160 samples."""
        import av

        context = self._context("w")
        context.format, context.bit_rate = "s16", round(self.rate_bps)
        context.time_base = Fraction(1, _NARROW_RATE_HZ)
        context.open()
        packets: list[Any] = []
        for number, row in enumerate(samples):
            frame = av.AudioFrame.from_ndarray(row[None], format="s16", layout="mono")
            frame.sample_rate, frame.pts = _NARROW_RATE_HZ, number * self.frame_samples
            packets += context.encode(frame)
        packets += context.encode(None)
        stored = b"".join(bytes(packet)[1:] for packet in packets[: len(samples)])
        return np.unpackbits(np.frombuffer(stored, dtype=np.uint8).reshape(len(samples), -1), axis=1)[
            :, : self.frame_bits
        ]

    def decode_frames(self, bits: Bits) -> Samples:
        """By libopencore, whose integer arithmetic gives the same on every machine; every pattern of bits is speech."""

        context = self._context("r")
        frames: list[Any] = []
        for row in np.packbits(bits, axis=1):
            frames += context.decode(packet_of(self._head + row.tobytes()))
        return np.concatenate([frame.to_ndarray()[0] for frame in frames]).astype(np.int16)

    def _context(self, mode: str) -> Any:
        import av

        create: Any = av.CodecContext.create
        try:
            context = create("libopencore_amrnb", mode)
        except av.codec.codec.UnknownCodecError:
            raise CodecError(
                "this build of PyAV has no AMR (libopencore_amrnb): "
                "install a wheel of PyAV 13 to 18 (`pip install --only-binary av 'av<19'`)"
            ) from None
        context.sample_rate, context.layout, context.thread_count = _NARROW_RATE_HZ, "mono", 1
        return context

    def cost_key(self) -> tuple[str, float | None]:
        """By bit rate."""
        return self.kind, self.rate_bps

    def parameters(self) -> Mapping[str, object]:
        """Bit rate and versions."""
        import av
        import soxr

        versions = {
            "pyav": av.__version__,
            "libavcodec": list(av.library_versions["libavcodec"]),
            "soxr": soxr.__version__,
        }
        return {"rate_bps": self.rate_bps, **versions}
