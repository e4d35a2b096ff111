"""PocketSphinx from a Mel: its front end rebuilt, and real speech recognized where a corpus is at hand."""

from __future__ import annotations

import math
import os
from pathlib import Path

import numpy as np
import pytest

from channel.mel import log_mel
from recognizers.sphinx import CEPSTRA, FILTERS, cepstra, pre_emphasis_gain, rebinning, sphinx_filters


def test_filters_are_unit_triangles() -> None:
    """25 filters on 31.25 Hz bins: each integrates to 1 over frequency, peaks rise in frequency."""
    filters = sphinx_filters()
    assert filters.shape == (FILTERS, 257)
    assert np.allclose(filters.sum(axis=1) * 31.25, 1.0, rtol=1e-9)
    assert (np.diff(filters.argmax(axis=1)) > 0).all()
    used_hz = np.flatnonzero(filters.any(axis=0)) * 31.25
    assert used_hz.min() >= 130 and used_hz.max() <= 6800


def test_pre_emphasis_at_its_ends() -> None:
    """|1 - 0.97 z^-1|^2 is 0.03^2 at 0 Hz and 1.97^2 at half the sampling rate."""
    gain = pre_emphasis_gain()
    assert gain[0] == pytest.approx(0.03**2) and gain[-1] == pytest.approx(1.97**2)


@pytest.mark.parametrize("bands", [80, 128])
def test_white_noise_keeps_its_spectrum(bands: int) -> None:
    """White noise has a flat density, so each filter holds it times its mean pre-emphasis gain.

    The mean over 20 s (2,000 frames) of a band of a few independent bins varies by about 2 %.
    """
    audio = np.random.default_rng(0).normal(0, 0.1, 20 * 16_000).astype(np.float32)
    power = (10.0 ** (4.0 * log_mel(audio, bands=bands).astype(np.float64) - 4.0)).mean(axis=1)
    energies = rebinning(bands) @ power
    density = 0.1**2 * 32_768**2 * 163.0
    expected = density * (sphinx_filters() * pre_emphasis_gain()).sum(axis=1)
    assert np.allclose(energies, expected, rtol=0.06)


def test_louder_speech_shifts_only_the_first_cepstrum() -> None:
    """Twice the amplitude adds log 4 to every filter, so sqrt(25) log 4 to c0 and nothing to the others."""
    mel = np.random.default_rng(1).uniform(0.5, 1.0, (80, 30)).astype(np.float32)
    louder = mel + np.float32(math.log10(4.0) / 4.0)
    change = cepstra(louder) - cepstra(mel)
    assert change.shape == (30, CEPSTRA)
    assert np.allclose(change[:, 0], math.sqrt(FILTERS) * math.log(4.0), atol=1e-3)
    assert np.allclose(change[:, 1:], 0.0, atol=1e-3)


def test_missing_package_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    from recognizers.sphinx import SphinxRecognizer, SphinxUnavailable

    monkeypatch.setitem(sys.modules, "pocketsphinx", None)
    with pytest.raises(SphinxUnavailable, match=r"amser\[sphinx\]"):
        SphinxRecognizer()


@pytest.mark.slow
def test_real_speech_is_recognized() -> None:
    """One LibriSpeech sentence from its Mel, at most half of its words wrong (25 % is usual)."""
    pytest.importorskip("pocketsphinx")
    corpora = os.environ.get("AMSER_CORPORA")
    if not corpora or not (Path(corpora) / "librispeech-clean").is_dir():
        pytest.skip("set AMSER_CORPORA to a folder that holds librispeech-clean")
    from recognizers.corpora.opening import open_corpus
    from recognizers.scores import word_errors
    from recognizers.sphinx import SphinxRecognizer

    corpus = open_corpus("manifest", Path(corpora) / "librispeech-clean")
    utterance = min(corpus.utterances, key=lambda one: abs(one.duration_s - 5.0))
    recognizer = SphinxRecognizer()
    mel = log_mel(corpus.load_audio(utterance))
    first, second = recognizer.transcribe([mel, mel])
    assert first.text == second.text  # nothing of one utterance stays for the next
    assert word_errors(utterance.text, first.text).rate <= 0.5
    with pytest.raises(ValueError, match="expected a Mel"):
        recognizer.transcribe([mel[:40]])
