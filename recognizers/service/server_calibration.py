"""Measures how long the hardware at hand takes to recognise batches, and fits what the server reads.

Speed does not depend on trained values, so official architectures are timed with random weights; the
decoder is made to emit a fixed number of tokens for each second of speech, as a trained one would.
"""

from __future__ import annotations

import itertools
import platform
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import numpy as np
import numpy.typing as npt

from recognizers.service.calibration import AcceleratorPower, Calibration, Cost, Point
from recognizers.service.machine import describe_machine
from recognizers.service.power import PowerMeter
from recognizers.service.random_whisper import (
    FRAMES_PER_SECOND,
    TOKENS_PER_SECOND,
    RandomWhisper,
    official_dimensions,
)

Mel = npt.NDArray[np.float32]
Recognise = Callable[[Sequence[Mel]], object]

BATCHES = (1, 2, 4, 8, 16)
DURATIONS_S = (1.5, 3.0, 4.8)


def measure_batches(
    recognise: Recognise,
    mel_of: Callable[[float], Mel],
    *,
    clock: Callable[[], float] = time.perf_counter,
    batches: Iterable[int] = BATCHES,
    durations_s: Iterable[float] = DURATIONS_S,
    repeats: int = 3,
) -> list[Point]:
    """Time ``recognise`` on batches of Mels that ``mel_of`` gives for a duration in seconds.

    Each point is the fastest of ``repeats`` runs.

    The fastest, because whatever else the machine does can only add to a run.  On one thread of a shared
    processor, ``clock=time.process_time`` leaves out the time that others had it.
    """
    lengths, points = list(durations_s), []
    recognise([mel_of(lengths[0])])  # first call: memory, code paths
    for batch in batches:
        for duration_s in lengths:
            mels = [mel_of(duration_s) for _ in range(batch)]
            seconds = min(_timed(recognise, mels, clock) for _ in range(repeats))
            points.append(Point(utterances=batch, audio_s=batch * duration_s, seconds=seconds))
    return points


def noise_mels(bands: int, seed: int = 0) -> Callable[[float], Mel]:
    """Gives random Mels of any duration; enough where the weights are random too."""
    rng = np.random.default_rng(seed)

    def mel(duration_s: float) -> Mel:
        return rng.uniform(-0.5, 1.5, (bands, round(duration_s * FRAMES_PER_SECOND))).astype(np.float32)

    return mel


