"""Codecs: how an utterance becomes bytes.

Every codec is named by its ``kind``; ``STANDARD_CODECS`` holds the ready ones that a scenario can use
by name.  The reasons for the defaults and the measured rates stand in ``docs/codecs.md``.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Annotated, Literal

from pydantic import Field, model_validator

from scenarios.quantities import SI, GainDb, PositiveDuration, Rate, Share, Size
from scenarios.schema.base import PluginSpec, Spec

MP3_RATES_BPS = tuple(k * 1000 for k in (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160))
"""Bit rates of MPEG-2 Layer III, which is what MP3 is at 16 kHz (ISO/IEC 13818-3, table of bit rates)."""
AMR_RATES_BPS = (4_750, 5_150, 5_900, 6_700, 7_400, 7_950, 10_200, 12_200)
"""Modes of AMR narrow band (3GPP TS 26.071)."""
OPUS_FRAMES_S = (0.0025, 0.005, 0.01, 0.02, 0.04, 0.06)
"""Frame durations of one Opus packet (RFC 6716, section 2.1.4)."""

SHORTEST_BLOCK_S = 0.04
"""Shortest block of `mel-klt`: four frames."""


class PcmSpec(Spec):
    """Raw samples: 16-bit linear PCM at 16 kHz, 256 kbit/s; the baseline of every comparison."""

    kind: Literal["pcm"]
    """`pcm`: 16-bit samples, little-endian, without a header."""


class MuLawSpec(Spec):
    """Logarithmic 8-bit samples at 16 kHz (ITU-T G.711 mu-law), 128 kbit/s."""

    kind: Literal["mu-law"]
    """`mu-law`: one byte for each sample."""


class G722Spec(Spec):
    """Wideband sub-band ADPCM (ITU-T G.722), 64 kbit/s."""

    kind: Literal["g722"]
    """`g722`: 4 bits for each sample."""


class FlacSpec(Spec):
    """Lossless compression of the 16-bit samples (FLAC)."""

    kind: Literal["flac"]
    """`flac`: the same samples as `pcm` in fewer bytes."""
    level: Annotated[int, Field(ge=0, le=8)] = 5
    """Effort, from 0 (fast) to 8 (small); 5 is the reference encoder's default."""


