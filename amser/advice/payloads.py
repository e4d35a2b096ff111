"""How many bytes a clip of any length gives under a codec, from the payloads of a measured table."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
SHARE = (0.05, 0.95)


class Payloads(NamedTuple):
    """Bytes = constant + per second of speech; nine of ten utterances lie between ``low`` and ``high`` times that."""

    constant_bytes: float
    bytes_per_s: float
    low: float
    high: float

    @classmethod
    def fitted(cls, durations_s: Floats, payload_bytes: Floats) -> Payloads:
        """The line with the least sum of squared *relative* errors, so that short clips count as much as long ones."""
        weights = 1.0 / payload_bytes
        terms = np.stack([np.ones_like(durations_s), durations_s], axis=1) * weights[:, None]
        (constant, slope), *_ = np.linalg.lstsq(terms, np.ones_like(weights), rcond=None)
        ratios = payload_bytes / (constant + slope * durations_s)
        low, high = np.quantile(ratios, SHARE)
        return cls(float(constant), float(slope), float(low), float(high))

    def of(self, audio_s: float) -> tuple[float, float, float]:
        """Bytes of a clip: as fitted, and the ends between which nine of ten lie."""
        middle = max(self.constant_bytes + self.bytes_per_s * audio_s, 1.0)
        return middle, middle * self.low, middle * self.high
