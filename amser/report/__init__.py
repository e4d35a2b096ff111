"""The HTML report of a study: one self-contained file."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sim.study.results import Results

__all__ = ["write_report"]


def write_report(results: Results, path: Path | None = None) -> Path:
    """Write the report of ``results`` and return its path (default: ``report.html`` in the results folder).

    Raises ``OSError`` when the file cannot be written.
    """
    # plotly takes a second to import; what only reads a study should not wait for it.
    from amser.report.material import Study
    from amser.report.page import render

    target = path if path is not None else results.folder / "report.html"
    target.write_text(render(Study(results)), encoding="utf-8")
    return target
