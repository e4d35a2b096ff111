"""openai-whisper's own `transcribe` on a given Mel and for any context: the reference of the recognizer's tests."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
import whisper

from recognizers.whisper.padding import pad_with_floor

Mel = np.ndarray


@contextmanager
def _patched(frames: int, mel: Mel) -> Iterator[None]:
    """`transcribe` computes the Mel of audio with a context of silence after it: digital silence has the floor."""
    names = whisper.transcribe.__globals__
    before = {name: names[name] for name in ("N_FRAMES", "N_SAMPLES", "log_mel_spectrogram")}
    padded = torch.from_numpy(pad_with_floor(mel, mel.shape[1] + frames))
    names.update(N_FRAMES=frames, N_SAMPLES=160 * frames, log_mel_spectrogram=lambda *_args, **_options: padded)

    try:
        yield
    finally:
        names.update(before)


def stock_transcribe(model: Any, mel: Mel, **options: Any) -> dict[str, Any]:
    """What `whisper.transcribe` returns for a Mel of real frames, with the global generator seeded by 0."""
    with _patched(2 * model.dims.n_audio_ctx, mel), torch.random.fork_rng():
        torch.manual_seed(0)
        return dict(whisper.transcribe(model, np.zeros(160, np.float32), fp16=False, **options))
