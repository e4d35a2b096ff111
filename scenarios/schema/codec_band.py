"""Which audio a codec carries: the highest frequency that reaches the recognizer, whose input ends at 8 kHz."""

from __future__ import annotations

import math

from scenarios.schema.codec import AmrNbSpec, Codec2Spec, CodecPluginSpec, CodecSpec, FixedSpec, Mp3Spec, OpusSpec

_MP3_BANDS_HZ = {8_000: 3_000.0, 16_000: 5_500.0, 24_000: 5_800.0}  # measured with white noise (tests)


def audio_band_hz(spec: CodecSpec) -> float | None:
    """Highest audio frequency that ``spec`` carries, of the 8 kHz there are; None where nothing is known of it.

    LAME and libopus narrow the band at low rates by themselves.
    """
    match spec:
        case Mp3Spec():
            return _MP3_BANDS_HZ.get(round(spec.rate), 7_300.0)
        case OpusSpec():
            return _opus_band_hz(spec)
        case AmrNbSpec():
            return 3_800.0
        case Codec2Spec():
            return 4_000.0
        case FixedSpec() | CodecPluginSpec():
            return None
    return 8_000.0


def _opus_band_hz(spec: OpusSpec) -> float:
    """What was forced, else 8 kHz where the rate, less what short packets and a constant rate cost, is 9 kbit/s.

    ``compute_equiv_rate`` and the thresholds for one channel of libopus 1.6 (src/opus_encoder.c).
    """
    if spec.band is not None:
        return {"narrow": 4_000.0, "medium": 6_000.0, "wide": 8_000.0}[spec.band]
    rate = spec.rate if spec.vbr else math.floor(spec.rate * spec.frame / 8 + 0.5) * 8 / spec.frame
    rate -= 60.0 * max(0.0, 1.0 / spec.frame - 50.0)
    return 8_000.0 if rate * (1.0 if spec.vbr else 11.0 / 12.0) >= 9_000.0 else 4_000.0
