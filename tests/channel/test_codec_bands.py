"""Which audio a codec carries, and Opus in a band that libopus would not choose."""

from __future__ import annotations

from itertools import product

import numpy as np
import numpy.typing as npt
import pytest

from channel.codecs import STANDARD_CODECS, AudioCodec, CodecError, build_codec, libopus
from channel.codecs.base import to_int16
from channel.codecs.lossy import Opus
from scenarios.quantities import SI
from scenarios.schema.codec import OPUS_FRAMES_S, CodecSpec, Mp3Spec, OpusSpec
from scenarios.schema.codec_band import audio_band_hz

Audio = npt.NDArray[np.float32]
OTHERS = ("mel-svd", "mel-klt", "dsr", "codec2")  # codecs of Mels; a vocoder makes no noise of noise
BANDS_HZ = (
    (4_000.0, range(4)),
    (6_000.0, range(4, 8)),
    (8_000.0, range(8, 12)),
    (4_000.0, range(16, 20)),
    (8_000.0, range(20, 24)),
)


def _power(audio: Audio) -> npt.NDArray[np.float64]:
    """Mean power in 512 bins up to 8 kHz."""
    frames = audio[: audio.size // 1024 * 1024].reshape(-1, 1024) * np.hanning(1024)
    return np.asarray(np.mean(np.abs(np.fft.rfft(frames)) ** 2, axis=0)[:512], dtype=np.float64)


def _edge_hz(spec: CodecSpec) -> float:
    """Where white noise has lost 20 dB against the best that comes through, smoothed over 140 Hz."""
    noise = (0.1 * np.random.default_rng(3).standard_normal(96_000)).astype(np.float32)
    codec = build_codec(spec)
    assert isinstance(codec, AudioCodec)
    gain = 10 * np.log10(_power(codec.decode_audio(codec.encode(noise).data)) / _power(noise))
    gain = np.convolve(gain, np.ones(9) / 9, "same")
    return float(np.flatnonzero(gain > gain[20:400].max() - 20.0).max() * 8_000 / 512)


@pytest.mark.parametrize("name", [n for n, s in STANDARD_CODECS.items() if s.kind not in OTHERS])
def test_the_band_that_is_told_is_the_band_that_arrives(name: str) -> None:
    """Within 8 %: filters fall over a few hundred hertz, and codecs extend noise a little past their edge."""
    spec = STANDARD_CODECS[name]
    if spec.kind == "lc3":
        pytest.importorskip("lc3")
    told = audio_band_hz(spec)
    assert told is not None
    assert _edge_hz(spec) == pytest.approx(told, rel=0.08)


@pytest.mark.parametrize("rate", [40_000, 160_000])
def test_no_mp3_reaches_8_khz(rate: int) -> None:
    spec = Mp3Spec(kind="mp3", rate=SI(rate))
    assert _edge_hz(spec) == pytest.approx(audio_band_hz(spec), rel=0.08)


@pytest.mark.parametrize("vbr", [True, False])
def test_opus_codes_the_band_that_its_rule_gives(vbr: bool, speech: Audio) -> None:
    """The first byte of a packet names its band (RFC 6716, table 2)."""
    for kbps, frame_s in product((6.0, 8.9, 9.0, 9.8, 10.0, 14.0), OPUS_FRAMES_S[2:]):
        spec = OpusSpec(kind="opus", rate=SI(kbps * 1e3), frame=SI(frame_s), vbr=vbr)
        codec = build_codec(spec)
        assert isinstance(codec, Opus)
        configuration = codec._packets(to_int16(speech))[0][5][0] >> 3
        assert [hz for hz, numbers in BANDS_HZ if configuration in numbers] == [audio_band_hz(spec)], (kbps, frame_s)


@pytest.mark.parametrize("name", ["opus-6", "opus-9", "opus-24", "opus-16-60ms"])
def test_libopus_itself_codes_as_ffmpeg_does(name: str, speech: Audio) -> None:
    """Without a forced band, packets are the same to the byte: the band is all that the other way changes."""
    codec = build_codec(name)
    assert isinstance(codec, Opus)
    packets, skip = codec._packets(to_int16(speech))
    with libopus.Encoder(codec.rate_bps, codec.vbr, codec.application, band=None) as encoder:
        assert encoder.lookahead == skip
        padded = np.pad(to_int16(speech), (0, skip))
        assert encoder.packets(padded, round(codec.frame_s * 16_000)) == packets


@pytest.mark.parametrize(("band", "configurations"), [("narrow", (0, 3)), ("medium", (4, 7)), ("wide", (8, 11))])
def test_a_forced_band_is_in_every_packet(band: str, configurations: tuple[int, int], speech: Audio) -> None:
    for rate, frame_s in product((6_000, 24_000), (0.02, 0.06)):
        spec = OpusSpec.model_validate({"kind": "opus", "rate": f"{rate} bit/s", "frame": f"{frame_s} s", "band": band})
        codec = build_codec(spec)
        assert isinstance(codec, Opus)
        found = {packet[0] >> 3 for packet in codec._packets_in_band(to_int16(speech))[0]}
        assert found <= set(range(configurations[0], configurations[1] + 1))


def test_a_band_is_part_of_the_fingerprint_only_where_it_is_forced() -> None:
    assert "band" not in build_codec("opus-6").parameters()
    assert build_codec("opus-6-wb").parameters()["band"] == "wide"
    wide = OpusSpec(kind="opus", rate=SI(6_000), band="wide")
    narrow = wide.model_copy(update={"band": "narrow"})
    plain = wide.model_copy(update={"band": None})
    assert len({build_codec(spec, name="x").fingerprint() for spec in (wide, narrow, plain)}) == 3


def test_a_band_in_ogg_is_refused() -> None:
    with pytest.raises(ValueError, match="forced band needs `container: packets`"):
        OpusSpec(kind="opus", rate=SI(6_000), band="wide", container="ogg")


def test_without_libopus_the_remedy_is_named(monkeypatch: pytest.MonkeyPatch, speech: Audio) -> None:
    libopus._library.cache_clear()
    monkeypatch.setattr("pathlib.Path.glob", lambda *_: [])
    monkeypatch.setattr("ctypes.util.find_library", lambda _: None)
    try:
        with pytest.raises(CodecError, match="libopus0"):
            build_codec("opus-6-wb").encode(speech)
    finally:
        libopus._library.cache_clear()
