"""The STRESS-DES checklist of a study, filled in from its results folder.

Strengthening the Reporting of Empirical Simulation Studies: Monks, Currie, Onggo, Robinson, Kunc and Taylor, Journal of
Simulation 13(1), 2019.  Its twenty items for discrete-event simulation are named in our own words; what the testbed
cannot know stands as a task for the author.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sim.study.results import Results

__all__ = ["write_checklist"]


def write_checklist(results: Results, path: Path | None = None) -> Path:
    """Write the checklist in Markdown and return its path (default: ``checklist.md`` in the results folder).

    Raises ``UserError`` for a study that was observed, not simulated, ``MissingError`` and ``ScenarioError`` where the
    folder lost its scenario, and ``OSError`` when the file cannot be written.
    """
    from amser.checklist.page import render

    target = path if path is not None else results.folder / "checklist.md"
    target.write_text(render(results), encoding="utf-8")
    return target
