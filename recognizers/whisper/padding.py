"""What Whisper hears after the speech has ended: the floor of the log-Mel, never zero."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from channel.mel import DYNAMIC_RANGE

Mel = npt.NDArray[np.float32]


def floor_of(mel: Mel) -> float:
    """The value that digital silence has in this utterance's log-Mel: its peak less the dynamic range.

    It is the minimum of the Mel wherever the recording itself touches the clamp, as clean speech does; noisy
    speech does not, and a codec may undershoot it, so the minimum would be the wrong padding there.
    """
    return float(mel.max()) - DYNAMIC_RANGE


def pad_with_floor(mel: Mel, frames: int, floor: float | None = None) -> Mel:
    """Fill (bands, n) up to (bands, frames), or cut it; `floor` where the Mel is a piece of a longer one."""
    value = floor_of(mel) if floor is None else floor
    padded = np.full((mel.shape[0], frames), value, dtype=np.float32)
    padded[:, : mel.shape[1]] = mel[:, :frames]
    return padded
