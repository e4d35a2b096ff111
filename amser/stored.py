"""The study that a results folder keeps, as it can be read or run again."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from amser.exits import MissingError

if TYPE_CHECKING:
    from scenarios import Experiment
    from sim.study.results import Results


def stored_experiment(results: Results) -> Experiment:
    """The experiment of ``results``, read from its resolved scenario; nothing that it names is opened or imported.

    Relative paths start at the folder of the scenario file that was run where that is still there, else at the results
    folder; a bundle's manifest names its file relative to itself, so that they start there wherever it is unpacked.
    Raises ``MissingError`` without a resolved scenario and ``ScenarioError`` for a damaged one.
    """
    import scenarios
    from scenarios.document import read_text

    resolved = results.folder / "resolved.yaml"
    if not resolved.is_file():
        raise MissingError(f"{resolved}: missing, so that nobody knows what was run; run the scenario again")
    source = results.folder / str(results.manifest.get("scenario") or resolved.name)
    base: Path = source.parent if source.parent.is_dir() else results.folder
    return scenarios.loads(read_text(resolved), file=source.name, base_dir=base)
