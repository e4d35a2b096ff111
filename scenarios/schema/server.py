"""The edge server and what it recognizes with."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, model_validator

from scenarios.quantities import SI, SIZE, Duration, PositiveDuration, Power, Size
from scenarios.schema.base import Listed, PluginSpec, Spec

TEMPERATURES = (0.0, 0.2, 0.4, 0.6, 0.8, 1.0)
"""Defaults of `whisper.transcribe` (openai-whisper 20250625)."""


class BatchingSpec(Spec):
    """Dynamic batching: a batch starts when it is full or its oldest upload has waited long enough."""

    largest: Annotated[int, Field(ge=1, le=4096)] = 8
    """Most utterances in one batch; 1 serves uploads one by one."""
    longest_wait: Duration = 0.0
    """How long a free accelerator waits for a batch to fill; `0 s` starts with whatever is queued."""


class CalibratedServiceSpec(Spec):
    """Service times measured on (or published for) some hardware, from a calibration file."""

    kind: Literal["calibration"] = "calibration"
    """`calibration`: seconds per batch come from a calibration file."""
    hardware: str = "host-cpu"
    """A committed calibration by name (see `amser list calibrations`) or the path of a calibration's JSON."""
    model: str | None = None
    """Which model's service times; by default those of the scenario's recognizer."""


class ConstantServiceSpec(Spec):
    """Every batch takes the same time, whatever is in it."""

    kind: Literal["constant"]
    """`constant`: one duration for every batch."""
    time: PositiveDuration
    """Service time of a batch."""


class AffineServiceSpec(Spec):
    """Service time of a batch = per_batch + per_utterance x utterances + per_audio_second x audio seconds."""

    kind: Literal["affine"]
    """`affine`: a constant, a part for each utterance and a part for each second of audio."""
    per_batch: Duration = 0.0
    """Time of a batch whatever its size."""
    per_utterance: Duration = 0.0
    """Time added by each utterance of the batch."""
    per_audio_second: Duration = 0.0
    """Time added by each second of audio in the batch."""

    @model_validator(mode="after")
    def _takes_time(self) -> AffineServiceSpec:
        if self.per_batch + self.per_utterance + self.per_audio_second <= 0.0:
            raise ValueError("one of per_batch, per_utterance, per_audio_second must be above zero")
        return self


class TableServiceSpec(Spec):
    """Service time by batch size, linear between the sizes given and beyond the last two."""

    kind: Literal["table"]
    """`table`: durations by batch size."""
    times: dict[Annotated[int, Field(ge=1, strict=False)], PositiveDuration]
    """Batch size to service time, such as `{1: 80 ms, 8: 200 ms}`; a size between two is interpolated."""

    @model_validator(mode="after")
    def _not_empty(self) -> TableServiceSpec:
        if not self.times:
            raise ValueError("a table service needs at least one batch size, such as {1: 80 ms}")
        return self


class ExponentialServiceSpec(Spec):
    """Exponentially distributed service times, for checks against queueing theory (M/M/1)."""

    kind: Literal["exponential"]
    """`exponential`: a memoryless service time, drawn anew for every batch."""
    mean: PositiveDuration
    """Mean service time of a batch."""


