"""``mel-klt``: the Mel in a fixed trained basis, quantised with one step and entropy coded.

No basis is sent.  One step for all coefficients of an orthonormal transform is reverse water-filling:
components weaker than the step quantise to zero by themselves, so the step replaces the rank.  The step is
given, or found for a bit rate or a Mel signal-to-noise ratio.  Bitstream: ``docs/bitstream.md``; what was
tried and what it gained or lost: ``docs/results/codec-notes.md``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache

import numpy as np
import numpy.typing as npt

from channel.codecs import klt_entropy as entropy
from channel.codecs.base import CodecError, MelCodec, Payload
from channel.codecs.klt_model import Basis, Model, block_bounds, load_model
from channel.codecs.wire import Reader, varint
from channel.mel import (
    DYNAMIC_RANGE,
    FRAMES_PER_SECOND,
    HOP_SAMPLES,
    LEAST_POWER,
    LONGEST_FRAMES,
    SAMPLE_RATE_HZ,
    WINDOW_SAMPLES,
    Mel,
    checked_audio,
    mel_snr_db,
    normalised,
    power_mel,
)
from scenarios.schema.codec import SHORTEST_BLOCK_S

MAGIC_KLT = 0x61  # high nibble 6 names the codec, low nibble is the version
STEPS_PER_OCTAVE = 20
FINEST = 255
_COARSEST = 0
# What speech usually takes (docs/codecs.md).  A search begins there; what it finds does not depend on it.
_USUAL_INDEX = np.array([40.0, 50.0, 60.0, 70.0, 80.0, 95.0, 113.0, 133.0, 173.0])
_USUAL_OCTAVES = np.log2([550.0, 940.0, 1450.0, 2530.0, 4190.0, 8950.0, 16_800.0, 25_200.0, 41_500.0])  # of bit/s
_USUAL_DB = np.array([10.4, 11.7, 12.7, 14.2, 15.8, 19.4, 24.9, 31.1, 43.1])  # Mel SNR
_TRIES = 8  # of regula falsi; then halves
_BANDS_CODES = {80: 0, 128: 1}
_DCT_FLAG, _CHUNKS_FLAG = 0x04, 0x08
_FLOOR_LOWEST, _FLOOR_PER_UNIT = -1.5, 128.0
_WEIGHT = 0.12


@dataclass(frozen=True, slots=True)
class Chunk:
    """A part of a payload that can be sent as soon as ``ready_s`` of the utterance have been spoken."""

    ready_s: float
    data: bytes


@dataclass
class _Memory:
    """What coder and decoder keep from block to block."""

    before: entropy.Ints
    levels: entropy.Floats
    blocks: int = 0

    @classmethod
    def fresh(cls, bands: int) -> _Memory:
        return cls(*entropy.fresh_state(bands))

    def copy(self) -> _Memory:
        return _Memory(self.before.copy(), self.levels.copy(), self.blocks)


def step_of(index: int) -> float:
    """The quantiser's step of an index 0..255: 4 at 0, halved every 20, 0.0006 at 255."""
    return float(2.0 ** (2.0 - index / STEPS_PER_OCTAVE))


def index_of(step: float) -> int:
    """Index of the largest coded step that is not above ``step`` (or the finest)."""
    return int(np.clip(np.ceil(STEPS_PER_OCTAVE * (2.0 - np.log2(step)) - 1e-9), _COARSEST, FINEST))


