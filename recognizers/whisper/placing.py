"""Weights and batches on their device: half precision on accelerators, padding where the model is."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from recognizers.whisper.padding import pad_with_floor

if TYPE_CHECKING:
    import torch
    from whisper.model import Whisper

Mel = npt.NDArray[np.float32]


def on_device(model: Whisper, device: str) -> Whisper:
    """The model on `device`, in fp32 on a CPU and in fp16 elsewhere."""
    placed: Whisper = model.to(device)
    return placed if device == "cpu" else halve(placed)


def halve(model: Whisper) -> Whisper:
    """Keep the weights in fp16, in place, but for the layer norms, which openai-whisper computes in fp32.

    openai-whisper itself keeps fp32 weights and converts each at every use; the products are the same.
    """
    from torch import nn

    halved: Whisper = model.half()
    for module in halved.modules():
        if isinstance(module, nn.LayerNorm):
            module.float()
    return halved


def padded_batch(
    mels: Sequence[Mel], floors: Sequence[float], frames: int, device: torch.device, *, half: bool
) -> torch.Tensor:
    """Mels side by side, each filled with its floor: (batch, bands, frames), fp16 if `half`.

    Only as many frames as the longest has travel to the device; the padding is made there.
    """
    import torch

    longest = min(frames, max(mel.shape[1] for mel in mels))
    real = np.stack([pad_with_floor(mel, longest, floor) for mel, floor in zip(mels, floors, strict=True)])
    dtype = torch.float16 if half else torch.float32
    sent = torch.from_numpy(real).to(device, dtype)
    padding = torch.tensor(floors, device=device, dtype=dtype)[:, None, None]
    return torch.cat([sent, padding.expand(-1, real.shape[1], frames - longest)], dim=2)
