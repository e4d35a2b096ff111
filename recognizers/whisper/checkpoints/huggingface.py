"""Hugging Face's checkpoints of Whisper: `config.json` and safetensors in transformers' names, whole or in shards."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from recognizers.whisper.checkpoints.config import alignment_heads, json_object
from recognizers.whisper.checkpoints.state import POSITIONS, Checkpoint, Dims, ModelUnavailable, checked

if TYPE_CHECKING:
    from torch import Tensor

WHOLE, INDEX = "model.safetensors", "model.safetensors.index.json"
MOST_SHARDS = 1000
EMBEDDING = "decoder.token_embedding.weight"
OUTPUT = "proj_out.weight"

_OUTSIDE = {
    "encoder.embed_positions.weight": POSITIONS,
    "decoder.embed_positions.weight": "decoder.positional_embedding",
    "decoder.embed_tokens.weight": EMBEDDING,
    "encoder.layer_norm": "encoder.ln_post",
    "decoder.layer_norm": "decoder.ln",
}
_IN_LAYERS = {
    "self_attn.q_proj": "attn.query",
    "self_attn.k_proj": "attn.key",
    "self_attn.v_proj": "attn.value",
    "self_attn.out_proj": "attn.out",
    "self_attn_layer_norm": "attn_ln",
    "encoder_attn.q_proj": "cross_attn.query",
    "encoder_attn.k_proj": "cross_attn.key",
    "encoder_attn.v_proj": "cross_attn.value",
    "encoder_attn.out_proj": "cross_attn.out",
    "encoder_attn_layer_norm": "cross_attn_ln",
    "fc1": "mlp.0",
    "fc2": "mlp.2",
    "final_layer_norm": "mlp_ln",
}


def read(path: Path) -> Checkpoint:
    """The checkpoint in a folder, or in a `.safetensors` file with its `config.json` beside it; tensors stay in the
    mapped files.  Raises `ModelUnavailable`."""
    folder = path if path.is_dir() else path.parent
    files = _files(folder) if path.is_dir() else [path]
    config = json_object(folder / "config.json")
    tensors = dict(_translated(_tensors(files), path))
    heads = alignment_heads(folder / "generation_config.json") or alignment_heads(folder / "config.json")
    return checked(Checkpoint(_dims(config, folder / "config.json"), tensors, heads), path)


def _files(folder: Path) -> list[Path]:
    """The one file of weights, or the shards that the index names."""
    if (folder / WHOLE).is_file():
        return [folder / WHOLE]
    index = folder / INDEX
    shards = json_object(index).get("weight_map")
    names = sorted(set(map(str, shards.values()))) if isinstance(shards, dict) else []
    # A shard lies beside its index; a stranger's index names no file elsewhere.
    if not 0 < len(names) <= MOST_SHARDS or any(Path(name).name != name for name in names):
        raise ModelUnavailable(f"{index} names no shards beside it")
    return [folder / name for name in names]


def _tensors(files: list[Path]) -> Iterator[tuple[str, Tensor]]:
    from safetensors import SafetensorError, safe_open

    for path in files:
        try:
            with safe_open(path, framework="pt") as file:
                for name in file.keys():  # noqa: SIM118  not a dict
                    yield name, file.get_tensor(name)
        except FileNotFoundError as error:
            raise ModelUnavailable(f"{path} is missing, a shard of the checkpoint") from error
        except (SafetensorError, OSError, ValueError) as error:
            raise ModelUnavailable(f"{path} is no whole file of safetensors: {error}") from error


def _translated(tensors: Iterator[tuple[str, Tensor]], path: Path) -> Iterator[tuple[str, Tensor]]:
    import torch

    output = embedding = None
    for name, tensor in tensors:
        if name == OUTPUT:
            output = tensor
            continue
        ours = _translate(name)
        if not tensor.is_floating_point():
            raise ModelUnavailable(
                f"{path}: {name} is {str(tensor.dtype).removeprefix('torch.')}: quantised weights recognize other "
                "words than the model they were made from; give the checkpoint in float16 or float32"
            )
        embedding = tensor if ours == EMBEDDING else embedding
        yield ours, tensor
    if output is not None and embedding is not None and not torch.equal(output, embedding):
        raise ModelUnavailable(f"{path}: its output layer is not its token embedding, as a Whisper's is")


def _translate(name: str) -> str:
    """transformers' name to openai-whisper's; a name of neither stays, and is told as one too many."""
    plain = name.removeprefix("model.")
    if plain in _OUTSIDE:
        return _OUTSIDE[plain]
    stem, _, part = plain.rpartition(".")
    if stem in _OUTSIDE:
        return f"{_OUTSIDE[stem]}.{part}"
    if (m := re.fullmatch(r"(encoder|decoder)\.layers\.(\d{1,4})\.([\w.]+)", stem)) and m[3] in _IN_LAYERS:
        return f"{m[1]}.blocks.{int(m[2])}.{_IN_LAYERS[m[3]]}.{part}"
    return plain


_KEYS = {
    "n_mels": "num_mel_bins",
    "n_audio_ctx": "max_source_positions",
    "n_audio_state": "d_model",
    "n_audio_head": "encoder_attention_heads",
    "n_audio_layer": "encoder_layers",
    "n_vocab": "vocab_size",
    "n_text_ctx": "max_target_positions",
    "n_text_state": "d_model",
    "n_text_head": "decoder_attention_heads",
    "n_text_layer": "decoder_layers",
}


def _dims(config: Mapping[str, Any], file: Path) -> Dims:
    if config.get("model_type", "whisper") != "whisper":
        raise ModelUnavailable(f"{file} describes a model of type {str(config['model_type'])[:40]!r}, not a Whisper")
    try:
        return Dims(**{ours: int(config[theirs]) for ours, theirs in _KEYS.items()})
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise ModelUnavailable(f"{file} is no configuration of a Whisper: {error!r}") from error
