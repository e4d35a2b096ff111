"""The codecs of a measured table: their payloads by length of the clip, their coding times, the words they lose."""

from __future__ import annotations

from functools import cache
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from amser.codec_names import codecs_named
from amser.exits import MissingError
from recognizers.measurement.shipped_tables import MeasuredTable
from recognizers.scores import Score, differences, word_counts, word_scores
from recognizers.service import encode_cost
from scenarios.schema.codec import STANDARD_CODECS


class MeasuredCodecs:
    """A table asked codec by codec.  Raises ``MissingError`` where it has no uncompressed audio to compare with."""

    def __init__(self, table: MeasuredTable) -> None:
        self.table = table
        self.rows = {str(codec): rows for codec, rows in table.rows().groupby("codec", sort=False)}
        if "raw" not in self.rows:
            raise MissingError(f"{table.path.name}: holds no uncompressed audio to lose words against")
        # A table may hold settings that have no name in scenarios; nobody could send with them.
        self.names = [codec for codec in self.rows if codec in STANDARD_CODECS]
        self._built = codecs_named(self.names, bands=table.bands)
        durations_s = self.rows["raw"]["duration_s"]
        self.durations_s = float(durations_s.min()), float(durations_s.max())

    def utterances(self, codec: str) -> int:
        """How many were measured."""
        return len(self.rows[codec])

    def encode_host_s(self, codec: str, audio_s: float) -> float:
        """CPU seconds on the calibration host to encode a clip."""
        return encode_cost(self._built[codec]).host_s(audio_s)

    def payload_bytes(self, codec: str, audio_s: float) -> tuple[float, float, float]:
        """Bytes of a clip, and the ends between which nine of ten utterances lie."""
        rows = self.rows[codec]
        return Payloads.fitted(rows["duration_s"].to_numpy(float), rows["payload_bytes"].to_numpy(float)).of(audio_s)

    @cache  # noqa: B019  # lives as long as one advice
    def wer_loss(self, codec: str) -> Score:
        """Word error rate minus that of uncompressed audio, paired by utterance."""
        return differences(word_counts(self.rows[codec]), word_counts(self.rows["raw"]), word_scores)["wer"]

    def lossless(self, codec: str) -> bool:
        """Whether the server rebuilds the very Mel of uncompressed audio, of every utterance."""
        first, second = (self.rows[name].set_index("utterance")["mel"].sort_index() for name in (codec, "raw"))
        return bool(first.equals(second))


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
