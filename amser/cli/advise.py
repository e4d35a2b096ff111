"""``amser advise``: how an app should send its clips."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from amser.cli.options import Json, Sets
from amser.console import harmless, print_json
from scenarios.errors import Exit

if TYPE_CHECKING:
    from amser.advice import Advice, Option


def advise(
    length: Annotated[
        list[str] | None,
        typer.Option("--length", metavar="SECONDS", help="Length of a clip, such as '6.2 s'; repeatable."),
    ] = None,
    uplink: Annotated[str, typer.Option(metavar="RATE", help="The uplink's rate.")] = "5 Mbit/s",
    rtt: Annotated[str, typer.Option(metavar="TIME", help="Round trip to the server.")] = "50 ms",
    radio: Annotated[str, typer.Option(metavar="NAME", help="One of `amser list radios`.")] = "lte",
    profile: Annotated[str, typer.Option(metavar="NAME", help="One of `amser list profiles`.")] = "pixel-8",
    budget: Annotated[str, typer.Option(metavar="POINTS", help="Acceptable rise of word errors: '1 %'.")] = "1 %",
    corpus: Annotated[str, typer.Option(metavar="NAME", help="Corpus of a measured table.")] = "librispeech",
    model: Annotated[str, typer.Option(metavar="NAME", help="Whisper model of that table.")] = "tiny.en",
    goal: Annotated[str, typer.Option(metavar="GOAL", help="What to minimize: energy, latency or bytes.")] = "energy",
    sets: Sets = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", metavar="FILE", help="Write a page with a picture: FILE.html.")
    ] = None,
    json: Json = False,
) -> int:
    """Say how to send clips over a link: bytes, latency, energy and words lost by codec, and the codec to take."""
    from amser.advice import advise as find
    from amser.advice.advise import TYPICAL_S
    from amser.exits import UserError
    from scenarios.quantities import DURATION, PERCENT

    try:
        lengths_s = [DURATION.parse(text) for text in length] if length else TYPICAL_S
        share = PERCENT.parse(budget)
    except ValueError as error:
        raise UserError(str(error)) from None
    place = {"uplink": uplink, "rtt": rtt, "radio": radio, "profile": profile, "corpus": corpus, "model": model}
    found = find(lengths_s, **place, budget=share, goal=goal, sets=sets or ())
    if output is not None:
        from amser.report.advice_page import render

        with output.open("x", encoding="utf-8") as file:
            file.write(render(found))
    if json:
        _print_json(found)
    else:
        _print(found)
    return Exit.DONE


def _print(found: Advice) -> None:
    from amser.advice.wording import pick_sentence, table_of

    for length_s in found.lengths_s:
        table_of(found, length_s).print()
        sys.stdout.write(f"\n{pick_sentence(found, length_s)}\n\n")
    for name, value in found.rests_on.items():
        sys.stdout.write(harmless(f"{name:<10}{value}\n"))
    for text in found.warnings:
        sys.stderr.write(f"amser: warning: {text}\n")


def _print_json(found: Advice) -> None:
    def shown(option: Option) -> dict[str, object]:
        values = {k: v._asdict() if hasattr(v, "_asdict") else v for k, v in option._asdict().items()}
        return values | {"pick": option is found.pick(option.length_s)}

    print_json(
        {
            "budget": found.budget,
            "goal": found.goal,
            "options": [shown(o) for length_s in found.lengths_s for o in found.of(length_s)],
            "rests_on": found.rests_on,
            "warnings": found.warnings,
        }
    )
