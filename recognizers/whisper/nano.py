"""nano: a Whisper small enough to ship, in a file without pickle.

The file is safetensors: every parameter in fp16, the token embedding reduced to the rows in use, and as
metadata the dimensions, the token ids of those rows and what the weights were trained on.

Rows that are not stored must never win, and Whisper's output layer (the transposed embedding) has no bias. So
nano keeps dimension 0 of the decoder's last layer norm at the constant 1 (weight 0, bias 1) and that of every
used row at 0. Then a row (-1000, 0, 0, ...) has the logit -1000 whatever is heard, and its probability
underflows to exactly 0."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from scenarios.errors import AmserError, Exit

if TYPE_CHECKING:
    import torch
    from whisper.model import ModelDimensions, Whisper


def english_tokenizer() -> Any:  # whisper ships no type hints
    """Whisper's tokenizer of the English-only models (51,864 tokens)."""
    from whisper.tokenizer import get_tokenizer

    return get_tokenizer(multilingual=False)


@dataclass(frozen=True)
class Vocabulary:
    """Official token ids in use, ascending; `rows[i]` is the id of compact row i."""

    rows: tuple[int, ...]

    def compact(self, tokens: Iterable[int]) -> list[int]:
        """Official ids to row numbers; KeyError for a token outside the vocabulary."""
        index = {token: row for row, token in enumerate(self.rows)}
        return [index[token] for token in tokens]


def vocabulary_of(words: Iterable[str]) -> Vocabulary:
    """The vocabulary for sentences made of `words`: their tokens and the four specials that decoding
    needs."""
    tokenizer = english_tokenizer()
    tokens = {tokenizer.sot, tokenizer.eot, tokenizer.no_timestamps, tokenizer.no_speech}
    for word in words:
        tokens.update(tokenizer.encode(" " + word))
    return Vocabulary(tuple(sorted(tokens)))


CONTEXT_FRAMES = 500  # 5 s of Mel frames at 10 ms
FORMAT = "amser-nano-1"
OFFICIAL_VOCABULARY = 51_864
_UNUSED_LOGIT = -1000.0
_EMBEDDING = "decoder.token_embedding.weight"


class NanoFormatError(AmserError, ValueError):
    """A weights file that is not nano's format."""

    exit_code = Exit.MISSING


def compact_dimensions(
    rows: int, width: int = 160, encoder_layers: int = 4, decoder_layers: int = 2
) -> ModelDimensions:
    """The dimensions nano trains with: an embedding of `rows` tokens, a context of 5 s, heads of 40
    dimensions."""
    from whisper.model import ModelDimensions

    return ModelDimensions(
        n_mels=80,
        n_audio_ctx=CONTEXT_FRAMES // 2,
        n_audio_state=width,
        n_audio_head=width // 40,
        n_audio_layer=encoder_layers,
        n_vocab=rows,
        n_text_ctx=48,
        n_text_state=width,
        n_text_head=width // 40,
        n_text_layer=decoder_layers,
    )


def pin_constant(model: Whisper) -> None:
    """Hold the constant dimension (see the module's text); the trainer calls it after every step."""
    import torch

    with torch.no_grad():
        model.decoder.token_embedding.weight[:, 0] = 0.0
        model.decoder.ln.weight[0] = 0.0
        model.decoder.ln.bias[0] = 1.0


def save_nano(path: Path, model: Whisper, vocabulary: Vocabulary, provenance: dict[str, str]) -> None:
    """Write a compact model (embedding rows in the order of `vocabulary`); whole or not at all."""
    import torch
    from safetensors.torch import save_file

    buffers = ("encoder.positional_embedding",)  # sinusoids, computed again at load
    tensors = {
        name: tensor.detach().to("cpu", torch.float16).contiguous()
        for name, tensor in model.state_dict().items()
        if name not in buffers
    }
    metadata = {
        "format": FORMAT,
        "dims": json.dumps(asdict(model.dims)),
        "token_ids": json.dumps(vocabulary.rows),
        **provenance,
    }
    temporary = path.with_suffix(".part")
    save_file(tensors, temporary, metadata=metadata)
    temporary.chmod(0o644)  # safetensors writes files for their owner alone
    temporary.replace(path)


def is_nano(path: Path) -> bool:
    """Whether a file says in its head that it has nano's format."""
    from safetensors import SafetensorError, safe_open

    if path.suffix != ".safetensors" or not path.is_file():
        return False
    try:
        with safe_open(path, framework="pt") as file:
            return (file.metadata() or {}).get("format") == FORMAT
    except (SafetensorError, OSError):
        return False


def load_nano(path: Path) -> tuple[Whisper, dict[str, str]]:
    """Read a nano file: the model with the full official vocabulary in fp32, and the file's metadata, to
    which the number of stored "parameters" is added.

    Raises `NanoFormatError` for a file that is none, FileNotFoundError if there is no file.
    """
    from safetensors import SafetensorError, safe_open
    from whisper.model import ModelDimensions, Whisper

    try:
        with safe_open(path, framework="pt") as file:
            metadata = dict(file.metadata() or {})
            tensors = {name: file.get_tensor(name).float() for name in file.keys()}  # noqa: SIM118  not a dict
        if metadata.get("format") != FORMAT:
            raise NanoFormatError(f"{path}: format {metadata.get('format')!r}, expected {FORMAT!r}")
        dims = ModelDimensions(**{**json.loads(metadata["dims"]), "n_vocab": OFFICIAL_VOCABULARY})
        rows = [int(token) for token in json.loads(metadata["token_ids"])]
        metadata["parameters"] = str(sum(tensor.numel() for tensor in tensors.values()))
        tensors[_EMBEDDING] = _expand(tensors[_EMBEDDING], rows)
        model = Whisper(dims)
        result = model.load_state_dict(tensors, strict=False)
    except (SafetensorError, KeyError, TypeError, RuntimeError, IndexError, json.JSONDecodeError) as error:
        raise NanoFormatError(f"{path} is not a nano weights file: {error}") from error
    missing = set(result.missing_keys) - {"encoder.positional_embedding"}
    if missing or result.unexpected_keys:
        raise NanoFormatError(f"{path}: missing {sorted(missing)}, unexpected {sorted(result.unexpected_keys)}")
    return model.eval(), metadata


def _expand(compact: torch.Tensor, rows: list[int]) -> torch.Tensor:
    """(rows in use, width) to (official vocabulary, width), unused rows at the logit that never wins."""
    full = compact.new_zeros(OFFICIAL_VOCABULARY, compact.shape[1])
    full[:, 0] = _UNUSED_LOGIT
    full[rows] = compact
    return full
