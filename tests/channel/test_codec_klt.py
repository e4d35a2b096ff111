"""mel-klt: round trips, rate and distortion, blocks, and the trained file."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from channel.codecs.klt import FINEST, MelKlt, _last_that, index_of, step_of
from channel.codecs.klt_entropy import CLASSES, LONGEST_BLOCK
from channel.codecs.klt_model import block_bounds, dct_basis, load_model
from channel.codecs.svd import MelSvd
from channel.mel import log_mel, mel_snr_db

Mel = npt.NDArray[np.float32]
Voice = Callable[..., npt.NDArray[np.float32]]


@pytest.fixture(scope="module")
def mel(speech: npt.NDArray[np.float32]) -> Mel:
    return log_mel(speech)


@pytest.mark.parametrize("bands", [80, 128])
@pytest.mark.parametrize("basis", ["trained", "dct"])
def test_bases_are_orthonormal(bands: int, basis: str) -> None:
    found = load_model(bands, basis).basis.astype(np.float64)  # type: ignore[arg-type]
    assert found.shape == (bands, bands)
    assert np.abs(found.T @ found - np.eye(bands)).max() < 1e-5


def test_dct_basis_is_that_of_its_definition() -> None:
    """DCT-II: sqrt(2/N) cos(pi (n + 1/2) k / N), the constant column over sqrt(2)."""
    n, k = np.mgrid[0:80, 0:80]
    expected = np.sqrt(2 / 80) * np.cos(np.pi * (n + 0.5) * k / 80)
    expected[:, 0] /= np.sqrt(2)
    assert np.abs(dct_basis(80) - expected).max() < 1e-6


def test_the_transform_keeps_energy_and_inverts(mel: Mel) -> None:
    """Parseval: everything is orthonormal, so errors in coefficients are errors in the Mel."""
    model, bounds = load_model(80), block_bounds(mel.shape[1])
    coefficients = model.forward(mel, bounds)
    centred = mel - model.mean[:, None]
    assert np.sum(coefficients.astype(np.float64) ** 2) == pytest.approx(
        np.sum(centred.astype(np.float64) ** 2), rel=1e-5
    )
    assert np.abs(model.inverse(coefficients, bounds) - mel).max() < 1e-4


@settings(max_examples=200)
@given(frames=st.integers(1, 60_000))
def test_blocks_cover_all_frames_and_fit_the_coder(frames: int) -> None:
    bounds = block_bounds(frames)
    widths = [int(b - a) for a, b in pairwise(bounds)]
    assert sum(widths) == frames
    assert min(widths) >= 1
    assert max(widths) <= LONGEST_BLOCK
    assert frames < 48 or (min(widths) >= 24 and max(widths) - min(widths) <= 1)


def test_tables_are_probabilities() -> None:
    model = load_model(80)
    assert model.table.min() >= 1
    assert model.table.max() <= 32_767
    assert model.centroid.shape[0] == CLASSES
    assert np.abs(model.centroid).max() <= 0.4


@pytest.mark.parametrize("bands", [80, 128])
@pytest.mark.parametrize("basis", ["trained", "dct"])
@pytest.mark.parametrize("step", [2.0, 0.5, 0.1, 0.02, 0.002])
def test_decoder_rebuilds_what_the_encoder_meant(
    bands: int, basis: str, step: float, speech: npt.NDArray[np.float32]
) -> None:
    """A decoder out of step gives noise; in step, no coefficient is off by more than the dead zone allows.

    Rate-distortion choice never moves a value by more than 1.5 steps (round down by one more than nearest)
    and coefficients below 2^-6 of the step's class are dropped, so the error per coefficient stays below 2
    steps and its root mean square well below one.
    """
    mel = log_mel(speech, bands)
    codec = MelKlt("x", bands, step=step, basis=basis)  # type: ignore[arg-type]
    decoded = codec.decode(codec.encode_mel(mel).data)
    coarse = step_of(index_of(step))
    assert np.sqrt(np.mean((decoded - mel) ** 2)) < 0.4 * coarse + 1e-5


@settings(max_examples=40)
@given(
    frames=st.integers(1, 120),
    step=st.sampled_from([4.0, 1.0, 0.3, 0.05, 0.0006]),
    kind=st.sampled_from(["noise", "constant", "impulse", "alternating"]),
    seed=st.integers(0, 1000),
)
def test_any_mel_round_trips(frames: int, step: float, kind: str, seed: int) -> None:
    """Mels that no speech has, with values far outside Whisper's range: the error obeys the step."""
    rng = np.random.default_rng(seed)
    mel = {
        "noise": rng.uniform(-1.5, 2.0, (80, frames)),
        "constant": np.full((80, frames), rng.uniform(-1.5, 0.4)),
        "impulse": np.where(rng.random((80, frames)) < 0.01, 30.0, -1.0),
        "alternating": np.where(np.indices((80, frames)).sum(axis=0) % 2, 1.0, -1.0),
    }[kind].astype(np.float32)
    codec = MelKlt("x", step=step)
    decoded = codec.decode(codec.encode_mel(mel).data)
    model = load_model(80)
    error = model.forward(decoded, block_bounds(frames)) - model.forward(mel, block_bounds(frames))
    dropped = np.abs(model.forward(mel, block_bounds(frames))) + 0.01
    # Either the coefficient was coded (error below two steps) or its class is never coded (all is lost).
    within = np.abs(error) <= np.maximum(2.0 * step_of(index_of(step)) + 2e-3, dropped)
    assert within.mean() > 0.98  # the floor of the decoder moves a few coefficients of odd Mels


