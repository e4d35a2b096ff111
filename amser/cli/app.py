"""The commands by name.  Modules named here import nothing heavy, so that ``--help`` answers at once."""

from __future__ import annotations

from typing import Annotated

import typer

from amser import __version__
from amser.cli import audio, catalogue, codecs, corpus, results, scenario, study

EPILOG = (
    "Exit codes: 0 done, 1 ran but invalid, 2 bad scenario or command line, 3 missing file, model or "
    "dependency, 4 a point failed, 130 interrupted with finished points kept."
)

app = typer.Typer(
    name="amser",
    help="Speech uploads to an edge server: latency, energy and accuracy of audio, codecs and Mel factors.",
    epilog=EPILOG,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(__version__)
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    pass


app.command("run", short_help="Run a scenario; print its figures, write its report.")(study.run)
app.command("check", short_help="Validate a scenario and all that it names.")(scenario.check)
app.command("show", short_help="Print a scenario as one file, or the points of its sweep.")(scenario.show)
app.command("list", short_help="List what a scenario can name, with its sources.")(catalogue.list_)
app.command("init", short_help="Write a commented scenario; never overwrites a file.")(scenario.init)
app.command("schema", short_help="Print the JSON Schema of scenario files, for editors.")(scenario.schema)
app.command("report", short_help="Write the HTML report of a results folder again.")(results.report)
app.command("compare", short_help="Compare two studies: their inputs, then their figures.")(results.compare)
app.command("rerun", short_help="Run a study again; exit 1 where a figure differs.")(results.rerun)
app.command("encode", short_help="Write a recording's payload and say what it costs.")(audio.encode)
app.command("decode", short_help="Rebuild the Mel spectrogram from a payload.")(audio.decode)
app.add_typer(codecs.app, name="study")
app.add_typer(corpus.app, name="corpus")
app.command("info", short_help="Print versions, weights, calibrations and cache.")(catalogue.info)
