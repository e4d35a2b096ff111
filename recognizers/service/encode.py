"""What it costs a device to encode an utterance: CPU seconds on the calibration host, by codec and length.

The figures come from a committed calibration, never from timing this run, so that a simulation gives the
same on every machine.  A device's own time is the host's times its profile's scale.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from channel.codecs import Codec
from channel.codecs.base import PLUGIN
from recognizers.service.calibration import FOLDER, CalibrationError, first_fault, read_json

NonNegative = Annotated[float, Field(ge=0.0, allow_inf_nan=False)]
ENCODE_CALIBRATION = "encode-host.json"


@dataclass(frozen=True, slots=True)
class EncodeCost:
    """CPU seconds on the calibration host = constant_s + per_audio_second_s x duration."""

    constant_s: float
    per_audio_second_s: float

    def host_s(self, duration_s: float) -> float:
        """CPU seconds to encode ``duration_s`` seconds of speech on the calibration host."""
        return self.constant_s + self.per_audio_second_s * duration_s


class EncodeEntry(BaseModel):
    """Cost of one codec kind at one setting."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: str
    setting: float | None = None
    constant_s: NonNegative
    per_audio_second_s: NonNegative
    worst_relative_error: NonNegative
    repeats: Annotated[int, Field(ge=1)]
    source: str | None = None
    """How this entry came about where it was not timed with the others."""


class EncodeCalibration(BaseModel):
    """Coding costs of all codecs on one host, and the host's score that device profiles scale from."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    format: Literal["amser-encode-calibration"]
    version: Literal[1]
    machine: dict[str, str | int | float]
    versions: dict[str, str]
    date: str
    method: str
    seven_zip_single_thread_mips: NonNegative
    """Score of ``7z b -mmt1`` on this host, for each CPU used; devices scale by its ratio to theirs."""
    seven_zip_while_timing_mips: NonNegative | None = None
    """The score where the entries were timed: beside other work, or on another machine; left out: it was the same.

    What slows coding slows 7-zip alike, so ``cost`` multiplies the entries by this score over the host's."""
    matrix_gflops: NonNegative | None = None
    """Double-precision matrix product of one thread, 10^9 operations a second, for profiles rated by HPL."""
    entries: tuple[EncodeEntry, ...]

    def cost(self, kind: str, setting: float | None) -> EncodeCost:
        """Cost of a codec kind at a setting, linear between the settings measured and flat beyond them."""
        found = sorted((entry for entry in self.entries if entry.kind == kind), key=lambda entry: entry.setting or 0.0)
        if not found:
            known = ", ".join(sorted({entry.kind for entry in self.entries}))
            raise CalibrationError(f"no coding cost of codec kind '{kind}' is calibrated; there are {known}")
        cost = _interpolate(found, setting)
        return EncodeCost(cost.constant_s * self.quiet_share, cost.per_audio_second_s * self.quiet_share)

    @property
    def quiet_share(self) -> float:
        """The host's seconds, had it been quiet, over the timed seconds."""
        timing, quiet = self.seven_zip_while_timing_mips, self.seven_zip_single_thread_mips
        return 1.0 if timing is None else timing / quiet


def _interpolate(entries: list[EncodeEntry], setting: float | None) -> EncodeCost:
    below = [entry for entry in entries if setting is None or (entry.setting or 0.0) <= setting]
    above = [entry for entry in entries if setting is not None and (entry.setting or 0.0) >= setting]
    left, right = (below or above)[-1 if below else 0], (above or below)[0 if above else -1]
    start, end = left.setting or 0.0, right.setting or 0.0
    share = 0.0 if end == start or setting is None else (setting - start) / (end - start)
    return EncodeCost(
        left.constant_s + share * (right.constant_s - left.constant_s),
        left.per_audio_second_s + share * (right.per_audio_second_s - left.per_audio_second_s),
    )


@lru_cache(maxsize=4)
def load_encode_calibration(path: str | None = None) -> EncodeCalibration:
    """The committed coding costs, or those in the file ``path``."""
    file = FOLDER / ENCODE_CALIBRATION if path is None else Path(path).expanduser()
    try:
        return EncodeCalibration.model_validate(read_json(file, "encode calibration"))
    except ValidationError as error:
        raise CalibrationError(f"{file} is not an encode calibration: {first_fault(error)}") from error


def encode_cost(codec: Codec) -> EncodeCost:
    """CPU seconds on the calibration host to encode with ``codec``, as it states or as it is calibrated.

    Raises ``CalibrationError`` for a codec that states no cost and is in no calibration.
    """
    if codec.encode_cost_s is not None:
        constant_s, per_audio_second_s = codec.encode_cost_s
        return EncodeCost(float(constant_s), float(per_audio_second_s))
    if codec.kind == PLUGIN:
        raise CalibrationError(
            f"what coding with '{codec.name}' costs is not known; {type(codec).__name__} states it in an attribute "
            "encode_cost_s = (seconds, seconds per second of audio)"
        )
    return load_encode_calibration().cost(*codec.cost_key())
