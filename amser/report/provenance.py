"""Where the figures come from: weights, corpus, calibration, seed, versions, and what to be wary of."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from html import escape
from typing import TYPE_CHECKING, Any

from amser.summary import gathered, named_failures

if TYPE_CHECKING:
    from amser.report.material import Study

# Shown first and in this order where the manifest has them; the rest follows in the manifest's own order.
FIRST = ("recognizer", "emotion", "corpus", "service", "devices", "cells", "replications", "sets", "command")
# Enough of a digest to tell two apart; the manifest has all of it.
DIGEST = re.compile(r"\b([0-9a-f]{12})[0-9a-f]{20,}\b")
# Long lists that the page shows elsewhere, or that only a program reads.
HIDDEN = ("format", "name", "title", "points", "warnings", "parameters", "complete", "partial", "failures")


def warnings_section(study: Study) -> str:
    """What a reader must know before the first figure: what is missing, what failed, and the run's warnings."""
    lines = [escape(text) for text in gathered(map(str, study.manifest.get("warnings") or ()))]
    failures = named_failures(study.manifest)
    lines = [*(escape(text) for text in gathered(f"{at}: {why}" for at, why in failures.items())), *lines]
    if study.results.partial:
        lines.insert(0, escape(study.results.partial.capitalize()))
    if not lines:
        return ""
    items = "".join(f"<li>{x}</li>" for x in lines)
    return f"<section class='warnings'><b>Before you read the figures</b><ul>{items}</ul></section>"


def provenance_section(study: Study) -> str:
    """A table of the manifest's facts, the scenario as it was run, and the whole manifest for programs."""
    rows = "".join(
        f"<tr><td>{escape(name)}</td><td>{escape(value)}</td></tr>" for name, value in _facts(study.manifest)
    )
    resolved = study.folder / "resolved.yaml"
    scenario = resolved.read_text(encoding="utf-8", errors="replace") if resolved.is_file() else ""
    manifest = json.dumps(study.manifest, indent=2, ensure_ascii=False)
    return (
        "<section><h2>Where the figures come from</h2>"
        f"<table class='provenance'>{rows}</table>"
        f"<details><summary>The scenario as it was run</summary><pre>{escape(scenario)}</pre></details>"
        f"<details><summary>The whole manifest</summary><pre>{escape(manifest)}</pre></details></section>"
    )


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
