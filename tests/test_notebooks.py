"""The notebooks run as they stand, and print what they show.

Numbers and texts are compared; pictures are not, because fonts and compression differ between machines.
"""

from __future__ import annotations

import os
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

ROOT = Path(__file__).parents[1]
NOTEBOOKS = sorted(ROOT.glob("docs/notebooks/*.ipynb"))


def printed(notebook: nbformat.NotebookNode) -> list[list[str]]:
    """What each code cell prints or returns, as text."""
    return [
        ["".join(o.get("text", "") or o.get("data", {}).get("text/plain", "")).strip() for o in cell.outputs]
        for cell in notebook.cells
        if cell.cell_type == "code"
    ]


@pytest.mark.slow
@pytest.mark.parametrize("path", NOTEBOOKS, ids=[p.stem for p in NOTEBOOKS])
def test_notebook_prints_what_it_shows(path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")]))
    stored = nbformat.read(path, as_version=4)
    shown = printed(stored)
    run = NotebookClient(stored, timeout=300, resources={"metadata": {"path": str(tmp_path)}}).execute()
    assert printed(run) == shown, "run it again and save it: jupyter execute --inplace docs/notebooks/*.ipynb"


def test_there_are_notebooks() -> None:
    assert len(NOTEBOOKS) >= 2
    assert all(cell.outputs for n in NOTEBOOKS for cell in nbformat.read(n, 4).cells[-1:])
