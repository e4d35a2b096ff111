"""``amser corpus check``: what the testbed understands of a corpus."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from amser.cli.options import Json
from amser.console import print_json
from scenarios.errors import Exit


def check(
    place: Annotated[str, typer.Argument(metavar="DIR", help="A corpus's folder, a manifest (TSV), or `shipped`.")],
    kind: Annotated[str | None, typer.Option(help="Its layout; default: recognized from its files.")] = None,
    decode: Annotated[bool, typer.Option("--decode", help="Read every recording to its end.")] = False,
    json: Json = False,
) -> int:
    """Say what is understood of a corpus: files, hours, speakers, classes, what is missing or broken."""
    from recognizers.corpora import check_corpus

    report = check_corpus(place, kind, decode=decode)
    if json:
        import dataclasses

        facts = {f.name: getattr(report, f.name) for f in dataclasses.fields(report)}
        print_json(facts | {"missing": report.missing, "faults": [str(f) for f in report.faults]})
    else:
        sys.stdout.write(f"{report}\n")
    return Exit.INVALID if report.faults else Exit.DONE
