"""Measures how long the hardware at hand takes to recognise batches, and fits what the server reads.

Speed does not depend on trained values, so official architectures are timed with random weights; the
decoder is made to emit a fixed number of tokens for each second of speech, as a trained one would.
"""

from __future__ import annotations

import itertools
import platform
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from recognizers.service.calibration import AcceleratorPower, Calibration, CalibrationError, Cost, Point
from recognizers.service.machine import describe_machine

if TYPE_CHECKING:
    import torch
    from whisper.model import ModelDimensions

Mel = npt.NDArray[np.float32]
Recognise = Callable[[Sequence[Mel]], object]

TOKENS_PER_SECOND = 3.5
"""Tokens that Whisper emits for a second of read English: 2.7 words with 1.3 tokens each (LibriSpeech)."""

BATCHES = (1, 2, 4, 8, 16)
DURATIONS_S = (1.5, 3.0, 4.8)
FRAMES_PER_SECOND = 100

OFFICIAL: Mapping[str, tuple[int, int, int, int, int]] = {  # width, heads, encoder and decoder layers, bands
    "tiny": (384, 6, 4, 4, 80),
    "base": (512, 8, 6, 6, 80),
    "small": (768, 12, 12, 12, 80),
    "medium": (1024, 16, 24, 24, 80),
    "large-v3": (1280, 20, 32, 32, 128),
    "turbo": (1280, 20, 32, 4, 128),
}
"""Sizes of the official multilingual models (openai/whisper, ModelDimensions of the checkpoints)."""


def official_dimensions(model: str) -> ModelDimensions:
    """Dimensions of an official model by name; ``.en`` variants have one vocabulary entry less."""
    from whisper.model import ModelDimensions

    name = model.removesuffix(".en")
    if name not in OFFICIAL:
        raise CalibrationError(f"no official model is named '{model}'; there are {', '.join(OFFICIAL)}")
    width, heads, encoder_layers, decoder_layers, bands = OFFICIAL[name]
    words = 51_864 if model.endswith(".en") else 51_866 if bands == 128 else 51_865
    return ModelDimensions(
        bands, 1500, width, heads, encoder_layers, words, 448, width, heads, decoder_layers
    )


class RandomWhisper:
    """A Whisper of given dimensions with random weights, which decodes a fixed number of tokens.

    ``transcribe`` takes Mels of shape (bands, frames), fills them up to the model's context with their
    floor and decodes greedily with openai-whisper's own ``decode``, end-of-text suppressed.
    """

    def __init__(self, dims: ModelDimensions, device: str = "cpu", seed: int = 0) -> None:
        import torch
        from whisper.model import Whisper

        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            self.model = Whisper(dims).to(device).eval()
        self.half = device != "cpu"
        if self.half:
            self.model = self.model.half()
        self.frames = 2 * dims.n_audio_ctx

    def transcribe(self, mels: Sequence[Mel]) -> object:
        """Decode as many tokens as the longest Mel has seconds, times ``TOKENS_PER_SECOND``."""
        import torch
        import whisper

        longest_s = max(mel.shape[1] for mel in mels) / FRAMES_PER_SECOND
        tokens = max(1, round(longest_s * TOKENS_PER_SECOND))
        filled = np.stack([_filled(mel, self.frames) for mel in mels])
        batch = torch.from_numpy(filled).to(self.model.device)
        options = whisper.DecodingOptions(
            language="en",
            without_timestamps=True,
            fp16=self.half,
            sample_len=tokens,
            suppress_tokens=[-1, 50_256 if not self.model.is_multilingual else 50_257],
        )
        said = whisper.decode(self.model, batch.half() if self.half else batch, options)
        _wait(self.model.device)
        return said


def _filled(mel: Mel, frames: int) -> Mel:
    missing = max(frames - mel.shape[1], 0)
    return np.pad(mel[:, :frames], ((0, 0), (0, missing)), constant_values=float(mel.min()))


def _wait(device: torch.device) -> None:
    import torch

    if device.type == "cuda":
        torch.cuda.synchronize(device)


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
    design = np.array(
        [[1.0, point.utterances, point.audio_s, point.audio_s / point.utterances] for point in points]
    )
    weights = 1.0 / seconds
    solution, _ = nnls(design * weights[:, None], np.ones_like(seconds))
    worst = float(np.abs(design @ solution * weights - 1.0).max())
    batch, utterance, audio, step = (float(value) for value in solution)
    return Fit(batch, utterance, audio, step, worst)


def cost_of(
    points: Sequence[Point], source: str, tokens_per_s: float | None = None, assumed: str = ""
) -> Cost:
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
            Point(utterances=p.utterances, audio_s=round(p.audio_s, 3), seconds=round(p.seconds, 6))
            for p in points
        ),
    )


HOST_POWER = AcceleratorPower(
    idle_w=20.0,
    active_w=49.6,
    source="AMSER poster (ICASSP 2025): 0.0056 kWh in 406.58 s, so 49.6 W while working",
    assumed="that this processor draws what the poster's PC drew; idle 20 W: remembered, unverified",
)


def calibrate_server(
    models: Iterable[str],
    emotion: Iterable[str] = (),
    *,
    name: str,
    device: str = "cpu",
    threads: int = 1,
    power: AcceleratorPower = HOST_POWER,
    batches: Iterable[int] = BATCHES,
    repeats: int = 3,
    report: Callable[[str], None] = lambda line: None,
) -> Calibration:
    """Time ``models`` and ``emotion`` networks on the hardware at hand.

    ``nano`` and ``sphinx`` are the recognisers themselves; other names are official architectures with
    random weights.  On a CPU with one thread the clock is the process's CPU time, so that other work on
    the machine does not count; otherwise it is wall time, and the machine should be idle.
    """
    import torch

    torch.set_num_threads(threads)
    clock = time.process_time if device == "cpu" and threads == 1 else time.perf_counter
    sizes = tuple(batches)
    costs: dict[str, Cost] = {}
    for model in models:
        report(f"timing {model}")
        costs[model] = _model_cost(model, device, clock=clock, batches=sizes, repeats=repeats)
    felt: dict[str, Cost] = {}
    for network in emotion:
        report(f"timing emotion network {network}")
        felt[network] = _emotion_cost(network, clock=clock, batches=sizes, repeats=repeats)
    timed = "CPU time of one thread" if clock is time.process_time else f"wall time, {threads} threads"
    return Calibration(
        format="amser-server-calibration",
        version=1,
        name=name,
        basis="measured",
        machine=describe_machine(_accelerator(device), threads),
        versions=_versions(),
        date=datetime.now(UTC).date().isoformat(),
        method=(
            f"{timed}; fastest of {repeats} runs on batches of {', '.join(map(str, sizes))} Mels of equal "
            f"length ({', '.join(f'{seconds:g}' for seconds in DURATIONS_S)} s); non-negative least "
            "squares of the relative error"
        ),
        power=power,
        models=costs,
        emotion=felt,
    )


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