class MelKlt(MelCodec):
    """Transform coder of the Mel with a trained basis; give exactly one of step, rate_bps and snr_db.

    ``block_s`` codes and sends blocks of that duration while the user still speaks (``encode_chunks``).
    """

    kind = "mel-klt"

    def __init__(
        self,
        name: str,
        bands: int = 80,
        *,
        step: float | None = None,
        rate_bps: float | None = None,
        snr_db: float | None = None,
        basis: Basis = "trained",
        block_s: float | None = None,
    ) -> None:
        super().__init__(name, bands)
        if [step, rate_bps, snr_db].count(None) != 2:
            raise ValueError("give exactly one of step, rate_bps and snr_db")
        if block_s is not None and snr_db is not None:
            raise ValueError("blocks need a step or a rate: the variance of what is yet to be said is unknown")
        if block_s is not None and block_s < SHORTEST_BLOCK_S:
            raise ValueError(f"block_s={block_s} must be at least {SHORTEST_BLOCK_S} s")
        self.step, self.rate_bps, self.snr_db = step, rate_bps, snr_db
        self.basis: Basis = basis
        self.block_s = block_s
        self.model: Model = load_model(bands, basis)

    def encode(self, audio: npt.ArrayLike) -> Payload:
        """Code ``audio``; in blocks each part uses only what had been said by then."""
        if self.block_s is None:
            return super().encode(audio)
        chunks = self.encode_chunks(audio)
        framing = sum(_chunk_framing(chunk, first=i == 0) for i, chunk in enumerate(chunks))
        return Payload(b"".join(chunk.data for chunk in chunks), framing)

    def encode_mel(self, mel: Mel) -> Payload:
        """Code a whole Mel at once, without blocks."""
        mel = self.checked_mel(mel)
        if mel.shape[1] > LONGEST_FRAMES:
            raise ValueError(f"a Mel of {mel.shape[1]} frames is longer than {LONGEST_FRAMES} are coded at once")
        head = self._head(chunked=False) + varint(mel.shape[1])
        budget = (self.rate_bps or 0.0) * mel.shape[1] / FRAMES_PER_SECOND / 8.0 - len(head) - 2
        coded, index = self._code(mel, _Memory.fresh(self.bands), budget)
        head += bytes([index, _floor_code(float(mel.min()))])
        return Payload(head + coded, len(head))

    def encode_chunks(self, audio: npt.ArrayLike) -> list[Chunk]:
        """Parts of the payload in the order in which they can be sent, the first with the header."""
        samples = checked_audio(audio)
        power = power_mel(samples, self.bands)
        length = max(1, round((self.block_s or samples.size) * FRAMES_PER_SECOND))
        memory, chunks, spare = _Memory.fresh(self.bands), [], 0.0
        head, loudest = self._head(chunked=True), LEAST_POWER
        for start in range(0, power.shape[1], length):
            # The floor lies 80 dB below the loudest frame so far; the decoder applies the highest one to all.
            loudest = max(loudest, float(power[:, start : start + length].max()))
            mel = normalised(power[:, start : start + length], loudest)
            floor = _floor_code((np.log10(loudest) + 4.0) / 4.0 - DYNAMIC_RANGE)
            framing = len(head) + len(varint(mel.shape[1])) + 4
            spare += (self.rate_bps or 0.0) * mel.shape[1] / FRAMES_PER_SECOND / 8.0 - framing
            coded, index = self._code(mel, memory, spare)
            spare -= len(coded)
            data = head + varint(mel.shape[1]) + bytes([index, floor]) + varint(len(coded)) + coded
            last_sample = (start + mel.shape[1] - 1) * HOP_SAMPLES + WINDOW_SAMPLES // 2
            chunks.append(Chunk(min(last_sample, samples.size) / SAMPLE_RATE_HZ, data))
            head = b""
        return chunks

    def _head(self, *, chunked: bool) -> bytes:
        flags = _BANDS_CODES[self.bands]
        flags |= _DCT_FLAG if self.basis == "dct" else 0
        flags |= _CHUNKS_FLAG if chunked else 0
        return bytes([MAGIC_KLT, flags])

    def _code(self, mel: Mel, memory: _Memory, budget_bytes: float) -> tuple[bytes, int]:
        """Coded coefficients and index of the step; ``memory`` moves past them."""
        bounds = block_bounds(mel.shape[1])
        coefficients = self.model.forward(mel, bounds)

        @cache
        def attempt(index: int) -> tuple[bytes, _Memory]:
            then = memory.copy()
            return self._code_at(coefficients, bounds, index, then), then

        if self.step is not None:
            index = index_of(self.step)
        elif self.rate_bps is not None:
            # Half a byte above the budget: no whole number of bytes lies on the line between fitting and not.
            most = np.log2(np.floor(budget_bytes) + 0.5) if budget_bytes >= 0.0 else -np.inf
            start = _usual(np.log2(self.rate_bps), _USUAL_OCTAVES)
            index = _last_that(lambda i: most - np.log2(len(attempt(i)[0]) + 0.25), *start)
        else:
            index = self._index_for_snr(mel, coefficients, bounds)
        coded, then = attempt(index)
        memory.before[:], memory.levels[:], memory.blocks = then.before, then.levels, then.blocks
        return coded, index

    def _index_for_snr(self, mel: Mel, coefficients: npt.NDArray[np.float32], bounds: entropy.Ints) -> int:
        target = self.snr_db if self.snr_db is not None else 0.0

        def lacking_db(index: int) -> float:
            coded = self._code_at(coefficients, bounds, index, _Memory.fresh(self.bands))
            found = self._decode_at(coded, bounds, index, _Memory.fresh(self.bands))
            return target - mel_snr_db(mel, np.maximum(found, _floor_of(_floor_code(float(mel.min())))))

        if lacking_db(_COARSEST) > 0.0:
            return min(_last_that(lacking_db, *_usual(target, _USUAL_DB)) + 1, FINEST)
        return _COARSEST

    def _code_at(
        self, coefficients: npt.NDArray[np.float32], bounds: entropy.Ints, index: int, memory: _Memory
    ) -> bytes:
        model, start = self.model, memory.copy()
        size = coefficients.size // 2 + 4096
        no_counts, no_moments = np.zeros((0, 0, 0, 0, 0), dtype=np.int64), np.zeros((0, 0, 0))
        while True:
            memory.before[:], memory.levels[:] = start.before, start.levels
            out = np.zeros(size, dtype=np.uint8)
            fault, used, _ = entropy.encode_blocks(
                coefficients, bounds, model.deviations, index, model.table, model.cost, model.centroid,
                _WEIGHT, memory.before, memory.levels, memory.blocks, out, no_counts, no_moments,
            )  # fmt: skip
            if fault == entropy.OK:
                memory.blocks += len(bounds) - 1
                return out[:used].tobytes()
            size *= 4

    def decode(self, data: bytes) -> Mel:
        """The Mel of the payload; lifted to the floor that the encoder measured."""
        reader = Reader(data)
        chunked = self._read_head(reader)
        memory, frames, floor = _Memory.fresh(self.bands), 0, -np.inf
        parts: list[Mel] = []
        while not parts or (chunked and reader.left):
            count = reader.varint("number of frames", 1, LONGEST_FRAMES - frames)
            index = reader.byte("step")
            floor = max(floor, _floor_of(reader.byte("floor")))
            size = reader.varint("length of the chunk", 0, reader.left) if chunked else reader.left
            coded = reader.take(size, "coefficients")
            parts.append(self._decode_at(coded, block_bounds(count), index, memory))
            frames += count
            if frames >= LONGEST_FRAMES and reader.left:
                raise CodecError(f"payload goes on after {frames} frames, the most that are decoded at once")
        mel = np.concatenate(parts, axis=1)
        return np.maximum(mel, np.float32(floor))

    def declared_s(self, data: bytes) -> float:
        """From the numbers of frames of all chunks."""
        reader = Reader(data)
        chunked, frames = self._read_head(reader), 0
        while not frames or (chunked and reader.left):
            frames += reader.varint("number of frames", 1, LONGEST_FRAMES - frames)
            reader.take(2, "step and floor")
            size = reader.varint("length of the chunk", 0, reader.left) if chunked else reader.left
            reader.take(size, "coefficients")
        return frames / FRAMES_PER_SECOND

    def _read_head(self, reader: Reader) -> bool:
        magic, flags = reader.byte("header"), reader.byte("header")
        if magic != MAGIC_KLT:
            raise CodecError(f"not a mel-klt payload of version 1: starts with {magic:#04x}, not {MAGIC_KLT:#04x}")
        expected = _BANDS_CODES[self.bands] | (_DCT_FLAG if self.basis == "dct" else 0)
        if flags & ~_CHUNKS_FLAG != expected:
            own = f"{self.bands} bands and the {self.basis} basis"
            raise CodecError(f"flags of the payload are {flags:#04x}: not {own}, which this codec reads")
        return bool(flags & _CHUNKS_FLAG)

    def _decode_at(self, coded: bytes, bounds: entropy.Ints, index: int, memory: _Memory) -> Mel:
        model = self.model
        coefficients = np.zeros((model.basis.shape[1], int(bounds[-1])), dtype=np.float32)
        fault, needed = entropy.decode_blocks(
            np.frombuffer(coded, dtype=np.uint8), bounds, model.deviations, index, model.table,
            model.centroid, memory.before, memory.levels, memory.blocks, coefficients,
        )  # fmt: skip
        if fault:
            raise CodecError(f"coefficients of the payload are damaged or cut short ({len(coded)} bytes)")
        if not needed - 4 <= len(coded) <= needed:
            raise CodecError(f"{len(coded)} bytes of coefficients, but decoding takes {needed - 4} to {needed}")
        memory.blocks += len(bounds) - 1
        return model.inverse(coefficients, bounds)

    @property
    def family(self) -> str:
        """By basis and blocks."""
        basis = "" if self.basis == "trained" else f" {self.basis}"
        return f"{self.kind}{basis}" + ("" if self.block_s is None else f" blocks of {self.block_s:g} s")

    def cost_key(self) -> tuple[str, float | None]:
        """By step, or as a search for the step that reaches a rate or a ratio."""
        if self.rate_bps is not None:
            return f"{self.kind}:rate_bps", self.rate_bps
        return (self.kind, self.step) if self.snr_db is None else (f"{self.kind}:snr_db", self.snr_db)

    def parameters(self) -> Mapping[str, object]:
        """Step, rate or ratio, basis, block, and the digest of the trained model."""
        return {
            "step": self.step,
            "rate_bps": self.rate_bps,
            "snr_db": self.snr_db,
            "basis": self.basis,
            "block_s": self.block_s,
            "model": self.model.digest,
        }


