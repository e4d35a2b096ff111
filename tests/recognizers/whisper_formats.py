"""Random Whispers, written in the formats that weights come in: independent of the code that reads them."""

from __future__ import annotations

import json
import re
import struct
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save_file
from whisper.model import ModelDimensions, Whisper

TYPES = {np.dtype("f4"): 0, np.dtype("i1"): 1, np.dtype("i2"): 2, np.dtype("f2"): 4}


def random_whisper(n_mels: int = 80, n_vocab: int = 51_864, seed: int = 1, *, half: bool = True) -> Whisper:
    """Two layers, two heads of 8, one second of context.  `half`: weights that fp16 holds exactly, as OpenAI's are."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        model = Whisper(ModelDimensions(n_mels, 50, 16, 2, 2, n_vocab, 20, 16, 2, 2))
        torch.nn.init.normal_(model.decoder.positional_embedding)
    if half:
        for tensor in model.state_dict().values():
            tensor.copy_(tensor.half().float())
    return model.eval()


def write_openai(path: Path, model: Whisper, dtype: torch.dtype = torch.float32) -> Path:
    """As openai-whisper's checkpoints are."""
    state = {name: tensor.to(dtype) for name, tensor in model.state_dict().items()}
    torch.save({"dims": asdict(model.dims), "model_state_dict": state}, path)
    return path


HUGGING_FACE = (
    (r"\.blocks\.", ".layers."),
    (r"\.mlp\.0\.", ".fc1."),
    (r"\.mlp\.2\.", ".fc2."),
    (r"\.mlp_ln\.", ".final_layer_norm."),
    (r"\.(cross_)?attn_ln\.", lambda m: ".encoder_attn_layer_norm." if m[1] else ".self_attn_layer_norm."),
    (r"\.cross_attn\.", ".encoder_attn."),
    (r"\.attn\.", ".self_attn."),
    (r"\.query\.", ".q_proj."),
    (r"\.key\.", ".k_proj."),
    (r"\.value\.", ".v_proj."),
    (r"\.out\.", ".out_proj."),
    (r"decoder\.ln\.|encoder\.ln_post\.", lambda m: m[0].split(".")[0] + ".layer_norm."),
    (r"token_embedding", "embed_tokens"),
    (r"positional_embedding", "embed_positions.weight"),
)
"""openai-whisper's names to transformers' (its convert_openai_to_hf.py reads the same pairs)."""


def hugging_face_tensors(model: Whisper, dtype: torch.dtype = torch.float32) -> dict[str, torch.Tensor]:
    tensors = {}
    for name, tensor in model.state_dict().items():
        for pattern, new in HUGGING_FACE:
            name = re.sub(pattern, new, name)
        tensors[f"model.{name}"] = tensor.to(dtype).contiguous()
    return tensors


def write_hugging_face(
    folder: Path, model: Whisper, dtype: torch.dtype = torch.float32, shards: int = 1, heads: object = None
) -> Path:
    """A folder as `save_pretrained` writes it."""
    folder.mkdir()
    tensors, dims = hugging_face_tensors(model, dtype), model.dims
    config = {
        "model_type": "whisper",
        "num_mel_bins": dims.n_mels,
        "max_source_positions": dims.n_audio_ctx,
        "d_model": dims.n_audio_state,
        "encoder_attention_heads": dims.n_audio_head,
        "encoder_layers": dims.n_audio_layer,
        "vocab_size": dims.n_vocab,
        "max_target_positions": dims.n_text_ctx,
        "decoder_attention_heads": dims.n_text_head,
        "decoder_layers": dims.n_text_layer,
    }
    (folder / "config.json").write_text(json.dumps(config))
    if heads is not None:
        (folder / "generation_config.json").write_text(json.dumps({"alignment_heads": heads}))
    if shards == 1:
        save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})
        return folder
    names = sorted(tensors)
    where = {name: f"model-{i % shards + 1:05}-of-{shards:05}.safetensors" for i, name in enumerate(names)}
    for file in sorted(set(where.values())):
        save_file({n: tensors[n] for n in names if where[n] == file}, folder / file, metadata={"format": "pt"})
    (folder / "model.safetensors.index.json").write_text(json.dumps({"metadata": {}, "weight_map": where}))
    return folder


