"""``amser list`` and ``amser info``: what there is to name in a scenario, and what this installation is."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from typing import Annotated, Any

import typer

from amser.cli.options import Json
from amser.console import Table, print_json
from amser.exits import UserError
from scenarios.errors import Exit

Rows = list[dict[str, str]]


def list_(
    what: Annotated[
        str | None,
        typer.Argument(
            help="scenarios, cells, profiles, radios, local, codecs, recognizers, emotions, corpora, measured, "
            "calibrations, traces or metrics; everything when left out."
        ),
    ] = None,
    sources: Annotated[bool, typer.Option("--sources", help="Show where each figure comes from.")] = False,
    json: Json = False,
) -> int:
    """List what a scenario can name, with the sources of its figures."""
    if what is not None and what not in LISTS:
        from scenarios.validation import suggest

        raise UserError(f"there is no list of '{what}'{suggest(what, list(LISTS))}")
    chosen = {what: LISTS[what]()} if what is not None else {name: rows() for name, rows in LISTS.items()}
    if json:
        print_json(chosen if what is None else chosen[what])
        return Exit.DONE
    # One list has room for its sources; all lists together show them on request.
    for name, rows in chosen.items():
        _print(name, rows, sources or what is not None)
    return Exit.DONE


def _print(name: str, rows: Rows, sources: bool) -> None:
    """A table, and below it the sources, which are too long for a column."""
    columns = [key for key in dict.fromkeys(key for row in rows for key in row) if key != "source"]
    Table(columns, [[row.get(c, "") for c in columns] for row in rows], title=f"{name}:").print()
    if sources and any("source" in row for row in rows):
        sys.stdout.write(f"\nsources of {name}:\n")
        for source in dict.fromkeys(row["source"] for row in rows if "source" in row):
            users = ", ".join(row["name"] for row in rows if row.get("source") == source)
            sys.stdout.write(f"  {users}: {source}\n")
    sys.stdout.write("\n")


def _scenarios() -> Rows:
    import scenarios

    rows = []
    for name in scenarios.library():
        experiment = scenarios.load(name)
        points = f"{len(experiment.points)} x {experiment.replications}"
        rows.append({"name": name, "title": experiment.title, "points": points})
    return rows


def _cells() -> Rows:
    from scenarios.presets import presets

    about = [(p, {"status": p.status, "source": p.source}) for p in presets().values()]
    return [{"name": p.name, "title": p.title, **_cell_figures(p.cell), **sources} for p, sources in about]


def _cell_figures(cell: Mapping[str, Any]) -> dict[str, str]:
    sharing, capacity = cell["sharing"], cell["capacity"]
    band = cell.get("device_rates", {}).get("bandwidth")
    return {
        "sharing": sharing if isinstance(sharing, str) else sharing["kind"],
        "capacity": (capacity if isinstance(capacity, str) else capacity["kind"]) + (f", {band}" if band else ""),
        "round trip": cell["rtt"],
    }


def _devices(kind: str) -> Rows:
    from devices import catalogue
    from devices.bands import EXACT

    rows = []
    for entry in catalogue():
        if entry.kind == kind:
            doubts = {"remembered": entry.remembered, "assumed": entry.assumed}
            doubtful = "; ".join(f"{word}: {', '.join(which)}" for word, which in doubts.items() if which)
            status = entry.status + (f" ({doubtful})" if doubtful else "")
            bands = ", ".join(f"{part} {b.low:g} to {b.high:g}" for part, b in entry.bands.items() if b != EXACT)
            source = f"{entry.source}. Band: {entry.why}" if entry.why else entry.source
            about = {"status": status, "band (factors)": bands, "source": source}
            rows.append({"name": entry.name, "title": entry.title, **entry.figures, **about})
    return rows


def _codecs() -> Rows:
    from scenarios.schema.codec import STANDARD_CODECS
    from scenarios.schema.codec_band import audio_band_hz

    rows = []
    for name, spec in STANDARD_CODECS.items():
        settings = {k: v for k, v in spec.model_dump(mode="json", exclude_defaults=True).items() if k != "kind"}
        first = (type(spec).__doc__ or "").strip().split("\n")[0].rstrip(".")
        shown = ", ".join(f"{k} {_setting(k, v)}" for k, v in settings.items())
        band_hz = audio_band_hz(spec)
        heard = "" if band_hz is None else f"{band_hz / 1000:g} kHz"
        rows.append({"name": name, "kind": spec.kind, "settings": shown, "audio up to": heard, "what": first})
    return rows


def _setting(key: str, value: Any) -> str:
    """A codec's parameter as it would be written in a scenario."""
    if key == "rate":
        return f"{value / 1000:g} kbit/s"
    if key == "frame":
        return f"{value * 1000:g} ms"
    return f"{value * 100:g} %" if key == "compress" else str(value)


