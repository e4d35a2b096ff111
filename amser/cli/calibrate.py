"""``amser calibrate``: measure this machine's own service times and coding times."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from amser.cli.options import check_device
from amser.console import Table
from amser.exits import UserError
from scenarios.errors import Exit

if TYPE_CHECKING:
    from recognizers.service.calibration import Calibration

_COLUMNS = ("model", "ms/batch", "ms/utterance", "ms/step", "ms/token", "largest batch", "fit off by", "W")
"""The four terms of the fit; a step is one round of the decoder for a whole batch, a token one utterance's."""

Output = Annotated[Path, typer.Option("--output", "-o", metavar="FILE", help="The JSON file to write.")]


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
    batch: Annotated[list[int] | None, typer.Option(min=1, help="A batch size; repeatable.")] = None,
    duration: Annotated[
        list[float] | None, typer.Option(min=0.1, max=30.0, metavar="SECONDS", help="A length of speech; repeatable.")
    ] = None,
    budget: Annotated[
        float | None,
        typer.Option(min=1.0, metavar="SECONDS", help="Time for all models; then no repeats, no larger batches."),
    ] = None,
    rebuild: Annotated[bool, typer.Option(help="Also time payloads into Mels, on the CPU.")] = True,
) -> int:
    """Time the recognition of batches, fit it, and write what `server.service` of a scenario reads.

    The file is written after each model, so an interruption keeps the finished ones.
    """
    import math

    from recognizers.service.batches import BATCHES, DURATIONS_S, Timing
    from recognizers.service.server_calibration import HOST_POWER, Job, calibrate_server

    check_device("--device", device)
    job = Job(
        models=tuple(model or ["nano"]),
        emotion=tuple(emotion or ["amser"]),
        rebuild=rebuild,
        device=device,
        threads=threads,
        budget_s=math.inf if budget is None else budget,
        timing=Timing(tuple(batch or BATCHES), tuple(sorted(duration or DURATIONS_S)), repeats),
    )

    def keep(made: Calibration) -> None:
        output.write_text(made.model_dump_json(indent=1, exclude_defaults=True) + "\n", encoding="utf-8")

    found = calibrate_server(job, name=output.stem.removeprefix("server-"), report=_say(), keep=keep)
    _summary(found)
    sys.stdout.write(f"{output}\n")
    if found.power == HOST_POWER:
        sys.stderr.write("power is the poster's, not measured: edit it if you know yours\n")
    sys.stderr.write(f"in a scenario:  server: {{service: {output}}}\n")
    return Exit.DONE


def _summary(found: Calibration) -> None:
    """What was measured, in milliseconds."""
    table = Table(_COLUMNS, right=frozenset(range(1, len(_COLUMNS))))
    for name, cost in {**found.models, **found.emotion}.items():
        tokens = cost.decoded_tokens_per_s
        step = "-" if not tokens else f"{1e3 * cost.per_step_second_s / tokens:.2f}"
        token = "-" if not tokens else f"{1e3 * cost.per_audio_second_s / tokens:.3f}"
        power = "-" if cost.active_w is None else f"{cost.active_w:.0f}"
        off = "-" if cost.worst_relative_error is None else f"{100 * cost.worst_relative_error:.0f} %"
        times = [f"{1e3 * seconds:.2f}" for seconds in (cost.per_batch_s, cost.per_utterance_s)]
        table.rows.append([name, *times, step, token, str(cost.largest_batch), off, power])
    table.print()


def device(
    output: Output = Path("device.json"),
    codec: Annotated[
        list[str] | None,
        typer.Option("--codec", "-c", metavar="NAME", help="A codec; default: all whose cost is listed."),
    ] = None,
    seven_zip: Annotated[
        float | None, typer.Option(metavar="MIPS", help="Single-thread 7-zip rating; default: run 7z.")
    ] = None,
    host_seven_zip: Annotated[
        float | None, typer.Option(metavar="MIPS", help="Rating of the host to scale to; default: this machine.")
    ] = None,
    repeats: Annotated[int, typer.Option(min=1, help="Runs of each length; the fastest counts.")] = 5,
    add_to: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="Another host's calibration to complete, scaled by the codecs that it has too."
        ),
    ] = None,
) -> int:
    """Time the encoders on this machine, in CPU time of one thread."""
    import numpy as np

    from channel.codecs import STANDARD_CODECS, build_codec
    from recognizers.corpora import open_corpus
    from recognizers.service.device_calibration import added_to, calibrate_device, calibrated_codecs
    from recognizers.service.encode import load_encode_calibration
    from scenarios.validation import suggest

    unknown = [name for name in codec or () if name not in STANDARD_CODECS]
    if unknown:
        raise UserError(f"there is no codec named '{unknown[0]}'{suggest(unknown[0], list(STANDARD_CODECS))}")
    corpus = open_corpus("shipped")
    speech = np.concatenate([corpus.load_audio(u) for u in corpus.utterances[:20]])
    codecs = [build_codec(name) for name in codec] if codec else calibrated_codecs()
    base = None if add_to is None else load_encode_calibration(str(add_to))
    found = calibrate_device(
        codecs,
        speech,
        seven_zip_mips=seven_zip if base is None else base.seven_zip_single_thread_mips,
        quiet_seven_zip_mips=host_seven_zip,
        repeats=repeats,
        method="; shipped speech",
        report=_say(),
    )
    _write(output, (found if base is None else added_to(base, found)).model_dump_json(indent=1, exclude_none=True))
    return Exit.DONE


def _say() -> Callable[[str], None]:
    """Progress goes to a terminal only."""
    if sys.stderr.isatty():
        return lambda line: print(line, file=sys.stderr)  # noqa: T201
    return lambda line: None


def _write(path: Path, text: str) -> None:
    path.write_text(text + "\n", encoding="utf-8")
    sys.stdout.write(f"{path}\n")


def observed(
    results: Annotated[list[Path], typer.Argument(metavar="RESULTS...", help="Observations of one scenario.")],
    output: Output = Path("observed.json"),
) -> int:
    """What this machine took in an observation (`amser observe`): service times in a file, the rest to be set."""
    from amser.live.observed_costs import around, encode_scales, server_calibration
    from scenarios import loads
    from sim.study.results import Results

    found = [Results.open(one) for one in results]
    folder = found[0].folder
    text = (folder / "resolved.yaml").read_text(encoding="utf-8")
    scenario = loads(text, file="resolved.yaml", base_dir=folder).points[0].scenario
    made = server_calibration(found, scenario, output.stem.removeprefix("server-"))
    output.write_text(made.model_dump_json(indent=1, exclude_defaults=True) + "\n", encoding="utf-8")
    _summary(made)
    table = Table(("codec", "uploads", "encode_scale", "of CPU time"), right=frozenset({1, 2, 3}))
    for one in encode_scales(found):
        table.rows.append([one.codec, str(one.uploads), f"{one.scale:.2f}", f"{one.cpu_scale:.2f}"])
    table.print()
    sys.stdout.write(f"to be set:\n  server.service={output}\n")
    beside = around(found, scenario)
    if beside is not None:
        times = f"request: {1e3 * beside.request_s:.2f} ms, reply: {1e3 * beside.reply_s:.2f} ms"
        sys.stdout.write(f"  server.handling={{{times}}}\n")
        sys.stdout.write(f"  cells.{next(iter(scenario.cells))}.packet.request={beside.request_bytes} byte\n")
    sys.stdout.write(f"  devices.{next(iter(scenario.devices))}.profile.encode_scale=(as above, by codec)\n")
    return Exit.DONE