def _usual(target: float, curve: npt.NDArray[np.float64]) -> tuple[int, float]:
    """Index at which ``curve`` over ``_USUAL_INDEX`` has the value ``target``, and its slope there."""
    slopes = np.gradient(curve, _USUAL_INDEX)
    return int(np.interp(target, curve, _USUAL_INDEX)), float(np.interp(target, curve, slopes))


def _last_that(margin: Callable[[int], float], guess: int, per_index: float) -> int:
    """Largest index with a positive ``margin``, which is positive up to some index and not beyond; 0 if nowhere.

    Regula falsi on the grid of indices: strides by ``margin / per_index`` from ``guess`` until both signs were
    met, then interpolates between the nearest two, and halves should that not end in a few tries.
    """
    low, high, at_low, at_high, tries = _COARSEST, FINEST + 1, np.inf, -np.inf, 0
    while high - low > 1:
        guess = int(np.clip(guess, low + 1, high - 1))
        found, tries = margin(guess), tries + 1
        low, at_low, high, at_high = (guess, found, high, at_high) if found > 0.0 else (low, at_low, guess, found)
        if tries >= _TRIES:
            guess = (low + high) // 2
        elif np.isfinite(at_low) and np.isfinite(at_high):
            guess = int(low + (high - low) * at_low / (at_low - at_high))
        else:
            guess += int(np.clip(found / per_index, -FINEST, FINEST))
    return low


def _floor_code(least: float) -> int:
    """``least`` value of a Mel, rounded down to 1/128, as a byte."""
    return int(np.clip(np.floor((least - _FLOOR_LOWEST) * _FLOOR_PER_UNIT), 0, 255))


def _floor_of(code: int) -> float:
    return _FLOOR_LOWEST + code / _FLOOR_PER_UNIT


def _chunk_framing(chunk: Chunk, *, first: bool) -> int:
    """Bytes of a chunk (and, before the first, of the payload's header) that are not coefficients."""
    reader = Reader(chunk.data)
    reader.take(2 if first else 0, "header")
    reader.varint("number of frames", 1, LONGEST_FRAMES)
    reader.take(2, "step and floor")
    size = reader.varint("length of the chunk", 0, len(chunk.data))
    return len(chunk.data) - size
