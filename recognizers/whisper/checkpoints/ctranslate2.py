"""CTranslate2's folders: `model.bin`, with `config.json` for the alignment heads.

The file (read in CTranslate2's `ModelSpec.save`, version 6), little-endian: uint32 version, the specification's name,
uint32 revision, uint32 number of variables; each variable is a name, uint8 rank, uint32 dimensions, uint8 type, uint32
bytes and its data; then uint32 aliases of two names each.  A name is uint16 bytes and ends in NUL.
"""

from __future__ import annotations

import math
import mmap
import re
import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from recognizers.whisper.checkpoints.config import alignment_heads
from recognizers.whisper.checkpoints.state import POSITIONS, Checkpoint, Dims, Heads, ModelUnavailable, checked

if TYPE_CHECKING:
    from torch import Tensor

VERSION = 6
SPECIFICATION = "WhisperSpec"
TYPES: Mapping[int, tuple[str, int]] = {
    0: ("float32", 4), 1: ("int8", 1), 2: ("int16", 2), 3: ("int32", 4), 4: ("float16", 2), 5: ("bfloat16", 2),
}  # fmt: skip
READABLE = ("float32", "float16")
MOST_RANK = 8
EMBEDDING, PROJECTION = "decoder/embeddings/weight", "decoder/projection/weight"

Array = npt.NDArray[np.generic]


@dataclass(frozen=True)
class _Variable:
    """Where a variable lies in the file."""

    type: str
    shape: tuple[int, ...]
    offset: int
    size: int


class _Malformed(ModelUnavailable):
    """Bytes that are no model of CTranslate2, before the file is named."""


class _Reader:
    """Walks over the bytes and never past their end."""

    def __init__(self, data: memoryview) -> None:
        self.data = data
        self.at = 0

    @property
    def left(self) -> int:
        return len(self.data) - self.at

    def number(self, code: str) -> int:
        size = struct.calcsize(f"<{code}")
        return int(struct.unpack(f"<{code}", self.data[self.skip(size) : self.at])[0])

    def skip(self, size: int) -> int:
        """Pass `size` bytes; returns where they begin."""
        if size > self.left:
            raise _Malformed(f"it ends at byte {len(self.data)}, in the middle of something {size} bytes long")
        start, self.at = self.at, self.at + size
        return start

    def name(self) -> str:
        size = self.number("H")
        raw = bytes(self.data[self.skip(size) : self.at])
        if not raw.endswith(b"\0") or not raw[:-1].isascii():
            raise _Malformed(f"byte {self.at - size} should begin a name")
        return raw[:-1].decode("ascii")


def read(path: Path) -> Checkpoint:
    """The model in a folder, or in its `model.bin`; tensors stay in the mapped file.  Raises `ModelUnavailable`."""
    file = path / "model.bin" if path.is_dir() else path
    try:
        with file.open("rb") as stream:
            data = memoryview(mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ))
    except (OSError, ValueError) as error:  # an empty file cannot be mapped
        raise ModelUnavailable(f"{file} cannot be read: {error}") from error
    return _read(data, file, alignment_heads(file.with_name("config.json")))


def read_parts(parts: list[Path], config: Path) -> Checkpoint:
    """A `model.bin` that was cut into parts.  Raises `ModelUnavailable`."""
    try:
        data = memoryview(b"".join(part.read_bytes() for part in parts))
    except OSError as error:
        raise ModelUnavailable(f"{parts[0]} cannot be read: {error}") from error
    return _read(data, parts[0], alignment_heads(config))


def _read(data: memoryview, file: Path, heads: Heads | None) -> Checkpoint:
    try:
        variables = _variables(data)
        arrays = dict(_arrays(variables, data))
        checkpoint = Checkpoint(_dims(variables, arrays, data), _tensors(arrays), heads)
    except _Malformed as error:
        raise ModelUnavailable(f"{file} is not a Whisper checkpoint of CTranslate2: {error}") from error
    return checked(checkpoint, file)


def _variables(data: memoryview) -> dict[str, _Variable]:
    reader = _Reader(data)
    version = reader.number("I")
    if version != VERSION:
        raise _Malformed(f"its format has version {version}, {VERSION} is read; convert the model again")
    if (specification := reader.name()) != SPECIFICATION:
        raise _Malformed(f"it holds a {specification[:60]}")
    reader.number("I")  # the specification's revision: what it changed shows in the variables
    variables = {}
    for _ in range(reader.number("I")):  # each takes some bytes, so that a wild count ends at the end of the file
        name = reader.name()
        variables[name] = _variable(reader, name)
    for _ in range(reader.number("I")):
        alias, name = reader.name(), reader.name()
        if name not in variables:
            raise _Malformed(f"{alias} stands for {name}, which it lacks")
        variables[alias] = variables[name]
    return variables


def _variable(reader: _Reader, name: str) -> _Variable:
    rank = reader.number("B")
    if rank > MOST_RANK:
        raise _Malformed(f"{name} has {rank} dimensions")
    shape = tuple(reader.number("I") for _ in range(rank))
    kind, size = reader.number("B"), reader.number("I")
    if kind not in TYPES:
        raise _Malformed(f"{name} has the unknown type {kind}")
    type_name, item = TYPES[kind]
    if math.prod(shape) * item != size:
        raise _Malformed(f"{name} has {size} bytes for {list(shape)} values of {type_name}")
    return _Variable(type_name, shape, reader.skip(size), size)


