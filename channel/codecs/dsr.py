"""``dsr``: distributed speech recognition after ETSI ES 201 108, which sent features instead of speech in 2000.

As there, a frame of 10 ms is 13 cepstra and the logarithm of its energy, quantised in pairs: (c1, c2) ... (c11, c12)
with 6 bits each and (c0, energy) with 8, together 44 bits; frames travel in pairs with a CRC of 4 bits, 24 to a
multiframe of 144 bytes, which makes 4.8 kbit/s.  Three things are ours, so this is not the standard: the cepstra are
the DCT of Whisper's own 80 (128) bands rather than of 23 others, so that the server's way back to the Mel loses only
what the cepstrum leaves out; the codebooks are trained here (``dsr_train``); and the multiframe's header has other
fields.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import ClassVar

import numpy as np
import numpy.typing as npt
import scipy.fft

from channel.codecs.base import CodecError, MelCodec, Payload
from channel.codecs.wire import Reader, varint
from channel.mel import DYNAMIC_RANGE, FRAMES_PER_SECOND, LONGEST_FRAMES, Mel

DATA_FILE = Path(__file__).parent / "data" / "dsr.safetensors"
CEPSTRA = 13
PAIRS = (*((first, first + 1) for first in range(1, CEPSTRA, 2)), (0, CEPSTRA))
"""Features quantised together: cepstra by number, and 13 for the energy."""
BITS = (6, 6, 6, 6, 6, 6, 8)
FRAME_BITS = sum(BITS)
MULTIFRAME = 24  # frames
SYNC = bytes([0x87, 0xB2])
_CRC_BITS = 4
_MULTIFRAME_BYTES = 6 + MULTIFRAME // 2 * (2 * FRAME_BITS + _CRC_BITS) // 8
_BANDS_CODES = {80: 0, 128: 1}

Floats = npt.NDArray[np.float64]
Bits = npt.NDArray[np.uint8]


def features_of(mel: Mel) -> Floats:
    """Cepstra 0 to 12 and energy of a normalised log-Mel (bands, frames), shape (14, frames).

    The DCT is orthonormal, so squared error in cepstra is squared error in the Mel.  The energy is that of a frame
    whose bands are all alike: on the scale of c0, and equal to it where they are.
    """
    wide = mel.astype(np.float64)
    bands = wide.shape[0]
    cepstra = scipy.fft.dct(wide, axis=0, norm="ortho")[:CEPSTRA]
    energy = np.log10(np.mean(10.0 ** (4.0 * wide - 4.0), axis=0)) / 4.0 + 1.0
    return np.vstack([cepstra, np.sqrt(bands) * energy])


@dataclass(frozen=True)
class Codebooks:
    """For each of ``PAIRS`` an array (64 or 256, 2) of features, and the digest of their file."""

    books: tuple[Floats, ...]
    digest: str

    def nearest(self, features: Floats) -> npt.NDArray[np.int64]:
        """Numbers (frames, 7) of the entries nearest to ``features`` (14, frames)."""
        found = []
        for pair, book in zip(PAIRS, self.books, strict=True):
            distance = np.sum(book**2, axis=1) - 2.0 * features[list(pair)].T @ book.T
            found.append(np.argmin(distance, axis=1))
        return np.stack(found, axis=1)

    def cepstra(self, numbers: npt.NDArray[np.int64]) -> Floats:
        """Cepstra (13, frames) of entries (frames, 7); nothing is made of the energy, which c0 says better."""
        features = np.empty((CEPSTRA + 1, len(numbers)))
        for place, (pair, book) in enumerate(zip(PAIRS, self.books, strict=True)):
            features[list(pair)] = book[numbers[:, place]].T
        return features[:CEPSTRA]


@lru_cache(maxsize=2)
def load_codebooks(bands: int) -> Codebooks:
    """The shipped codebooks for 80 or 128 bands; ``ValueError`` for other numbers of bands."""
    from safetensors.numpy import load

    if bands not in _BANDS_CODES:
        raise ValueError(f"dsr is trained for 80 and 128 bands (all Whisper models), not for {bands}")
    raw = DATA_FILE.read_bytes()
    arrays = load(raw)
    books = tuple(arrays[f"book.{bands}.{place}"].astype(np.float64) for place in range(len(PAIRS)))
    return Codebooks(books, hashlib.sha256(raw).hexdigest())


class Dsr(MelCodec):
    """Cepstra in pairs of a trained codebook; ``framing`` is ``multiframe`` (4.8 kbit/s) or ``bare`` (4.4)."""

    kind = "dsr"
    FRAMINGS: ClassVar[tuple[str, ...]] = ("multiframe", "bare")

    def __init__(self, name: str, bands: int = 80, *, framing: str = "multiframe") -> None:
        super().__init__(name, bands)
        self.framing = framing
        self.codebooks = load_codebooks(bands)

    def encode_mel(self, mel: Mel) -> Payload:
        """44 bits a frame; what sets frames apart, checks or announces them counts as container."""
        bits = frame_bits(self.codebooks.nearest(features_of(self.checked_mel(mel))))
        if self.framing == "bare":
            head = bytes([_BANDS_CODES[self.bands]]) + varint(len(bits))
            return Payload(head + np.packbits(bits).tobytes(), len(head))
        data = b"".join(
            self._multiframe(number, bits[start : start + MULTIFRAME])
            for number, start in enumerate(range(0, len(bits), MULTIFRAME))
        )
        return Payload(data, len(data) - -(-bits.size // 8))

    def _multiframe(self, number: int, bits: Bits) -> bytes:
        head = SYNC + bytes([_BANDS_CODES[self.bands], len(bits)]) + number.to_bytes(2, "little")
        even = np.pad(bits, ((0, len(bits) % 2), (0, 0))).reshape(-1, 2 * FRAME_BITS)
        return head + np.packbits(np.hstack([even, crc(even)])).tobytes()

    def decode(self, data: bytes) -> Mel:
        """The smooth Mel of the cepstra, lifted to the floor 80 dB below its loudest value as Whisper's is."""
        reader = Reader(data)
        bits = self._read_bare(reader) if self.framing == "bare" else self._read_multiframes(reader)
        padded = np.zeros((self.bands, len(bits)))
        padded[:CEPSTRA] = self.codebooks.cepstra(numbers_of(bits))
        mel = scipy.fft.idct(padded, axis=0, norm="ortho")
        return np.asarray(np.maximum(mel, mel.max() - DYNAMIC_RANGE), dtype=np.float32)

    def declared_s(self, data: bytes) -> float:
        """From the number of frames, or of multiframes, of which the last counts as a whole one."""
        if self.framing == "bare":
            reader = Reader(data)
            self._check_bands(reader)
            return reader.varint("number of frames", 1, LONGEST_FRAMES) / FRAMES_PER_SECOND
        return -(-len(data) // _MULTIFRAME_BYTES) * MULTIFRAME / FRAMES_PER_SECOND

    def _read_bare(self, reader: Reader) -> Bits:
        self._check_bands(reader)
        frames = reader.varint("number of frames", 1, LONGEST_FRAMES)
        bits = _unpacked(reader, frames * FRAME_BITS).reshape(frames, FRAME_BITS)
        reader.end()
        return bits

    def _read_multiframes(self, reader: Reader) -> Bits:
        parts: list[Bits] = []
        frames = MULTIFRAME
        while reader.left or not parts:
            if frames < MULTIFRAME or len(parts) * MULTIFRAME >= LONGEST_FRAMES:
                raise CodecError(f"multiframe {len(parts)} follows the payload's last one")
            frames, bits = self._read_multiframe(reader, len(parts))
            parts.append(bits[:frames])
        return np.concatenate(parts)

    def _read_multiframe(self, reader: Reader, number: int) -> tuple[int, Bits]:
        if reader.take(len(SYNC), "synchronisation") != SYNC:
            raise CodecError(f"multiframe {number} does not start with the synchronisation {SYNC.hex()}")
        self._check_bands(reader)
        frames = reader.byte("number of frames")
        if not 1 <= frames <= MULTIFRAME:
            raise CodecError(f"multiframe {number} claims {frames} frames, not 1 to {MULTIFRAME}")
        told = int.from_bytes(reader.take(2, "multiframe number"), "little")
        if told != number:
            raise CodecError(f"multiframe {number} is numbered {told}")
        pairs, width = (frames + 1) // 2, 2 * FRAME_BITS + _CRC_BITS
        rows = _unpacked(reader, pairs * width).reshape(pairs, width)
        bits = rows[:, : 2 * FRAME_BITS]
        if not np.array_equal(crc(bits), rows[:, 2 * FRAME_BITS :]):
            raise CodecError(f"a CRC of multiframe {number} does not fit its frames")
        return frames, bits.reshape(-1, FRAME_BITS)

    def _check_bands(self, reader: Reader) -> None:
        code = reader.byte("number of bands")
        if code != _BANDS_CODES[self.bands]:
            known = {value: key for key, value in _BANDS_CODES.items()}
            raise CodecError(f"payload has {known.get(code, 'an unknown number of')} bands, expected {self.bands}")

    def parameters(self) -> Mapping[str, object]:
        """Framing and codebooks."""
        return {"framing": self.framing, "codebooks": self.codebooks.digest}


def frame_bits(numbers: npt.NDArray[np.int64]) -> Bits:
    """Bits (frames, 44) of codebook entries (frames, 7), each number's most significant bit first."""
    columns = [numbers[:, [place]] >> np.arange(width)[::-1] & 1 for place, width in enumerate(BITS)]
    return np.hstack(columns).astype(np.uint8)


def numbers_of(bits: Bits) -> npt.NDArray[np.int64]:
    """The inverse of ``frame_bits``."""
    ends = np.cumsum(BITS)
    parts = zip(ends - BITS, ends, BITS, strict=True)
    return np.stack([bits[:, a:b].astype(np.int64) @ (1 << np.arange(width)[::-1]) for a, b, width in parts], axis=1)


def crc(rows: Bits) -> Bits:
    """Remainder (n, 4) of each row of ``rows`` (n, bits), followed by four zeros, by x^4 + x + 1.

    Division is linear, so each bit that is set adds the remainder of its power of x.
    """
    return np.asarray(rows @ _remainders(rows.shape[1]) & 1, dtype=np.uint8)


@lru_cache(maxsize=4)
def _remainders(count: int) -> Bits:
    """Remainders of x^(count + 3) ... x^4, shape (count, 4)."""
    powers = [0b0011]  # x^4 = x + 1
    for _ in range(count - 1):
        powers.append((powers[-1] << 1 ^ (0b10011 if powers[-1] & 0b1000 else 0)) & 0b1111)
    return np.array([[power >> place & 1 for place in (3, 2, 1, 0)] for power in reversed(powers)], dtype=np.uint8)


def _unpacked(reader: Reader, count: int) -> Bits:
    coded = np.frombuffer(reader.take(-(-count // 8), "frames"), dtype=np.uint8)
    return np.unpackbits(coded)[:count]
