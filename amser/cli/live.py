"""``amser serve``, ``amser phone`` and ``amser observe``: a real server, real phones, and both on one machine."""

from __future__ import annotations

import json as jsonlib
import os
import secrets
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TextIO

import typer

from amser.cli.options import Json, Quiet, Report, ResultsRoot, ScenarioName, Sets
from amser.exits import UserError
from scenarios.errors import Exit

if TYPE_CHECKING:
    from amser.live.application import Application, Service
    from amser.live.client import Address
    from amser.live.decoders import Limits
    from amser.live.plan import Plan
    from scenarios import Scenario

DEFAULT = "live"  # of the library
LEAD_S = 0.5  # between a plan's being ready and its start
TOKEN = "AMSER_TOKEN"  # name of the environment variable

STAGES = (
    ("encode", "spoken_s", "ready_s"),
    ("transfer", "left_s", "arrived_s"),
    ("queue", "arrived_s", "started_s"),
    ("service", "started_s", "served_s"),
    ("reply", "served_s", "replied_s"),
    ("latency", "spoken_s", "replied_s"),
)
"""What a phone's log tells the time of."""

Token = Annotated[
    Path | None, typer.Option("--token-file", metavar="FILE", help=f"File with the token; default: {TOKEN}.")
]
Wait = Annotated[str | None, typer.Option(metavar="DURATION", help="Longest wait of a batch that is not full.")]


def serve(
    scenario: Annotated[
        str | None,
        typer.Argument(metavar="[SCENARIO]", help="Whose recognizer, emotion network, batching and codecs to take."),
    ] = None,
    sets: Sets = None,
    model: Annotated[str | None, typer.Option("--model", "-m", help="nano, an official model, a checkpoint.")] = None,
    emotion: Annotated[str | None, typer.Option(help="An emotion network, or none.")] = None,
    largest: Annotated[int | None, typer.Option(min=1, help="Most uploads in a batch.")] = None,
    longest_wait: Wait = None,
    queue: Annotated[int | None, typer.Option(min=0, help="Uploads that may wait; more are answered 503.")] = None,
    accelerators: Annotated[int | None, typer.Option(min=1, help="Processes that recognize.")] = None,
    device: Annotated[str, typer.Option(help="cpu or cuda.")] = "cpu",
    threads: Annotated[int, typer.Option(min=1, help="Threads of each process.")] = 1,
    host: Annotated[str, typer.Option(help="Address to listen on; others than this machine's want a token.")] = (
        "127.0.0.1"
    ),
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port; 0 takes a free one.")] = 8765,
    token_file: Token = None,
    certificate: Annotated[Path | None, typer.Option("--tls-cert", metavar="FILE", help="Speak HTTPS.")] = None,
    key: Annotated[
        Path | None, typer.Option("--tls-key", metavar="FILE", help="Key of the certificate, unless beside it.")
    ] = None,
    speech: Annotated[float, typer.Option(min=0.1, max=600.0, help="Most seconds of speech in a payload.")] = 60.0,
    body: Annotated[int, typer.Option(min=1, help="Most bytes of a payload.")] = 4_000_000,
    timeout: Annotated[float, typer.Option(min=0.1, help="Seconds within which an upload is answered.")] = 60.0,
    plan: Annotated[Path | None, typer.Option(hidden=True, help="The plan whose scenario to take.")] = None,
) -> int:
    """Recognize uploads: POST payloads to /v1/recognise. Ctrl-C answers what has been taken, then stops."""
    from amser.live.errors import needed

    needed()
    from amser.live.decoders import Limits
    from amser.live.serving import Listening, run

    if key is not None and certificate is None:
        raise UserError("--tls-key: the key of which certificate? give it with --tls-cert")
    listening = Listening(host, port, certificate, key)
    token = _token(token_file)
    if token is None and not listening.is_local:
        token = secrets.token_urlsafe(24)
        sys.stderr.write(f"token: {token}\nphones send it as AMSER_TOKEN; give your own with --token-file\n")
    options = [f"recognizer={{kind: whisper, model: {model}}}"] if model else []
    options += [f"emotion.kind={emotion}"] if emotion else []
    options += [f"server.batching.largest={largest}"] if largest else []
    options += [f"server.batching.longest_wait={longest_wait}"] if longest_wait else []
    options += [f"server.accelerators={accelerators}"] if accelerators else []
    options += [f"server.queue_limit={queue}"] if queue is not None else []
    limits = Limits(body_bytes=body, speech_s=speech, answer_s=timeout, batch_s=timeout)
    if plan is None:
        chosen, base_dir = _chosen(scenario, [*(sets or ()), *options])
    else:
        from amser.live.plan import read_plan

        chosen, base_dir = read_plan(plan).scenario, plan
    service = _service(chosen, base_dir, device, threads, limits, token)
    run(service, listening, _say)
    sys.stderr.write("stopped: all that was taken has been answered\n")
    return Exit.DONE


