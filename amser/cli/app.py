"""The commands by name.  Modules named here import nothing heavy, so that ``--help`` answers at once."""

from __future__ import annotations

from typing import Annotated

import typer

from amser import __version__
from amser.cli import catalogue, results, scenario, study

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


app.command("run")(study.run)
app.command("check")(scenario.check)
app.command("show")(scenario.show)
app.command("list")(catalogue.list_)
app.command("init")(scenario.init)
app.command("schema")(scenario.schema)
app.command("report")(results.report)
app.command("info")(catalogue.info)
