"""From a codec's specification to the codec."""

from __future__ import annotations

from channel.codecs.base import Codec
from channel.codecs.fixed import Fixed
from channel.codecs.lossy import G722, Mp3, Opus
from channel.codecs.svd import MelSvd
from channel.codecs.telephone import AmrNb
from channel.codecs.waveform import Flac, MuLaw, Pcm
from scenarios.plugins import make
from scenarios.schema.codec import (
    STANDARD_CODECS,
    AmrNbSpec,
    Codec2Spec,
    CodecPluginSpec,
    CodecSpec,
    DsrSpec,
    FixedSpec,
    FlacSpec,
    G722Spec,
    Lc3Spec,
    MelKltSpec,
    MelSvdSpec,
    Mp3Spec,
    MuLawSpec,
    OpusSpec,
    PcmSpec,
)


def build_codec(spec: CodecSpec | str, *, bands: int = 80, name: str | None = None) -> Codec:
    """The codec that ``spec`` describes, for a recognizer of ``bands`` Mel bands.

    ``spec`` may be the name of a standard codec.  ``name`` is the codec's label; by default the standard
    name, or the kind.  Raises ``ValueError`` for an unknown name or a plugin that cannot be used.
    """
    if isinstance(spec, str):
        if spec not in STANDARD_CODECS:
            raise ValueError(f"no codec is called '{spec}'; standard ones are {', '.join(STANDARD_CODECS)}")
        name, spec = name or spec, STANDARD_CODECS[spec]
    return _build(spec, name or _default_name(spec), bands)


def _default_name(spec: CodecSpec) -> str:
    for name, standard in STANDARD_CODECS.items():
        if standard == spec:
            return name
    return spec.kind


def _build(spec: CodecSpec, name: str, bands: int) -> Codec:
    match spec:
        case PcmSpec():
            return Pcm(name, bands)
        case MuLawSpec():
            return MuLaw(name, bands)
        case G722Spec():
            return G722(name, bands)
        case FlacSpec():
            return Flac(name, bands, spec.level)
        case Mp3Spec():
            return Mp3(name, bands, rate_bps=spec.rate)
        case OpusSpec():
            return Opus(
                name,
                bands,
                rate_bps=spec.rate,
                frame_s=spec.frame,
                vbr=spec.vbr,
                application=spec.application,
                container=spec.container,
                band=spec.band,
            )
        case AmrNbSpec():
            return AmrNb(name, bands, rate_bps=spec.rate)
        case Codec2Spec():
            from channel.codecs.codec2 import Codec2

            return Codec2(name, bands, mode=spec.mode)
        case Lc3Spec():
            from channel.codecs.lc3 import Lc3

            return Lc3(name, bands, rate_bps=spec.rate)
        case FixedSpec():
            return Fixed(name, bands, size_bytes=spec.size, rate_bps=spec.rate)
    return _build_of_mel(spec, name, bands)


def _build_of_mel(spec: DsrSpec | MelSvdSpec | MelKltSpec | CodecPluginSpec, name: str, bands: int) -> Codec:
    match spec:
        case DsrSpec():
            from channel.codecs.dsr import Dsr

            return Dsr(name, bands, framing=spec.framing)
        case MelSvdSpec():
            return MelSvd(name, bands, rank=spec.rank, compress=spec.compress, energy=spec.energy, factors=spec.factors)
        case MelKltSpec():
            from channel.codecs.klt import MelKlt

            return MelKlt(
                name,
                bands,
                step=spec.step,
                rate_bps=spec.rate,
                snr_db=spec.snr,
                basis=spec.basis,
                block_s=spec.block,
            )
        case CodecPluginSpec():
            return make(spec.class_, Codec, "codec", spec.options, name=name, bands=bands)
