"""DSR after ES 201 108: bits by hand, the CRC against long division, hostile payloads."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
import scipy.fft
from hypothesis import given, settings
from hypothesis import strategies as st

from channel.codecs import CodecError, build_codec
from channel.codecs.dsr import BITS, PAIRS, Dsr, crc, features_of, frame_bits, load_codebooks, numbers_of
from channel.mel import log_mel, mel_snr_db

Audio = npt.NDArray[np.float32]
MULTI, BARE = Dsr("multi"), Dsr("bare", framing="bare")
ENTRIES = st.tuples(*(st.integers(0, (1 << width) - 1) for width in BITS))


def _remainder(bits: npt.NDArray[np.uint8]) -> int:
    """Of the bits as a polynomial over GF(2), times x^4, by x^4 + x + 1: long division on integers."""
    value = int("".join(map(str, bits)), 2) << 4
    while value.bit_length() > 4:
        value ^= 0b10011 << (value.bit_length() - 5)
    return value


def test_a_frame_by_hand() -> None:
    """Six numbers of 6 bits and one of 8, most significant bit first."""
    numbers = np.array([[1, 2, 3, 32, 63, 0, 129]])
    expected = "00000100001000001110000011111100000010000001"
    assert "".join(map(str, frame_bits(numbers)[0])) == expected


def test_a_multiframe_by_hand(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two frames are 0x87 0xb2, bands 80, 2 frames, number 0, then 88 bits, 4 of CRC and 4 of filling."""
    numbers = np.array([[1, 2, 3, 32, 63, 0, 129], [0, 0, 0, 0, 0, 0, 5]])
    monkeypatch.setattr("channel.codecs.dsr.Codebooks.nearest", lambda self, features: numbers)
    data = MULTI.encode_mel(np.zeros((80, 2), dtype=np.float32)).data
    bits = "".join(map(str, frame_bits(numbers).ravel()))
    tail = format(_remainder(frame_bits(numbers).ravel()), "04b") + "0000"
    assert data == bytes.fromhex("87b200020000") + int(bits + tail, 2).to_bytes(12, "big")


@given(numbers=st.lists(ENTRIES, min_size=1, max_size=60))
def test_numbers_come_back_from_their_bits(numbers: list[tuple[int, ...]]) -> None:
    array = np.array(numbers)
    assert np.array_equal(numbers_of(frame_bits(array)), array)


@given(data=st.binary(min_size=11, max_size=11))
def test_the_crc_is_the_remainder_of_a_division(data: bytes) -> None:
    bits = np.unpackbits(np.frombuffer(data, dtype=np.uint8))
    assert int("".join(map(str, crc(bits[None])[0])), 2) == _remainder(bits)


def test_full_multiframes_have_the_rate_of_the_standard(speech: Audio) -> None:
    """24 frames in 144 bytes: 4.8 kbit/s, of which 132 bytes are frames."""
    payload = MULTI.encode(speech[: 10 * 24 * 160])
    assert (payload.size_bytes, payload.coded_bytes) == (1_440, 1_320)


@pytest.mark.parametrize("bands", [80, 128])
@pytest.mark.parametrize("framing", Dsr.FRAMINGS)
def test_what_arrives_is_the_mel_of_the_nearest_entries(bands: int, framing: str, speech: Audio) -> None:
    """Nearest by brute force over every entry; the Mel is their cepstra turned back, above the floor."""
    codec = Dsr("dsr", bands, framing=framing)
    mel = log_mel(speech[:20_000], bands)
    features, books = features_of(mel), load_codebooks(bands).books
    chosen = np.empty((14, mel.shape[1]))
    for pair, book in zip(PAIRS, books, strict=True):
        distances = np.linalg.norm(features[list(pair), :, None] - book.T[:, None, :], axis=0)
        chosen[list(pair)] = book[np.argmin(distances, axis=1)].T
    padded = np.zeros((bands, mel.shape[1]))
    padded[:13] = chosen[:13]
    expected = scipy.fft.idct(padded, axis=0, norm="ortho")
    decoded = codec.decode(codec.encode(speech[:20_000]).data)
    assert np.allclose(decoded, np.maximum(expected, expected.max() - 2.0), atol=1e-5)


