"""Measures how long the hardware at hand takes to recognize batches, and fits what the server reads.

Speed does not depend on trained values, so official architectures are timed with random weights; the
decoder is made to emit a fixed number of tokens for each second of speech, as a trained one would.
"""

from __future__ import annotations

import math
import platform
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

import numpy as np

from recognizers.service.batches import Mel, Recognize, Timing, cost_of, measure_batches, noise_mels, speech_mels
from recognizers.service.calibration import AcceleratorPower, Calibration, CalibrationError, Cost
from recognizers.service.machine import describe_machine
from recognizers.service.power import PowerMeter
from recognizers.service.random_whisper import TOKENS_PER_SECOND, RandomWhisper, official_dimensions

HOST_POWER = AcceleratorPower(
    idle_w=20.0,
    active_w=49.6,
    source="AMSER poster (ICASSP 2025): 0.0056 kWh in 406.58 s, so 49.6 W while working",
    assumed="that this processor draws what the poster's PC drew; idle 20 W: remembered, unverified",
)
UNKNOWN_POWER = AcceleratorPower(idle_w=0.0, active_w=0.0, source="could not be read; give it in the scenario")


@dataclass(frozen=True)
class Job:
    """What is to be calibrated.

    models: ``nano`` and ``sphinx`` are the recognizers themselves; other names are official architectures
    with random weights.  emotion: emotion networks.  rebuild: also time payloads into Mels.  device: ``cpu``
    or ``cuda``; on a CPU with one thread the clock is the process's CPU time, so that other work on the
    machine does not count; otherwise it is wall time, and the machine should be idle.  power: taken as it is
    instead of being read.  budget_s: time for all models, what one leaves goes to the next; past its share a
    model's batches are timed once, and larger ones left out.
    """

    models: tuple[str, ...]
    emotion: tuple[str, ...] = ()
    rebuild: bool = True
    device: str = "cpu"
    threads: int = 1
    power: AcceleratorPower | None = None
    budget_s: float = math.inf
    timing: Timing = field(default_factory=Timing)


@dataclass(frozen=True)
class _Subject:
    """Something to be timed: the call, what to give it, and what to say of both."""

    recognize: Recognize
    mel_of: Callable[[float], Mel]
    assumed: str
    tokens_per_s: float | None = None


def calibrate_server(
    job: Job,
    *,
    name: str,
    report: Callable[[str], None] = lambda line: None,
    keep: Callable[[Calibration], None] = lambda calibration: None,
) -> Calibration:
    """Time all of ``job`` on the hardware at hand, and read its power where it can be.

    ``keep`` is given the calibration as far as it has come after each model, so that an interruption loses
    no more than the model under way.  Raises ``CalibrationError`` for an unknown model.
    """
    import torch

    torch.set_num_threads(job.threads)
    if job.device == "cpu" and job.threads == 1:
        job = replace(job, timing=replace(job.timing, clock=time.process_time))
    report("reading idle power")
    idle_w = PowerMeter(job.device).idle_w()
    made = _nothing_yet(job, name)
    work = [("models", one) for one in job.models] + [("emotion", one) for one in job.emotion]
    end = time.monotonic() + job.budget_s
    for done, (kind, one) in enumerate(work):
        report(f"timing {one}")
        share_s = (end - time.monotonic()) / max(1, len(job.models) - done)
        deadline = time.monotonic() + share_s if kind == "models" else math.inf
        cost, meter = _cost(job, kind, one, deadline)
        costs = {**(made.models if kind == "models" else made.emotion), one: cost}
        made = made.model_copy(update={kind: costs, "power": _power(job, meter, idle_w, made)})
        keep(made)
    if job.rebuild:
        report("timing the rebuilding of Mels")
        made = made.model_copy(update={"rebuild": _rebuild_cost(job.timing)})
        keep(made)
    return made


def _nothing_yet(job: Job, name: str) -> Calibration:
    return Calibration(
        format="amser-server-calibration",
        version=1,
        name=name,
        basis="measured",
        machine=describe_machine(_accelerator(job.device), job.threads),
        versions=_versions(),
        date=datetime.now(UTC).date().isoformat(),
        method=_method(job),
        power=job.power or (HOST_POWER if job.device == "cpu" else UNKNOWN_POWER),
        models={},
    )


def _method(job: Job) -> str:
    timing = job.timing
    one_thread = job.device == "cpu" and job.threads == 1
    clock = "CPU time of one thread" if one_thread else f"wall time, {job.threads} threads"
    arithmetic = "fp32" if job.device == "cpu" else "fp16 weights and arithmetic (emotion networks: fp32)"
    left_out = "" if job.rebuild else "; rebuilding Mels from payloads is not included"
    budget = "" if math.isinf(job.budget_s) else f"; within {job.budget_s:g} s, after which runs are not repeated"
    return (
        f"{clock}, {arithmetic}; fastest of {timing.repeats} runs on batches of "
        f"{', '.join(map(str, timing.batches))} Mels of equal length "
        f"({', '.join(f'{seconds:g}' for seconds in timing.durations_s)} s){budget}{left_out}; "
        "non-negative least squares of the relative error"
    )


def _power(job: Job, meter: PowerMeter, idle_w: float | None, made: Calibration) -> AcceleratorPower:
    """The highest mean power of any model so far, which is what a server sized for it must bear."""
    if job.power is not None or idle_w is None or meter.mean_w is None:
        return made.power
    known = [cost.active_w for cost in made.models.values() if cost.active_w is not None]
    return AcceleratorPower(
        idle_w=round(min(idle_w, meter.mean_w), 1),
        active_w=round(max([*known, meter.mean_w]), 1),
        source=f"{meter.source}: idle before timing; active is the highest mean of any model, each model has its own",
    )


