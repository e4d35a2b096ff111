"""How an emotion sounds: random prosody per clip, and the signal processing that no engine does itself.

The directions follow the textbook summary of vocal emotion (Scherer, "Vocal communication of emotion", Speech
Communication 40, 2003, table 2): anger and joy raise pitch, pitch range, loudness and rate, sadness lowers
them, anger adds energy in the high frequencies. The amounts are this project's choice. Their spread makes the
classes overlap on purpose: a recognizer of the voice alone must not be perfect."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

import numpy as np
import numpy.typing as npt
from scipy.signal import resample_poly

SAMPLE_RATE_HZ = 16_000
BASE_LEVEL_DBFS = -29.0
"""RMS level of a neutral clip."""

# emotion: (mean, standard deviation) of pitch shift in semitones, rate as a factor, log2 of the pitch range
# factor,
# gain in dB, spectral tilt in dB per octave
_SHAPES: dict[str, tuple[tuple[float, float], ...]] = {
    "angry": ((1.5, 1.7), (1.13, 0.07), (0.45, 0.40), (5.0, 2.6), (1.5, 0.8)),
    "happy": ((3.2, 1.7), (1.07, 0.07), (0.65, 0.40), (1.8, 2.6), (0.4, 0.8)),
    "neutral": ((0.0, 1.5), (1.00, 0.07), (-0.1, 0.35), (0.0, 2.6), (0.0, 0.8)),
    "sad": ((-1.8, 1.5), (0.86, 0.07), (-0.8, 0.45), (-4.0, 2.6), (-1.3, 0.8)),
}


@dataclass(frozen=True)
class Prosody:
    """What is asked of an engine and of the processing behind it.

    pitch_semitones: shift from the voice's own pitch. rate: speed, 1 is the voice's own. pitch_range: factor
    on the spread of the pitch. gain_db: level against a neutral clip. tilt_db_octave: slope of the spectrum
    around 1 kHz. size: factor of the vocal-tract size (formants and pitch move together), a variation of the
    speaker, not of the emotion. lead_s, trail_s: silence before and after, in seconds."""

    pitch_semitones: float
    rate: float
    pitch_range: float
    gain_db: float
    tilt_db_octave: float
    size: float
    lead_s: float
    trail_s: float


def draw_prosody(emotion: str, rng: np.random.Generator) -> Prosody:
    """Draw the prosody of one clip of an emotion."""
    pitch, rate, spread, gain, tilt = (float(rng.normal(mean, deviation)) for mean, deviation in _SHAPES[emotion])
    return Prosody(
        pitch_semitones=float(np.clip(pitch, -5.5, 7.0)),
        rate=float(np.clip(rate, 0.72, 1.30)),
        pitch_range=float(2.0 ** np.clip(spread, -2.0, 1.5)),
        gain_db=float(np.clip(gain, -11.0, 11.0)),
        tilt_db_octave=float(np.clip(tilt, -3.5, 3.5)),
        size=float(rng.uniform(0.94, 1.07)),
        lead_s=float(rng.uniform(0.03, 0.20)),
        trail_s=float(rng.uniform(0.05, 0.25)),
    )


def _trim(audio: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Cut the silence at both ends (below a hundredth of the peak)."""
    loud = np.flatnonzero(np.abs(audio) > 0.01 * np.abs(audio).max(initial=1e-9))
    return audio[loud[0] : loud[-1] + 1] if loud.size else audio


def _tilt(audio: npt.NDArray[np.float64], db_octave: float) -> npt.NDArray[np.float64]:
    """Give the spectrum a slope in dB per octave around 1 kHz, flat below 100 Hz."""
    spectrum = np.fft.rfft(audio)
    octaves = np.log2(np.clip(np.fft.rfftfreq(audio.size, 1 / SAMPLE_RATE_HZ), 100.0, 8000.0) / 1000.0)
    return np.fft.irfft(spectrum * 10.0 ** (db_octave * octaves / 20.0), n=audio.size)


def finish(audio: npt.NDArray[np.float64], rate_hz: int, prosody: Prosody) -> npt.NDArray[np.float32]:
    """An engine's output to a clip: 16 kHz mono, trimmed, sized, tilted, levelled, padded.

    The engine was asked for speech slower by `prosody.size`; resampling by it restores the duration and
    scales pitch and formants together. Returns float32 in (-1, 1)."""
    ratio = Fraction(SAMPLE_RATE_HZ / (rate_hz * prosody.size)).limit_denominator(400)
    audio = resample_poly(_trim(audio), ratio.numerator, ratio.denominator, padtype="line")
    audio = _tilt(audio, prosody.tilt_db_octave)
    level = 10.0 ** ((BASE_LEVEL_DBFS + prosody.gain_db) / 20.0)
    audio = audio * (level / max(float(np.sqrt(np.mean(audio**2))), 1e-6))
    audio = audio / max(1.0, float(np.abs(audio).max()) / 0.97)
    lead, trail = int(prosody.lead_s * SAMPLE_RATE_HZ), int(prosody.trail_s * SAMPLE_RATE_HZ)
    return np.pad(audio, (lead, trail)).astype(np.float32)