def phone(
    scenario: Annotated[
        str | None, typer.Argument(metavar="[SCENARIO]", help="What to speak; default: the library's `live`.")
    ] = None,
    server: Annotated[str | None, typer.Option(metavar="URL", help="The server, as `amser serve` prints it.")] = None,
    sets: Sets = None,
    plan: Annotated[Path | None, typer.Option(metavar="DIR", help="Speak this plan instead of a scenario.")] = None,
    write_plan: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Write the scenario's plan, to be spoken elsewhere.")
    ] = None,
    bands: Annotated[int, typer.Option(help="Mel bands of a plan that is written: 80 or 128.")] = 80,
    log: Annotated[Path, typer.Option(metavar="FILE", help="The log: a JSON object on a line for each upload.")] = (
        Path("phone.jsonl")
    ),
    token_file: Token = None,
    ca: Annotated[
        Path | None, typer.Option("--ca", metavar="FILE", help="Certificates to trust instead of the system's.")
    ] = None,
    start: Annotated[float | None, typer.Option(hidden=True)] = None,
) -> int:
    """Speak a scenario's utterances at its times: encode each for real, upload it, log every stage."""
    import tempfile

    if plan is not None and (scenario is not None or sets or write_plan is not None):
        raise UserError("--plan says all there is to say: leave out SCENARIO, --set and --write-plan")
    if write_plan is not None:
        _sketch(write_plan, scenario, sets, bands)
        sys.stdout.write(f"{write_plan}: speak it with  amser phone --plan {write_plan} --server URL\n")
        return Exit.DONE
    if server is None:
        raise UserError("--server: say where the server is, as `amser serve` prints it")
    from amser.live.client import Address, Connection
    from amser.live.plan import read_plan

    address = Address.of(server, _token(token_file), ca)
    about = Connection(address).get("/v1/about")
    with tempfile.TemporaryDirectory(prefix="amser-plan-") as place:
        folder = plan or _sketch(Path(place) / "plan", scenario, sets, int(about["bands"]))
        found = read_plan(folder)
        if found.bands != about["bands"]:
            raise UserError(
                f"{folder}: made for {found.bands} Mel bands, the server's recognizer takes {about['bands']}"
            )
        with log.open("w", encoding="utf-8") as lines:
            _spoken(found, address, lines, start)
    sys.stdout.write(f"log      {log}\n")
    return Exit.DONE


def _sketch(folder: Path, scenario: str | None, sets: list[str] | None, bands: int) -> Path:
    import scenarios
    from amser.live.sketch import sketched_plan

    if folder.exists():
        raise UserError(f"{folder}: there already; name a folder that is not")
    experiment = scenarios.load(scenario or DEFAULT, sets or ())
    sketched_plan(folder, experiment.points[0].scenario, experiment.base_dir, bands)
    return folder


def _spoken(plan: Plan, address: Address, log: TextIO, start: float | None) -> None:
    """Speak a plan, with a bar on a terminal; the first Ctrl-C stops speaking, what is under way is followed."""
    from amser.cli.options import progress_bar
    from amser.live import clock
    from amser.live.phone import Phones

    total = len(plan.spoken)
    with progress_bar() as progress:
        tell = progress or (lambda share, text: None)
        phones = Phones(plan, address, log, lambda done: tell(done / max(1, total), f"{done} of {total} uploads"))
        phones.warm()
        before = signal.signal(signal.SIGINT, lambda *_: phones.stopped.set())
        try:
            phones.speak(clock.now() + LEAD_S if start is None else start)
        finally:
            signal.signal(signal.SIGINT, before)
    sys.stdout.write(_summary(log.name, total))


