"""The commands by name.  Modules named here import nothing heavy, so that ``--help`` answers at once."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Annotated, Any

import typer

from amser.cli import (
    advise,
    audio,
    calibrate,
    capacity,
    codecs,
    compare,
    corpus,
    emotion,
    evaluate,
    listing,
    live,
    measure,
    models,
    reproduce,
    results,
    run,
    scenario,
    traces,
)
from amser.exits import Stopped
from amser.version import __version__

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


def _guarded(function: Callable[..., int]) -> Callable[..., int]:
    @functools.wraps(function)
    def guarded(*args: Any, **options: Any) -> int:
        try:
            return function(*args, **options)
        except KeyboardInterrupt as error:
            raise Stopped(getattr(getattr(error, "results", None), "folder", None)) from None

    return guarded


def _command(name: str, function: Callable[..., int], summary: str) -> None:
    app.command(name, short_help=summary)(_guarded(function))


def _group(name: str, summary: str, **commands: Callable[..., int]) -> None:
    group = typer.Typer(help=summary, no_args_is_help=True, rich_markup_mode=None)
    group.callback()(lambda: None)  # otherwise a group of one command would be that command
    for one, function in commands.items():
        group.command(one.rstrip("_"))(_guarded(function))
    app.add_typer(group, name=name)


_command("run", run.run, "Run a scenario; print its figures, write its report.")
_command("check", scenario.check, "Validate a scenario and all that it names.")
_command("show", scenario.show, "Print a scenario as one file, or the points of its sweep.")
_command("list", listing.list_, "List what a scenario can name, with its sources.")
_command("init", scenario.init, "Write a commented scenario; never overwrites a file.")
_command("schema", scenario.schema, "Print the JSON Schema of scenario files, for editors.")
_command("report", results.report, "Write a study's HTML report, or its reporting checklist.")
_command("plot", results.plot, "Draw a study for a paper: PDF, SVG or PNG.")
_command("compare", compare.compare, "Compare studies, or the points of one, with a baseline.")
_command("rerun", results.rerun, "Run a study again; exit 1 where a figure differs.")
_command("bundle", results.bundle, "Pack a study with all that repeats it into one file.")
_command("capacity", capacity.capacity, "Find the most devices that meet a service level.")
_command("serve", live.serve, "Recognize real uploads, with the scenario's batching.")
_command("phone", live.phone, "Speak a scenario to a real server; log every stage.")
_command("observe", live.observe, "Observe a scenario with a real server and real phones.")
_command("advise", advise.advise, "Say how to send clips over a link, and which codec to take.")
_command("encode", audio.encode, "Write a recording's payload and say what it costs.")
_command("decode", audio.decode, "Rebuild the Mel spectrogram from a payload.")
_group("study", "Studies without a network.", codecs=codecs.codecs)
_group("corpus", "Corpora of your own.", check=corpus.check)
_group("traces", "Traces of real links.", import_=traces.import_)
_group(
    "calibrate",
    "Measure the hardware at hand.",
    server=calibrate.server,
    device=calibrate.device,
    observed=calibrate.observed,
)
_group(
    "measure",
    "Measured tables: make one, or measure cells of those that ship again.",
    verify=measure.verify,
    table=measure.table,
)
_group("train", "Train networks.", emotion=emotion.train)
_command("evaluate", evaluate.evaluate, "Evaluate emotion networks at every compress rate.")
_models = typer.Typer(help="Whisper's weights: what is here, and getting more.", rich_markup_mode=None)
_models.callback(invoke_without_command=True)(models.list_)
_models.command("get")(_guarded(models.get))
_models.command("convert")(_guarded(models.convert))
app.add_typer(_models, name="models")
_group("reproduce", "Published tables, measured again.", icassp2025=reproduce.icassp2025)
_command("info", listing.info, "Print versions, weights, calibrations and cache.")
