"""mel-svd against linear algebra: Eckart-Young, exact full rank, sizes by formula, error of the numbers."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from channel.codecs import CodecError, MelSvd, mel_factors, singular_values
from channel.codecs.svd import MAGIC_SVD
from channel.mel import log_mel

Mel = npt.NDArray[np.float32]


@pytest.fixture(scope="module")
def mel(speech: npt.NDArray[np.float32]) -> Mel:
    return log_mel(speech)


def test_singular_values_equal_those_of_the_full_decomposition(mel: Mel) -> None:
    exact = np.linalg.svd(mel.astype(np.float64), compute_uv=False)
    # The Gram matrix squares: relative to the largest value, its roots are good to sqrt(eps) = 1.5e-8.
    assert np.abs(singular_values(mel) - exact).max() < 1e-7 * exact[0]


@pytest.mark.parametrize("rank", [1, 5, 10, 20, 40, 79])
def test_truncation_error_is_the_energy_of_the_dropped_singular_values(mel: Mel, rank: int) -> None:
    """Eckart-Young: ||M - M_r||_F^2 = sum of s_k^2 over k > r, and no factors of that rank do better."""
    values = np.linalg.svd(mel.astype(np.float64), compute_uv=False)
    left, right = mel_factors(mel, rank)
    error = np.sum((mel.astype(np.float64) - left.astype(np.float64) @ right) ** 2)
    assert error == pytest.approx(np.sum(values[rank:] ** 2), rel=1e-4, abs=1e-7)


def test_parseval(mel: Mel) -> None:
    """Energy of the Mel is the energy of all singular values."""
    assert np.sum(singular_values(mel) ** 2) == pytest.approx(np.sum(mel.astype(np.float64) ** 2), rel=1e-9)


def test_left_factor_is_orthonormal_and_explains_most_first(mel: Mel) -> None:
    left, right = mel_factors(mel, 20)
    assert np.abs(left.T @ left - np.eye(20)).max() < 1e-5
    norms = np.linalg.norm(right, axis=1)
    assert np.all(np.diff(norms) <= 1e-4 * norms[0])


@pytest.mark.parametrize("bands", [80, 128])
def test_full_rank_is_exact_to_float_precision(bands: int, speech: npt.NDArray[np.float32]) -> None:
    mel = log_mel(speech, bands)
    codec = MelSvd("full", bands, rank=bands)
    # 80 products of magnitude up to 2 in single precision: a few units of 1e-7 each.
    assert np.abs(codec.decode(codec.encode_mel(mel).data) - mel).max() < 1e-5


@pytest.mark.parametrize("numbers", ["fp32", "fp16", "int8"])
@pytest.mark.parametrize("rank", [1, 10, 80])
@pytest.mark.parametrize("frames", [1, 7, 79, 80, 81, 300])
def test_payload_sizes_are_as_the_formula_says(mel: Mel, numbers: str, rank: int, frames: int) -> None:
    codec = MelSvd("x", rank=rank, factors=numbers)  # type: ignore[arg-type]
    payload = codec.encode_mel(mel[:, :frames])
    kept = min(rank, frames)
    width = {"fp32": 4, "fp16": 2, "int8": 1}[numbers]
    header = 2 + (1 if frames < 128 else 2) + 1  # magic, numbers, frames, rank
    scales = 2 * 4 * kept if numbers == "int8" else 0
    assert payload.size_bytes == header + scales + kept * (80 + frames) * width
    assert payload.container_bytes == header
    assert codec.decode(payload.data).shape == (80, frames)


def test_poster_compress_rates_are_ranks() -> None:
    ranks = [MelSvd("x", compress=share).rank for share in (0.125, 0.1875, 0.25, 0.5, 1.0)]
    assert ranks == [10, 15, 20, 40, 80]
    assert MelSvd("x", 128, compress=0.125).rank == 16


@pytest.mark.parametrize("share", [0.5, 0.9, 0.99, 1.0])
def test_retained_energy_is_reached_with_the_least_rank(mel: Mel, share: float) -> None:
    codec = MelSvd("x", energy=share)
    squares = np.linalg.svd(mel.astype(np.float64), compute_uv=False) ** 2
    rank = codec.rank_of(mel)
    assert squares[:rank].sum() >= share * squares.sum() * (1 - 1e-9)
    assert rank == 1 or squares[: rank - 1].sum() < share * squares.sum()


@pytest.mark.parametrize(("numbers", "bound"), [("fp32", 1e-5), ("fp16", 5e-3), ("int8", 0.05)])
def test_error_of_the_numbers(mel: Mel, numbers: str, bound: float) -> None:
    """Beyond truncation: fp16 rounds by 2^-11, int8 by half of 1/127 of the largest value of its row."""
    left, right = mel_factors(mel, 20)
    codec = MelSvd("x", rank=20, factors=numbers)  # type: ignore[arg-type]
    error = codec.decode(codec.encode_mel(mel).data) - left @ right
    assert np.sqrt(np.mean(error**2)) < bound


def test_error_falls_with_rank(mel: Mel) -> None:
    codecs = [MelSvd("x", rank=rank, factors="fp16") for rank in (1, 2, 4, 8, 16, 32, 64)]
    errors = [np.sum((codec.decode(codec.encode_mel(mel).data) - mel) ** 2) for codec in codecs]
    assert errors == sorted(errors, reverse=True)


def test_silence_and_a_constant_mel_have_rank_one() -> None:
    for level in (-1.5, 0.0, 0.3):
        mel = np.full((80, 50), level, dtype=np.float32)
        for numbers in ("fp32", "fp16", "int8"):
            codec = MelSvd("x", rank=10, factors=numbers)  # type: ignore[arg-type]
            assert np.abs(codec.decode(codec.encode_mel(mel).data) - mel).max() < 0.02


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda data: b"", "ends within its header"),
        (lambda data: bytes([MAGIC_SVD + 1]) + data[1:], "not a mel-svd payload of version 1"),
        (lambda data: data[:1] + b"\x02" + data[2:], "factors of the payload are int8"),
        (lambda data: data[:-1], "take"),
        (lambda data: data + b"\x00", "take"),
        (lambda data: data[:2] + b"\xff\xff\xff\xff\xff" + data[7:], "longer than 5 bytes"),
        (lambda data: data[:2] + b"\xff\xff\xff\x7f" + data[6:], "number of frames"),
        (lambda data: data[:-4] + b"\x00\x00\xc0\x7f", "finite"),
    ],
)
def test_damaged_payloads_are_explained(mel: Mel, change: object, words: str) -> None:
    codec = MelSvd("x", rank=4)
    with pytest.raises(CodecError, match=words):
        codec.decode(change(codec.encode_mel(mel).data))  # type: ignore[operator]


@settings(max_examples=30)
@given(frames=st.integers(1, 60), rank=st.integers(1, 80), seed=st.integers(0, 2**16))
def test_any_mel_comes_back_within_its_truncation(frames: int, rank: int, seed: int) -> None:
    mel = np.random.default_rng(seed).uniform(-1.5, 2.0, (80, frames)).astype(np.float32)
    codec = MelSvd("x", rank=rank)
    error = np.sum((codec.decode(codec.encode_mel(mel).data).astype(np.float64) - mel) ** 2)
    dropped = np.sum(np.linalg.svd(mel, compute_uv=False)[rank:] ** 2)
    assert error == pytest.approx(dropped, rel=1e-3, abs=1e-5)
