"""The clock of all stamps: monotonic, one for all processes of a machine that has not been started anew."""

from __future__ import annotations

import time
from functools import cache
from pathlib import Path

now = time.monotonic
"""Seconds.  Not the time of day, which is set while we measure."""


@cache
def identity() -> str:
    """Names this machine's clock: stamps of two processes may be subtracted where it is the same in both."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    except OSError:  # not Linux: no two processes are known to share a clock
        import uuid

        return str(uuid.uuid4())