def speech_mels(bands: int) -> Callable[[float], Mel]:
    """Gives Mels of the shipped speech, one clip after another, repeated or cut to the duration."""
    from channel.mel import log_mel
    from recognizers.corpora.opening import open_shipped

    corpus = open_shipped()
    clips = itertools.cycle([log_mel(corpus.load_audio(u), bands=bands) for u in corpus.utterances[:40]])

    def mel(duration_s: float) -> Mel:
        frames, clip = round(duration_s * FRAMES_PER_SECOND), next(clips)
        return np.tile(clip, (1, -(-frames // clip.shape[1])))[:, :frames]

    return mel


def _timed(recognise: Recognise, mels: Sequence[Mel], clock: Callable[[], float]) -> float:
    start = clock()
    recognise(mels)
    return clock() - start


@dataclass(frozen=True)
class Fit:
    """Affine service time fitted to points, and how far it is off at worst."""

    per_batch_s: float
    per_utterance_s: float
    per_audio_second_s: float
    per_step_second_s: float
    worst_relative_error: float


def fit(points: Sequence[Point]) -> Fit:
    """Non-negative least squares of the relative error of ``Cost``'s four terms."""
    from scipy.optimize import nnls

    seconds = np.array([point.seconds for point in points])
    design = np.array([[1.0, point.utterances, point.audio_s, point.audio_s / point.utterances] for point in points])
    weights = 1.0 / seconds
    solution, _ = nnls(design * weights[:, None], np.ones_like(seconds))
    worst = float(np.abs(design @ solution * weights - 1.0).max())
    batch, utterance, audio, step = (float(value) for value in solution)
    return Fit(batch, utterance, audio, step, worst)


def cost_of(points: Sequence[Point], source: str, tokens_per_s: float | None = None, assumed: str = "") -> Cost:
    """A calibration entry from measured points."""
    found = fit(points)
    return Cost(
        per_batch_s=round(found.per_batch_s, 6),
        per_utterance_s=round(found.per_utterance_s, 6),
        per_audio_second_s=round(found.per_audio_second_s, 6),
        per_step_second_s=round(found.per_step_second_s, 6),
        source=source,
        assumed=assumed,
        largest_batch=max(point.utterances for point in points),
        decoded_tokens_per_s=tokens_per_s,
        worst_relative_error=round(found.worst_relative_error, 4),
        points=tuple(
            Point(utterances=p.utterances, audio_s=round(p.audio_s, 3), seconds=round(p.seconds, 6)) for p in points
        ),
    )


HOST_POWER = AcceleratorPower(
    idle_w=20.0,
    active_w=49.6,
    source="AMSER poster (ICASSP 2025): 0.0056 kWh in 406.58 s, so 49.6 W while working",
    assumed="that this processor draws what the poster's PC drew; idle 20 W: remembered, unverified",
)
UNKNOWN_POWER = AcceleratorPower(idle_w=0.0, active_w=0.0, source="could not be read; give it in the scenario")


def calibrate_server(
    models: Iterable[str],
    emotion: Iterable[str] = (),
    *,
    name: str,
    device: str = "cpu",
    threads: int = 1,
    power: AcceleratorPower | None = None,
    batches: Iterable[int] = BATCHES,
    durations_s: Iterable[float] = DURATIONS_S,
    repeats: int = 3,
    report: Callable[[str], None] = lambda line: None,
) -> Calibration:
    """Time ``models`` and ``emotion`` networks on the hardware at hand, and read its power where it can be.

    ``nano`` and ``sphinx`` are the recognisers themselves; other names are official architectures with
    random weights.  On a CPU with one thread the clock is the process's CPU time, so that other work on
    the machine does not count; otherwise it is wall time, and the machine should be idle.  ``power`` given
    is taken as it is.
    """
    import torch

    torch.set_num_threads(threads)
    one_thread = device == "cpu" and threads == 1
    timing: dict[str, Any] = {
        "clock": time.process_time if one_thread else time.perf_counter,
        "batches": tuple(batches),
        "durations_s": tuple(durations_s),
        "repeats": repeats,
    }
    meter = PowerMeter(device)
    report("reading idle power")
    idle_w = meter.idle_w()
    costs: dict[str, Cost] = {}
    felt: dict[str, Cost] = {}
    with meter:
        for model in models:
            report(f"timing {model}")
            costs[model] = _model_cost(model, device, **timing)
        for network in emotion:
            report(f"timing emotion network {network}")
            felt[network] = _emotion_cost(network, **timing)
    report("timing the rebuilding of Mels")
    return Calibration(
        format="amser-server-calibration",
        version=1,
        name=name,
        basis="measured",
        machine=describe_machine(_accelerator(device), threads),
        versions=_versions(),
        date=datetime.now(UTC).date().isoformat(),
        method=_method("CPU time of one thread" if one_thread else f"wall time, {threads} threads", timing),
        power=power or _measured_power(meter, idle_w) or (HOST_POWER if device == "cpu" else UNKNOWN_POWER),
        models=costs,
        emotion=felt,
        rebuild=_rebuild_cost(**timing),
    )


def _method(clock: str, timing: dict[str, Any]) -> str:
    return (
        f"{clock}; fastest of {timing['repeats']} runs on batches of {', '.join(map(str, timing['batches']))} "
        f"Mels of equal length ({', '.join(f'{seconds:g}' for seconds in timing['durations_s'])} s); "
        "non-negative least squares of the relative error"
    )


def _measured_power(meter: PowerMeter, idle_w: float | None) -> AcceleratorPower | None:
    if idle_w is None or meter.mean_w is None:
        return None
    return AcceleratorPower(
        idle_w=round(min(idle_w, meter.mean_w), 1),
        active_w=round(meter.mean_w, 1),
        source=f"{meter.source}: mean while timing, and before it",
    )


def _rebuild_cost(**measuring: Any) -> Cost:
    """What the server does before the recogniser: here the costliest common case, Opus to audio to Mel."""
    from channel.codecs import build_codec
    from recognizers.corpora.opening import open_shipped

    codec, corpus = build_codec("opus-16"), open_shipped()
    speech = np.concatenate([corpus.load_audio(utterance) for utterance in corpus.utterances[:40]])
    longest = max(measuring["durations_s"])
    payloads: dict[int, bytes] = {}

    def payload(duration_s: float) -> Mel:
        # Stands for a Mel of its duration: only its number of frames is looked at below.
        samples = round(duration_s * 16_000)
        payloads[samples] = codec.encode(np.tile(speech, 1 + samples // speech.size)[:samples]).data
        return np.zeros((1, samples // 160), dtype=np.float32)

    def rebuild(stands: Sequence[Mel]) -> None:
        for stand in stands:
            codec.decode(payloads[stand.shape[1] * 160])

    points = measure_batches(rebuild, payload, **measuring)
    return cost_of(points, "measured here", assumed=f"Opus at 16 kbit/s, up to {longest:g} s of shipped speech")


def _model_cost(model: str, device: str, **measuring: Any) -> Cost:
    from recognizers.measurement.build import recogniser_of
    from scenarios.schema.server import SphinxSpec, WhisperSpec

    if model not in ("nano", "sphinx"):
        return official_cost(model, device=device, **measuring)
    recogniser = recogniser_of(WhisperSpec() if model == "nano" else SphinxSpec(kind="sphinx"))
    assert recogniser is not None  # only the kind "none" gives none
    points = measure_batches(recogniser.transcribe, speech_mels(recogniser.bands), **measuring)
    return cost_of(points, "measured here", assumed="shipped speech, repeated or cut to the length")


def _emotion_cost(network: str, **measuring: Any) -> Cost:
    from recognizers.emotion.recognizer import load_emotion

    loaded = load_emotion(network)
    words = "please turn on the light"

    def classify(mels: Sequence[Mel]) -> object:
        return loaded.classify(mels, [words] * len(mels))

    points = measure_batches(classify, speech_mels(loaded.bands), **measuring)
    return cost_of(points, "measured here", assumed="shipped speech, repeated or cut to the length")


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


def official_cost(model: str, *, device: str = "cpu", **measuring: Any) -> Cost:
    """Service time of an official architecture with random weights on ``device``."""
    import torch

    dims = official_dimensions(model)
    random = RandomWhisper(dims, device)
    with torch.inference_mode():
        points = measure_batches(random.transcribe, noise_mels(dims.n_mels), **measuring)
    return cost_of(
        points,
        "measured here",
        TOKENS_PER_SECOND,
        f"random weights; {TOKENS_PER_SECOND:g} tokens decoded for each second of speech",
    )
