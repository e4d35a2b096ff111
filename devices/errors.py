"""What can be wrong with a description of devices."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

from scenarios.errors import AmserError


class DeviceError(AmserError, ValueError):
    """A profile, radio, traffic or policy that cannot be built; the text says what, where and what to do."""


def unknown(what: str, found: str, known: Iterable[str]) -> DeviceError:
    """The error for a name that is not among ``known``, with the nearest one."""
    names = sorted(known)
    close = difflib.get_close_matches(found, names, n=1)
    hint = f"did you mean '{close[0]}'?" if close else f"known: {', '.join(names)}"
    return DeviceError(f"there is no {what} named '{found}'; {hint}")