def test_distortion_falls_and_size_grows_with_a_finer_step(mel: Mel) -> None:
    steps = [4.0, 2.8, 2.0, 1.4, 1.0, 0.7, 0.5, 0.35, 0.25, 0.17, 0.12, 0.08, 0.05, 0.02, 0.01, 0.005]
    payloads = [MelKlt("x", step=step).encode_mel(mel).data for step in steps]
    sizes = [len(payload) for payload in payloads]
    ratios = [mel_snr_db(mel, MelKlt("x", step=step).decode(data)) for step, data in zip(steps, payloads, strict=True)]
    assert sizes == sorted(sizes)
    assert ratios == sorted(ratios)


@given(
    end=st.integers(0, FINEST),
    falls=st.lists(st.floats(1e-3, 10.0), min_size=FINEST + 1, max_size=FINEST + 1),
    guess=st.integers(-10, 300),
    per_index=st.floats(1e-3, 10.0),
)
def test_the_search_finds_the_last_index_wherever_it_begins(
    end: int, falls: list[float], guess: int, per_index: float
) -> None:
    """Any falling margin that crosses zero after ``end``: halving alone would take 8 tries, and 8 more are allowed."""
    margins = -np.cumsum(falls)
    margins += (margins[end] + margins[end + 1]) / -2.0 if end < FINEST else 1.0 - margins[end]
    tried: list[int] = []

    def margin(index: int) -> float:
        tried.append(index)
        return float(margins[index])

    assert _last_that(margin, guess, per_index) == end
    assert len(tried) == len(set(tried)) <= 17


@pytest.mark.parametrize("rate_bps", [1_000, 2_000, 4_000, 8_000, 16_000, 32_000])
@pytest.mark.parametrize("seed", [1, 2])
def test_a_target_rate_is_used_but_not_exceeded(rate_bps: float, seed: int, voice: Voice) -> None:
    """Steps lie 3.5 % apart, so a payload that fits is at most about 6 % below its target."""
    mel = log_mel(voice(64_000, seed))
    bits = MelKlt("x", rate_bps=rate_bps).encode_mel(mel).size_bytes * 8
    assert 0.92 * rate_bps * 4.0 < bits <= rate_bps * 4.0


def test_a_rate_below_the_header_sends_the_coarsest_payload(voice: Voice) -> None:
    payload = MelKlt("x", rate_bps=100.0).encode_mel(log_mel(voice(1_600)))
    assert payload.data[2 + 1] == 0  # index of the step: the coarsest
    assert payload.size_bytes < 20


@pytest.mark.parametrize("snr_db", [9.0, 12.0, 15.0, 25.0, 40.0])
def test_a_target_ratio_is_reached_without_waste(mel: Mel, snr_db: float) -> None:
    codec = MelKlt("x", snr_db=snr_db)
    data = codec.encode_mel(mel).data
    assert snr_db <= mel_snr_db(mel, codec.decode(data)) < snr_db + 0.7