class Mp3Spec(Spec):
    """MP3 by LAME at a constant bit rate (MPEG-2 Layer III at 16 kHz)."""

    kind: Literal["mp3"]
    """`mp3`: bare frames; a file would add a header frame."""
    rate: Rate
    """Bit rate, one of the standard's: 8, 16, 24, 32, 40, 48, 56, 64, 80 ... 160 kbit/s."""

    @model_validator(mode="after")
    def _standard_rate(self) -> Mp3Spec:
        if round(self.rate) not in MP3_RATES_BPS:
            rates = ", ".join(str(r // 1000) for r in MP3_RATES_BPS)
            raise ValueError(f"rate: MP3 at 16 kHz knows {rates} kbit/s, found {self.rate / 1000:g} kbit/s")
        return self


class OpusSpec(Spec):
    """Opus by libopus (RFC 6716)."""

    kind: Literal["opus"]
    """`opus`: packets, in the smallest framing that keeps them apart or in an Ogg file."""
    rate: Annotated[Rate, Field(ge=6000, le=510_000)]
    """Target bit rate, 6 to 510 kbit/s."""
    frame: PositiveDuration = 0.02
    """Duration of one packet: 2.5, 5, 10, 20, 40 or 60 ms; longer ones spare framing and add delay."""
    vbr: bool = True
    """Let the rate of packets vary around the target, as libopus does by default."""
    application: Literal["voip", "audio"] = "voip"
    """What libopus is tuned for."""
    container: Literal["packets", "ogg"] = "packets"
    """`packets`: one or two bytes of length before each packet; `ogg`: an Ogg Opus file (RFC 7845)."""
    band: Literal["narrow", "medium", "wide"] | None = None
    """Audio up to 4, 6 or 8 kHz, whatever the rate; by default libopus chooses: 4 kHz below 9 kbit/s, else 8 kHz."""

    @model_validator(mode="after")
    def _standard_frame(self) -> OpusSpec:
        if self.band is not None and self.container == "ogg":
            raise ValueError("band: a forced band needs `container: packets`")
        if not any(abs(self.frame - f) < 1e-9 for f in OPUS_FRAMES_S):
            found = f"{self.frame * 1e3:g} ms"
            raise ValueError(f"frame: Opus packets last 2.5, 5, 10, 20, 40 or 60 ms, found {found}")
        return self


class AmrNbSpec(Spec):
    """AMR narrow band, the speech codec of GSM and UMTS (3GPP TS 26.071), in frames of 20 ms."""

    kind: Literal["amr-nb"]
    """`amr-nb`: the bits of all frames without gaps; nothing above 4 kHz."""
    rate: Rate
    """Bit rate, one of the standard's: 4.75, 5.15, 5.9, 6.7, 7.4, 7.95, 10.2 or 12.2 kbit/s."""

    @model_validator(mode="after")
    def _standard_rate(self) -> AmrNbSpec:
        if round(self.rate) not in AMR_RATES_BPS:
            rates = ", ".join(f"{r / 1000:g}" for r in AMR_RATES_BPS)
            raise ValueError(f"rate: AMR narrow band knows {rates} kbit/s, found {self.rate / 1000:g} kbit/s")
        return self


class Codec2Spec(Spec):
    """Codec 2, the vocoder of digital voice radio, 700 to 3,200 bit/s (extra `codecs`)."""

    kind: Literal["codec2"]
    """`codec2`: the bits of all frames without gaps; nothing above 4 kHz."""
    mode: Literal["3200", "2400", "1600", "1400", "1300", "1200", "700c"]
    """Mode, named by its bit/s."""


class Lc3Spec(Spec):
    """LC3, the codec of Bluetooth LE Audio, in frames of 10 ms (extra `codecs`)."""

    kind: Literal["lc3"]
    """`lc3`: frames of one size without framing."""
    rate: Annotated[Rate, Field(ge=16_000, le=320_000)]
    """Bit rate, 16 to 320 kbit/s."""


class DsrSpec(Spec):
    """Cepstra in vector-quantised pairs, after the DSR standard ETSI ES 201 108."""

    kind: Literal["dsr"]
    """`dsr`: 13 cepstra of Whisper's Mel and an energy each 10 ms, 44 bits; codebooks trained here."""
    framing: Literal["multiframe", "bare"] = "multiframe"
    """`multiframe`: with the standard's headers and checks, 4.8 kbit/s; `bare`: without, 4.4 kbit/s."""


class MelSvdSpec(Spec):
    """AMSER as on the poster: the truncated singular value decomposition of Whisper's log-Mel."""

    kind: Literal["mel-svd"]
    """`mel-svd`: the factors U and S V of the utterance's Mel, cut to a rank."""
    rank: Annotated[int, Field(ge=1, le=128)] | None = None
    """Number of singular values that are kept."""
    compress: Annotated[Share, Field(gt=0.0)] | None = None
    """The poster's compress rate: rank divided by bands (12.5 % of 80 bands: rank 10), not of bytes."""
    energy: Annotated[Share, Field(gt=0.0)] | None = None
    """Share of the sum of squared singular values that the kept ones must reach."""
    factors: Literal["fp32", "fp16", "int8"] = "fp32"
    """Numbers of the factors: 32-bit or 16-bit floating point, or 8-bit integers with scales."""

    @model_validator(mode="after")
    def _one_size(self) -> MelSvdSpec:
        _exactly_one(self, "rank", "compress", "energy")
        return self


class MelKltSpec(Spec):
    """Mel in a fixed trained basis, transformed along time, quantised with one step and entropy coded."""

    kind: Literal["mel-klt"]
    """`mel-klt`: no basis is sent; the quantiser's step decides which components survive."""
    step: Annotated[float, Field(gt=0.0, le=4.0)] | None = None
    """Step of the quantiser in units of the normalised log-Mel, whose range is 2."""
    rate: Rate | None = None
    """Target bit rate; the largest payload that stays at or below it is sent."""
    snr: Annotated[GainDb, Field(ge=-20.0, le=80.0)] | None = None
    """Target Mel signal-to-noise ratio; the smallest payload that reaches it is sent."""
    basis: Literal["trained", "dct"] = "trained"
    """Basis across bands: the shipped Karhunen-Loeve basis, or the discrete cosine transform."""
    block: PositiveDuration | None = None
    """Code and send blocks of this duration while the user speaks; by default all is one block."""

    @model_validator(mode="after")
    def _one_size(self) -> MelKltSpec:
        _exactly_one(self, "step", "rate", "snr")
        if self.block is not None and self.snr is not None:
            raise ValueError("block: blocks need `step` or `rate`; what is still to be said is not known")
        if self.block is not None and self.block < SHORTEST_BLOCK_S:
            raise ValueError(f"block: at least {SHORTEST_BLOCK_S * 1e3:g} ms, found {self.block * 1e3:g} ms")
        return self


class FixedSpec(Spec):
    """A payload of a given size that carries no speech: for studies of the network alone."""

    kind: Literal["fixed"]
    """`fixed`: bytes without meaning; nothing can be recognized from them."""
    size: Size | None = None
    """Size of every payload."""
    rate: Rate | None = None
    """Size as a bit rate: this many bits for each second of speech."""

    @model_validator(mode="after")
    def _one_size(self) -> FixedSpec:
        _exactly_one(self, "size", "rate")
        return self


class CodecPluginSpec(PluginSpec):
    """A codec of your own: a `channel.codecs.Codec`, called as ``Name(bands=..., **options)``."""


CodecSpec = Annotated[
    PcmSpec
    | MuLawSpec
    | G722Spec
    | FlacSpec
    | Mp3Spec
    | OpusSpec
    | AmrNbSpec
    | Codec2Spec
    | Lc3Spec
    | DsrSpec
    | MelSvdSpec
    | MelKltSpec
    | FixedSpec
    | CodecPluginSpec,
    Field(discriminator="kind"),
]


def _exactly_one(spec: Spec, *names: str) -> None:
    given = [name for name in names if getattr(spec, name) is not None]
    if len(given) != 1:
        found = " and ".join(given) if given else "none"
        raise ValueError(f"give exactly one of {', '.join(names)}; found {found}")


def _opus() -> dict[str, CodecSpec]:
    long = {"": SI(0.02), "-60ms": SI(0.06)}
    codecs: dict[str, CodecSpec] = {}
    for kbps in (6, 8, 9, 12, 16, 24, 32, 48, 64):
        for ending, frame in long.items():
            if ending and kbps > 24:  # a byte of framing in 20 ms no longer counts
                continue
            spec = OpusSpec(kind="opus", rate=SI(kbps * 1000), frame=frame)
            codecs[f"opus-{kbps}{ending}"] = spec
            if kbps < 9:  # where libopus would code 4 kHz
                codecs[f"opus-{kbps}-wb{ending}"] = spec.model_copy(update={"band": "wide"})
    return codecs


def _standard() -> dict[str, CodecSpec]:
    codecs: dict[str, CodecSpec] = {
        "raw": PcmSpec(kind="pcm"),
        "flac": FlacSpec(kind="flac"),
        "mu-law": MuLawSpec(kind="mu-law"),
        "g722": G722Spec(kind="g722"),
    }
    for kbps in (8, 16, 24, 32, 48, 64):
        codecs[f"mp3-{kbps}"] = Mp3Spec(kind="mp3", rate=SI(kbps * 1000))
    codecs |= _opus()
    for rate in AMR_RATES_BPS:
        codecs[f"amr-{rate / 1000:g}"] = AmrNbSpec(kind="amr-nb", rate=SI(rate))
    for mode in ("3200", "1600", "700c"):
        codecs[f"codec2-{mode}"] = Codec2Spec.model_validate({"kind": "codec2", "mode": mode})
    for kbps in (16, 24, 32):
        codecs[f"lc3-{kbps}"] = Lc3Spec(kind="lc3", rate=SI(kbps * 1000))
    codecs |= {"dsr-4.8": DsrSpec(kind="dsr"), "dsr-4.4": DsrSpec(kind="dsr", framing="bare")}
    for percent in (12.5, 15, 18.75, 25, 50, 100):
        name, share = f"amser-{percent:g}", SI(percent / 100)
        codecs[name] = MelSvdSpec(kind="mel-svd", compress=share)
        codecs[f"{name}-fp16"] = MelSvdSpec(kind="mel-svd", compress=share, factors="fp16")
        codecs[f"{name}-int8"] = MelSvdSpec(kind="mel-svd", compress=share, factors="int8")
    for kbps in (1, 2, 3, 4, 6, 8, 12, 16, 24, 32):
        codecs[f"klt-{kbps}"] = MelKltSpec(kind="mel-klt", rate=SI(kbps * 1000))
    return codecs


STANDARD_CODECS: Mapping[str, CodecSpec] = MappingProxyType(_standard())
"""Ready codecs by name: `raw`, `flac`, `opus-16`, `amser-12.5` (the poster, fp32), `klt-4` (kbit/s) ..."""
