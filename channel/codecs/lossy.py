"""Lossy codecs of audio, by FFmpeg's libraries through PyAV: MP3 (LAME), Opus (libopus) and G.722.

PyAV and not libsndfile, because it sets exact bit rates (libsndfile maps a level from 0 to 1 onto them) and
gives bare packets, so that coded bytes and framing can be told apart.  Where the standard's own container is
bulky on a short utterance we send the least that a receiver needs, which favours the conventional codecs:
a count of samples, and for Opus the length of each packet (RFC 6716, appendix B: one or two bytes).
Encoder delay is removed with the sample counts that FFmpeg reports, so decoded audio is aligned and as long
as the original.
"""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator, Mapping
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from channel.codecs.base import AudioCodec, CodecError, Payload, to_int16
from channel.codecs.wire import Reader, declared_samples_s, packet_of, varint
from channel.mel import HOP_SAMPLES, LONGEST_SAMPLES, SAMPLE_RATE_HZ, Audio

if TYPE_CHECKING:
    from av.audio.codeccontext import AudioCodecContext

_SHORTEST = 120  # samples of the shortest Opus packet at 48 kHz
_OPUS_RATE_HZ = 48_000  # Opus decodes at 48 kHz (RFC 7845, section 5.1)


def _encoder(library: str, rate_bps: float | None, sample_format: str, options: dict[str, str]) -> AudioCodecContext:
    import av

    context: Any = av.CodecContext.create(library, "w")
    context.sample_rate = SAMPLE_RATE_HZ
    context.time_base = Fraction(1, SAMPLE_RATE_HZ)
    context.format, context.layout = sample_format, "mono"
    context.thread_count = 1
    if rate_bps is not None:
        context.bit_rate = round(rate_bps)
    context.options = options
    context.open()
    return context  # type: ignore[no-any-return]


def _frames(samples: npt.NDArray[np.int16], size: int, sample_format: str) -> Iterator[Any]:
    import av

    for start in range(0, samples.size, size):
        piece = samples[start : start + size]
        piece = np.pad(piece, (0, size - piece.size))
        frame = av.AudioFrame.from_ndarray(piece[None], format=sample_format, layout="mono")
        frame.sample_rate, frame.pts = SAMPLE_RATE_HZ, start
        yield frame


def _packets(context: Any, frames: Iterable[Any]) -> list[bytes]:
    packets = [packet for frame in frames for packet in context.encode(frame)]
    packets += context.encode(None)
    return [bytes(packet) for packet in packets]


def _decoded(context: Any, packets: Iterable[bytes], enough: int) -> npt.NDArray[np.float32]:
    """Samples of the packets in order, until ``enough`` are there; ``CodecError`` if none can be read."""
    import av

    parts: list[npt.NDArray[np.float32]] = []
    count = 0
    try:
        for data in packets:
            for frame in context.decode(packet_of(data)):
                parts.append(_as_float(frame.to_ndarray()[0]))
                count += parts[-1].size
            if count >= enough:
                break
        else:
            parts += [_as_float(frame.to_ndarray()[0]) for frame in context.decode(None)]
    except (av.FFmpegError, ValueError) as error:
        raise CodecError(f"payload cannot be decoded: {error}") from None
    if not parts:
        raise CodecError("payload holds no decodable packet")
    return np.concatenate(parts)


def _as_float(samples: npt.NDArray[Any]) -> npt.NDArray[np.float32]:
    scale = 1.0 if samples.dtype.kind == "f" else 1.0 / 32768.0
    return samples.astype(np.float32) * np.float32(scale)


def _trimmed(audio: npt.NDArray[np.float32], delay: int, samples: int) -> Audio:
    if audio.size < delay + samples:
        found = audio.size - delay
        raise CodecError(f"payload decodes to {found} samples, fewer than the {samples} it declares")
    return np.ascontiguousarray(audio[delay : delay + samples])