def ctranslate2_variables(model: Whisper, dtype: str = "f2") -> dict[str, np.ndarray]:
    """CTranslate2's variables: names, stacks of query, key and value, settings as scalars."""
    state = {name: tensor.numpy().astype(dtype) for name, tensor in model.state_dict().items()}
    found: dict[str, np.ndarray] = {
        "decoder/embeddings/weight": state["decoder.token_embedding.weight"],
        "decoder/scale_embeddings": np.array(0, dtype=np.int8),
    }
    for side, norm in (("encoder", "ln_post"), ("decoder", "ln")):
        found[f"{side}/num_heads"] = np.array(2, dtype=np.int16)
        found[f"{side}/position_encodings/encodings"] = state[f"{side}.positional_embedding"]
        for ours, theirs in (("weight", "gamma"), ("bias", "beta")):
            found[f"{side}/layer_norm/{theirs}"] = state[f"{side}.{norm}.{ours}"]
        for layer in range(2):
            found |= _layer(state, f"{side}.blocks.{layer}", f"{side}/layer_{layer}", side == "decoder")
    for i in (1, 2):
        for part in ("weight", "bias"):
            found[f"encoder/conv{i}/{part}"] = state[f"encoder.conv{i}.{part}"]
    return found


def _layer(state: Mapping[str, np.ndarray], ours: str, theirs: str, crosses: bool) -> dict[str, np.ndarray]:
    def stacked(attention: str, kinds: tuple[str, ...], part: str) -> np.ndarray:
        zeros = np.zeros_like(state[f"{ours}.attn.out.bias"])
        names = [f"{ours}.{attention}.{kind}.{part}" for kind in kinds]
        return np.concatenate([state.get(name, zeros) for name in names])

    found = {}
    for part in ("weight", "bias"):
        found[f"{theirs}/self_attention/linear_0/{part}"] = stacked("attn", ("query", "key", "value"), part)
        found[f"{theirs}/self_attention/linear_1/{part}"] = state[f"{ours}.attn.out.{part}"]
        for i, inner in enumerate((0, 2)):
            found[f"{theirs}/ffn/linear_{i}/{part}"] = state[f"{ours}.mlp.{inner}.{part}"]
        norm = {"weight": "gamma", "bias": "beta"}[part]
        found[f"{theirs}/self_attention/layer_norm/{norm}"] = state[f"{ours}.attn_ln.{part}"]
        found[f"{theirs}/ffn/layer_norm/{norm}"] = state[f"{ours}.mlp_ln.{part}"]
        if crosses:
            found[f"{theirs}/attention/linear_0/{part}"] = state[f"{ours}.cross_attn.query.{part}"]
            found[f"{theirs}/attention/linear_1/{part}"] = stacked("cross_attn", ("key", "value"), part)
            found[f"{theirs}/attention/linear_2/{part}"] = state[f"{ours}.cross_attn.out.{part}"]
            found[f"{theirs}/attention/layer_norm/{norm}"] = state[f"{ours}.cross_attn_ln.{part}"]
    return found


def ctranslate2_bytes(variables: Mapping[str, np.ndarray], *, version: int = 6, name: str = "WhisperSpec") -> bytes:
    """`model.bin`: see CTranslate2's `ModelSpec.save`."""

    def text(value: str) -> bytes:
        return struct.pack("<H", len(value) + 1) + value.encode() + b"\0"

    out = [struct.pack("<I", version), text(name), struct.pack("<II", 3, len(variables))]
    for key, value in sorted(variables.items()):
        value = np.asarray(value)
        out += [text(key), struct.pack("<B", value.ndim), struct.pack(f"<{value.ndim}I", *value.shape)]
        out += [struct.pack("<BI", TYPES[value.dtype], value.nbytes), value.tobytes()]
    aliases = (
        {} if "decoder/projection/weight" in variables else {"decoder/projection/weight": "decoder/embeddings/weight"}
    )
    out.append(struct.pack("<I", len(aliases)))
    return b"".join(out + [text(a) + text(b) for a, b in aliases.items()])


def write_ctranslate2(folder: Path, model: Whisper, dtype: str = "f2", heads: object = None) -> Path:
    """A folder as `ct2-transformers-converter` writes it."""
    folder.mkdir()
    (folder / "model.bin").write_bytes(ctranslate2_bytes(ctranslate2_variables(model, dtype)))
    (folder / "config.json").write_text(json.dumps({"alignment_heads": heads} if heads is not None else {}))
    return folder
