"""The front door to every Whisper: `nano` (shipped), an official model by name, or a checkpoint by path."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

from recognizers.whisper.checkpoints import resolver
from recognizers.whisper.checkpoints.official import file_digest
from recognizers.whisper.checkpoints.state import ModelUnavailable
from recognizers.whisper.nano import NanoFormatError, is_nano, load_nano
from recognizers.whisper.options import CLOSED_VOCABULARY
from recognizers.whisper.placing import on_device
from recognizers.whisper.recognizer import WhisperRecognizer

if TYPE_CHECKING:
    from whisper.model import Whisper

    from recognizers.whisper.checkpoints.state import Checkpoint

NANO_WEIGHTS = Path(__file__).resolve().parents[1] / "data" / "nano.safetensors"
"""nano's shipped weights."""


def available_whispers() -> tuple[str, ...]:
    """`nano` and the official names."""
    return resolver.known()


def load_whisper(model: str, *, device: str = "cpu", batch_size: int = 16) -> WhisperRecognizer:
    """Load a recognizer: "nano", an official name ("tiny.en", "turbo", ...), or the path of a checkpoint.

    A path is a `.pt` of openai-whisper, a checkpoint of Hugging Face or of CTranslate2, or a file that this project
    wrote (nano's format or converted weights).  Official models come from openai-whisper's cache, from an installed
    package of weights, or are downloaded; see `checkpoints.resolver`.  No code of a file is run.  Raises
    `ModelUnavailable`."""
    if model == "nano":
        return _from_nano(NANO_WEIGHTS, "nano", device, batch_size)
    path = resolver.locate(model)
    if path is not None and is_nano(path):
        return _from_nano(path, path.stem, device, batch_size)
    weights = resolver.resolve(model)
    built = build(weights.checkpoint)
    what = f"official Whisper ({weights.source})" if path is None else "Whisper checkpoint"
    description = f"{weights.name}: {what}, {_size(built)}"
    return WhisperRecognizer(on_device(built, device), weights.name, weights.digest, description, batch_size)


def find_whisper(model: str) -> Path | None:
    """The file or folder that `model` names; None for an official model.

    Reads of it what says whether it is a Whisper's, but no weights.  Raises `ModelUnavailable`."""
    if model == "nano":
        return NANO_WEIGHTS
    path = resolver.locate(model)
    if path is not None and not is_nano(path):
        resolver.open_path(path)
    return path


def build(checkpoint: Checkpoint) -> Whisper:
    """openai-whisper's model of a checkpoint, in fp32 on the CPU."""
    from dataclasses import asdict

    import torch
    from torch.overrides import TorchFunctionMode
    from whisper.model import ModelDimensions, Whisper

    class Uninitialised(TorchFunctionMode):
        """Random values that are overwritten at once cost more than reading the real ones."""

        def __torch_function__(self, func, types, args=(), kwargs=None):  # type: ignore[no-untyped-def]
            kwargs = kwargs or {}
            if getattr(func, "__module__", None) == "torch.nn.init":
                return kwargs["tensor"] if "tensor" in kwargs else args[0]
            return func(*args, **kwargs)

    with Uninitialised():
        model = Whisper(ModelDimensions(**asdict(checkpoint.dims)))
    model.load_state_dict(checkpoint.tensors)
    if checkpoint.heads is not None:
        heads = torch.zeros(checkpoint.dims.n_text_layer, checkpoint.dims.n_text_head, dtype=torch.bool)
        for layer, head in checkpoint.heads:
            heads[layer, head] = True
        model.register_buffer("alignment_heads", heads.to_sparse(), persistent=False)
    return model


def _from_nano(path: Path, name: str, device: str, batch_size: int) -> WhisperRecognizer:
    try:
        model, metadata = load_nano(path)
    except FileNotFoundError as error:
        raise ModelUnavailable(f"{path} is missing; install amser again") from error
    except NanoFormatError as error:
        raise ModelUnavailable(str(error)) from error
    training = metadata.get("training", "unknown")
    count = int(metadata["parameters"])  # those in the file; the rows of unused tokens are no parameters
    description = f"{name}: closed-vocabulary command recognizer, {_size(model, count)}; trained on {training}"
    tokens = json.loads(metadata["token_ids"])
    return WhisperRecognizer(
        on_device(model, device), name, file_digest(path), description, batch_size, tokens, CLOSED_VOCABULARY
    )


def _size(model: Whisper, parameters: int | None = None) -> str:
    count = (parameters or sum(p.numel() for p in model.parameters())) / 1e6
    dims = model.dims
    return f"{count:.1f} M parameters, {dims.n_mels} Mel bands, {dims.n_audio_ctx / 50:g} s context"