def _from_name(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    if value.endswith(".json"):
        return {"kind": "calibration", "hardware": value}
    hardware, _, model = value.partition("/")
    return {"kind": "calibration", "hardware": hardware, "model": model or None}


_Services = CalibratedServiceSpec | ConstantServiceSpec | AffineServiceSpec | TableServiceSpec | ExponentialServiceSpec
_Calibration = Annotated[str, Field(description="a calibration by name, `hardware` or `hardware/model`")]
ServiceSpec = Annotated[
    Annotated[_Services, Field(discriminator="kind")],
    BeforeValidator(_from_name, json_schema_input_type=_Calibration | _Services),
]


class ServerPowerSpec(Spec):
    """Electrical power of one accelerator."""

    idle: Power
    """Power while it has no batch."""
    active: Power
    """Power while it serves a batch."""
    source: str
    """Where the two figures come from: a data sheet, a meter, a publication."""

    @model_validator(mode="after")
    def _active_above_idle(self) -> ServerPowerSpec:
        if self.active < self.idle:
            raise ValueError(f"active power ({self.active:g} W) is below idle power ({self.idle:g} W)")
        return self


class HandlingSpec(Spec):
    """What the server does with an upload beside recognizing it; however many there are, they do not wait for it."""

    request: Duration = 0.0
    """From an upload's last byte to its place in the queue: sockets, the request's head, looking at the payload."""
    reply: Duration = 0.0
    """From the end of a batch to a reply's leaving: JSON and sockets."""


REPLY_BYTES = 500.0
"""A reply in JSON with HTTP's headers. It decides a millijoule and no time: a radio that sleeps does."""


def _reply(value: Any) -> Any:
    return value if value is None or value == "at-once" or isinstance(value, SI) else SIZE.parse(value)


class ServerSpec(Spec):
    """One edge server: identical accelerators that share one queue."""

    accelerators: Annotated[int, Field(ge=1, le=100_000)] = 1
    """Accelerators (GPUs, or CPU sockets) that serve batches side by side from one queue."""
    batching: BatchingSpec = BatchingSpec()
    """How queued uploads are put into batches."""
    service: ServiceSpec = CalibratedServiceSpec()
    """Seconds a batch takes: a calibration by name, or an explicit model."""
    handling: HandlingSpec = HandlingSpec()
    """Work on requests and replies beside the batches (`amser calibrate observed` measures it)."""
    queue_limit: Annotated[int, Field(ge=0)] | None = None
    """Uploads that may wait; one more is rejected. Left out, the queue is unbounded."""
    reply: Annotated[
        float | Literal["at-once"] | None,
        BeforeValidator(_reply, json_schema_input_type=Size | Literal["at-once"] | None),
    ] = None
    """Bytes of a reply with its headers: it waits until the radio listens (DRX, paging), wakes one that is idle, and
    costs energy to receive. `at-once`: it is there when it is sent and restarts the tail. Left out, replies to radios
    with DRX and paging (LTE, NR, NB-IoT, 3G, or your own that says so) have 500 bytes, those to others are at once."""
    power: ServerPowerSpec | None = None
    """Power of one accelerator; left out, it comes from the calibration (0 W for explicit times)."""


class WhisperSpec(Spec):
    """openai-whisper: a model of the library by name, a checkpoint by path, or the shipped `nano`."""

    kind: Literal["whisper"] = "whisper"
    """`whisper`: openai-whisper's architecture and decoding."""
    model: str = "nano"
    """`nano` (shipped, for the shipped commands), `tiny.en` ... `turbo`, or the path of a checkpoint."""
    language: Annotated[str, Field(pattern=r"^[a-z]{2,3}$")] | None = None
    """Language spoken, such as `en`; by default the corpus's, and where that is unknown the model detects it."""
    beam_size: Annotated[int, Field(ge=1, le=20)] | None = None
    """Hypotheses kept while decoding at temperature 0; left out, decoding is greedy."""
    prompt: str | None = None
    """Text that the model sees before the first words."""
    temperatures: Annotated[tuple[Annotated[float, Field(ge=0.0, le=2.0)], ...], Listed, Field(min_length=1)] = (
        TEMPERATURES
    )
    """Tried in turn while a text repeats itself or is improbable, as `whisper.transcribe` does."""
    compression_ratio_threshold: Annotated[float, Field(gt=0.0)] | None = 2.4
    """A text that zlib makes smaller than this is repetitive: the next temperature is tried; null: never."""
    logprob_threshold: Annotated[float, Field(le=0.0)] | None = -1.0
    """A text whose mean log-probability is below is improbable: the next temperature is tried; null: never."""
    no_speech_threshold: Annotated[float, Field(ge=0.0, le=1.0)] | None = 0.6
    """An improbable text with a higher probability of no speech is no text; null: silence is not looked for."""
    condition_on_previous_text: bool = True
    """Show the model the words of earlier windows of the same utterance (recordings beyond 30 s)."""


class SphinxSpec(Spec):
    """PocketSphinx with the English model of its package, fed from the uploaded Mel (extra `sphinx`)."""

    kind: Literal["sphinx"]
    """`sphinx`: open English speech without a download."""


class NoRecognizerSpec(Spec):
    """Nothing is recognized: sizes, latency and energy only."""

    kind: Literal["none"]
    """`none`: for studies of network and energy alone."""


class RecognizerPluginSpec(PluginSpec):
    """A recognizer of your own: a class with `name`, `bands`, `fingerprint()` and `transcribe(mels)`."""


RecognizerSpec = Annotated[
    WhisperSpec | SphinxSpec | NoRecognizerSpec | RecognizerPluginSpec, Field(discriminator="kind")
]


class EmotionSpec(Spec):
    """The speech emotion network that follows the recognizer."""

    kind: Literal["amser", "umons", "xu", "yoon", "none"] = "amser"
    """The architecture; `none` leaves emotion out."""
    weights: str = "shipped"
    """`shipped` (trained on the shipped speech) or the path of a safetensors file."""
