"""Service time of a batch as pure arithmetic: what the simulated server asks for each batch."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Callable
from dataclasses import dataclass, replace

from recognizers.service.calibration import Cost, load_calibration
from recognizers.service.spread import at_quantile
from scenarios.schema.server import (
    AffineServiceSpec,
    CalibratedServiceSpec,
    ConstantServiceSpec,
    EmotionSpec,
    ExponentialServiceSpec,
    RecognizerSpec,
    ServerSpec,
    TableServiceSpec,
    WhisperSpec,
)

Sampler = Callable[[int, float], float]


@dataclass(frozen=True, slots=True)
class Affine:
    """Seconds = constant + parts for each utterance, second of audio, and second of the mean utterance."""

    per_batch_s: float
    per_utterance_s: float = 0.0
    per_audio_second_s: float = 0.0
    per_step_second_s: float = 0.0

    def __call__(self, utterances: int, audio_s: float) -> float:
        """Seconds of a batch of ``utterances`` with ``audio_s`` seconds of audio in all."""
        per_audio_second_s = self.per_audio_second_s + self.per_step_second_s / utterances
        return self.per_batch_s + self.per_utterance_s * utterances + per_audio_second_s * audio_s


@dataclass(frozen=True, slots=True)
class Table:
    """Seconds by batch size, linear between the sizes and beyond the last two."""

    sizes: tuple[int, ...]
    seconds: tuple[float, ...]

    def __call__(self, utterances: int, audio_s: float) -> float:
        """Seconds of a batch of ``utterances``; the audio's length has no part in it."""
        sizes, seconds = self.sizes, self.seconds
        if utterances <= sizes[0] or len(sizes) == 1:
            return seconds[0]
        right = min(max(bisect_right(sizes, utterances), 1), len(sizes) - 1)
        slope = (seconds[right] - seconds[right - 1]) / (sizes[right] - sizes[right - 1])
        return max(seconds[right - 1] + slope * (utterances - sizes[right - 1]), 0.0)


@dataclass(frozen=True)
class ServiceTime:
    """How long an accelerator serves a batch, and what power it draws.

    ``batch_s`` is the mean time.  That of one batch is exponential about it, or has the quantiles ``spread`` of a
    calibration in proportion to it; without either it is the mean.  ``source`` says where the figures come from.
    """

    batch_s: Sampler
    idle_w: float
    active_w: float
    source: str
    exponential: bool = False
    spread: tuple[float, ...] = ()

    def drawn_s(self, utterances: int, audio_s: float, uniform: float) -> float:
        """Seconds of one batch; ``uniform`` in [0, 1) is the luck of a time that varies."""
        mean_s = self.batch_s(utterances, audio_s)
        if self.exponential:
            return -mean_s * math.log(1.0 - uniform)
        return mean_s * at_quantile(self.spread, uniform) if self.spread else mean_s

    def energy_j(self, busy_s: float, total_s: float) -> float:
        """Energy of one accelerator that served for ``busy_s`` of ``total_s`` seconds."""
        return self.active_w * busy_s + self.idle_w * (total_s - busy_s)


def load_service(
    server: ServerSpec,
    recognizer: RecognizerSpec | None = None,
    emotion: EmotionSpec | None = None,
    encoder: str = "",
) -> ServiceTime:
    """Service times of ``server``; a calibration is asked for the recognizer's model and the emotion network.

    ``encoder`` is the Whisper whose states the network reads, empty where it reads the Mel.  A network that a
    calibration does not know costs nothing, which ``source`` says.

    Raises ``CalibrationError`` where the calibration lacks the model.
    """
    spec = server.service
    if isinstance(spec, CalibratedServiceSpec):
        service = _calibrated(spec, recognizer, _network(emotion, encoder, recognizer))
    else:
        batch_s, what = _explicit(spec)
        exponential = isinstance(spec, ExponentialServiceSpec)
        service = ServiceTime(batch_s, 0.0, 0.0, f"{what} given in the scenario", exponential)
    if server.power is None:
        return service
    power = server.power
    source = f"{service.source}; power: {power.source}"
    return replace(service, idle_w=power.idle, active_w=power.active, source=source)


def _explicit(
    spec: ConstantServiceSpec | AffineServiceSpec | TableServiceSpec | ExponentialServiceSpec,
) -> tuple[Sampler, str]:
    if isinstance(spec, ConstantServiceSpec):
        return Affine(spec.time), "constant service time"
    if isinstance(spec, ExponentialServiceSpec):
        return Affine(spec.mean), "exponential service time"
    if isinstance(spec, AffineServiceSpec):
        return Affine(spec.per_batch, spec.per_utterance, spec.per_audio_second), "affine service time"
    sizes = tuple(sorted(spec.times))
    return Table(sizes, tuple(spec.times[size] for size in sizes)), "service times by batch size"


def _calibrated(spec: CalibratedServiceSpec, recognizer: RecognizerSpec | None, network: str | None) -> ServiceTime:
    calibration = load_calibration(spec.hardware)
    model = spec.model or model_of(recognizer)
    cost = calibration.model(model)
    parts: list[Cost] = [cost]
    if network is not None and network in calibration.emotion:
        parts.append(calibration.emotion[network])
    if calibration.rebuild is not None:
        parts.append(calibration.rebuild)
    batch_s = Affine(
        sum(part.per_batch_s for part in parts),
        sum(part.per_utterance_s for part in parts),
        sum(part.per_audio_second_s for part in parts),
        sum(part.per_step_second_s for part in parts),
    )
    source = f"calibration {calibration.name}/{model} ({calibration.basis})"
    if network is not None and network not in calibration.emotion:
        source += f"; emotion network {network} was not timed there and costs nothing"
    active_w = calibration.power.active_w if cost.active_w is None else cost.active_w
    # One luck for a batch: what disturbs the recognizer disturbs the rest of it.
    return ServiceTime(batch_s, calibration.power.idle_w, active_w, source, spread=cost.spread)


def _network(emotion: EmotionSpec | None, encoder: str, recognizer: RecognizerSpec | None) -> str | None:
    """The name under which a calibration lists a network.

    ``amser/base`` reads the states of ``base`` from the pass that finds the words; where another recognizer finds them
    ``base`` has to hear for the network alone: ``amser/base/alone``."""
    if emotion is None or emotion.kind == "none":
        return None
    if not encoder:
        return emotion.kind
    return f"{emotion.kind}/{encoder}" if model_of(recognizer) == encoder else f"{emotion.kind}/{encoder}/alone"


def model_of(recognizer: RecognizerSpec | None) -> str:
    """The name under which a calibration lists a recognizer's service times."""
    if isinstance(recognizer, WhisperSpec):
        return recognizer.model
    return "none" if recognizer is None else recognizer.kind
