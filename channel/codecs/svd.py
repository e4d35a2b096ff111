"""``mel-svd``: the truncated singular value decomposition of the utterance's log-Mel, as on AMSER's poster.

M = U S V^T with M of shape (bands, frames).  The device sends U (bands x rank) and S V^T (rank x frames).
U holds the eigenvectors of the bands x bands Gram matrix M M^T, and S V^T = U^T M, so no decomposition of
the long matrix is needed.  The truncation error is the sum of the squared singular values left out
(Eckart and Young, Psychometrika 1936), and as U is orthonormal, full rank is exact to float precision.

The payload (version 1) is described in ``docs/bitstream.md``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import numpy as np
import numpy.typing as npt
import scipy.linalg

from channel.codecs.base import CodecError, MelCodec, Payload
from channel.codecs.wire import Reader, varint
from channel.mel import FRAMES_PER_SECOND, LONGEST_FRAMES, Mel

Number = Literal["fp32", "fp16", "int8"]
Factor = npt.NDArray[np.float32]

MAGIC_SVD = 0x51  # high nibble 5 names the codec, low nibble is the version
_NUMBERS: tuple[Number, ...] = ("fp32", "fp16", "int8")
_BYTES: Mapping[Number, int] = {"fp32": 4, "fp16": 2, "int8": 1}
_SCALE_BYTES = 4  # a float32 for each of the rows and columns that are sent as int8


def mel_factors(mel: Mel, rank: int) -> tuple[Factor, Factor]:
    """Factors ``left`` (bands, rank), orthonormal, and ``right`` (rank, frames) whose product approximates.

    ``rank`` is at most ``min(mel.shape)``.  Single precision is enough: rounding turns the eigenvectors within
    the span of nearly equal eigenvalues, where it hardly matters which are kept (the truncation error stays
    within 1e-4 of Eckart and Young's, tests), and any orthonormal ``left`` of full rank is exact.
    """
    bands = mel.shape[0]
    gram = mel @ mel.T
    # LAPACK's MRRR driver, called without SciPy's checks: they cost as much as a tenth of the decomposition.
    _, vectors, _, _, fault = scipy.linalg.lapack.ssyevr(
        gram, range="I", il=bands - rank + 1, iu=bands, lower=1, overwrite_a=1
    )
    if fault:  # never seen; the general driver is slower and converges always
        vectors = np.linalg.eigh(_gram(mel))[1][:, -rank:]
    left = np.ascontiguousarray(vectors[:, ::-1], dtype=np.float32)
    return left, left.T @ mel


def _gram(mel: Mel) -> npt.NDArray[np.float64]:
    wide = mel.astype(np.float64)
    return np.asarray(wide @ wide.T)


def singular_values(mel: Mel) -> npt.NDArray[np.float64]:
    """Singular values of ``mel`` in falling order, shape (min(mel.shape),)."""
    squares = scipy.linalg.eigh(_gram(mel), eigvals_only=True, check_finite=False)[::-1]
    return np.sqrt(np.maximum(squares[: min(mel.shape)], 0.0))


class MelSvd(MelCodec):
    """Sends the factors of the Mel, cut to a rank, a compress rate (rank / bands) or a retained energy."""

    kind = "mel-svd"

    def __init__(
        self,
        name: str,
        bands: int = 80,
        *,
        rank: int | None = None,
        compress: float | None = None,
        energy: float | None = None,
        factors: Number = "fp32",
    ) -> None:
        super().__init__(name, bands)
        if [rank, compress, energy].count(None) != 2:
            raise ValueError("give exactly one of rank, compress and energy")
        if compress is not None:
            rank = max(1, round(compress * bands))
        if rank is not None and not 1 <= rank <= bands:
            raise ValueError(f"rank={rank} must be within 1..{bands}, the number of bands")
        if energy is not None and not 0.0 < energy <= 1.0:
            raise ValueError(f"energy={energy} must be above 0 and at most 1")
        self.rank, self.energy, self.factors = rank, energy, factors

    def rank_of(self, mel: Mel) -> int:
        """The rank that is kept of ``mel``: never more than it has rows or columns."""
        if self.rank is not None:
            return int(min(self.rank, *mel.shape))
        assert self.energy is not None
        squares = np.cumsum(singular_values(mel) ** 2)
        enough = int(np.searchsorted(squares, self.energy * squares[-1] * (1.0 - 1e-12)))
        return min(enough + 1, len(squares))

    def payload_bytes(self, frames: int, rank: int) -> int:
        """Size of a payload: header, and ``rank * (bands + frames)`` numbers (int8: with scales)."""
        header = 2 + len(varint(frames)) + len(varint(rank))
        scales = 2 * rank * _SCALE_BYTES if self.factors == "int8" else 0
        return header + scales + rank * (self.bands + frames) * _BYTES[self.factors]

    def encode_mel(self, mel: Mel) -> Payload:
        """Header and factors; the header counts as container."""
        mel = self.checked_mel(mel)
        rank = self.rank_of(mel)
        left, right = mel_factors(mel, rank)
        if self.factors == "fp16":
            # Share the singular values so that both factors use the range of half precision alike.
            scale = np.sqrt(np.maximum(np.linalg.norm(right, axis=1), 1e-3)).astype(np.float32)
            left, right = left * scale, right / scale[:, None]
        header = bytes([MAGIC_SVD, _NUMBERS.index(self.factors)]) + varint(mel.shape[1]) + varint(rank)
        return Payload(header + self._pack(left.T) + self._pack(right), len(header))

    def declared_s(self, data: bytes) -> float:
        """From the number of frames; the head must agree with the payload's size."""
        return self._read_header(Reader(data))[0] / FRAMES_PER_SECOND

    def decode(self, data: bytes) -> Mel:
        """The product of the factors."""
        reader = Reader(data)
        frames, rank = self._read_header(reader)
        left = self._unpack(reader, rank, self.bands, "left factor")
        right = self._unpack(reader, rank, frames, "right factor")
        reader.end()
        with np.errstate(over="ignore", invalid="ignore"):
            mel = left.T @ right
        if not np.all(np.isfinite(mel)):
            raise CodecError("the factors of the payload do not give a finite Mel")
        return mel

    def _read_header(self, reader: Reader) -> tuple[int, int]:
        magic, number = reader.byte("header"), reader.byte("header")
        if magic != MAGIC_SVD:
            expected = f"{MAGIC_SVD:#04x}"
            raise CodecError(f"not a mel-svd payload of version 1: starts with {magic:#04x}, not {expected}")
        if number >= len(_NUMBERS) or _NUMBERS[number] != self.factors:
            found = _NUMBERS[number] if number < len(_NUMBERS) else f"unknown ({number})"
            raise CodecError(f"factors of the payload are {found}, this codec reads {self.factors}")
        frames = reader.varint("number of frames", 1, LONGEST_FRAMES)
        rank = reader.varint("rank", 1, min(self.bands, frames))
        expected_bytes = self.payload_bytes(frames, rank)
        if len(reader.data) != expected_bytes:
            found_bytes = len(reader.data)
            raise CodecError(f"{frames} frames of rank {rank} take {expected_bytes} bytes, found {found_bytes}")
        return frames, rank

    def _pack(self, rows: Factor) -> bytes:
        if self.factors == "fp32":
            return rows.astype("<f4").tobytes()
        if self.factors == "fp16":
            return rows.astype("<f2").tobytes()
        scales = np.maximum(np.abs(rows).max(axis=1), np.float32(1e-30)) / np.float32(127.0)
        codes = np.rint(rows / scales[:, None]).astype(np.int8)
        return bytes(scales.astype("<f4").tobytes() + codes.tobytes())

    def _unpack(self, reader: Reader, rank: int, columns: int, what: str) -> Factor:
        scales = np.ones(rank, dtype=np.float32)
        if self.factors == "int8":
            scales = np.frombuffer(reader.take(rank * _SCALE_BYTES, what), dtype="<f4").astype(np.float32)
        kind = {"fp32": "<f4", "fp16": "<f2", "int8": "i1"}[self.factors]
        raw = np.frombuffer(reader.take(rank * columns * _BYTES[self.factors], what), dtype=kind)
        with np.errstate(over="ignore", invalid="ignore"):
            return raw.astype(np.float32).reshape(rank, columns) * scales[:, None]

    @property
    def family(self) -> str:
        """By the type of the numbers."""
        return f"{self.kind} {self.factors}"

    def cost_key(self) -> tuple[str, float | None]:
        """By rank, or as a search for the rank that retains an energy."""
        if self.energy is not None:
            return f"{self.kind}:energy", self.energy
        return self.kind, None if self.rank is None else float(self.rank)

    def parameters(self) -> Mapping[str, object]:
        """Rank or energy, and the type of the numbers."""
        return {"rank": self.rank, "energy": self.energy, "factors": self.factors}
