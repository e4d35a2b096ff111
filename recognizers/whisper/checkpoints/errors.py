"""The one error of finding and reading weights."""

from __future__ import annotations

__all__ = ["ModelUnavailable"]


class ModelUnavailable(RuntimeError):
    """A model cannot be had: the message says why and what to do, in one line."""