def test_rank_ten_costs_an_eighth_of_mel_svd(mel: Mel) -> None:
    """Against the poster's factors in fp16 at equal error; real speech is checked in the slow test below."""
    svd = MelSvd("x", rank=10, factors="fp16")
    payload = svd.encode_mel(mel)
    ratio = mel_snr_db(mel, svd.decode(payload.data))
    assert payload.size_bytes > 5 * MelKlt("x", snr_db=ratio).encode_mel(mel).size_bytes


@pytest.mark.parametrize("block_s", [0.04, 0.3, 1.0, 60.0])
@pytest.mark.parametrize("samples", [160, 8_000, 48_000])
def test_blocks_join_to_the_whole(block_s: float, samples: int, speech: npt.NDArray[np.float32]) -> None:
    codec = MelKlt("x", step=0.1, block_s=block_s)
    audio = speech[:samples]
    payload, chunks = codec.encode(audio), codec.encode_chunks(audio)
    assert payload.data == b"".join(chunk.data for chunk in chunks)
    assert len(chunks) == -(-(samples // 160) // round(block_s * 100))
    decoded = codec.decode(payload.data)
    assert decoded.shape == (80, samples // 160)
    assert np.sqrt(np.mean((decoded - log_mel(audio)) ** 2)) < 0.04
    assert 0 < payload.container_bytes <= 2 + 8 * len(chunks)


def test_a_mel_alone_is_coded_without_blocks(mel: Mel) -> None:
    """Which frames were known when is lost in a finished Mel; both decoders read either form."""
    blocks, whole = MelKlt("x", step=0.3, block_s=0.5), MelKlt("x", step=0.3)
    assert blocks.encode_mel(mel).data == whole.encode_mel(mel).data
    assert np.array_equal(blocks.decode(whole.encode_mel(mel).data), whole.decode(whole.encode_mel(mel).data))


def test_blocks_are_causal(speech: npt.NDArray[np.float32], voice: Voice) -> None:
    """What is said later changes no chunk that was sent earlier."""
    codec = MelKlt("x", rate_bps=6_000, block_s=0.5)
    other = speech.copy()
    other[32_000:] = 0.9 * voice(16_000, 9)
    for one, two in zip(codec.encode_chunks(speech)[:3], codec.encode_chunks(other)[:3], strict=True):
        assert one == two
        assert one.ready_s < 1.6
    assert codec.encode_chunks(speech)[-1].data != codec.encode_chunks(other)[-1].data


def test_blocks_keep_their_rate(speech: npt.NDArray[np.float32]) -> None:
    sent = MelKlt("x", rate_bps=6_000, block_s=1.0).encode(speech)
    assert 0.9 * 6_000 * 3.0 < sent.size_bytes * 8 <= 6_000 * 3.0


@pytest.mark.parametrize(
    ("settings_", "words"),
    [
        ({}, "exactly one"),
        ({"step": 0.1, "rate_bps": 1.0}, "exactly one"),
        ({"snr_db": 10.0, "block_s": 1.0}, "blocks need"),
        ({"step": 0.1, "block_s": 0.001}, "at least"),
        ({"step": 0.1, "bands": 40}, "80 and 128"),
    ],
)
def test_impossible_settings_are_refused(settings_: dict[str, float], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        MelKlt("x", **settings_)  # type: ignore[arg-type]


@pytest.mark.slow
def test_training_learns_the_basis_of_its_speech(voice: Voice) -> None:
    """Trained on a few voices, the basis diagonalises their covariance: the definition of Karhunen-Loeve."""
    from recognizers.training.codecs.klt import karhunen_loeve, train

    mels = [log_mel(voice(16_000, seed)) for seed in range(4)]
    mean, basis = karhunen_loeve(mels)
    frames = np.concatenate(mels, axis=1).astype(np.float64)
    assert np.abs(mean - frames.mean(axis=1)).max() < 1e-5
    rotated = basis.T.astype(np.float64) @ np.cov(frames, bias=True) @ basis
    assert np.abs(rotated - np.diag(np.diag(rotated))).max() < 1e-4
    assert np.all(np.diff(np.diag(rotated)) <= 1e-6)
    model = train(mels, rounds=2)
    assert model.deviations.shape == (80, 32)
    assert 16 <= model.table.min() <= model.table.max() <= 32_768 - 16
