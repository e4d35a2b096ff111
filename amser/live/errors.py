"""Errors of the live testbed, and whether its packages are here."""

from __future__ import annotations

from importlib.util import find_spec

from scenarios.errors import AmserError, Exit


class LiveError(AmserError):
    """A server, a phone or a network that cannot do what was asked; says which, and the remedy."""

    exit_code = Exit.MISSING


class Refused(LiveError):
    """An upload that the server does not take: the HTTP status, and the reason for whoever sent it."""

    def __init__(self, status: int, reason: str, retry_after_s: int | None = None) -> None:
        super().__init__(reason)
        self.status, self.reason, self.retry_after_s = status, reason, retry_after_s


PACKAGES = ("starlette", "uvicorn", "prometheus_client")


def needed() -> None:
    """Raise ``LiveError`` where a package of the extra is missing."""
    missing = [name for name in PACKAGES if find_spec(name) is None]
    if missing:
        raise LiveError(f"{', '.join(missing)} not installed: pip install 'amser[live]'")
