"""``amser calibrate``: measure this machine's own service times and coding times."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer

from amser.exits import Exit

app = typer.Typer(help="Measure the hardware at hand.", no_args_is_help=True, rich_markup_mode=None)

Output = Annotated[Path, typer.Option("--output", "-o", metavar="FILE", help="The JSON file to write.")]


@app.callback()
def _group() -> None:
    pass


@app.command("server")
def server(
    output: Output = Path("server.json"),
    model: Annotated[
        list[str] | None,
        typer.Option("--model", "-m", help="nano, sphinx, or an official architecture; repeatable."),
    ] = None,
    emotion: Annotated[list[str] | None, typer.Option(help="An emotion network; repeatable.")] = None,
    device: Annotated[str, typer.Option(help="cpu or cuda.")] = "cpu",
    threads: Annotated[int, typer.Option(min=1, help="Threads; with 1 on a CPU, CPU time is measured.")] = 1,
    repeats: Annotated[int, typer.Option(min=1, help="Runs of each batch; the fastest counts.")] = 3,
) -> int:
    """Time the recognition of batches, fit it, and write what `server.service` of a scenario reads."""
    from recognizers.service.server_calibration import calibrate_server

    found = calibrate_server(
        model or ["nano"],
        emotion or ["amser"],
        name=output.stem,
        device=device,
        threads=threads,
        repeats=repeats,
        report=_say(),
    )
    _write(output, found.model_dump_json(indent=1))
    sys.stderr.write("power is the poster's, not measured: edit it if you know yours\n")
    sys.stderr.write(f"in a scenario:  server: {{service: {output}}}\n")
    return Exit.DONE


@app.command("device")
def device(
    output: Output = Path("device.json"),
    codec: Annotated[
        list[str] | None, typer.Option("--codec", "-c", metavar="NAME", help="A codec; default: all standard ones.")
    ] = None,
    seven_zip: Annotated[
        float | None, typer.Option(metavar="MIPS", help="Single-thread 7-zip rating; default: run 7z.")
    ] = None,
    repeats: Annotated[int, typer.Option(min=1, help="Runs of each length; the fastest counts.")] = 5,
) -> int:
    """Time the encoders on this machine, in CPU time of one thread."""
    import numpy as np

    from channel.codecs import STANDARD_CODECS, build_codec
    from recognizers.corpora import open_corpus
    from recognizers.service.device_calibration import calibrate_device

    corpus = open_corpus("shipped")
    speech = np.concatenate([corpus.load_audio(u) for u in corpus.utterances[:20]])
    codecs = [build_codec(name) for name in codec or STANDARD_CODECS]
    found = calibrate_device(codecs, speech, seven_zip_mips=seven_zip, repeats=repeats, report=_say())
    _write(output, found.model_dump_json(indent=1))
    return Exit.DONE


def _say() -> Callable[[str], None]:
    """Progress goes to a terminal only."""
    if sys.stderr.isatty():
        return lambda line: print(line, file=sys.stderr)  # noqa: T201
    return lambda line: None


def _write(path: Path, text: str) -> None:
    path.write_text(text + "\n", encoding="utf-8")
    sys.stdout.write(f"{path}\n")
