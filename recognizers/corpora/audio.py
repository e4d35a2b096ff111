"""Audio files of any rate and channel count, read as 16 kHz mono float32."""

from __future__ import annotations

from math import gcd
from pathlib import Path

import numpy as np
import numpy.typing as npt
import soundfile

from recognizers.corpora.types import CorpusError, Fault

__all__ = ["AUDIO_SUFFIXES", "LOSSY_SUFFIXES", "SAMPLE_RATE_HZ", "probe", "read_audio", "resample"]

SAMPLE_RATE_HZ = 16000
"""Whisper's rate, and this project's."""
AUDIO_SUFFIXES = frozenset({".wav", ".flac", ".ogg", ".opus", ".mp3", ".sph", ".aiff", ".aif"})
"""What libsndfile reads of speech corpora's formats."""
LOSSY_SUFFIXES = frozenset({".ogg", ".opus", ".mp3"})
"""Of these a recording is read only where it is there in no other format."""


def probe(path: Path) -> float | Fault:
    """Duration in seconds from the file's header, or why the file cannot be used."""
    if not path.exists():
        return Fault(path, "no such file")
    try:
        info = soundfile.info(str(path))
    except (RuntimeError, OSError) as error:
        return Fault(path, f"not readable as audio ({_plain(error)})")
    if info.frames <= 0 or info.samplerate <= 0:
        return Fault(path, "holds no samples")
    return float(info.frames / info.samplerate)


def read_audio(path: Path) -> npt.NDArray[np.float32]:
    """Read a file as 16 kHz mono float32 in [-1, 1], shape (samples,); channels are averaged.

    Raises `CorpusError` for a file that is missing, damaged, or holds no or non-finite samples.
    """
    if not path.is_file():
        raise CorpusError(f"{path}: {'a folder, not a recording' if path.is_dir() else 'no such file'}")
    try:
        audio, rate_hz = soundfile.read(str(path), dtype="float32", always_2d=True)
    except (RuntimeError, OSError) as error:
        raise CorpusError(
            f"{path}: not readable as audio ({_plain(error)}); remove it or get a fresh copy"
        ) from error
    if audio.shape[0] == 0:
        raise CorpusError(f"{path}: holds no samples; remove it or get a fresh copy")
    if not np.isfinite(audio).all():
        raise CorpusError(f"{path}: holds samples that are not finite numbers; remove it or get a fresh copy")
    mono = audio[:, 0] if audio.shape[1] == 1 else audio.mean(axis=1, dtype=np.float32)
    return resample(np.ascontiguousarray(mono, dtype=np.float32), int(rate_hz))


def resample(audio: npt.NDArray[np.float32], rate_hz: int) -> npt.NDArray[np.float32]:
    """Resample (samples,) to 16 kHz with SciPy's polyphase filter (Kaiser window)."""
    if rate_hz == SAMPLE_RATE_HZ:
        return audio
    from scipy.signal import resample_poly

    common = gcd(rate_hz, SAMPLE_RATE_HZ)
    return np.asarray(resample_poly(audio, SAMPLE_RATE_HZ // common, rate_hz // common), dtype=np.float32)


def _plain(error: Exception) -> str:
    """libsndfile's message without the path that it repeats."""
    return str(error).rsplit(": ", 1)[-1].rstrip(".").lower()
