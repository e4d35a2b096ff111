"""What training does to a Mel."""

import numpy as np
import pytest

from channel.mel import log_mel
from recognizers.training.emotion.augment import interpolate
from recognizers.training.nano.augment import _CHAIN, _resized, augment


def _mel(frames: int = 120, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    smooth = np.cumsum(rng.normal(0, 0.1, (80, frames)), axis=1)
    return np.maximum(smooth, smooth.max() - 2.0).astype(np.float32)


@pytest.mark.parametrize("change", [change for _, change in _CHAIN], ids=lambda c: c.__name__)
@pytest.mark.parametrize("frames", [12, 120, 500])
def test_every_change_keeps_the_bands_and_stays_finite(change, frames):
    rng = np.random.default_rng(0)
    for _ in range(20):
        varied = change(_mel(frames), rng)
        assert varied.shape[0] == 80 and np.isfinite(varied).all()
        assert 0.8 * frames < varied.shape[1] < 1.2 * frames


def test_augmentation_is_seeded():
    one, two, other = (augment(_mel(), np.random.default_rng(seed)) for seed in (1, 1, 2))
    assert np.array_equal(one, two)
    assert one.shape != other.shape or not np.array_equal(one, other)


def test_silence_survives():
    flat = np.full((80, 60), -1.5, dtype=np.float32)
    for seed in range(50):
        assert np.isfinite(augment(flat, np.random.default_rng(seed))).all()


@pytest.mark.parametrize("factor", [0.8, 1.0, 1.25])
def test_another_size_moves_a_tone_as_the_frequency_would(factor):
    # A tone of 1 kHz raised by the factor must peak in the band where Whisper's Mel has a tone of factor * 1 kHz.
    seconds = np.arange(8_000) / 16_000
    mels = [log_mel((0.1 * np.sin(2 * np.pi * f * seconds)).astype(np.float32)) for f in (1000, 1000 * factor)]
    resized = interpolate(mels[0], _resized(80, factor))
    assert abs(int(resized[:, 25].argmax()) - int(mels[1][:, 25].argmax())) <= 1