def _versions() -> dict[str, object]:
    import av

    return {"pyav": av.__version__, "libavcodec": list(av.library_versions["libavcodec"])}


class _FFmpegCodec(AudioCodec):
    """A codec whose payload starts with the number of samples."""

    def declared_s(self, data: bytes) -> float:
        """From the number of samples."""
        return declared_samples_s(data)

    def _read_samples(self, reader: Reader) -> int:
        return reader.varint("number of samples", HOP_SAMPLES, LONGEST_SAMPLES)


class Mp3(_FFmpegCodec):
    """MP3 at a constant bit rate by LAME: a count of samples, then the bare MPEG-2 Layer III frames."""

    kind = "mp3"

    _DELAY = 1105  # LAME's 576 samples and the decoder's 529

    def __init__(self, name: str, bands: int = 80, *, rate_bps: float) -> None:
        super().__init__(name, bands)
        self.rate_bps = rate_bps

    def encode(self, audio: npt.ArrayLike) -> Payload:
        """Frames of 36 ms; about two more than the audio fills, because of the encoder's delay."""
        samples = to_int16(audio)
        context = _encoder("libmp3lame", self.rate_bps, "s16p", {})
        header = varint(samples.size)
        packets = _packets(context, _frames(samples, context.frame_size, "s16p"))
        return Payload(header + b"".join(packets), len(header))

    def decode_audio(self, data: bytes) -> Audio:
        """Decode, drop the delay of encoder and decoder, and cut to the length that was coded."""
        import av

        reader = Reader(data)
        samples = self._read_samples(reader)
        context: Any = av.CodecContext.create("mp3float", "r")
        context.thread_count = 1
        try:
            parsed = [*context.parse(reader.take(reader.left, "frames")), *context.parse(b"")]
            packets = [bytes(packet) for packet in parsed]
        except (av.FFmpegError, ValueError) as error:
            raise CodecError(f"payload holds no MP3 frames: {error}") from None
        return _trimmed(_decoded(context, packets, self._DELAY + samples), self._DELAY, samples)

    def cost_key(self) -> tuple[str, float | None]:
        """By bit rate."""
        return self.kind, self.rate_bps

    def parameters(self) -> Mapping[str, object]:
        """Bit rate and versions."""
        return {"rate_bps": self.rate_bps, **_versions()}


