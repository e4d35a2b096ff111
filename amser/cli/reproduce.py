"""``amser reproduce``: published tables, measured again."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from amser.cli.options import Json, check_device, progress_bar
from amser.console import Table, print_json
from amser.exits import MissingError, Stopped, UserError
from scenarios.errors import Exit

if TYPE_CHECKING:
    from amser.reproduction import Part
    from amser.reproduction.published import Published
    from recognizers.corpora import Classes


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
    limit: Annotated[int | None, typer.Option(min=1, help="Use only this many utterances of each corpus.")] = None,
    epochs: Annotated[int | None, typer.Option(min=1, help="Most epochs of each fold.")] = None,
    seeds: Annotated[int, typer.Option(min=1, help="Train each fold so often, with seeds 1000 apart.")] = 1,
    device: Annotated[str, typer.Option(help="Where networks are trained: cpu or cuda.")] = "cpu",
    classes: Annotated[
        str | None, typer.Option(metavar="LIST", help="Of IEMOCAP; + merges. Default: ang,hap+exc,neu,sad.")
    ] = None,
    test_session: Annotated[
        int | None,
        typer.Option(min=1, max=5, help="Test this session of IEMOCAP only (2: the poster's, by its digits)."),
    ] = None,
    glove: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="GloVe vectors for IEMOCAP; default: the extra `glove`'s if installed."),
    ] = None,
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
    from amser.reproduction.published import load_published

    check_device("--device", device)
    known = load_published()
    given = {"--classes": classes, "--test-session": test_session, "--glove": glove}
    unused = [option for option, value in given.items() if value is not None]
    if unused and iemocap is None:
        raise UserError(f"{', '.join(unused)}: about IEMOCAP; name its folder with --iemocap")
    told = _checked(classes, glove, iemocap)
    named = os.environ.get("AMSER_CORPORA")
    corpora = None if not named else Path(named).expanduser()
    where = (output, corpora, iemocap)
    options = Options(*where, model, evaluate, limit, epochs, seeds, device, told, test_session, glove)
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


def _checked(classes: str | None, glove: Path | None, iemocap: Path | None) -> Classes | None:
    """The classes as read; what cannot be is said before anything is measured."""
    from recognizers.corpora import Classes, CorpusError
    from recognizers.corpora.iemocap import find_iemocap
    from recognizers.training.emotion.glove import check_glove

    if glove is not None:
        check_glove(glove)
    try:
        told = None if classes is None else Classes.parse(classes)
    except CorpusError as error:
        raise UserError(f"--classes: {error}") from None
    if iemocap is not None and find_iemocap(iemocap) is None:
        raise MissingError(f"--iemocap {iemocap}: not IEMOCAP; expected Session1/dialog/EmoEvaluation/*.txt in it")
    return told


def _write(output: Path, whole: Part, known: Published) -> None:
    from amser.reproduction.page import render
    from amser.reproduction.rows import frame

    made = f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC"
    frame(whole.rows, known).to_csv(output / "figures.csv", index=False)
    page = render(whole, known, [made, f"{len(whole.rows)} figures"])
    (output / "report.html").write_text(page, encoding="utf-8")


def _show(output: Path, whole: Part, known: Published, json: bool) -> int:
    if json:
        from amser.reproduction import frame

        rows = frame(whole.rows, known).to_dict(orient="records")
        printed = [{**asdict(figure), "value": figure.value} for figure in known.figures]
        print_json({"figures": rows, "missing": whole.missing, "published": printed})
        return Exit.DONE
    for table in _tables(whole, known):
        if table.rows:
            table.print()
            sys.stdout.write("\n")
    for line in whole.missing:
        sys.stderr.write(f"missing: {line}\n")
    sys.stdout.write(f"report   {output / 'report.html'}\nfigures  {output / 'figures.csv'}\n")
    return Exit.DONE


def _tables(whole: Part, known: Published) -> Iterator[Table]:
    """The poster's tables, then ours, then both of the same corpus."""
    from amser.reproduction import row_tables

    yield from (row_tables.printed_table(one) for one in known.tables if one.table == "emotion")
    yield row_tables.words_table(whole.rows)
    yield from (row_tables.networks_table(whole.rows, one, "accuracy") for one in row_tables.corpora_of(whole.rows))
    yield row_tables.beside_table((row for row in whole.rows if row.table == "emotion"), known)
    yield row_tables.overhead_table(whole.rows, known)
