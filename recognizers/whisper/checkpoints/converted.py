"""Weights as this project keeps them: one safetensors file a model, made once, mapped by every process that needs it.

Keys are openai-whisper's names, values as `settled` has them; the metadata says what they are and whence they came.
"""

from __future__ import annotations

import errno
import json
import os
import re
import zlib
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from recognizers.cache import default_cache
from recognizers.whisper.checkpoints.state import Checkpoint, Dims, ModelUnavailable, checked, raw_bytes

if TYPE_CHECKING:
    from collections.abc import Mapping

    from torch import Tensor

FORMAT = "amser-whisper-1"


@dataclass(frozen=True)
class Origin:
    """Whence weights came: `source` in words, the SHA-256 of the file they were read from, and their licence."""

    source: str
    sha256: str
    licence: str


@dataclass(frozen=True)
class Kept:
    """A converted file, as its metadata describes it."""

    path: Path
    name: str
    digest: str
    origin: Origin
    dims: Dims
    crc32: int
    heads: tuple[tuple[int, int], ...] | None

    @property
    def size_bytes(self) -> int:
        """Of the file."""
        return self.path.stat().st_size


def folder() -> Path:
    """Where converted weights are kept: `models` in the cache."""
    return default_cache() / "models"


def write(checkpoint: Checkpoint, name: str, digest: str, origin: Origin, file: Path | None = None) -> Kept:
    """Write a settled checkpoint, whole or not at all, to `file` or into the cache.  Raises OSError."""
    from safetensors import SafetensorError
    from safetensors.torch import save_file

    if file is None:
        file = folder() / f"{re.sub(r'[^A-Za-z0-9_.-]', '-', name)}-{digest[:8]}.safetensors"
        file.parent.mkdir(parents=True, exist_ok=True)
    metadata = {
        "format": FORMAT,
        "name": name,
        "digest": digest,
        "dims": json.dumps(asdict(checkpoint.dims)),
        "alignment_heads": json.dumps(checkpoint.heads),
        "crc32": str(_crc32(checkpoint.tensors)),
        **asdict(origin),
    }
    temporary = file.with_name(f"{file.name}.{os.getpid()}.part")
    try:
        save_file(dict(checkpoint.tensors), temporary, metadata=metadata)
        temporary.chmod(0o644)  # safetensors writes files for their owner alone
        temporary.replace(file)
    except SafetensorError as error:  # how it tells of a full disk
        raise OSError(errno.EIO, f"cannot be written ({error})", str(file)) from error
    finally:
        temporary.unlink(missing_ok=True)
    return look(file)


def kept() -> Iterator[Kept]:
    """The readable converted files in the cache, by name."""
    for path in sorted(folder().glob("*.safetensors")):
        try:
            yield look(path)
        except ModelUnavailable:
            continue  # a damaged one is made again when its model is asked for


def metadata(path: Path) -> dict[str, str]:
    """What the head of a safetensors file says beside its tensors.

    Raises `ModelUnavailable` for a file that is none, or that is cut short."""
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="pt") as file:
            return dict(file.metadata() or {})
    except (SafetensorError, OSError) as error:
        raise ModelUnavailable(f"{path} is no whole file of safetensors: {error}") from error


def look(path: Path) -> Kept:
    """What a converted file says of itself; reads its head alone.

    Raises `ModelUnavailable` for a file that is none."""
    meta = metadata(path)
    try:
        if meta["format"] != FORMAT:
            raise ValueError(f"its format is {meta['format']!r}, not {FORMAT!r}")
        heads = json.loads(meta["alignment_heads"])
        return Kept(
            path=path,
            name=meta["name"],
            digest=meta["digest"],
            origin=Origin(meta["source"], meta["sha256"], meta["licence"]),
            dims=Dims(**{key: int(value) for key, value in json.loads(meta["dims"]).items()}),
            crc32=int(meta["crc32"]),
            heads=None if heads is None else tuple((int(layer), int(head)) for layer, head in heads),
        )
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError, RecursionError) as error:
        raise ModelUnavailable(f"{path} is no file of converted weights: {error}") from error


def read(found: Kept) -> Checkpoint:
    """The tensors, mapped from the file.  Raises `ModelUnavailable` where they are not a Whisper's."""
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(found.path, framework="pt") as file:
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118  not a dict
    except (SafetensorError, OSError) as error:
        raise ModelUnavailable(f"{found.path} is no whole file of converted weights: {error}") from error
    return checked(Checkpoint(found.dims, tensors, found.heads), found.path)


def damaged(found: Kept, checkpoint: Checkpoint) -> bool:
    """Whether a bit has changed since it was written.

    A CRC takes half the time of the digest, and it is a disk that is doubted here: who may write to the cache may write
    any digest."""
    return _crc32(checkpoint.tensors) != found.crc32


def _crc32(tensors: Mapping[str, Tensor]) -> int:
    value = 0
    for name in sorted(tensors):
        value = zlib.crc32(raw_bytes(tensors[name]), value)
    return value