class G722(_FFmpegCodec):
    """G.722 at 64 kbit/s: a count of samples, then 4 bits for each."""

    kind = "g722"

    _DELAY = 22  # of the two quadrature mirror filters, measured (tests)

    def encode(self, audio: npt.ArrayLike) -> Payload:
        """One byte for two samples."""
        samples = to_int16(audio)
        context = _encoder("g722", None, "s16", {})
        padded = np.pad(samples, (0, self._DELAY + (samples.size + self._DELAY) % 2))
        header = varint(samples.size)
        coded = b"".join(_packets(context, _frames(padded, HOP_SAMPLES, "s16")))
        return Payload(header + coded[: padded.size // 2], len(header))

    def decode_audio(self, data: bytes) -> Audio:
        """Decode, drop the filters' delay, and cut."""
        import av

        reader = Reader(data)
        samples = self._read_samples(reader)
        coded = reader.take(reader.left, "samples")
        context: Any = av.CodecContext.create("g722", "r")
        context.sample_rate, context.layout = SAMPLE_RATE_HZ, "mono"
        pieces = (coded[start : start + 8000] for start in range(0, len(coded), 8000))
        return _trimmed(_decoded(context, pieces, self._DELAY + samples), self._DELAY, samples)

    def parameters(self) -> Mapping[str, object]:
        """Versions."""
        return _versions()


class Opus(_FFmpegCodec):
    """Opus by libopus, as bare packets with their lengths or as an Ogg file."""

    kind = "opus"

    def __init__(
        self,
        name: str,
        bands: int = 80,
        *,
        rate_bps: float,
        frame_s: float = 0.02,
        vbr: bool = True,
        application: str = "voip",
        container: str = "packets",
        band: str | None = None,
    ) -> None:
        super().__init__(name, bands)
        self.rate_bps, self.frame_s, self.vbr = rate_bps, frame_s, vbr
        self.application, self.container, self.band = application, container, band

    def _options(self) -> dict[str, str]:
        return {
            "application": self.application,
            "frame_duration": f"{self.frame_s * 1e3:g}",
            "vbr": "on" if self.vbr else "off",
        }

    def encode(self, audio: npt.ArrayLike) -> Payload:
        """Packets of ``frame_s``; their lengths, and all that Ogg adds, count as container."""
        samples = to_int16(audio)
        if self.container == "ogg":
            return self._encode_ogg(samples)
        packets, skip = self._packets(samples) if self.band is None else self._packets_in_band(samples)
        header = varint(samples.size) + varint(skip)
        framed = b"".join(_length(len(packet)) + packet for packet in packets)
        return Payload(header + framed, len(header) + len(framed) - sum(map(len, packets)))

    def _packets(self, samples: npt.NDArray[np.int16]) -> tuple[list[bytes], int]:
        """The packets, and the samples at 16 kHz that a decoder drops at the start (pre-skip)."""
        context: Any = _encoder("libopus", self.rate_bps, "s16", self._options())
        # The header's delay (pre-skip) is in the stream, so the last frame must reach that much further.
        skip = _pre_skip(bytes(context.extradata)) * SAMPLE_RATE_HZ // _OPUS_RATE_HZ
        padded = np.pad(samples, (0, skip))
        packets = _packets(context, _frames(padded, context.frame_size, "s16"))
        return packets[: -(-padded.size // context.frame_size)], skip

    def _packets_in_band(self, samples: npt.NDArray[np.int16]) -> tuple[list[bytes], int]:
        from channel.codecs.libopus import Encoder

        with Encoder(self.rate_bps, self.vbr, self.application, self.band) as encoder:
            padded = np.pad(samples, (0, encoder.lookahead))
            return encoder.packets(padded, round(self.frame_s * SAMPLE_RATE_HZ)), encoder.lookahead

    def _encode_ogg(self, samples: npt.NDArray[np.int16]) -> Payload:
        import av

        sink = io.BytesIO()
        coded = 0
        with av.open(sink, "w", format="ogg") as file:
            stream: Any = file.add_stream("libopus", rate=SAMPLE_RATE_HZ, options=self._options(), layout="mono")
            stream.bit_rate = round(self.rate_bps)
            stream.codec_context.open()
            for frame in (*_frames(samples, stream.codec_context.frame_size, "s16"), None):
                for packet in stream.encode(frame):
                    coded += packet.size
                    file.mux(packet)
        data = varint(samples.size) + sink.getvalue()
        return Payload(data, len(data) - coded)

    def decode_audio(self, data: bytes) -> Audio:
        """Decode at 48 kHz, resample to 16 kHz and cut to the length that was coded."""
        import soxr  # type: ignore[import-untyped]

        reader = Reader(data)
        samples = self._read_samples(reader)
        decode = self._decode_ogg if self.container == "ogg" else self._decode_packets
        wide = decode(reader, samples)
        audio = np.asarray(soxr.resample(wide, _OPUS_RATE_HZ, SAMPLE_RATE_HZ), dtype=np.float32)
        return _trimmed(audio, 0, samples)

    def _decode_packets(self, reader: Reader, samples: int) -> npt.NDArray[np.float32]:
        skip = reader.varint("pre-skip", 0, SAMPLE_RATE_HZ) * _OPUS_RATE_HZ // SAMPLE_RATE_HZ
        packets: list[bytes] = []
        while reader.left:
            packets.append(reader.take(_read_length(reader), "packet"))
            _refuse_more(packets, skip, samples)
        return self._heard(packets, skip, samples)

    def _decode_ogg(self, reader: Reader, samples: int) -> npt.NDArray[np.float32]:
        import av

        try:
            data = io.BytesIO(reader.take(reader.left, "Ogg file"))
            with av.open(data, "r", format="ogg") as file:
                skip = _pre_skip(bytes(file.streams.audio[0].codec_context.extradata or b""))
                packets: list[bytes] = []
                for packet in file.demux(audio=0):
                    packets += [bytes(packet)] if packet.size else []
                    _refuse_more(packets, skip, samples)
        except (av.FFmpegError, ValueError, IndexError) as error:
            raise CodecError(f"not a readable Ogg Opus file: {error}") from None
        wide = self._heard(packets, skip, samples)
        short = samples * _OPUS_RATE_HZ // SAMPLE_RATE_HZ - wide.size
        return np.pad(wide, (0, short if 0 < short < 960 else 0))  # the encoder's last frame may end a little early

    def _heard(self, packets: list[bytes], skip: int, samples: int) -> npt.NDArray[np.float32]:
        """Samples at 48 kHz from ``skip`` on, as many as were coded or more.

        By libopus, the reference: FFmpeg's own decoder (``opus``) does not give the same audio twice.
        """
        import av

        context: Any = av.CodecContext.create("libopus", "r")
        context.sample_rate, context.layout = _OPUS_RATE_HZ, "mono"
        context.thread_count = 1
        context.options = {"request_sample_fmt": "flt"}
        return _decoded(context, packets, skip + samples * _OPUS_RATE_HZ // SAMPLE_RATE_HZ)[skip:]

    @property
    def family(self) -> str:
        """By what is not the bit rate: band, frames, container."""
        frames = "" if self.frame_s == 0.02 else f" frames of {self.frame_s * 1e3:g} ms"
        band = "" if self.band is None else f" {self.band} band"
        return f"opus{band}{frames}" + (" in Ogg" if self.container == "ogg" else "")

    def cost_key(self) -> tuple[str, float | None]:
        """By bit rate; ``opus:wide`` where a band is forced that libopus would not choose."""
        # libopus would code half the band below 9 kbit/s; above it codes all by itself.
        wide = self.band in ("medium", "wide") and self.rate_bps < 9_000.0
        return ("opus:wide" if wide else self.kind), self.rate_bps

    def parameters(self) -> Mapping[str, object]:
        """All settings and versions."""
        return {
            "rate_bps": self.rate_bps,
            "frame_s": self.frame_s,
            "vbr": self.vbr,
            "application": self.application,
            "container": self.container,
            "decoder": "libopus",
            **_versions(),
            **self._forced(),
        }

    def _forced(self) -> dict[str, object]:
        if self.band is None:
            return {}
        from channel.codecs.libopus import version

        return {"band": self.band, "encoder": version()}


def _refuse_more(packets: list[bytes], skip: int, samples: int) -> None:
    """Refuse more packets than the declared samples fill: the shortest last 2.5 ms (RFC 6716, section 2.1.4)."""
    most = (skip + samples * _OPUS_RATE_HZ // SAMPLE_RATE_HZ) // _SHORTEST + 16
    if len(packets) > most:
        raise CodecError(f"payload holds more than {most} packets, too many for the {samples} samples it declares")


def _pre_skip(head: bytes) -> int:
    """Samples at 48 kHz to drop at the start, from an Opus identification header (RFC 7845, section 5.1)."""
    return int.from_bytes(head[10:12], "little")


def _length(size: int) -> bytes:
    """Length of an Opus packet in one or two bytes (RFC 6716, section 3.2.1)."""
    if size < 252:
        return bytes([size])
    first = 252 + (size & 3)
    return bytes([first, (size - first) // 4])


def _read_length(reader: Reader) -> int:
    first = reader.byte("packet length")
    return first if first < 252 else first + 4 * reader.byte("packet length")