def _arrays(variables: Mapping[str, _Variable], data: memoryview) -> Iterator[tuple[str, Array]]:
    """Views of the data; scalars are settings of CTranslate2's."""
    for name, variable in variables.items():
        if not variable.shape:
            continue
        if variable.type not in READABLE:
            raise _Malformed(
                f"{name} is {variable.type}: quantised weights recognize other words than the model they were made "
                "from; convert it with --quantization float16"
            )
        values = np.frombuffer(data[variable.offset : variable.offset + variable.size], dtype=variable.type)
        yield name, values.reshape(variable.shape)


def _dims(variables: Mapping[str, _Variable], arrays: Mapping[str, Array], data: memoryview) -> Dims:
    def shape(name: str, rank: int) -> tuple[int, ...]:
        if name not in arrays or arrays[name].ndim != rank:
            raise _Malformed(f"it lacks {name}")
        return arrays[name].shape

    def layers(side: str) -> int:
        return len({m[1] for name in arrays if (m := re.match(rf"{side}/layer_(\d+)/", name))})

    def heads(side: str, width: int) -> int:
        found = variables.get(f"{side}/num_heads")
        if found is None or (found.type, found.shape) != ("int16", ()):
            return width // 64  # every official Whisper's
        return int(np.frombuffer(data[found.offset : found.offset + 2], dtype="<i2")[0])

    audio, mels, _ = shape("encoder/conv1/weight", 3)
    audio_ctx, _ = shape("encoder/position_encodings/encodings", 2)
    vocabulary, text = shape(EMBEDDING, 2)
    text_ctx, _ = shape("decoder/position_encodings/encodings", 2)
    listening = (mels, audio_ctx, audio, heads("encoder", audio), layers("encoder"))
    return Dims(*listening, vocabulary, text_ctx, text, heads("decoder", text), layers("decoder"))


_OUTSIDE = {
    "encoder/position_encodings/encodings": POSITIONS,
    "decoder/position_encodings/encodings": "decoder.positional_embedding",
    EMBEDDING: "decoder.token_embedding.weight",
    **{f"encoder/conv{i}/{part}": f"encoder.conv{i}.{part}" for i in (1, 2) for part in ("weight", "bias")},
}
_STACKED = {
    "self_attention/linear_0": ("attn.query", "attn.key", "attn.value"),
    "self_attention/linear_1": ("attn.out",),
    "attention/linear_0": ("cross_attn.query",),
    "attention/linear_1": ("cross_attn.key", "cross_attn.value"),
    "attention/linear_2": ("cross_attn.out",),
    "ffn/linear_0": ("mlp.0",),
    "ffn/linear_1": ("mlp.2",),
}
_NORMS = {"self_attention": "attn_ln", "attention": "cross_attn_ln", "ffn": "mlp_ln"}
_NORM_PARTS = {"gamma": "weight", "beta": "bias"}


def _tensors(arrays: Mapping[str, Array]) -> dict[str, Tensor]:
    """In openai-whisper's names.  CTranslate2 stacks query, key and value, and gives the key a bias of zeros."""
    import warnings

    import torch

    tensors: dict[str, Tensor] = {}
    with warnings.catch_warnings():
        # Nothing writes to these tensors: they are copied into a model or a file.
        warnings.filterwarnings("ignore", message="The given NumPy array is not writable")
        for name, array in arrays.items():
            for ours, part in _named(name, array, arrays):
                tensors[ours] = torch.from_numpy(part)
    return tensors


def _named(name: str, array: Array, arrays: Mapping[str, Array]) -> Iterator[tuple[str, Array]]:
    if name in _OUTSIDE:
        yield _OUTSIDE[name], array
    elif name == PROJECTION:
        if not np.array_equal(array, arrays[EMBEDDING]):
            raise _Malformed("its output layer is not its token embedding, as a Whisper's is")
    elif name == "decoder/projection/bias":
        _must_be_zero(name, array)
    elif m := re.fullmatch(r"(encoder|decoder)/layer_norm/(gamma|beta)", name):
        yield f"{m[1]}.{'ln_post' if m[1] == 'encoder' else 'ln'}.{_NORM_PARTS[m[2]]}", array
    elif m := re.fullmatch(r"(encoder|decoder)/layer_(\d{1,4})/(\w+)/layer_norm/(gamma|beta)", name):
        yield f"{m[1]}.blocks.{int(m[2])}.{_NORMS.get(m[3], m[3])}.{_NORM_PARTS[m[4]]}", array
    elif (m := re.fullmatch(r"(encoder|decoder)/layer_(\d{1,4})/(\w+/\w+)/(weight|bias)", name)) and m[3] in _STACKED:
        targets = _STACKED[m[3]]
        if len(array) % len(targets):
            raise _Malformed(f"{name} has {len(array)} rows for {len(targets)} layers")
        for target, part in zip(targets, np.split(array, len(targets)), strict=True):
            if target.endswith("key") and m[4] == "bias":
                _must_be_zero(name, part)
            else:
                yield f"{m[1]}.blocks.{int(m[2])}.{target}.{m[4]}", part
    else:
        raise _Malformed(f"{name} is nothing that a Whisper has")


def _must_be_zero(name: str, values: Array) -> None:
    if np.any(values):
        raise _Malformed(f"{name} is not zero where a Whisper has no bias")
