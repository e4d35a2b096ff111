"""Codecs of the extra `codecs`: what is said where it is missing, and what their packages are trusted with."""

from __future__ import annotations

import importlib.util

import numpy as np
import numpy.typing as npt
import pytest

from channel.codecs import AudioCodec, CodecError, build_codec

Audio = npt.NDArray[np.float32]


@pytest.mark.parametrize("name", ["codec2-1600", "lc3-16"])
def test_a_missing_package_is_named_with_its_remedy(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    with pytest.raises(CodecError, match=r"pip install 'amser\[codecs\]'"):
        build_codec(name)


def test_codec2_beside_its_own_module_decodes_as_alone(speech: Audio) -> None:
    """Whoever draws from that module's generator must not change what a payload decodes to."""
    if importlib.util.find_spec("pycodec2") is None:
        pytest.skip("pycodec2 is not installed")
    codec = build_codec("codec2-1600")
    assert isinstance(codec, AudioCodec)
    payload = codec.encode(speech).data
    alone = codec.decode_audio(payload)
    import pycodec2

    other = pycodec2.Codec2(3200)
    first = other.decode(bytes(range(8)))
    assert np.array_equal(codec.decode_audio(payload), alone)
    assert not np.array_equal(pycodec2.Codec2(3200).decode(bytes(range(8))), first)  # the fault that is guarded against


def test_lc3_conceals_what_is_damaged(speech: Audio) -> None:
    """A frame of ones is no LC3 frame; the others still arrive, and nothing louder than what was sent."""
    pytest.importorskip("lc3")
    codec = build_codec("lc3-24")
    assert isinstance(codec, AudioCodec)
    payload = codec.encode(speech)
    start = payload.container_bytes + 50 * 30
    damaged = payload.data[:start] + b"\xff" * 30 + payload.data[start + 30 :]
    whole, mended = codec.decode_audio(payload.data), codec.decode_audio(damaged)
    assert np.array_equal(whole[: 49 * 160], mended[: 49 * 160])
    assert not np.array_equal(whole, mended)
    assert np.abs(mended).max() < 2 * np.abs(whole).max()
    with pytest.raises(CodecError, match="ends within its frames"):
        codec.decode(payload.data[:-1])


@pytest.mark.parametrize(("name", "size"), [("lc3-16", 20), ("lc3-24", 30), ("lc3-32", 40)])
def test_lc3_frames_have_one_size(name: str, size: int, speech: Audio) -> None:
    """10 ms at the rate; 3 s and the delay of 2.5 ms are 301 frames."""
    pytest.importorskip("lc3")
    assert build_codec(name).encode(speech).coded_bytes == 301 * size
