"""The log-Mel against openai-whisper's own, which is its definition."""

from __future__ import annotations

import numpy as np
import pytest

from channel.mel import (
    DYNAMIC_RANGE,
    LONGEST_SAMPLES,
    AudioError,
    frames_of,
    hz_of_mel,
    log_mel,
    mel_filters,
    mel_of_hz,
    power_mel,
    rebanded,
)


def _speech_like(samples: int, seed: int = 1) -> np.ndarray:
    """Noise and tones whose level moves over 60 dB, so that the floor 80 dB below the maximum is met."""
    rng = np.random.default_rng(seed)
    t = np.arange(samples) / 16_000
    level = 10.0 ** (-3.0 * np.abs(np.sin(7.0 * t)))
    return (level * (0.2 * rng.standard_normal(samples) + 0.3 * np.sin(2 * np.pi * 440 * t))).astype(np.float32)


@pytest.mark.parametrize("bands", [80, 128])
def test_filters_equal_those_whisper_ships(bands: int) -> None:
    whisper_audio = pytest.importorskip("whisper.audio")
    # Both are Slaney filters in single precision: only rounding differs.
    assert np.abs(mel_filters(bands) - whisper_audio.mel_filters("cpu", bands).numpy()).max() < 1e-7


@pytest.mark.parametrize("bands", [80, 128])
@pytest.mark.parametrize("samples", [201, 399, 400, 1_600, 16_001, 80_000, 480_000, 500_123])
def test_equals_whisper_on_the_real_frames(bands: int, samples: int) -> None:
    torch = pytest.importorskip("torch")
    whisper_audio = pytest.importorskip("whisper.audio")
    audio = _speech_like(samples)
    reference = whisper_audio.log_mel_spectrogram(torch.from_numpy(audio), bands).numpy()
    mel = log_mel(audio, bands)
    assert mel.shape == reference.shape == (bands, frames_of(samples))
    assert mel.dtype == np.float32
    assert np.abs(mel - reference).max() < 1e-4


@pytest.mark.parametrize("bands", [80, 128])
@pytest.mark.parametrize("frames", [1, 15, 16, 17, 33])
def test_power_is_that_of_the_transform_in_double_precision(frames: int, bands: int) -> None:
    """Noise has power in every bin, so a wrong one shows; frame counts lie around those done side by side.

    Single precision: some 40 roundings of 6e-8 between a sample and a band.
    """
    audio = np.random.default_rng(frames).standard_normal(160 * frames + 7).astype(np.float32)
    padded = np.pad(audio.astype(np.float64), 200, mode="reflect")
    windows = np.lib.stride_tricks.sliding_window_view(padded, 400)[::160][:frames]
    hann = 0.5 - 0.5 * np.cos(2.0 * np.pi * np.arange(400) / 400)
    exact = mel_filters(bands).astype(np.float64) @ (np.abs(np.fft.rfft(windows * hann)) ** 2).T
    np.testing.assert_allclose(power_mel(audio, bands), exact, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("bands", [80, 128])
@pytest.mark.parametrize(
    "audio",
    [
        np.zeros(16_000, dtype=np.float32),
        np.eye(1, 16_000, 8_000, dtype=np.float32)[0],
        np.clip(40.0 * _speech_like(16_000), -1.0, 1.0),
        1e-7 * _speech_like(16_000),
    ],
    ids=["silence", "click", "clipping", "whisper-quiet"],
)
def test_extreme_audio_equals_whisper(audio: np.ndarray, bands: int) -> None:
    torch = pytest.importorskip("torch")
    whisper_audio = pytest.importorskip("whisper.audio")
    reference = whisper_audio.log_mel_spectrogram(torch.from_numpy(audio.astype(np.float32)), bands).numpy()
    assert np.abs(log_mel(audio, bands) - reference).max() < 1e-4


def test_values_span_at_most_the_dynamic_range() -> None:
    mel = log_mel(_speech_like(48_000))
    assert mel.max() - mel.min() <= DYNAMIC_RANGE + 1e-6


@pytest.mark.parametrize("samples", [160, 161, 199, 200])
def test_one_frame_that_whisper_refuses(samples: int) -> None:
    mel = log_mel(_speech_like(samples))
    assert mel.shape == (80, 1)
    assert np.all(np.isfinite(mel))


@pytest.mark.parametrize(
    ("audio", "words"),
    [
        (np.zeros(0, dtype=np.float32), "empty"),
        (np.zeros(159, dtype=np.float32), "159 samples"),
        (np.zeros((2, 1600), dtype=np.float32), "one channel"),
        (np.zeros(1600, dtype=np.int16), "floating point"),
        (np.full(1600, np.nan, dtype=np.float32), "finite"),
        (np.full(1600, 20_000.0, dtype=np.float32), "divide 16-bit samples"),
        (np.zeros(LONGEST_SAMPLES + 1, dtype=np.float32), "at most"),
    ],
    ids=["empty", "short", "stereo", "integers", "nan", "loud", "long"],
)
def test_what_has_no_mel_is_refused_by_name(audio: np.ndarray, words: str) -> None:
    with pytest.raises(AudioError, match=words):
        log_mel(audio)


def test_the_mel_scale_is_librosas() -> None:
    import librosa

    hz = np.concatenate([np.linspace(0.0, 8000.0, 200), [1000.0]])
    # Both are the same closed form in double precision; only the order of rounding differs.
    np.testing.assert_allclose(mel_of_hz(hz), librosa.hz_to_mel(hz), rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(hz_of_mel(mel_of_hz(hz)), hz, rtol=1e-12, atol=1e-9)


def test_a_mel_in_other_bands_is_near_that_of_the_audio():
    """There is no exact way without the audio.  30 dB is far above what the poster's rates keep (21 dB at 50 %)."""
    from channel.mel import mel_snr_db
    from recognizers.corpora import open_corpus

    corpus = open_corpus("librispeech-short")
    for utterance in corpus.utterances[::8]:
        audio = corpus.load_audio(utterance)
        assert mel_snr_db(log_mel(audio, 80), rebanded(log_mel(audio, 128), 80)) > 30.0
    same = log_mel(audio, 80)
    assert rebanded(same, 80) is same
