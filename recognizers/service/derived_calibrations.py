"""Calibrations of accelerators that the project has not measured, derived from published speeds.

Run ``python -m recognizers.service.derived_calibrations`` to write them anew into ``recognizers/data/calibration``.

A published speed says how many times faster than real time long audio is transcribed: 30 s windows, one
after another.  Whisper pads every utterance to such a window, so a short utterance costs the encoder a whole
window and the decoder its own words.  The two parts are not published; they are divided here as follows.

per_utterance_s      operations of the encoder on one window / (the accelerator's dense fp16 peak x 50 %)
per_audio_second_s   what is left of a window's published time, spread over its 30 s of speech

so that 30 s of speech cost exactly what was published.  Peak, utilisation and idle power are assumptions,
and each file says so.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from recognizers.service.calibration import FOLDER, AcceleratorPower, Calibration, Cost

WINDOW_S = 30.0
WINDOW_POSITIONS = 1500  # encoder positions of a window, after the stride of 2
UTILISATION = 0.5
REMEMBERED = "remembered, unverified"

ENCODERS: dict[str, tuple[int, int, int]] = {  # width, layers, Mel bands
    "tiny": (384, 4, 80),
    "base": (512, 6, 80),
    "small": (768, 12, 80),
    "medium": (1024, 24, 80),
    "large-v3": (1280, 32, 128),
    "turbo": (1280, 32, 128),
}
"""Encoder sizes of the official models (openai/whisper, ModelDimensions)."""


def encoder_operations(model: str) -> float:
    """Floating-point operations of Whisper's encoder on one 30 s window (2 for a multiply and add).

    Each layer has 12 width^2 weights (4 for attention, 8 for the feed-forward part) that every position
    passes, and two products of positions x positions x width in attention; two convolutions come before.
    """
    width, layers, bands = ENCODERS[model.removesuffix(".en")]
    positions = WINDOW_POSITIONS
    layer = 12 * width**2 * positions + 2 * positions**2 * width
    convolutions = 3 * bands * width * 2 * positions + 3 * width**2 * positions
    return 2.0 * (layers * layer + convolutions)


@dataclass(frozen=True)
class Hardware:
    """One accelerator (or processor) with the speeds published for it."""

    name: str
    accelerator: str
    software: str
    speeds: dict[str, float]  # times real time
    source: str
    peak_tflops: float
    idle_w: float
    active_w: float
    power_source: str
    power_assumed: str
    batch: str = "one utterance at a time: no gain from batching is assumed"


_SYSTRAN = "SYSTRAN/faster-whisper issue 1030: RTX 2080 Ti, 13 min (780 s) of audio"
_GIST = "vphill gist: 950 s file"
_LEADERBOARD = "huggingface/open_asr_leaderboard, en_shortform.csv: RTFx, batched, on an A100"
_BATCHED = "the published throughput is of full batches; a small batch is assumed to take its share of a full one"
_TI = "TDP 250 W: " + REMEMBERED

PUBLISHED: tuple[Hardware, ...] = (
    Hardware(
        "rtx-2080-ti", "NVIDIA RTX 2080 Ti", "openai-whisper, fp16",
        {"large-v3": 780 / 143, "turbo": 780 / 39}, f"{_SYSTRAN}: large-v3 143 s, turbo 39 s",
        53.8, 15.0, 250.0, _TI, f"idle 15 W: {REMEMBERED}",
    ),
    Hardware(
        "rtx-2080-ti-faster", "NVIDIA RTX 2080 Ti", "faster-whisper, fp16",
        {"large-v3": 780 / 52, "turbo": 780 / 19.2}, f"{_SYSTRAN}: large-v3 52.0 s, turbo 19.2 s",
        53.8, 15.0, 250.0, _TI, f"idle 15 W: {REMEMBERED}",
    ),
    Hardware(
        "rtx-3090", "NVIDIA RTX 3090", "software not stated",
        {"small.en": 950 / 28, "medium": 950 / 57, "large-v3": 950 / 112},
        f"{_GIST}: small.en 28 s, medium 57 s, large 112 s (taken for large-v3)",
        71.0, 25.0, 340.0, "CodeCarbon logs of training and inference: 313 to 368 W, the middle taken",
        f"idle 25 W: {REMEMBERED}",
    ),
    Hardware(
        "rtx-4090", "NVIDIA RTX 4090", "software not stated",
        {"small.en": 950 / 23, "medium": 950 / 43, "large-v3": 950 / 80},
        f"{_GIST}: small.en 23 s, medium 43 s, large 80 s (taken for large-v3)",
        165.2, 25.0, 450.0, "TDP 450 W: " + REMEMBERED, f"idle 25 W: {REMEMBERED}",
    ),
    Hardware(
        "rtx-5090", "NVIDIA RTX 5090", "software not stated, model loaded once",
        {"large-v3": 53.0, "turbo": 117.0}, "witcheer, 200 utterances: large-v3 53x, turbo 117x",
        209.5, 30.0, 575.0, "TDP 575 W: " + REMEMBERED, f"idle 30 W: {REMEMBERED}",
    ),
    Hardware(
        "a100", "NVIDIA A100", "transformers, batched",
        {
            "tiny.en": 348.0, "base.en": 321.0, "small.en": 269.0, "medium.en": 182.0,
            "large-v3": 146.0, "turbo": 200.0,
        },
        _LEADERBOARD, 312.0, 50.0, 400.0, "TDP of the 40 GB SXM module, 400 W",
        f"idle 50 W: {REMEMBERED}", _BATCHED,
    ),
    Hardware(
        "laptop-i5", "Intel i5 laptop processor", "rten",
        {"base": 18.0, "small": 5.0, "medium": 2.0},
        "robertknight/rten issue 403: base 18x, small 5x, medium 2x",
        0.5, 5.0, 28.0, "28 W class: " + REMEMBERED, f"idle 5 W: {REMEMBERED}",
    ),
)  # fmt: skip
"""All published speeds in use, each with its source (collected in the project's reference on networks)."""


def cost(hardware: Hardware, model: str) -> Cost:
    """A model's service time on ``hardware``: 30 s of speech cost what was published."""
    window_s = WINDOW_S / hardware.speeds[model]
    encoder_s = min(encoder_operations(model) / (hardware.peak_tflops * 1e12 * UTILISATION), 0.9 * window_s)
    return Cost(
        per_utterance_s=round(encoder_s, 6),
        per_audio_second_s=round((window_s - round(encoder_s, 6)) / WINDOW_S, 9),
        source=f"{hardware.source} ({hardware.speeds[model]:.3g} times real time)",
        assumed=(
            f"encoder share from {encoder_operations(model) / 1e12:.2f} Tflop a window at "
            f"{UTILISATION:.0%} of {hardware.peak_tflops:g} Tflop/s ({REMEMBERED}); {hardware.batch}"
        ),
    )


def calibration(hardware: Hardware) -> Calibration:
    """The calibration file's content for ``hardware``."""
    return Calibration(
        format="amser-server-calibration",
        version=1,
        name=hardware.name,
        basis="published",
        machine={"accelerator": hardware.accelerator, "software": hardware.software},
        date="2026-08",
        method=f"derived from a published speed: {hardware.source}",
        power=AcceleratorPower(
            idle_w=hardware.idle_w,
            active_w=hardware.active_w,
            source=hardware.power_source,
            assumed=f"{hardware.power_assumed}; active power taken as drawn throughout service",
        ),
        models={model: cost(hardware, model) for model in hardware.speeds},
    )


def write_json(calibrated: Calibration, path: Path) -> None:
    """Write a calibration so that it differs only where its figures do."""
    value = calibrated.model_dump(mode="json", exclude_defaults=True)
    path.write_text(json.dumps(value, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def main() -> None:
    """Write every published calibration."""
    for hardware in PUBLISHED:
        write_json(calibration(hardware), FOLDER / f"server-{hardware.name}.json")


if __name__ == "__main__":
    main()
