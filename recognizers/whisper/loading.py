"""Find a Whisper: `nano` (shipped), an official model by name, or a checkpoint by path. Nothing is
unpickled."""

from __future__ import annotations

import difflib
import hashlib
import json
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from recognizers.whisper.nano import NanoFormatError, load_nano
from recognizers.whisper.options import CLOSED_VOCABULARY
from recognizers.whisper.placing import on_device
from recognizers.whisper.recogniser import WhisperRecognizer

if TYPE_CHECKING:
    from whisper.model import Whisper

__all__ = ["NANO_WEIGHTS", "ModelUnavailable", "available_whispers", "load_whisper"]

NANO_WEIGHTS = Path(__file__).resolve().parents[1] / "data" / "nano.safetensors"
"""nano's shipped weights."""

DOWNLOAD_TIMEOUT_S = 20.0
"""A network that does not answer is reported after this time without a byte."""


class ModelUnavailable(RuntimeError):
    """A model cannot be had: the message says why and what to do, in one line."""


def available_whispers() -> tuple[str, ...]:
    """`nano` and the official names."""
    import whisper

    return ("nano", *whisper.available_models())


def load_whisper(model: str, *, device: str = "cpu", batch_size: int = 16) -> WhisperRecognizer:
    """Load a recogniser: "nano", an official name ("tiny.en", "turbo", ...), or the path of a checkpoint.

    A path is either Whisper's own format (`.pt` with dims and model_state_dict) or ours (`.safetensors`).
    Official models are downloaded once by openai-whisper into its cache. Raises `ModelUnavailable`."""
    path = find_whisper(model)
    if model == "nano":
        return _from_nano(NANO_WEIGHTS, "nano", device, batch_size)
    if path is None:
        return _from_official(model, device, batch_size)
    if path.suffix == ".safetensors":
        return _from_nano(path, path.stem, device, batch_size)
    return _from_checkpoint(path, device, batch_size)


def find_whisper(model: str) -> Path | None:
    """The file that `model` names; None for an official model, which openai-whisper keeps or downloads.

    Loads nothing. Raises `ModelUnavailable` for a name that is neither known nor a file."""
    if model == "nano":
        return NANO_WEIGHTS
    path = Path(model).expanduser()
    if path.is_file():
        return path
    known = available_whispers()
    if model in known:
        return None
    if path.suffix in (".pt", ".pth", ".safetensors") or os.sep in model:
        raise ModelUnavailable(f"no Whisper checkpoint at {path}; give an existing .pt or .safetensors file")
    near = difflib.get_close_matches(model, known, 1)
    hint = f"did you mean {near[0]!r}? " if near else ""
    raise ModelUnavailable(f"unknown Whisper model {model!r}; {hint}known: {', '.join(known)}, or a path")


def _from_nano(path: Path, name: str, device: str, batch_size: int) -> WhisperRecognizer:
    try:
        model, metadata = load_nano(path)
    except FileNotFoundError as error:
        raise ModelUnavailable(f"{path} is missing; install amser again") from error
    except NanoFormatError as error:
        raise ModelUnavailable(str(error)) from error
    training = metadata.get("training", "unknown")
    count = int(metadata["parameters"])  # those in the file; the rows of unused tokens are no parameters
    description = f"{name}: closed-vocabulary command recogniser, {_size(model, count)}; trained on {training}"
    tokens = json.loads(metadata["token_ids"])
    return WhisperRecognizer(
        on_device(model, device), name, _file_hash(path), description, batch_size, tokens, CLOSED_VOCABULARY
    )


def _from_checkpoint(path: Path, device: str, batch_size: int) -> WhisperRecognizer:
    import pickle

    import torch

    from whisper.model import ModelDimensions, Whisper

    try:
        checkpoint = torch.load(path, map_location="cpu", weights_only=True)
        model = Whisper(ModelDimensions(**checkpoint["dims"]))
        model.load_state_dict(checkpoint["model_state_dict"])
    except (pickle.UnpicklingError, KeyError, TypeError, RuntimeError, EOFError, ValueError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise ModelUnavailable(f"{path} is not a Whisper checkpoint (dims and model_state_dict): {reason}") from error
    description = f"{path.name}: Whisper checkpoint, {_size(model)}"
    return WhisperRecognizer(on_device(model, device), path.stem, _file_hash(path), description, batch_size)


def _from_official(name: str, device: str, batch_size: int) -> WhisperRecognizer:
    import whisper

    try:
        with _download_timeout():
            model = whisper.load_model(name, device="cpu")
    except (OSError, RuntimeError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise ModelUnavailable(
            f"Whisper model {name!r} is not in the cache and could not be downloaded ({reason}); "
            "connect once to download it, give the path of a checkpoint, or use 'nano', which is shipped"
        ) from error
    # The file name's folder in the address is the SHA-256 that whisper.load_model has just verified.
    weights_hash = str(whisper._MODELS[name]).split("/")[-2]
    return WhisperRecognizer(
        on_device(model, device), name, weights_hash, f"{name}: official Whisper, {_size(model)}", batch_size
    )


@contextmanager
def _download_timeout() -> Iterator[None]:
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(DOWNLOAD_TIMEOUT_S)
    try:
        yield
    finally:
        socket.setdefaulttimeout(before)


def _size(model: Whisper, parameters: int | None = None) -> str:
    count = (parameters or sum(p.numel() for p in model.parameters())) / 1e6
    dims = model.dims
    return f"{count:.1f} M parameters, {dims.n_mels} Mel bands, {dims.n_audio_ctx / 50:g} s context"


@lru_cache(maxsize=16)
def _file_hash(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()
