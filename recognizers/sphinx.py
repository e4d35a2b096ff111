"""PocketSphinx behind the channel: open English speech from the uploaded Mel, without a download.

PocketSphinx's package carries a trained English acoustic model, dictionary and trigram language model.  It
expects cepstra of 25 filters between 130 and 6800 Hz, which can be had from Whisper's log-Mel: back to power,
spread over frequency, weighted by the pre-emphasis' gain, summed by the 25 filters, logarithm, DCT, lifter.
So any codec that delivers a Mel can be heard by a second, independent recognizer.

The order and constants are those of PocketSphinx's own front end (fe_sigproc.c and the model's feat.params).
What differs: Whisper's window (25 ms Hann, not 25.6 ms Hamming), its 8-decade floor, and that PocketSphinx's
noise suppression (fe_noise.c) is left out: rebuilt on these energies it gave 24 errors in 90 words of six
LibriSpeech utterances, 21 without.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from channel.mel import Mel, mel_filters, mel_frequencies
from scenarios.errors import AmserError, Exit

Floats = npt.NDArray[np.float64]

SAMPLE_RATE_HZ = 16_000
FILTERS = 25
LOWEST_HZ, HIGHEST_HZ = 130.0, 6800.0
CEPSTRA = 13
LIFTER = 22
PRE_EMPHASIS = 0.97
FFT_SIZE = 512
LOG_FLOOR = 1e-4  # added to every filter's energy before the logarithm
FULL_SCALE = 32_768.0  # PocketSphinx takes 16-bit samples, Whisper -1..1
# Sum of the squared window, PocketSphinx's Hamming(410) over Whisper's Hann(400): noise is that much louder.
WINDOW_GAIN = 163.0 / 150.0
VERSION = "sphinx-3"


class SphinxUnavailable(AmserError, RuntimeError):
    """PocketSphinx is not installed; says what to do."""

    exit_code = Exit.MISSING


@dataclass(frozen=True)
class SphinxTranscript:
    """What PocketSphinx understood; it has no probabilities like Whisper's, so both are NaN."""

    text: str
    avg_logprob: float = math.nan
    no_speech_prob: float = math.nan


def _sphinx_mel(hz: float) -> float:
    return 2595.0 * math.log10(1.0 + hz / 700.0)


def sphinx_filters() -> Floats:
    """PocketSphinx's triangles, shape (25, 257): equal steps in mel, edges on FFT bins, unit area."""
    lowest, highest = _sphinx_mel(LOWEST_HZ), _sphinx_mel(HIGHEST_HZ)
    edges_mel = np.linspace(lowest, highest, FILTERS + 2)
    step_hz = SAMPLE_RATE_HZ / FFT_SIZE
    edges_hz = np.round(700.0 * (10.0 ** (edges_mel / 2595.0) - 1.0) / step_hz) * step_hz
    bins_hz = np.arange(FFT_SIZE // 2 + 1) * step_hz
    low, centre, high = edges_hz[:-2, None], edges_hz[1:-1, None], edges_hz[2:, None]
    rising, falling = (bins_hz - low) / (centre - low), (high - bins_hz) / (high - centre)
    filters: Floats = np.maximum(np.minimum(rising, falling), 0.0) * 2.0 / (high - low)
    return filters


def pre_emphasis_gain() -> Floats:
    """Power gain of the filter 1 - 0.97 / z at the FFT's bins, shape (257,)."""
    turn = 2.0 * np.pi * np.arange(FFT_SIZE // 2 + 1) / FFT_SIZE
    gain: Floats = np.abs(1.0 - PRE_EMPHASIS * np.exp(-1j * turn)) ** 2
    return gain


@lru_cache(maxsize=4)
def rebinning(bands: int) -> Floats:
    """Matrix of shape (25, bands) from Whisper's Mel power to the energies of PocketSphinx's filters.

    A Mel band divided by its filter's sum is the power density around its centre; between centres the
    density is interpolated linearly.
    """
    edges_hz = mel_frequencies(bands)
    bins_hz = np.arange(FFT_SIZE // 2 + 1) * SAMPLE_RATE_HZ / FFT_SIZE
    density = np.stack([np.interp(bins_hz, edges_hz[1:-1], row) for row in np.eye(bands)], axis=1)
    density /= mel_filters(bands).sum(axis=1, dtype=np.float64)
    scale = FULL_SCALE**2 * WINDOW_GAIN
    matrix: Floats = scale * (sphinx_filters() * pre_emphasis_gain()) @ density
    return matrix


def cepstra(mel: Mel) -> npt.NDArray[np.float32]:
    """PocketSphinx's cepstra of a normalised log-Mel: shape (bands, frames) to (frames, 13).

    Mean normalisation is left to the decoder, which knows the model's way of doing it.
    """
    from scipy.fft import dct

    power = 10.0 ** (4.0 * np.asarray(mel, dtype=np.float64) - 4.0)
    energies = np.log(rebinning(mel.shape[0]) @ power + LOG_FLOOR)
    coefficients = dct(energies, type=2, norm="ortho", axis=0)[:CEPSTRA]
    lifter = 1.0 + LIFTER / 2.0 * np.sin(np.pi * np.arange(CEPSTRA) / LIFTER)
    return np.ascontiguousarray((coefficients * lifter[:, None]).T, dtype=np.float32)


class SphinxRecognizer:
    """PocketSphinx with its packaged US-English models, fed from Mels.  One instance serves one thread."""

    def __init__(self, bands: int = 80) -> None:
        try:
            from pocketsphinx import Decoder, get_model_path
        except ImportError as error:
            raise SphinxUnavailable(
                "PocketSphinx is not installed; install the extra with `pip install 'amser[sphinx]'`"
            ) from error
        self.name = "sphinx"
        self.bands = bands
        self._models = Path(get_model_path("en-us"))
        self._decoder: Any = Decoder(
            hmm=str(self._models / "en-us"),
            lm=str(self._models / "en-us.lm.bin"),
            dict=str(self._models / "cmudict-en-us.dict"),
            loglevel="FATAL",
        )

    @property
    def description(self) -> str:
        """What it is, for reports."""
        return "PocketSphinx, US English models of its package, cepstra from the uploaded Mel"

    def fingerprint(self) -> str:
        """Text that changes with this module's way of computing cepstra and with the models."""
        return f"{VERSION}:{_models_hash(self._models)}"

    def transcribe(self, mels: Sequence[Mel]) -> list[SphinxTranscript]:
        """One transcript for each Mel of shape (bands, frames); raises ``ValueError`` for another shape."""
        return [self._transcribe(mel) for mel in mels]

    def _transcribe(self, mel: Mel) -> SphinxTranscript:
        if mel.ndim != 2 or mel.shape[0] != self.bands or mel.shape[1] == 0:
            raise ValueError(f"expected a Mel of shape ({self.bands}, frames), found {mel.shape}")
        decoder = self._decoder
        decoder.start_utt()
        decoder.process_cep(cepstra(mel).tobytes(), False, True)
        decoder.end_utt()
        found = decoder.hyp()
        return SphinxTranscript("" if found is None else str(found.hypstr))


@lru_cache(maxsize=4)
def _models_hash(folder: Path) -> str:
    from recognizers.measurement.store import digest

    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return digest(*(part for path in files for part in (path.name, path.read_bytes())))