def _cost(job: Job, kind: str, one: str, deadline: float) -> tuple[Cost, PowerMeter]:
    """Time one model or network; the meter runs while it is timed, not while it is built."""
    subject = _model(one, job.device) if kind == "models" else _emotion(one, job.device)
    with PowerMeter(job.device) as meter:
        points = measure_batches(subject.recognize, subject.mel_of, job.timing, deadline)
    read_w = None if job.power is not None else meter.mean_w
    cost = cost_of(points, "measured here", assumed=subject.assumed, tokens_per_s=subject.tokens_per_s, active_w=read_w)
    return cost, meter


def _model(model: str, device: str) -> _Subject:
    if model == "sphinx":
        from recognizers.sphinx import SphinxRecognizer

        sphinx = SphinxRecognizer()
        return _Subject(sphinx.transcribe, speech_mels(sphinx.bands), _SPEECH)
    if model == "nano":
        from recognizers.whisper import load_whisper

        nano = load_whisper("nano", device=device, batch_size=4096)
        return _Subject(nano.transcribe, speech_mels(nano.bands), _SPEECH)
    dims = official_dimensions(model)
    random = RandomWhisper(dims, device)
    said = f"random weights; {TOKENS_PER_SECOND:g} tokens decoded for each second of speech"
    return _Subject(random.transcribe, noise_mels(dims.n_mels), said, TOKENS_PER_SECOND)


_SPEECH = "shipped speech, repeated or cut to the length"


def _emotion(network: str, device: str) -> _Subject:
    from recognizers.emotion.recognizer import load_emotion

    name, _, encoder = network.partition("/")
    if encoder:
        return _states(name, encoder.removesuffix("/alone"), device, shared=not encoder.endswith("/alone"))
    loaded = load_emotion(network)
    loaded.network.to(device)
    words = "please turn on the light"

    def classify(mels: Sequence[Mel]) -> object:
        return loaded.classify(mels, [words] * len(mels))

    return _Subject(classify, noise_mels(loaded.bands), "random Mels, five words: the network's time follows lengths")


def _states(network: str, encoder: str, device: str, *, shared: bool) -> _Subject:
    """AMSER's network on encoder states: its head alone, where the pass of the words gives them, or with a pass of its
    own before it."""
    import torch

    from recognizers.emotion.state_network import VOICES, StateDims, StateNetwork, collate_states
    from recognizers.emotion.states import READ, WhisperStates, stretches_of

    if network != "amser" or encoder not in READ:
        known = ", ".join(f"amser/{name}, amser/{name}/alone" for name in READ)
        raise CalibrationError(f"no network '{network}' reads the states of '{encoder}'; there are {known}")
    if device != "cpu":
        raise CalibrationError(f"the head of {network}/{encoder} runs on the CPU: calibrate it with `--device cpu`")
    random = RandomWhisper(official_dimensions(encoder), device)
    states = WhisperStates(random.model, encoder, "random weights", READ[encoder])
    head = StateNetwork(StateDims(READ[encoder], states.width), classes=4, members=VOICES).eval()

    window = torch.randn(1500, len(states.layers), states.width)

    def classify(mels: Sequence[Mel]) -> object:
        spoken = [states.word_vectors("please turn on the light")] * len(mels)
        real = [window[: -(-mel.shape[1] // 2)] for mel in mels]
        heard = [stretches_of(given) for given in real] if shared else states.heard(mels)
        with torch.inference_mode():
            return head(collate_states(heard, spoken))

    alone = f"blocks 1 to {READ[encoder][-1]} over the window of 30 s, then the head"
    said = "the head, and what it keeps of the states that the words' pass gives" if shared else alone
    return _Subject(classify, noise_mels(states.bands), f"random weights and Mels, five words; {said}")


def _rebuild_cost(timing: Timing) -> Cost:
    """What the server does before the recognizer: here the costliest common case, Opus to audio to Mel."""
    from channel.codecs import build_codec
    from recognizers.corpora.opening import open_shipped

    codec, corpus = build_codec("opus-16"), open_shipped()
    speech = np.concatenate([corpus.load_audio(utterance) for utterance in corpus.utterances[:40]])
    longest = max(timing.durations_s)
    payloads: dict[int, bytes] = {}

    def payload(duration_s: float) -> Mel:
        # Stands for a Mel of its duration: only its number of frames is looked at below.
        samples = round(duration_s * 16_000)
        payloads[samples] = codec.encode(np.tile(speech, 1 + samples // speech.size)[:samples]).data
        return np.zeros((1, samples // 160), dtype=np.float32)

    def rebuild(stands: Sequence[Mel]) -> None:
        for stand in stands:
            codec.decode(payloads[stand.shape[1] * 160])

    points = measure_batches(rebuild, payload, timing)
    return cost_of(points, "measured here", assumed=f"Opus at 16 kbit/s, up to {longest:g} s of shipped speech")


def _versions() -> dict[str, str]:
    import torch
    import whisper

    return {
        "python": platform.python_version(),
        "torch": str(torch.__version__),
        "openai-whisper": str(whisper.__version__),
    }


def _accelerator(device: str) -> str:
    import torch

    return "" if device == "cpu" else str(torch.cuda.get_device_name(device))
