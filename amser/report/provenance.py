"""Where the figures come from: weights, corpus, calibration, seed, versions, and what to be wary of."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from markupsafe import Markup

from amser.report.frame import filled
from amser.summary import gathered, named_failures

if TYPE_CHECKING:
    from amser.report.material import Study

# Shown first and in this order where the manifest has them; the rest follows in the manifest's own order.
FIRST = ("recognizer", "emotion", "corpus", "service", "devices", "cells", "replications", "sets", "command")
# Enough of a digest to tell two apart; the manifest has all of it.
DIGEST = re.compile(r"\b([0-9a-f]{12})[0-9a-f]{20,}\b")
# Long lists that the page shows elsewhere, or that only a program reads.
HIDDEN = ("format", "name", "title", "points", "warnings", "parameters", "complete", "partial", "failures")


def warnings_section(study: Study) -> Markup:
    """What a reader must know before the first figure: what is missing, what failed, and the run's warnings."""
    failures = named_failures(study.manifest)
    lines = [
        *gathered(f"{at}: {why}" for at, why in failures.items()),
        *gathered(map(str, study.manifest.get("warnings") or ())),
    ]
    if study.results.partial:
        lines.insert(0, study.results.partial.capitalize())
    return filled("warnings.html", lines=lines) if lines else Markup()


def provenance_section(study: Study) -> Markup:
    """A table of the manifest's facts, the scenario as it was run, and the whole manifest for programs."""
    resolved = study.folder / "resolved.yaml"
    scenario = resolved.read_text(encoding="utf-8", errors="replace") if resolved.is_file() else ""
    manifest = json.dumps(study.manifest, indent=2, ensure_ascii=False)
    return filled("provenance.html", facts=list(_facts(study.manifest)), scenario=scenario, manifest=manifest)


def _facts(manifest: dict[str, Any]) -> Iterator[tuple[str, str]]:
    known = [key for key in FIRST if key in manifest]
    seeds = dict.fromkeys(p["seed"] for p in manifest.get("points", ()) if "seed" in p)
    for key in [*known, *(k for k in manifest if k not in known and k not in HIDDEN)]:
        yield from _rows(key.replace("_", " "), manifest[key])
    if seeds:
        yield "seed", ", ".join(map(str, seeds))


def _rows(name: str, value: Any) -> Iterator[tuple[str, str]]:
    """One row a fact; a mapping of mappings gives one for each inner one."""
    if value in (None, "", [], {}):
        return
    if isinstance(value, dict) and any(isinstance(v, dict) for v in value.values()):
        for inner, content in value.items():
            yield from _rows(f"{name}: {inner}", content)
    else:
        yield name, _text(value)


def _text(value: Any) -> str:
    """A fact on one line: mappings as ``key: value``, lists with commas."""
    if isinstance(value, dict):
        return "; ".join(f"{k}: {_text(v)}" for k, v in value.items() if v not in (None, "", [], {}))
    if isinstance(value, list):
        return ", ".join(map(_text, value))
    return DIGEST.sub(r"\1…", str(value))
