"""Where everything that can be made again is kept."""

from __future__ import annotations

from pathlib import Path


def default_cache() -> Path:
    """The cache's folder: ``$AMSER_CACHE``, else ``$XDG_CACHE_HOME/amser``, else ``~/.cache/amser``."""
    import os

    if named := os.environ.get("AMSER_CACHE"):
        return Path(named)
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "amser"
