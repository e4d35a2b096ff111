"""Whisper's log-Mel spectrogram in NumPy: what the device computes before it codes an utterance.

The definition is that of ``whisper.log_mel_spectrogram`` (openai-whisper 20250625, ``whisper/audio.py``):
16 kHz, periodic Hann window of 400 samples, hop of 160, centred frames with reflected edges, squared
magnitude, Slaney's Mel filters (those of ``librosa.filters.mel``), logarithm to base 10 with a floor at
1e-10, everything below ``max - 8`` raised to it, and ``(x + 4) / 4``.  So the values of one utterance span
at most 2.0.  Only real frames are returned, ``samples // 160`` of them; filling up to 30 s is the server's.

The transform and the filters are compiled (``channel/mel_kernel.py``), which is what makes it fast.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from scenarios.errors import AmserError

SAMPLE_RATE_HZ = 16_000
WINDOW_SAMPLES = 400  # 25 ms
HOP_SAMPLES = 160  # 10 ms
FRAMES_PER_SECOND = SAMPLE_RATE_HZ // HOP_SAMPLES
LEAST_POWER = 1e-10
DYNAMIC_RANGE = 2.0  # of the normalised Mel: 8 decades of power, divided by 4
LONGEST_S = 600.0
LONGEST_SAMPLES = int(LONGEST_S * SAMPLE_RATE_HZ)
LONGEST_FRAMES = LONGEST_SAMPLES // HOP_SAMPLES

_HIGHEST_PEAK = 1000.0  # far above clipping, far below 16-bit integers in disguise and overflow
_BINS = WINDOW_SAMPLES // 2 + 1

Audio = npt.NDArray[np.float32]
"""Samples at 16 kHz, shape (samples,), full scale at -1 and 1."""

Mel = npt.NDArray[np.float32]
"""Normalised log-Mel spectrogram, shape (bands, frames), one frame every 10 ms."""


class AudioError(AmserError, ValueError):
    """Audio that has no Mel spectrogram: empty, shorter than a frame, too long, or not finite."""


def checked_audio(audio: npt.ArrayLike) -> Audio:
    """Return ``audio`` as one-dimensional float32, or raise ``AudioError`` that says what is wrong with it.

    Accepted: 160 samples (one frame) to 600 s of finite numbers at 16 kHz in one channel; full scale is 1.
    """
    samples = np.asarray(audio)
    if samples.ndim != 1:
        raise AudioError(f"audio must have one channel, found shape {samples.shape}; mix it down first")
    if not np.issubdtype(samples.dtype, np.floating):
        found = samples.dtype
        raise AudioError(f"audio must be floating point in -1..1, found {found}; divide int16 by 32768")
    if samples.size < HOP_SAMPLES:
        what = "audio is empty" if samples.size == 0 else f"audio has only {samples.size} samples"
        raise AudioError(f"{what}; one frame needs {HOP_SAMPLES} samples (10 ms at 16 kHz)")
    if samples.size > LONGEST_SAMPLES:
        seconds = samples.size / SAMPLE_RATE_HZ
        raise AudioError(f"audio lasts {seconds:.1f} s, at most {LONGEST_S:g} s are coded at once; cut it")
    samples = np.ascontiguousarray(samples, dtype=np.float32)
    peak = max(float(samples.max()), -float(samples.min()))
    if not np.isfinite(peak):
        raise AudioError("audio has samples that are not finite (NaN or infinity)")
    if peak > _HIGHEST_PEAK:
        raise AudioError(f"audio peaks at {peak:g}, full scale is 1; divide 16-bit samples by 32768")
    return samples


def frames_of(samples: int) -> int:
    """Number of real frames in ``samples`` samples at 16 kHz."""
    return samples // HOP_SAMPLES


_HZ_PER_MEL, _KNEE_HZ, _LOG_STEP = 200.0 / 3.0, 1000.0, np.log(6.4) / 27.0
_KNEE_MEL = _KNEE_HZ / _HZ_PER_MEL


def mel_of_hz(hz: npt.ArrayLike) -> npt.NDArray[np.float64]:
    """Frequencies (Hz) on Slaney's scale (Auditory Toolbox, 1998; the default of ``librosa``); shape as ``hz``.

    Linear with 200/3 Hz a mel below 1 kHz, logarithmic above with 27 mels for a factor of 6.4.
    """
    wide = np.asarray(hz, dtype=np.float64)
    above = _KNEE_MEL + np.log(np.maximum(wide, _KNEE_HZ) / _KNEE_HZ) / _LOG_STEP
    return np.where(wide < _KNEE_HZ, wide / _HZ_PER_MEL, above)


def hz_of_mel(mels: npt.ArrayLike) -> npt.NDArray[np.float64]:
    """The inverse of ``mel_of_hz``: frequencies in Hz."""
    wide = np.asarray(mels, dtype=np.float64)
    return np.where(wide < _KNEE_MEL, wide * _HZ_PER_MEL, _KNEE_HZ * np.exp(_LOG_STEP * (wide - _KNEE_MEL)))


def mel_frequencies(bands: int) -> npt.NDArray[np.float64]:
    """Edges and centres (Hz) of ``bands`` Slaney filters from 0 to 8 kHz, shape (bands + 2,)."""
    return hz_of_mel(np.linspace(0.0, float(mel_of_hz(SAMPLE_RATE_HZ / 2)), bands + 2))


@lru_cache(maxsize=8)
def mel_filters(bands: int) -> npt.NDArray[np.float32]:
    """Triangular filters of unit area over the FFT's bins, shape (bands, 201)."""
    edges = mel_frequencies(bands)
    bins_hz = np.linspace(0.0, SAMPLE_RATE_HZ / 2, _BINS)
    slopes = edges[:, None] - bins_hz[None, :]
    widths = np.diff(edges)
    rising = -slopes[:-2] / widths[:-1, None]
    falling = slopes[2:] / widths[1:, None]
    weights = np.maximum(0.0, np.minimum(rising, falling)) * (2.0 / (edges[2:] - edges[:-2]))[:, None]
    filters = weights.astype(np.float32)
    filters.setflags(write=False)
    return filters


