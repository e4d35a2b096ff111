"""The STRESS-DES checklist of a study, filled in from its results folder.

Strengthening the Reporting of Empirical Simulation Studies: Monks, Currie, Onggo, Robinson, Kunc and Taylor, Journal of
Simulation 13(1), 2019.  Its twenty items for discrete-event simulation are named in our own words; what the testbed
cannot know stands as a task for the author.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from amser.checklist.conduct import access, data, experimentation, implementation
from amser.checklist.item import Filed, Item, bullets, plain
from amser.checklist.logic import logic, objectives
from amser.exits import UserError
from sim.study.results import Results

__all__ = ["write_checklist"]


def write_checklist(results: Results, path: Path | None = None) -> Path:
    """Write the checklist in Markdown and return its path (default: ``checklist.md`` in the results folder).

    Raises ``UserError`` for a study that was observed, not simulated, ``MissingError`` and ``ScenarioError`` where the
    folder lost its scenario, and ``OSError`` when the file cannot be written.
    """
    target = path if path is not None else results.folder / "checklist.md"
    target.write_text(render(results), encoding="utf-8")
    return target


SECTIONS = (
    ("1. Objectives", objectives),
    ("2. Logic", logic),
    ("3. Data", data),
    ("4. Experimentation", experimentation),
    ("5. Implementation", implementation),
    ("6. Code access", access),
)


def render(results: Results) -> str:
    """The page; errors as of ``write_checklist``."""
    if "observed" in results.manifest:
        raise UserError(f"{results.folder}: this was observed on a real server; STRESS-DES is for simulations")
    study = Filed(results)
    sections = [(title, list(fill(study))) for title, fill in SECTIONS]
    return "\n\n".join([*_head(study, [item for _, items in sections for item in items]), *_body(sections)]) + "\n"


def _head(study: Filed, items: list[Item]) -> Iterator[str]:
    yield f"# STRESS-DES: {plain(study.experiment.title or study.experiment.name)}"
    yield (
        "Reporting checklist for discrete-event simulations (Monks et al., Journal of Simulation 13(1), 2019), filled "
        f"in by `amser report --checklist` from the run of {plain(study.manifest.get('started', 'an unknown time'))}."
    )
    yield "**Left to the author:**\n\n" + bullets(
        f"{item.number} {item.name}: {item.add}" for item in items if item.add
    )


def _body(sections: list[tuple[str, list[Item]]]) -> Iterator[str]:
    for title, items in sections:
        yield f"## {title}"
        for item in items:
            yield f"### {item.number} {item.name}"
            yield from item.told
            if item.add:
                yield f"**Author to add:** {item.add}"
