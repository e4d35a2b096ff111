"""What every format is read into: dimensions and tensors in openai-whisper's names, and their identity.

The same weights come in fp16 and in fp32, as one file or in parts, with the encoder's positions or without.  They are
brought into one form, so that their digest, which names them in caches and tables, is the same whichever way they came.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from scenarios.errors import AmserError, Exit

if TYPE_CHECKING:
    from torch import Tensor

POSITIONS = "encoder.positional_embedding"
MOST = 1 << 20
"""No dimension of a Whisper comes near this; a file that names a larger one is not computed with."""
MOST_LAYERS = 256
MOST_HEADS = MOST_LAYERS * 64
"""Alignment heads: no Whisper has more than 20 in a layer."""
READABLE = ("float16", "float32", "bfloat16", "float64")
"""Types whose values are numbers by themselves: float8 and integers want scales that lie elsewhere."""
SINUSOID_ERROR = 1e-3
"""fp16 rounds values below 1 by up to 2.5e-4, and float32 knows the sine of 1,500 radians only to some 1e-4."""

Heads = tuple[tuple[int, int], ...]
"""(layer, head) of the decoder's cross attention that follow time; word time stamps need them."""


class ModelUnavailable(AmserError, RuntimeError):
    """A model cannot be had: the message says why and what to do, in one line."""

    exit_code = Exit.MISSING


@dataclass(frozen=True)
class Dims:
    """openai-whisper's ModelDimensions, by the same names."""

    n_mels: int
    n_audio_ctx: int
    n_audio_state: int
    n_audio_head: int
    n_audio_layer: int
    n_vocab: int
    n_text_ctx: int
    n_text_state: int
    n_text_head: int
    n_text_layer: int


@dataclass(frozen=True)
class Checkpoint:
    """The weights of one model: tensors in openai-whisper's names, on the CPU, often mapped from a file."""

    dims: Dims
    tensors: Mapping[str, Tensor]
    heads: Heads | None = None


def expected_shapes(dims: Dims) -> dict[str, tuple[int, ...]]:
    """Name and shape of every tensor of openai-whisper's model; its own `state_dict` is the reference in the tests."""
    audio, text = dims.n_audio_state, dims.n_text_state
    shapes: dict[str, tuple[int, ...]] = {
        POSITIONS: (dims.n_audio_ctx, audio),
        "encoder.conv1.weight": (audio, dims.n_mels, 3),
        "encoder.conv1.bias": (audio,),
        "encoder.conv2.weight": (audio, audio, 3),
        "encoder.conv2.bias": (audio,),
        "decoder.token_embedding.weight": (dims.n_vocab, text),
        "decoder.positional_embedding": (dims.n_text_ctx, text),
    }
    shapes |= dict(_norm("encoder.ln_post", audio)) | dict(_norm("decoder.ln", text))
    for layer in range(dims.n_audio_layer):
        shapes |= dict(_block(f"encoder.blocks.{layer}", audio, ("attn",)))
    for layer in range(dims.n_text_layer):
        shapes |= dict(_block(f"decoder.blocks.{layer}", text, ("attn", "cross_attn")))
    return shapes


def _norm(name: str, width: int) -> Iterator[tuple[str, tuple[int, ...]]]:
    yield f"{name}.weight", (width,)
    yield f"{name}.bias", (width,)


def _block(name: str, width: int, attentions: tuple[str, ...]) -> Iterator[tuple[str, tuple[int, ...]]]:
    for attention in attentions:
        for part in ("query", "key", "value", "out"):
            yield f"{name}.{attention}.{part}.weight", (width, width)
            if part != "key":  # a key's bias would move all scores of a query alike: Whisper has none
                yield f"{name}.{attention}.{part}.bias", (width,)
        yield from _norm(f"{name}.{attention}_ln", width)
    yield f"{name}.mlp.0.weight", (4 * width, width)
    yield f"{name}.mlp.0.bias", (4 * width,)
    yield f"{name}.mlp.2.weight", (width, 4 * width)
    yield f"{name}.mlp.2.bias", (width,)
    yield from _norm(f"{name}.mlp_ln", width)


