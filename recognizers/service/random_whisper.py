"""Whisper architectures with random weights, for timing: speed does not depend on trained values."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from recognizers.service.calibration import CalibrationError

if TYPE_CHECKING:
    from whisper.model import ModelDimensions

Mel = npt.NDArray[np.float32]

FRAMES_PER_SECOND = 100

TOKENS_PER_SECOND = 3.5
"""Tokens that Whisper emits for a second of read English: 2.7 words with 1.3 tokens each (LibriSpeech)."""

OFFICIAL: dict[str, tuple[int, int, int, int, int]] = {  # width, heads, encoder and decoder layers, bands
    "tiny": (384, 6, 4, 4, 80),
    "base": (512, 8, 6, 6, 80),
    "small": (768, 12, 12, 12, 80),
    "medium": (1024, 16, 24, 24, 80),
    "large-v3": (1280, 20, 32, 32, 128),
    "turbo": (1280, 20, 32, 4, 128),
}
"""Sizes of the official multilingual models (openai/whisper, ModelDimensions of the checkpoints)."""


def official_dimensions(model: str) -> ModelDimensions:
    """Dimensions of an official model by name; ``.en`` variants have one vocabulary entry less."""
    from whisper.model import ModelDimensions

    name = model.removesuffix(".en")
    if name not in OFFICIAL:
        raise CalibrationError(f"no official model is named '{model}'; there are {', '.join(OFFICIAL)}")
    width, heads, encoder_layers, decoder_layers, bands = OFFICIAL[name]
    words = 51_864 if model.endswith(".en") else 51_866 if bands == 128 else 51_865
    return ModelDimensions(bands, 1500, width, heads, encoder_layers, words, 448, width, heads, decoder_layers)


class RandomWhisper:
    """A Whisper of given dimensions with random weights, which decodes a fixed number of tokens.

    ``transcribe`` takes Mels of shape (bands, frames), fills them up to the model's context with their
    floor and decodes greedily as ``WhisperRecognizer`` does, end-of-text suppressed.
    """

    def __init__(self, dims: ModelDimensions, device: str = "cpu", seed: int = 0, *, half: bool | None = None) -> None:
        import torch
        from whisper.model import Whisper

        from recognizers.whisper.placing import halve

        self.half = device != "cpu" if half is None else half
        with torch.random.fork_rng(devices=[] if device == "cpu" else [device]), torch.device(device):
            torch.manual_seed(seed)  # the weights are drawn where they are needed: 1.5 billion take seconds
            self.model = Whisper(dims).eval()
            torch.nn.init.normal_(self.model.decoder.positional_embedding, std=0.01)  # left uninitialised there
        if self.half:
            halve(self.model)
        self.frames = 2 * dims.n_audio_ctx

    def transcribe(self, mels: Sequence[Mel]) -> object:
        """Decode as many tokens as the longest Mel has seconds, times ``TOKENS_PER_SECOND``."""
        import torch
        import whisper

        from recognizers.whisper.greedy import GreedyTask
        from recognizers.whisper.placing import padded_batch

        longest_s = max(mel.shape[1] for mel in mels) / FRAMES_PER_SECOND
        device = self.model.device
        options = whisper.DecodingOptions(
            language="en",
            without_timestamps=True,
            fp16=self.half,
            sample_len=max(1, round(longest_s * TOKENS_PER_SECOND)),
            suppress_tokens=[-1, 50_257 if self.model.is_multilingual else 50_256],
        )
        with torch.inference_mode():
            batch = padded_batch(mels, [float(mel.min()) for mel in mels], self.frames, device, half=self.half)
            said = GreedyTask(self.model, options, None).run(batch)
        if device.type == "cuda":
            torch.cuda.synchronize(device)
        return said