def _recognizers() -> Rows:
    from recognizers.whisper import available_whispers

    ships = "ships with the project; short commands from a closed vocabulary, trained on the project's own speech"
    official = "OpenAI's weights, from its file, an installed package or a download: `amser models` says what is here"
    rows = [{"name": n, "kind": "whisper", "source": ships if n == "nano" else official} for n in available_whispers()]
    packaged = "English model inside the package pocketsphinx (extra `sphinx`); open speech, no download"
    return [*rows, {"name": "sphinx", "kind": "sphinx", "source": packaged}]


def _emotions() -> Rows:
    from typing import get_args

    from scenarios.schema.server import EmotionSpec

    kinds = [k for k in get_args(EmotionSpec.model_fields["kind"].annotation) if k != "none"]
    source = "weights trained on the shipped speech ship with the project"
    return [{"name": kind, "source": source} for kind in kinds]


def _corpora() -> Rows:
    from typing import get_args

    from scenarios.schema.corpus import CorpusSpec

    rows = []
    for spec in get_args(get_args(CorpusSpec)[0]):
        what = (spec.__doc__ or "").strip().split("\n")[0]
        rows += [{"name": kind, "what": what} for kind in get_args(spec.model_fields["kind"].annotation)]
    return rows


def _measured() -> Rows:
    from recognizers.measurement.shipped_tables import measured_tables

    rows = []
    for table in measured_tables():
        frame = table.rows(["utterance", "codec", "hypothesis"])
        heard = sorted(frame.loc[frame["hypothesis"].notna(), "codec"].unique())
        codecs = sorted(frame["codec"].unique())
        rows.append(
            {
                "name": table.path.stem,
                "corpus": table.corpus,
                "model": table.model,
                "utterances": str(frame["utterance"].nunique()),
                "codecs": ", ".join(codecs),
                "words of": "all" if heard == codecs else ", ".join(heard) or "none",
                "networks": ", ".join(table.networks),
                "licence": table.licence,
                "source": f"{table.source}; weights {table.weights[:12]}, commit {table.commit[:12]}",
            }
        )
    return rows


def _calibrations() -> Rows:
    from recognizers.service.calibration import summaries

    return [
        {
            "name": c.name,
            "machine": c.machine,
            "models": ", ".join(c.models),
            "status": c.basis,
            "source": c.source,
        }
        for c in summaries()
    ]


def _traces() -> Rows:
    import os
    from pathlib import Path

    from channel.links.traces import library_traces

    places = [library_traces()]
    if named := os.environ.get("AMSER_TRACES"):
        places.append(Path(named))
    found = [(p, place) for place in places for p in sorted(place.rglob("*")) if p.is_file()]
    return [{"name": str(p.relative_to(place)), "folder": str(place)} for p, place in found if p.suffix != ".txt"]


def _metrics() -> Rows:
    from amser.glossary import METRICS

    return [{"name": metric.shown, "meaning": metric.formula} for metric in METRICS]


LISTS: dict[str, Callable[[], Rows]] = {
    "scenarios": _scenarios,
    "cells": _cells,
    "profiles": lambda: _devices("profile"),
    "radios": lambda: _devices("radio"),
    "local": lambda: _devices("local"),
    "codecs": _codecs,
    "recognizers": _recognizers,
    "emotions": _emotions,
    "corpora": _corpora,
    "measured": _measured,
    "calibrations": _calibrations,
    "traces": _traces,
    "metrics": _metrics,
}


def info(json: Json = False) -> int:
    """Print versions, shipped weights and speech, calibrations and the cache of this installation."""
    from amser.installation import installation

    facts = installation()
    if json:
        print_json(facts)
        return Exit.DONE
    for section, entries in facts.items():
        sys.stdout.write(f"{section}:\n")
        width = max((len(name) for name in entries), default=0)
        for name, value in entries.items():
            sys.stdout.write(f"  {name:<{width}}  {value}\n")
    return Exit.DONE