def _summary(log: str, planned: int) -> str:
    """Uploads answered and mean and longest milliseconds of each stage of those."""
    rows = [jsonlib.loads(line) for line in Path(log).read_text(encoding="utf-8").splitlines()]
    answered = [row for row in rows if row["status"] == 200]
    lines = [f"{len(answered)} of {planned} utterances answered"]
    for name, begin, end in STAGES:
        spans = [row[end] - row[begin] for row in answered]
        if spans:
            lines.append(f"{name:<9}mean {1e3 * sum(spans) / len(spans):8.1f} ms  longest {1e3 * max(spans):8.1f} ms")
    errors = {str(row["error"]) for row in rows if row["status"] != 200}
    lines += [f"not answered: {error}" for error in sorted(errors)[:5]]
    return "\n".join(lines) + "\n"


def observe(
    scenario: ScenarioName,
    sets: Sets = None,
    replications: Annotated[
        int | None, typer.Option("--replications", "-r", min=1, help="Observations of each point.")
    ] = None,
    network: Annotated[
        str, typer.Option(metavar="WHERE", help="namespaces (root), loopback, or auto: the first that works.")
    ] = "auto",
    threads: Annotated[int, typer.Option(min=1, help="Threads of each of the server's processes.")] = 1,
    results: ResultsRoot = Path("results"),
    report: Report = True,
    quiet: Quiet = False,
    json: Json = False,
) -> int:
    """Observe a scenario on this machine: a real server, real phones, real time; results as `amser run` leaves them."""
    import scenarios
    from amser.cli.options import progress_bar
    from amser.cli.run import finish
    from amser.live.errors import needed

    needed()
    from amser.live.observing import Setting, observe

    if network not in ("auto", "loopback", "namespaces"):
        raise UserError(f"--network {network}: auto, loopback or namespaces")
    assignments = [*(sets or ()), *([f"sweep.replications={replications}"] if replications else [])]
    experiment = scenarios.load(scenario, assignments)
    for number in (signal.SIGINT, signal.SIGTERM):  # a shell's background jobs ignore the first, and nothing may stay
        signal.signal(number, signal.default_int_handler)
    with progress_bar(not quiet) as progress:
        setting = Setting(network, threads)  # type: ignore[arg-type]
        found = observe(experiment, setting, results_root=results, progress=progress)
    sys.stderr.write(f"network: {found.manifest['observed']['network']}\n")
    return finish(found, report=report, quiet=quiet, json=json)


def _chosen(scenario: str | None, assignments: list[str]) -> tuple[Scenario, Path]:
    import scenarios

    experiment = scenarios.load(scenario or DEFAULT, assignments)
    return experiment.points[0].scenario, experiment.base_dir


def _service(
    scenario: Scenario, base_dir: Path, device: str, threads: int, limits: Limits, token: str | None
) -> Service:
    from amser.cli.options import check_device
    from amser.live.application import Service
    from amser.live.batcher import Rule
    from amser.live.listening import equipment_of

    if device != "cpu":
        check_device("--device", device)
    server = scenario.server
    rule = Rule(server.accelerators, server.batching.largest, server.batching.longest_wait, server.queue_limit)
    return Service(equipment_of(scenario, base_dir, device, threads), rule, limits, token)


def _token(file: Path | None) -> str | None:
    """The token of a file or of the environment; None where there is neither."""
    text = os.environ.get(TOKEN, "") if file is None else file.read_text(encoding="utf-8")
    if file is not None and not text.strip():
        raise UserError(f"{file}: empty; put the token there, or leave out --token-file")
    return text.strip() or None


def _say(url: str, application: Application) -> None:
    ready, rule = application.ready, application.service.rule
    assert ready is not None
    sys.stdout.write(
        f"{url}: {ready.recognizer}, emotion {ready.emotion}; batches of up to {rule.largest} after at most "
        f"{1e3 * rule.longest_wait_s:g} ms\n"
    )
    sys.stdout.flush()