@lru_cache(maxsize=1)
def _window() -> npt.NDArray[np.float32]:
    phase = 2.0 * np.pi * np.arange(WINDOW_SAMPLES) / WINDOW_SAMPLES
    return (0.5 - 0.5 * np.cos(phase)).astype(np.float32)


def power_mel(audio: npt.ArrayLike, bands: int = 80) -> npt.NDArray[np.float32]:
    """Power in each Mel band, shape (bands, frames), before logarithm and floor.

    Raises ``AudioError`` for empty, too short, too long or non-finite audio.
    """
    if bands < 1:
        raise ValueError(f"bands={bands} must be a positive integer")
    samples = checked_audio(audio)
    kernel = _kernel()
    if kernel is None:
        return _power_by_numpy(samples, bands)
    return kernel(samples, _window(), _filters(bands), frames_of(samples.size))


@lru_cache(maxsize=1)
def _kernel() -> Callable[..., npt.NDArray[np.float32]] | None:
    """The compiled kernel; None without Numba, which is not made for every phone."""
    try:
        from channel.mel_kernel import power_in_bands  # here, because Numba takes a third of a second to import
    except ModuleNotFoundError:
        return None
    return power_in_bands


def _power_by_numpy(samples: Audio, bands: int) -> npt.NDArray[np.float32]:
    """As the kernel, to 1e-5 of the Mel (tests), in several times its time."""
    padded = np.pad(samples, WINDOW_SAMPLES // 2, mode="reflect")
    windows = np.lib.stride_tricks.sliding_window_view(padded, WINDOW_SAMPLES)[::HOP_SAMPLES]
    spectra = np.abs(np.fft.rfft(windows[: frames_of(samples.size)] * _window())) ** 2
    return np.asarray(mel_filters(bands) @ spectra.T, dtype=np.float32)


@lru_cache(maxsize=8)
def _filters(bands: int) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64], npt.NDArray[np.float32]]:
    from channel.mel_kernel import packed_filters

    return packed_filters(mel_filters(bands))


def normalised(power: npt.NDArray[np.float32], loudest: float | None = None, out: Mel | None = None) -> Mel:
    """Logarithm, floor 80 dB below the largest value, and scaling as whisper does; shape as ``power``.

    ``loudest`` is the largest power if it lies outside ``power``, which may be a part of an utterance.
    ``out`` takes the result (it may be ``power`` itself), else a new array.
    """
    top = float(power.max()) if loudest is None else loudest
    mel = np.maximum(power, np.float32(max(LEAST_POWER, top * 1e-8)), out=out)
    np.log(mel, out=mel)
    mel *= np.float32(0.25 / np.log(10.0))
    mel += np.float32(1.0)
    return mel


def log_mel(audio: npt.ArrayLike, bands: int = 80) -> Mel:
    """Normalised log-Mel spectrogram of ``audio``, shape (bands, samples // 160), float32.

    Equal to ``whisper.log_mel_spectrogram(audio, bands)`` to within 1e-4 (tests: 80 and 128 bands).
    Audio shorter than half a window, which whisper refuses, is reflected as often as needed.
    Raises ``AudioError`` for empty, too short, too long or non-finite audio.
    """
    power = power_mel(audio, bands)
    return normalised(power, out=power)


def mel_snr_db(reference: Mel, decoded: Mel) -> float:
    """Signal-to-noise ratio of a decoded log-Mel, in dB; infinite for a perfect one.

    The signal is the reference's variation about its own mean (a constant Mel carries nothing), the noise
    is the difference.  Frames that only one of the two has are left out: MP3 and Opus may add some.
    """
    frames = min(reference.shape[1], decoded.shape[1])
    wanted = reference[:, :frames].astype(np.float64)
    noise = float(np.square(wanted - decoded[:, :frames]).sum())
    signal = float(np.square(wanted - wanted.mean()).sum()) if frames else 0.0
    if noise == 0.0:
        return float("inf")
    return 10.0 * float(np.log10(signal / noise)) if signal > 0.0 else float("-inf")


def rebanded(mel: Mel, bands: int) -> Mel:
    """A normalised log-Mel in other bands, (any, frames) to (bands, frames), without the audio.

    Each new filter is the mixture of old ones that is nearest to it (least squares over the FFT's bins, no negative
    part), so powers stay powers.  From 128 to 80 bands the result is within 33 dB Mel SNR of the Mel of the audio
    (forty utterances of LibriSpeech); a recognizer of 128 bands and a network of 80 then hear one payload.
    """
    if mel.shape[0] == bands:
        return mel
    power = np.power(10.0, 4.0 * mel.astype(np.float64) - 4.0)
    return normalised((_mixture(mel.shape[0], bands) @ power).astype(np.float32))


@lru_cache(maxsize=4)
def _mixture(given: int, wanted: int) -> npt.NDArray[np.float64]:
    from scipy.optimize import nnls

    old = mel_filters(given).astype(np.float64).T
    return np.stack([nnls(old, new)[0] for new in mel_filters(wanted).astype(np.float64)])
