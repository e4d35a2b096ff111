"""Audio files of any rate and channel count, read as 16 kHz mono float32."""

from __future__ import annotations

import io
from math import gcd
from pathlib import Path

import numpy as np
import numpy.typing as npt
import soundfile

from channel.mel import HOP_SAMPLES, LONGEST_S, AudioError, checked_audio
from recognizers.corpora.faults import CorpusError, Fault

SAMPLE_RATE_HZ = 16000
"""Whisper's rate, and this project's."""
AUDIO_SUFFIXES = frozenset({".wav", ".flac", ".ogg", ".opus", ".mp3", ".sph", ".aiff", ".aif"})
"""What libsndfile reads of speech corpora's formats."""
LOSSY_SUFFIXES = frozenset({".ogg", ".opus", ".mp3"})
"""Of these a recording is read only where it is there in no other format."""


SLOWEST_HZ, FASTEST_HZ = 1_000, 768_000
MOST_CHANNELS = 64
MOST_BYTES = 1 << 30
"""Of a recording that comes through a pipe."""
SILENT = 0.01
"""Share of the channels' power below which their mean is taken for cancelled, not for quiet."""


def probe(path: Path) -> float | Fault:
    """Duration in seconds from the file's header, or why the file cannot be used.

    The limits are those of coding (`channel.mel`), so what is read of a corpus can be coded.
    """
    if not path.exists():
        return Fault(path, "no such file")
    if not path.is_file():
        return Fault(path, "a folder, not a recording" if path.is_dir() else "no file: a pipe or a device")
    try:
        info = soundfile.info(str(path))
        cut = _cut_short(path)
    except (RuntimeError, OSError) as error:
        return Fault(path, f"not readable as audio ({_plain(error)})")
    reason = _unusable(info.frames, info.samplerate, info.channels) or cut
    return Fault(path, reason) if reason else float(info.frames / info.samplerate)


def _unusable(frames: int, rate_hz: int, channels: int) -> str:
    """Why a recording of this size is not read; empty where it is."""
    if frames <= 0 or rate_hz <= 0:
        return "holds no samples"
    if not SLOWEST_HZ <= rate_hz <= FASTEST_HZ:
        return f"has a rate of {rate_hz} Hz; {SLOWEST_HZ} to {FASTEST_HZ} Hz are read"
    if channels > MOST_CHANNELS:
        return f"has {channels} channels; at most {MOST_CHANNELS} are read"
    if frames * SAMPLE_RATE_HZ < HOP_SAMPLES * rate_hz:
        frame_ms = 1e3 * HOP_SAMPLES / SAMPLE_RATE_HZ
        return f"lasts {1e3 * frames / rate_hz:.1f} ms, shorter than a frame of {frame_ms:g} ms"
    if frames > LONGEST_S * rate_hz:
        return f"lasts {frames / rate_hz:.0f} s; at most {LONGEST_S:g} s are coded at once, cut it"
    return ""


def _cut_short(path: Path) -> str:
    """What a WAV file says of itself if it is shorter than that; libsndfile reads what is left without a word."""
    with path.open("rb") as file:
        head = file.read(8)
    size, said = path.stat().st_size, int.from_bytes(head[4:], "little") + 8
    streamed = said - 8 in (0, 0xFFFFFFFF) or said > 0x7FFF0000  # written to a pipe, which cannot be gone back in
    if head[:4] != b"RIFF" or streamed or size + 1 >= said:
        return ""
    return f"ends after {size} of {said} byte: it was cut short"


def read_audio(path: Path) -> npt.NDArray[np.float32]:
    """Read a file, or what comes through a pipe, as 16 kHz mono float32 in [-1, 1], shape (samples,).

    Channels are averaged; where that cancels them (one is the other turned over) the first is taken.
    Raises `CorpusError` for a file that is missing, damaged, cut short, or outside the limits of `probe`.
    """
    piped = path.is_fifo() or path.is_char_device()
    if not piped and isinstance(fault := probe(path), Fault):
        raise CorpusError(f"{fault}; remove it or get a fresh copy")
    try:
        with soundfile.SoundFile(_piped(path) if piped else str(path)) as file:
            if reason := _unusable(file.frames, file.samplerate, file.channels):
                raise CorpusError(f"{path}: {reason}")
            declared, rate_hz = file.frames, file.samplerate
            audio = file.read(dtype="float32", always_2d=True)
    except (RuntimeError, OSError) as error:
        raise CorpusError(f"{path}: not readable as audio ({_plain(error)}); remove it or get a fresh copy") from error
    # Encoders of MP3 state a length that is a few frames off.
    if audio.shape[0] < 0.95 * declared - 0.1 * rate_hz:
        found = f"{audio.shape[0] / rate_hz:.2f} of {declared / rate_hz:.2f} s"
        raise CorpusError(f"{path}: holds {found} that its header declares; it was cut short, get a fresh copy")
    samples = resample(_mono(audio), int(rate_hz))
    try:
        return checked_audio(samples)
    except AudioError as error:
        raise CorpusError(f"{path}: {error}; remove it or get a fresh copy") from error


def _piped(path: Path) -> io.BytesIO:
    with path.open("rb") as file:
        data = file.read(MOST_BYTES + 1)
    if len(data) > MOST_BYTES:
        raise CorpusError(f"{path}: more than {MOST_BYTES >> 20} MiB came through the pipe")
    return io.BytesIO(data)


def _mono(audio: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """One channel of (samples, channels)."""
    if audio.shape[1] == 1:
        return np.ascontiguousarray(audio[:, 0])
    mono = np.asarray(audio.mean(axis=1, dtype=np.float32))
    if float(np.square(mono).mean()) < SILENT * float(np.square(audio).mean()):
        return np.ascontiguousarray(audio[:, 0])
    return mono


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
