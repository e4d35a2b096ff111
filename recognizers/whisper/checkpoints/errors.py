"""The one error of finding and reading weights."""

from __future__ import annotations

from scenarios.errors import AmserError, Exit


class ModelUnavailable(AmserError, RuntimeError):
    """A model cannot be had: the message says why and what to do, in one line."""

    exit_code = Exit.MISSING