def test_both_framings_carry_the_same(speech: Audio) -> None:
    multi, bare = MULTI.encode(speech), BARE.encode(speech)
    assert bare.coded_bytes == multi.coded_bytes and bare.container_bytes < 4 < multi.container_bytes
    assert np.array_equal(MULTI.decode(multi.data), BARE.decode(bare.data))


def test_energy_is_c0_where_all_bands_are_alike() -> None:
    features = features_of(np.full((80, 3), 0.25, dtype=np.float32))
    assert np.allclose(features[[0, 13]], 0.25 * 80**0.5)
    assert np.allclose(features[1:13], 0.0, atol=1e-6)


def test_quantising_costs_little_beside_what_cepstra_leave_out(speech: Audio) -> None:
    """Trained on other speech, the books must not be what limits the Mel: less than half of the error is theirs."""
    mel = log_mel(speech)
    padded = np.zeros((80, mel.shape[1]))
    padded[:13] = features_of(mel)[:13]
    unquantised = scipy.fft.idct(padded, axis=0, norm="ortho").astype(np.float32)
    assert mel_snr_db(mel, MULTI.decode(MULTI.encode(speech).data)) > mel_snr_db(mel, unquantised) - 3.0


def test_every_flipped_bit_is_found_or_changes_nothing(speech: Audio) -> None:
    """A CRC finds all single errors of its pair; header and lengths are checked; what is left is filling."""
    data = MULTI.encode(speech[: 27 * 160]).data
    original = MULTI.decode(data)
    unnoticed = 0
    for place in range(8 * len(data)):
        changed = bytearray(data)
        changed[place // 8] ^= 0x80 >> place % 8
        try:
            assert np.array_equal(MULTI.decode(bytes(changed)), original)
            unnoticed += 1
        except CodecError:
            pass
    assert unnoticed == 0  # 12 and 2 pairs of 92 bits fill their bytes


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda d: b"\x00" + d[1:], "synchronisation"),
        (lambda d: d[:2] + b"\x01" + d[3:], "128 bands, expected 80"),
        (lambda d: d[:3] + b"\x19" + d[4:], "claims 25 frames"),
        (lambda d: d[:4] + b"\x01\x00" + d[6:], "is numbered 1"),
        (lambda d: d[:9] + bytes([d[9] ^ 3]) + d[10:], "CRC of multiframe 0"),
        (lambda d: d[:-1], "ends within its frames"),
        (lambda d: d + d, "follows the payload's last one"),
        (lambda d: b"", "ends within its synchronisation"),
    ],
)
def test_what_is_wrong_is_named(change: object, message: str, speech: Audio) -> None:
    assert callable(change)
    with pytest.raises(CodecError, match=message):
        MULTI.decode(change(MULTI.encode(speech[: 30 * 160]).data))


@settings(max_examples=50, deadline=None)
@given(data=st.data(), frames=st.integers(1, 80))
def test_any_bits_of_the_right_length_are_a_mel(data: st.DataObject, frames: int) -> None:
    size = -(-frames * 44 // 8)
    mel = BARE.decode(bytes([0, frames]) + data.draw(st.binary(min_size=size, max_size=size)))
    assert mel.shape == (80, frames) and np.all(np.isfinite(mel))
    assert float(mel.max() - mel.min()) <= 2.0 + 1e-6


def test_more_than_ten_minutes_are_refused() -> None:
    with pytest.raises(CodecError, match="number of frames"):
        BARE.decode(bytes([0, 0xE1, 0xD4, 0x03]) + bytes(400_000))  # 60,001 frames


def test_other_numbers_of_bands_are_refused() -> None:
    with pytest.raises(ValueError, match="80 and 128 bands"):
        build_codec("dsr-4.8", bands=64)
