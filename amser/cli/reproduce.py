"""``amser reproduce``: published tables, measured again."""

from __future__ import annotations

import os
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from amser.cli.options import Json, check_device
from amser.cli.progress import progress_bar
from amser.exits import Exit, Stopped

if TYPE_CHECKING:
    from amser.reproduction import Part
    from amser.reproduction.rows import Published

app = typer.Typer(help="Published tables, measured again.", no_args_is_help=True, rich_markup_mode=None)


@app.callback()
def _group() -> None:
    pass


@app.command("icassp2025")
def icassp2025(
    iemocap: Annotated[
        Path | None, typer.Option(metavar="DIR", help="IEMOCAP as released: run the real protocol on it.")
    ] = None,
    model: Annotated[
        str | None,
        typer.Option(
            metavar="MODEL", help="A Whisper by name or path for open speech; default: sphinx, on IEMOCAP small.en."
        ),
    ] = None,
    evaluate: Annotated[
        bool, typer.Option("--evaluate", help="Train the networks on the acted corpora here (hours on a CPU).")
    ] = False,
    published: Annotated[
        Path | None, typer.Option(metavar="FILE", help="JSON of more published figures to stand beside ours.")
    ] = None,
    limit: Annotated[int | None, typer.Option(min=1, help="Use only this many utterances of each corpus.")] = None,
    epochs: Annotated[int | None, typer.Option(min=1, help="Most epochs of each fold.")] = None,
    seeds: Annotated[int, typer.Option(min=1, help="Train each fold so often, with seeds 1000 apart.")] = 1,
    device: Annotated[str, typer.Option(help="Where networks are trained: cpu or cuda.")] = "cpu",
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="DIR", help="Where report.html and figures.csv go.")
    ] = Path("results/icassp2025"),
    json: Json = False,
) -> int:
    """Measure the ICASSP 2025 poster's tables on what is at hand, and say what is missing.

    The shipped speech and weights always; with AMSER_CORPORA set to a folder of corpora also open human speech and
    acted emotions; with --iemocap the poster's own corpus. Whatever was measured is kept: a second run goes on.
    """
    from amser.reproduction import Options, Part, reproduce
    from amser.reproduction.rows import load_published

    check_device("--device", device)
    known = load_published(published)
    named = os.environ.get("AMSER_CORPORA")
    corpora = None if not named else Path(named).expanduser()
    options = Options(output, corpora, iemocap, model, evaluate, limit, epochs, seeds, device)
    whole = Part()
    output.mkdir(parents=True, exist_ok=True)
    try:
        with progress_bar() as tell:
            for part in reproduce(options, tell or (lambda share, text: None)):
                whole += part
    except KeyboardInterrupt:
        whole.missing.append("the run was interrupted: the same command goes on")
        _write(output, whole, known)
        raise Stopped(output) from None
    _write(output, whole, known)
    return _show(output, whole, known, json)


def _write(output: Path, whole: Part, known: Published) -> None:
    from amser.reproduction.page import render
    from amser.reproduction.rows import frame

    made = f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC"
    frame(whole.rows, known).to_csv(output / "figures.csv", index=False)
    page = render(whole, known, [made, f"{len(whole.rows)} figures", known.source])
    (output / "report.html").write_text(page, encoding="utf-8")


def _show(output: Path, whole: Part, known: Published, json: bool) -> int:
    from amser.reproduction import frame, tables

    if json:
        from amser.tables import print_json

        rows = frame(whole.rows, known).to_dict(orient="records")
        print_json({"figures": rows, "missing": whole.missing, "not_known": list(known.not_known)})
        return Exit.DONE
    tables.words_table(whole.rows).print()
    for corpus in tables.corpora_of(whole.rows):
        sys.stdout.write("\n")
        tables.networks_table(whole.rows, corpus, "accuracy").print()
    sys.stdout.write("\n")
    tables.overhead_table(whole.rows, known).print()
    for line in [*(f"not known: {one['why']}" for one in known.not_known), *(f"missing: {m}" for m in whole.missing)]:
        sys.stderr.write(f"{line}\n")
    sys.stdout.write(f"\nreport   {output / 'report.html'}\nfigures  {output / 'figures.csv'}\n")
    return Exit.DONE
