"""Codecs of 8 kHz speech: bits without gaps, refused lengths, decoders that give the same again."""

from __future__ import annotations

import importlib.util

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from channel.codecs import CodecError, build_codec
from channel.codecs.telephone import AmrNb, TelephoneCodec
from channel.codecs.wire import varint
from scenarios.quantities import SI
from scenarios.schema.codec import AMR_RATES_BPS, AmrNbSpec

Audio = npt.NDArray[np.float32]
NAMES = ["amr-4.75", "amr-7.4", "amr-12.2", "codec2-3200", "codec2-1600", "codec2-700c"]


def codec_of(name: str) -> TelephoneCodec:
    if name.startswith("codec2") and importlib.util.find_spec("pycodec2") is None:
        pytest.skip("pycodec2 is not installed")
    codec = build_codec(name)
    assert isinstance(codec, TelephoneCodec)
    return codec


def test_the_rates_of_amr_are_those_of_its_frames() -> None:
    """Every mode's bits a frame, 50 times a second, are its rate (3GPP TS 26.101)."""
    assert {rate: bits * 50 for rate, bits in AmrNb.BITS.items()} == {rate: rate for rate in AMR_RATES_BPS}
    with pytest.raises(ValueError, match="AMR narrow band knows"):
        AmrNbSpec(kind="amr-nb", rate=SI(5_000))


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("samples", [160, 161, 3_199, 3_200, 48_000])
def test_a_payload_holds_the_bits_of_whole_frames(name: str, samples: int, speech: Audio) -> None:
    codec = codec_of(name)
    payload = codec.encode(speech[:samples])
    frames = -(-(-(-samples // 2) + codec.delay) // codec.frame_samples)
    assert payload.container_bytes == len(varint(samples))
    assert payload.coded_bytes == -(-frames * codec.frame_bits // 8)
    assert payload.coded_bytes * 8 - frames * codec.frame_bits < 8


@pytest.mark.parametrize("name", NAMES)
def test_other_lengths_are_refused(name: str, speech: Audio) -> None:
    codec = codec_of(name)
    data = codec.encode(speech).data
    for wrong, message in (
        (data[:-1], "ends within its frames"),
        (data + b"\0", "follow the payload's end"),
        (varint(159) + data[3:], "number of samples"),
        (varint(16_000 * 601) + data[3:], "number of samples"),
        (b"", "ends within"),
    ):
        with pytest.raises(CodecError, match=message):
            codec.decode(wrong)


@pytest.mark.parametrize("name", NAMES)
def test_narrow_sound_survives_and_high_sound_does_not(name: str) -> None:
    """Band-limited to 0.3 to 3.4 kHz, a buzz keeps its level within 3 dB; 5 kHz leave less than a thousandth."""
    t = np.arange(32_000) / 16_000
    low = 0.02 * sum(np.sin(2 * np.pi * 150 * k * t + k) for k in range(2, 23))
    high = 0.2 * np.sin(2 * np.pi * 5_000 * t)
    codec = codec_of(name)
    power = [
        float(np.mean(codec.decode_audio(codec.encode(sound.astype(np.float32)).data) ** 2)) for sound in (low, high)
    ]
    assert abs(10 * np.log10(power[0] / np.mean(low**2))) < 3
    assert power[1] < 1e-3 * np.mean(high**2)


@settings(max_examples=25, deadline=None)
@given(data=st.data())
@pytest.mark.parametrize("name", NAMES)
def test_any_bits_of_the_right_length_are_speech_and_always_the_same(name: str, data: st.DataObject) -> None:
    codec = codec_of(name)
    samples = data.draw(st.integers(160, 8_000))
    count = codec._frames(samples) * codec.frame_bits
    payload = varint(samples) + data.draw(st.binary(min_size=-(-count // 8), max_size=-(-count // 8)))
    first, second = codec.decode(payload), codec.decode(payload)
    assert first.shape == (80, samples // 160) and np.all(np.isfinite(first))
    assert np.array_equal(first, second)


def test_a_build_without_amr_is_told(monkeypatch: pytest.MonkeyPatch, speech: Audio) -> None:
    import av

    def missing(name: str, mode: str) -> None:
        raise av.codec.codec.UnknownCodecError(name)

    monkeypatch.setattr("av.CodecContext", type("Context", (), {"create": staticmethod(missing)}))
    with pytest.raises(CodecError, match="no AMR"):
        codec_of("amr-12.2").encode(speech)
