"""The extra ``live``: what a server needs and a phone does not."""

from __future__ import annotations

from importlib.util import find_spec

from amser.live.errors import LiveError

PACKAGES = ("starlette", "uvicorn", "prometheus_client")


def needed() -> None:
    """Raise ``LiveError`` where a package of the extra is missing."""
    missing = [name for name in PACKAGES if find_spec(name) is None]
    if missing:
        raise LiveError(f"{', '.join(missing)} not installed: pip install 'amser[live]'")
