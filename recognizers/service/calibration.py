"""Calibration files: how long some hardware takes to recognize a batch, and what power it draws.

A file is JSON with the machine, the versions, the date and the method; each model's seconds are affine in
the batch: ``per_batch_s + per_utterance_s * utterances + per_audio_second_s * audio seconds +
per_step_second_s * mean audio seconds of an utterance`` (the decoder's steps run once for a whole batch, so
their constant part grows with the length of the utterances, not with their number).  Files with
``basis`` "measured" hold the points they were fitted to; those with "published" hold the published figure,
its source and what had to be assumed.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from recognizers.service.spread import mean_of
from scenarios.errors import AmserError, Exit

FOLDER = Path(__file__).parent.parent / "data" / "calibration"

NonNegative = Annotated[float, Field(ge=0.0, allow_inf_nan=False)]


class CalibrationError(AmserError):
    """A calibration is missing, broken, or lacks the model asked for; says which and what there is."""

    exit_code = Exit.MISSING


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)


class Point(_Strict):
    """One measured batch."""

    utterances: Annotated[int, Field(ge=1)]
    audio_s: NonNegative
    seconds: NonNegative


class Cost(_Strict):
    """Seconds of a batch, affine in its utterances and its audio, and where they come from."""

    per_batch_s: NonNegative = 0.0
    per_utterance_s: NonNegative = 0.0
    per_audio_second_s: NonNegative = 0.0
    per_step_second_s: NonNegative = 0.0
    source: str
    """Publication, or how it was measured."""
    assumed: str = ""
    """What the source does not say and had to be assumed."""
    largest_batch: int | None = None
    """The largest batch measured; beyond it the cost is extrapolated."""
    decoded_tokens_per_s: NonNegative | None = None
    """Tokens decoded for each second of audio while measuring."""
    active_w: NonNegative | None = None
    """Mean power of the hardware while it was timed; where absent, the calibration's own counts."""
    worst_relative_error: NonNegative | None = None
    """Largest relative difference between a measured point and the fit."""
    points: tuple[Point, ...] = ()
    """The measurements behind the fit."""
    spread: tuple[NonNegative, ...] = ()
    """Quantiles, at equal steps of probability from 0 to 1, of a batch's time over that of the fit; their mean is 1.
    Without them batches of one size and length take one time."""

    @field_validator("spread")
    @classmethod
    def _mean_one(cls, spread: tuple[float, ...]) -> tuple[float, ...]:
        if not spread:
            return spread
        if len(spread) < 2 or list(spread) != sorted(spread):
            raise ValueError("a spread needs two or more quantiles that do not decrease")
        if abs(mean_of(spread) - 1.0) > 0.01:
            raise ValueError(f"the mean of a spread is 1, not {mean_of(spread):.3f}: the fit has the mean time")
        return spread


class AcceleratorPower(_Strict):
    """Power of the hardware, idle and while serving."""

    idle_w: NonNegative
    active_w: NonNegative
    source: str
    """Where the two figures come from."""
    assumed: str = ""
    """What is not in the source."""


class Calibration(_Strict):
    """Service times of one piece of hardware."""

    format: Literal["amser-server-calibration"]
    version: Literal[1]
    name: str
    basis: Literal["measured", "published"]
    machine: dict[str, str | int | float]
    versions: dict[str, str] = Field(default={})
    date: str
    method: str
    power: AcceleratorPower
    models: dict[str, Cost]
    """Whisper models, by name: encoder and decoder together."""
    emotion: dict[str, Cost] = Field(default={})
    """Emotion networks, by name."""
    rebuild: Cost | None = None
    """Decoding payloads into Mels; absent where it is within the models' figures or negligible."""

    def model(self, name: str) -> Cost:
        """Cost of a Whisper model, or of one of equal architecture (``tiny`` and ``tiny.en`` differ by a word).

        Raises ``CalibrationError`` that lists those there are.
        """
        for alike in architecture_names(name):
            if alike in self.models:
                return self.models[alike]
        known = ", ".join(sorted(self.models))
        raise CalibrationError(
            f"calibration '{self.name}' has no service times of model '{name}'; it has {known}: name one, as in "
            f"`service: {self.name}/{min(self.models, default='MODEL')}`, or calibrate your hardware"
        )


def architecture_names(model: str) -> tuple[str, ...]:
    """Names under which a model's speed may be listed, its own first."""
    if model in ("large", "large-v1", "large-v2"):
        return model, "large-v3"
    if model == "large-v3-turbo":
        return model, "turbo"
    return (model, model.removesuffix(".en")) if model.endswith(".en") else (model, f"{model}.en")


@dataclass(frozen=True)
class Summary:
    """A calibration as it is listed: its name, what it is, and for which models."""

    name: str
    basis: str
    machine: str
    models: tuple[str, ...]
    source: str


def calibrations() -> Mapping[str, Path]:
    """Committed server calibrations, by name."""
    return {path.stem.removeprefix("server-"): path for path in sorted(FOLDER.glob("server-*.json"))}


def summaries() -> list[Summary]:
    """All committed server calibrations with their sources, for listings."""
    found = [load_calibration(name) for name in calibrations()]
    return [
        Summary(
            one.name,
            one.basis,
            str(one.machine.get("accelerator", "")),
            tuple(sorted(one.models)),
            one.method,
        )
        for one in found
    ]


def load_calibration(name: str) -> Calibration:
    """The committed calibration ``name``, or the one in the JSON file of that path."""
    path = Path(name).expanduser() if name.endswith(".json") else calibrations().get(name)
    if path is None:
        known = ", ".join(calibrations())
        raise CalibrationError(f"no calibration is named '{name}'; there are {known}, or give a .json file's path")
    try:
        return Calibration.model_validate(read_json(path, "server calibration"))
    except ValidationError as error:
        raise CalibrationError(f"{path} is not a server calibration: {first_fault(error)}") from error


def read_json(path: Path, what: str) -> dict[str, Any]:
    """The JSON object in ``path``, or ``CalibrationError``."""
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise CalibrationError(f"cannot read the {what} {path}: {error.strerror or error}") from error
    except (ValueError, RecursionError) as error:
        raise CalibrationError(f"the {what} {path} is not JSON: {error}") from error
    if not isinstance(value, dict):
        raise CalibrationError(f"the {what} {path} must hold a JSON object")
    return value


def first_fault(error: ValidationError) -> str:
    """Where and what the first fault is, in one line."""
    fault = error.errors()[0]
    return f"{'.'.join(str(part) for part in fault['loc']) or 'top level'}: {fault['msg']}"
