"""The trained side of ``mel-klt``: bases, deviations and probability tables, and the transform.

A Mel of (bands, frames) loses its trained mean, is projected on an orthonormal basis across bands, and is
transformed by an orthonormal DCT-II along time in blocks of 24 to 47 frames.  Everything is orthonormal, so
squared error in coefficients is squared error in the Mel.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt
import scipy.fft

from channel.mel import Mel

Basis = Literal["trained", "dct"]
DATA_FILE = Path(__file__).parent / "data" / "klt.safetensors"
BLOCK_FRAMES = 32
"""Frames that a block has on average."""

Coefficients = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Model:
    """What encoder and decoder share.

    ``mean`` (bands,), ``basis`` (bands, components) with orthonormal columns, ``deviations``
    (components, 32) in sixtieths of an octave, ``table`` (14, 28, 12, 5) probabilities of "yes" in 1/32768,
    ``cost`` the same in bits with a last axis of answers, ``centroid`` (28, 4) in steps, ``digest`` of the
    file.
    """

    mean: npt.NDArray[np.float32]
    basis: npt.NDArray[np.float32]
    deviations: npt.NDArray[np.int16]
    table: npt.NDArray[np.uint16]
    cost: npt.NDArray[np.float32]
    centroid: npt.NDArray[np.float32]
    digest: str

    def forward(self, mel: Mel, bounds: npt.NDArray[np.int64]) -> Coefficients:
        """Coefficients (components, frames) of ``mel``, block after block."""
        components = self.basis.T @ (mel - self.mean[:, None])
        for start, end in pairwise(bounds):
            components[:, start:end] = scipy.fft.dct(components[:, start:end], axis=1, norm="ortho")
        return components

    def inverse(self, coefficients: Coefficients, bounds: npt.NDArray[np.int64]) -> Mel:
        """The Mel (bands, frames) of coefficients."""
        components = np.empty_like(coefficients)
        for start, end in pairwise(bounds):
            components[:, start:end] = scipy.fft.idct(coefficients[:, start:end], axis=1, norm="ortho")
        return self.basis @ components + self.mean[:, None]


def block_bounds(frames: int) -> npt.NDArray[np.int64]:
    """Where the blocks of ``frames`` frames begin and end: nearly equal ones of about 32, none padded."""
    blocks = max(1, (frames + BLOCK_FRAMES // 2) // BLOCK_FRAMES)
    return np.arange(blocks + 1, dtype=np.int64) * frames // blocks


def dct_basis(bands: int) -> npt.NDArray[np.float32]:
    """The orthonormal DCT-II across bands, one component a column: the basis that needs no training."""
    return np.asarray(scipy.fft.dct(np.eye(bands), axis=0, norm="ortho").T, dtype=np.float32)


def bits_of(table: npt.NDArray[np.uint16]) -> npt.NDArray[np.float32]:
    """Bits that the answers no (0) and yes (1) cost, shape (..., 2)."""
    yes = table.astype(np.float64) / 32768.0
    return -np.log2(np.stack([1.0 - yes, yes], axis=-1)).astype(np.float32)


@lru_cache(maxsize=8)
def load_model(bands: int, basis: Basis = "trained") -> Model:
    """The shipped model for 80 or 128 bands; ``ValueError`` for other numbers of bands."""
    from safetensors.numpy import load

    if bands not in (80, 128):
        raise ValueError(f"mel-klt is trained for 80 and 128 bands (all Whisper models), not for {bands}")
    raw = DATA_FILE.read_bytes()
    arrays = load(raw)
    key = f"{bands}" if basis == "trained" else f"{bands}.dct"
    return Model(
        mean=arrays[f"mean.{bands}"],
        basis=arrays[f"basis.{bands}"] if basis == "trained" else dct_basis(bands),
        deviations=arrays[f"deviations.{key}"],
        table=arrays["table"],
        cost=bits_of(arrays["table"]),
        centroid=arrays["centroid"],
        digest=hashlib.sha256(raw).hexdigest(),
    )
