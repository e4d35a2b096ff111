"""OpenAI's own files: a `.pt` holds dims and model_state_dict, pickled; the pickle is read as data and runs nothing."""

from __future__ import annotations

import base64
import gzip
import hashlib
import os
import socket
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np

from recognizers.whisper.checkpoints.state import Checkpoint, Dims, Heads, ModelUnavailable, checked

LICENCE = "MIT (OpenAI)"
DOWNLOAD_TIMEOUT_S = 20.0
"""A network that does not answer is reported after this time without a byte."""


@dataclass(frozen=True)
class OfficialFile:
    """An official model as openai-whisper knows it: several names may stand for one file."""

    stem: str
    url: str
    sha256: str
    path: Path


def names() -> tuple[str, ...]:
    """The official names."""
    import whisper

    return tuple(whisper.available_models())


def official_file(name: str) -> OfficialFile:
    """Where openai-whisper keeps the model, and what its file's SHA-256 must be.  KeyError for another name."""
    import whisper

    url = str(whisper._MODELS[name])
    *_, sha256, file = url.split("/")
    root = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return OfficialFile(file.removesuffix(".pt"), url, sha256, Path(root) / "whisper" / file)


def heads_of(name: str, dims: Dims) -> Heads | None:
    """The cross-attention heads that openai-whisper aligns words with, from its own table."""
    import whisper

    dump = whisper._ALIGNMENT_HEADS.get(name)
    if dump is None:
        return None
    flags = np.frombuffer(gzip.decompress(base64.b85decode(dump)), dtype=bool)
    if flags.size != dims.n_text_layer * dims.n_text_head:
        return None  # a model of other dimensions under this name
    return tuple((int(i), int(j)) for i, j in np.argwhere(flags.reshape(dims.n_text_layer, dims.n_text_head)))


def download(wanted: OfficialFile) -> Path:
    """Let openai-whisper fetch the file into its cache and check it.  Raises OSError or RuntimeError."""
    import whisper

    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(DOWNLOAD_TIMEOUT_S)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # that a damaged file is fetched again: where it cannot be, we say so
            return Path(whisper._download(wanted.url, str(wanted.path.parent), False))
    finally:
        socket.setdefaulttimeout(before)


def read(path: Path) -> Checkpoint:
    """A `.pt` of openai-whisper's format, tensors mapped from the file.  Raises `ModelUnavailable`."""
    import torch

    with _told(path), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch's advice to whoever wrote an odd file

        try:
            found = torch.load(path, map_location="cpu", weights_only=True, mmap=True)
        except RuntimeError:  # the format before torch 1.6 cannot be mapped
            found = torch.load(path, map_location="cpu", weights_only=True)
        dims = Dims(**{field.name: int(found["dims"][field.name]) for field in fields(Dims)})
        tensors = {str(name): tensor.detach() for name, tensor in found["model_state_dict"].items()}
        for name, tensor in tensors.items():
            # A tensor may repeat one value over any shape, which would be written out below.
            if tensor.numel() * tensor.itemsize > tensor.untyped_storage().nbytes():
                raise ValueError(f"{name} is no whole tensor")
        checkpoint = Checkpoint(dims, tensors)
    return checked(checkpoint, path)


@contextmanager
def _told(path: Path) -> Iterator[None]:
    import pickle

    # torch's reader of pickles is an interpreter: on bytes that are no program it fails in any way.
    mistakes = (LookupError, TypeError, AttributeError, RuntimeError, EOFError, ValueError, AssertionError)
    try:
        yield
    except pickle.UnpicklingError as error:
        why = "it is no pickle of tensors and numbers alone, and nothing else is loaded"
        raise ModelUnavailable(f"{path} is not a Whisper checkpoint: {why}") from error
    except (*mistakes, OSError, OverflowError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise ModelUnavailable(f"{path} is not a Whisper checkpoint (dims and model_state_dict): {reason}") from error


def file_digest(path: Path) -> str:
    """SHA-256 of a file.  Raises OSError."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
