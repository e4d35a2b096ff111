"""What can be wrong with a link's description or its files."""

from __future__ import annotations

from pathlib import Path

from scenarios.errors import AmserError


class LinkError(AmserError, ValueError):
    """A cell cannot be built as described; the message says what, where and what to do."""


class TraceError(LinkError):
    """A trace file is missing or broken; ``path`` and ``line`` (1-based, None for the whole file) say
    where.
    """

    def __init__(self, path: Path | str, line: int | None, fault: str) -> None:
        self.path, self.line, self.fault = Path(path), line, fault
        place = f"{path}:{line}" if line is not None else str(path)
        super().__init__(f"{place}: {fault}")
