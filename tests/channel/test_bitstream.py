"""The documented bitstream: a decoder written from docs/bitstream.md alone, and the vectors that the page lists."""

from __future__ import annotations

import json
import math
import re
from itertools import pairwise
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from safetensors.numpy import load_file

from channel.codecs import CodecError
from channel.codecs.klt import MelKlt
from channel.codecs.svd import MelSvd
from channel.mel import log_mel

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "bitstream.md"
ARRAYS = load_file(ROOT / "channel" / "codecs" / "data" / "klt.safetensors")
NEAR = [0, 1, 2, 3, 4, 5, 6, 6, 7, 7, 7, *[8] * 4, *[9] * 7, *[10] * 12]
PAST = [0, 1, 2, 2, *[3] * 5]


class PlainDecoder:
    """mel-klt in plain Python, slow, without any of the shipped code."""

    def __init__(self, data: bytes) -> None:
        self.data, self.at = data, 0

    def varint(self) -> int:
        value, shift = 0, 0
        while True:
            byte = self.data[self.at]
            self.at += 1
            value |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                return value

    def decode(self) -> npt.NDArray[np.float64]:
        assert self.data[0] == 0x61
        flags, self.at = self.data[1], 2
        bands, chunked = (80, 128)[flags & 3], bool(flags & 8)
        key = f"{bands}.dct" if flags & 4 else f"{bands}"
        self.deviations = ARRAYS[f"deviations.{key}"].tolist()
        basis = dct_matrix(bands) if flags & 4 else ARRAYS[f"basis.{bands}"].astype(float)
        self.last, self.slow, self.before, self.count = [0.0] * bands, [0.0] * bands, {}, 0
        parts, floor = [], -9.0
        while not parts or self.at < len(self.data):
            frames = self.varint()
            index, lift = self.data[self.at], self.data[self.at + 1]
            self.at += 2
            size = self.varint() if chunked else len(self.data) - self.at
            coded, self.at = self.data[self.at : self.at + size], self.at + size
            floor = max(floor, -1.5 + lift / 128)
            parts += self.chunk(coded, frames, index, bands)
        return np.maximum(basis @ np.concatenate(parts, axis=1) + ARRAYS[f"mean.{bands}"].astype(float)[:, None], floor)

    def chunk(self, coded: bytes, frames: int, index: int, bands: int) -> list[npt.NDArray[np.float64]]:
        self.coded, self.taken, self.range = coded, 0, 2**32 - 1
        self.code = 0
        for _ in range(4):
            self.code = self.code << 8 | self.next()
        blocks = max(1, (frames + 16) // 32)
        edges = [j * frames // blocks for j in range(blocks + 1)]
        parts = [self.block(end - start, index, bands) for start, end in pairwise(edges)]
        assert 0 <= self.taken - len(coded) <= 4
        return parts

    def next(self) -> int:
        self.taken += 1
        return self.coded[self.taken - 1] if self.taken <= len(self.coded) else 0

    def decision(self, probability: int) -> bool:
        bound = (self.range >> 15) * probability
        yes = self.code < bound
        if yes:
            self.range = bound
        else:
            self.code -= bound
            self.range -= bound
        while self.range < 2**24:
            self.range <<= 8
            self.code = (self.code << 8 | self.next()) % 2**32
        return yes

    def bits(self, count: int) -> int:
        value = 0
        for _ in range(count):
            value = 2 * value + self.decision(16384)
        return value

    def block(self, width: int, index: int, bands: int) -> npt.NDArray[np.float64]:
        now: dict[tuple[int, int], int] = {}
        coefficients = np.zeros((bands, width))
        for k in range(bands):
            for f in range(width):
                coefficients[k, f] = self.coefficient(k, f, width, index, now)
                if f == 0:
                    value = coefficients[k, 0] + 0.25 * self.last[k] + 0.6 * self.slow[k]
                    self.last[k] = coefficients[k, 0] = value
                    self.slow[k] += (value - self.slow[k]) * max(0.15, 1 / (self.count + 1.5))
        self.before, self.count = now, self.count + 1
        return coefficients @ dct_matrix(width).T

    def coefficient(self, k: int, f: int, width: int, index: int, now: dict[tuple[int, int], int]) -> float:
        deviation = self.deviations[k][min(31, (32 * f + width // 2) // width)]
        kind, plain = (deviation + 3 * index - 120) // 20 + 18, 0
        if kind < 0:
            return 0.0
        if kind >= 28:
            plain = (kind - 28) // 3 + 1
            kind -= 3 * plain

        def a(row: int, column: int) -> int:
            return now.get((row, column), 0)

        def b(row: int, column: int) -> int:
            return self.before.get((row, column), 0)

        near = 2 * (a(k, f - 1) + a(k - 1, f)) + a(k, f - 2) + a(k - 2, f) + a(k - 1, f - 1) + a(k - 1, f + 1)
        past = 2 * b(k, f) + b(k, f - 1) + b(k, f + 1) + b(k + 1, f)
        near, past = (NEAR[near] if near < 34 else 11), (PAST[past] if past < 9 else 4)
        magnitude = 0
        while magnitude < 14 and self.decision(int(ARRAYS["table"][magnitude, kind, near, past])):
            magnitude += 1
        if magnitude == 14:
            length = 0
            while self.decision(16384):
                length += 1
            magnitude = 13 + 2**length + self.bits(length)
        now[k, f] = min(15, magnitude)
        value = magnitude << plain | self.bits(plain)
        if value == 0:
            return 0.0
        delta = 0.0 if plain else float(ARRAYS["centroid"][kind, min(value, 3)])
        return (-1 if self.decision(16384) else 1) * (value - delta) * 2.0 ** (2 - index / 20)


def dct_matrix(size: int) -> npt.NDArray[np.float64]:
    """Orthonormal DCT-II: [n, k] = s(k) cos(pi (n + 1/2) k / size)."""
    n, k = np.mgrid[0:size, 0:size]
    return np.where(k == 0, math.sqrt(1 / size), math.sqrt(2 / size)) * np.cos(np.pi * (n + 0.5) * k / size)


def _vectors() -> list[dict[str, object]]:
    block = re.search(r"<!-- vectors -->\s*```json\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.S)
    assert block is not None, "docs/bitstream.md has no vectors"
    found: list[dict[str, object]] = json.loads(block[1])
    return found


@pytest.mark.parametrize("vector", _vectors(), ids=lambda vector: str(vector["name"]))
def test_vectors_of_the_page(vector: dict[str, object]) -> None:
    data = bytes.fromhex(str(vector["payload"]))
    bands, frames = vector["shape"]  # type: ignore[misc]
    if data[0] == 0x51:
        codec = MelSvd("x", bands, rank=1, factors=("fp32", "fp16", "int8")[data[1]])
        decoders = [codec.decode(data)]
    else:
        basis = "dct" if data[1] & 4 else "trained"
        decoders = [MelKlt("x", bands, step=1.0, basis=basis).decode(data), PlainDecoder(data).decode()]
    for mel in decoders:
        assert mel.shape == (bands, frames)
        for band, frame, value in vector["values"]:  # type: ignore[attr-defined]
            # Written with four digits; float32 transforms differ in the sixth.
            assert mel[band, frame] == pytest.approx(value, abs=1e-4)


@pytest.mark.parametrize("bands", [80, 128])
@pytest.mark.parametrize("basis", ["trained", "dct"])
@pytest.mark.parametrize(("step", "block_s"), [(0.7, None), (0.1, None), (0.01, None), (0.3, 0.25)])
def test_a_second_decoder_agrees(
    bands: int, basis: str, step: float, block_s: float | None, speech: npt.NDArray[np.float32]
) -> None:
    codec = MelKlt("x", bands, step=step, basis=basis, block_s=block_s)  # type: ignore[arg-type]
    data = codec.encode(speech[8_000 : 8_000 + 160 * 75]).data
    assert np.abs(codec.decode(data) - PlainDecoder(data).decode()).max() < 2e-4


def test_every_truncation_is_refused(speech: npt.NDArray[np.float32]) -> None:
    """A payload cut anywhere never decodes: the decoder would ask for more than four bytes past the end, except
    where only the last bytes are missing and read as the zeros they may have been."""
    codec = MelKlt("x", step=0.5)
    data = codec.encode_mel(log_mel(speech)).data
    decoded = codec.decode(data)
    for length in range(len(data)):
        try:
            found = codec.decode(data[:length])
        except CodecError:
            continue
        assert length >= len(data) - 4
        assert found.shape == decoded.shape
    with pytest.raises(CodecError):
        codec.decode(data + b"\x00" * 5)