def checked(checkpoint: Checkpoint, path: Path) -> Checkpoint:
    """The same, once dimensions, names, shapes and alignment heads are known to be a Whisper's; reads no tensor.

    The encoder's positions may be left out.  Raises `ModelUnavailable` naming `path`.
    """
    dims = checkpoint.dims
    layers = max(dims.n_audio_layer, dims.n_text_layer)
    sizes = asdict(dims)
    if any(not 1 <= size <= MOST for size in sizes.values()) or layers > MOST_LAYERS:
        raise ModelUnavailable(f"{path} is not a Whisper checkpoint: its dimensions are {sizes}")
    if dims.n_audio_state % 2 or dims.n_audio_state % dims.n_audio_head or dims.n_text_state % dims.n_text_head:
        raise ModelUnavailable(f"{path} is not a Whisper checkpoint: its width is no multiple of its heads, {sizes}")
    for name, tensor in checkpoint.tensors.items():
        kind = str(tensor.dtype).removeprefix("torch.")
        if kind not in READABLE or tensor.device.type != "cpu" or str(tensor.layout) != "torch.strided":
            where = f"{kind} on {tensor.device.type}, {str(tensor.layout).removeprefix('torch.')}"
            raise ModelUnavailable(
                f"{path}: {name} is no plain tensor of floating-point numbers ({where}); "
                f"give the checkpoint in {', '.join(READABLE[:-1])} or {READABLE[-1]}"
            )
    expected = expected_shapes(dims)
    found = {name: tuple(tensor.shape) for name, tensor in checkpoint.tensors.items()}
    _compare(expected, {POSITIONS: expected[POSITIONS]} | found, path)
    if len(checkpoint.heads or ()) > MOST_HEADS:
        raise ModelUnavailable(f"{path} names {len(checkpoint.heads or ())} heads for alignment")
    for layer, head in checkpoint.heads or ():
        if not (0 <= layer < dims.n_text_layer and 0 <= head < dims.n_text_head):
            raise ModelUnavailable(f"{path}: there is no head {head} in layer {layer}, which it names for alignment")
    return checkpoint


def _compare(expected: Mapping[str, tuple[int, ...]], found: Mapping[str, tuple[int, ...]], path: Path) -> None:
    missing, unknown = sorted(expected.keys() - found.keys()), sorted(found.keys() - expected.keys())
    wrong = [f"{n} is {found[n]}, not {s}" for n, s in expected.items() if n in found and found[n] != s]
    for names, what in ((missing, "it lacks"), (wrong, "of another shape:"), (unknown, "it has more than a Whisper:")):
        if names:
            more = f" and {len(names) - 3} more" if len(names) > 3 else ""
            raise ModelUnavailable(f"{path} is not a whole Whisper checkpoint: {what} {', '.join(names[:3])}{more}")


def settled(checkpoint: Checkpoint, path: Path) -> Checkpoint:
    """The one form of these weights: each tensor in fp16 where that holds it exactly, else in fp32; the encoder's
    positions computed where they are left out.  Raises `ModelUnavailable` for values that are not finite."""
    import torch

    tensors = dict(checkpoint.tensors)
    if POSITIONS not in tensors:
        tensors[POSITIONS] = torch.from_numpy(_sinusoids(checkpoint.dims)).half()
    for name, tensor in tensors.items():
        if not bool(torch.isfinite(tensor).all()):
            raise ModelUnavailable(f"{path}: {name} holds values that are not finite")
    return Checkpoint(checkpoint.dims, {name: _compact(tensor) for name, tensor in tensors.items()}, checkpoint.heads)


def _sinusoids(dims: Dims) -> npt.NDArray[np.float64]:
    """Whisper's positions of the encoder, (context, width): sines, then cosines, of wavelengths from 2 pi up to 10,000
    times that.  In float64, whose rounding is far below what any file holds of them."""
    half = dims.n_audio_state // 2
    rates = np.exp(-math.log(10_000) / max(half - 1, 1) * np.arange(half))
    phases = np.arange(dims.n_audio_ctx)[:, None] * rates
    return np.concatenate([np.sin(phases), np.cos(phases)], axis=1)


def _compact(tensor: Tensor) -> Tensor:
    import torch

    if tensor.dtype is torch.float16:
        return tensor.contiguous()
    single = tensor.float().contiguous()
    half = single.half()
    return half if torch.equal(half.float(), single) else single


def raw_bytes(tensor: Tensor) -> memoryview:
    """The values of a tensor as they lie in memory."""
    return tensor.contiguous().numpy().data.cast("B")


def weights_digest(tensors: Mapping[str, Tensor], dims: Dims) -> str:
    """SHA-256 over the dimensions and each tensor's name, type, shape and bytes, by name; for a `settled` checkpoint.

    It is over what the model computes with, not over a file: a `.pt`, a folder of CTranslate2 and one of Hugging Face
    that hold the same weights have the same digest.  The encoder's positions are no weights where they are Whisper's
    sinusoids: each format rounds them in its own way, or leaves them out.
    """
    state = hashlib.sha256(json.dumps(asdict(dims), sort_keys=True).encode())
    for name in sorted(tensors):
        tensor = tensors[name]
        if name == POSITIONS and np.allclose(tensor.numpy(), _sinusoids(dims), rtol=0, atol=SINUSOID_ERROR):
            continue
        state.update(f"\n{name} {tensor.dtype} {list(tensor.shape)}\n".encode())
        state.update(raw_bytes(tensor))
    return state.hexdigest()
